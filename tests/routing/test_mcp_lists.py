"""NameRules are allowed and denied: a denial holds in every spelling, an allowance in one."""

import time

from extproc.policy import McpList
from extproc.routing.mcp_lists import Globs, NameRules, folded
from tests.gathered import gathered


@gathered(
    ("pattern", "names", "others"),
    [
        ("search", ["search"], ["Search", "search_", "research", ""]),
        ("fs_*", ["fs_", "fs_read"], ["fs", "xfs_read", "FS_read"]),
        ("*_read", ["_read", "fs_read"], ["fs_reader"]),
        ("a*b*c", ["abc", "a1b2c", "abbc", "abcbc"], ["ac", "acb", "abcd"]),
        ("a*a", ["aa", "aaa"], ["a"]),
        ("*", ["", "anything"], []),
        ("**", ["", "anything"], []),
        ("a.c", ["a.c"], ["abc"]),
    ],
)
def test_a_star_stands_for_any_characters(pattern: str, names: list[str], others: list[str]) -> None:
    globs = Globs.of([pattern])
    assert [globs.match(name) for name in [*names, *others]] == [True] * len(names) + [False] * len(others)


def test_many_stars_take_no_longer_than_their_lengths() -> None:
    globs = Globs.of(["*a" * 127 + "*b"])
    before = time.process_time()
    assert not globs.match("a" * 1024)
    assert time.process_time() - before < 0.1


SPELLINGS = [
    "shell",
    "SHELL",
    "Shell",
    " shell",
    "she ll",
    "shell\t",
    "\uff53hell",
    "she\u200bll",
    "\u017fhell",
    "shell\x00",
    "she\ufe0fll",
    "she\u034fll",
    "\u3164shell",
    "shell\u115f",
    "shell\u2800",
    "shell\U000e0101",
]


@gathered("name", SPELLINGS)
def test_a_denied_name_is_denied_in_any_spelling(name: str) -> None:
    assert folded(name) == "shell"
    assert not NameRules.of(McpList(deny=("Shell",))).allows(name)
    assert not NameRules.of(McpList(allow=("*",), deny=("sh*",))).allows(name)


@gathered("name", ["delete_file", "DELETE_FILE", "delete_f\u0131le", "DELETE_F\u0130LE", "delete_fi\u0307le"])
def test_an_i_is_denied_with_a_dot_or_without(name: str) -> None:
    assert not NameRules.of(McpList(deny=("delete_file",))).allows(name)


@gathered("name", SPELLINGS)
def test_an_allowed_name_is_allowed_as_it_is_written(name: str) -> None:
    assert NameRules.of(McpList(allow=("shell",))).allows(name) == (name == "shell")


@gathered(
    ("written", "allowed"),
    [
        ([{}], ["a", "b", "c"]),
        ([{"deny": ["a"]}], ["b", "c"]),
        ([{"allow": ["a", "b"]}], ["a", "b"]),
        ([{"allow": ["a", "b"], "deny": ["b"]}], ["a"]),
        ([{"allow": []}], []),
        ([{"default": "deny"}], []),
        ([{"allow": ["a"], "default": "allow"}], ["a", "b", "c"]),
        # everybody's, and a tenant's
        ([{"deny": ["a"]}, {"allow": ["a", "b"]}], ["b"]),
        ([{"allow": ["a"]}, {"allow": ["b"]}], ["a", "b"]),
        ([{"allow": ["a"]}, {"deny": ["a"]}], []),
        ([{"default": "deny"}, {"allow": ["c"]}], ["c"]),
        ([{"default": "deny"}, {"default": "allow", "deny": ["c"]}], ["a", "b"]),
        ([{"allow": ["a"]}, {}], ["a"]),
    ],
)
def test_lists_go_together(written: list[dict[str, object]], allowed: list[str]) -> None:
    names = NameRules.of(*(McpList.model_validate(each) for each in written))
    assert [name for name in "abc" if names.allows(name)] == allowed
    assert names.restricts == (allowed != ["a", "b", "c"])
