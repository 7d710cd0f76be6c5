import pytest

from extproc.policy import PolicyError, Problem, loads
from extproc.policy.document import DEPTH_MAX, NODES_MAX, TEXT_MAX, UnreadableError, decode, read
from tests.gathered import gathered


def problem(text: str) -> Problem:
    """The one problem of a text."""
    with pytest.raises(PolicyError) as caught:
        loads(text)
    (found,) = caught.value.problems
    return found


BROKEN = [
    ("", 1, 1, "there is nothing in the policy", "version: 1"),
    ("# only a comment\n", 1, 1, "there is nothing in the policy", "version: 1"),
    ("version: 1\n\tbackends: []", 2, 1, "not indented with tabs", "use spaces"),
    ("a: [1, 2", 1, 4, "this bracket is not closed", "close it with ]"),
    ("a: {b: 1", 1, 4, "this brace is not closed", "close it with }"),
    ("x: 1\na: 'b\nc: 1\n", 2, 4, "this quote is not closed", "close it on the line"),
    ("x: 1\na: 'b\nc: 'd'\n", 2, 4, "this quote is closed lines later", "close it on the line"),
    ('a: "\\d+"', 1, 6, "this backslash begins no escape", "use single quotes"),
    ("a: 'open", 1, 4, "this quote is not closed", "close it on the line"),
    ("a: b: c", 1, 5, "a colon stands where no key can be", "quote a value that holds a colon"),
    ("a: *nobody", 1, 4, "this alias has no anchor", "quote a value that begins with *"),
    ("a: 1\n---\nb: 2", 2, 1, "a second document", "delete the line"),
    ("a: \x00", 1, 4, "this character cannot stand in YAML", "delete it"),
    ("ab: 1\nc: \x07", 2, 4, "this character cannot stand in YAML", "delete it"),
    ("a: @x", 1, 4, "this is not YAML", "check quotes"),
    ("- a\nb: c", 2, 1, "this is not YAML", "check quotes"),
]


@gathered(("text", "line", "column", "message", "mend"), BROKEN)
def test_a_text_that_is_no_yaml_is_told_where(text: str, line: int, column: int, message: str, mend: str) -> None:
    found = problem(text)
    assert (found.line, found.column, found.path) == (line, column, "")
    assert message in found.message
    assert mend in found.mend


FAULTY = [
    ("a: 1\nb: 2\na: 3\n", ("a",), 3, 1, "already on line 1"),
    ("a:\n  b: 1\n  b: 2\n", ("a", "b"), 3, 3, "already on line 2"),
    ("? [x]\n: 1\n", (), 1, 3, "cannot be a key"),
    ("a: &x {b: 1}\nc: {<<: *x}\n", ("c",), 2, 5, "merge keys"),
    ("a: !env X\n", ("a",), 1, 4, "no YAML tags"),
    ("a: !!python/object:os.system {}\n", ("a",), 1, 4, "no YAML tags"),
    ("a: !!set {b}\n", ("a",), 1, 4, "no YAML tags"),
    ("a: !!binary aGk=\n", ("a",), 1, 4, "no YAML tags"),
    ("a: !!bool maybe\n", ("a",), 1, 4, "no YAML tags"),
    ("a: !!int one\n", ("a",), 1, 4, "YAML readers differ"),
    ("a: 010\n", ("a",), 1, 4, "YAML readers differ"),
    ("a: 0x1f\n", ("a",), 1, 4, "YAML readers differ"),
    ("a: 1_000\n", ("a",), 1, 4, "YAML readers differ"),
    ("a: 12:30\n", ("a",), 1, 4, "YAML readers differ"),
    ("a: .nan\n", ("a",), 1, 4, "YAML readers differ"),
    ("a: 1234567890123456789\n", ("a",), 1, 4, "YAML readers differ"),
]


@gathered(("text", "loc", "line", "column", "message"), FAULTY)
def test_yaml_that_readers_disagree_on_is_a_fault(
    text: str, loc: tuple[str, ...], line: int, column: int, message: str
) -> None:
    (fault,) = read(text).faults
    assert (fault.loc, fault.line, fault.column) == (loc, line, column)
    assert message in fault.message
    assert fault.mend


PLAIN = [
    ("a: text", "text"),
    ("a: 'on'", "on"),
    ("a: on", True),
    ("a: No", False),
    ("a: 12", 12),
    ("a: -3", -3),
    ("a: 0.15", 0.15),
    ("a: 1.0e+3", 1000.0),
    ("a: ~", None),
    ("a:", None),
    ("a: 2024-08-06", "2024-08-06"),
    ("a: '010'", "010"),
    ("a: !!str 12", "12"),
    ("a: [1, {b: c}]", [1, {"b": "c"}]),
    ("a: <<", "<<"),
    ("a: =", "="),
]


@gathered(("text", "value"), PLAIN)
def test_plain_yaml_is_read_as_every_reader_does(text: str, value: object) -> None:
    document = read(text)
    assert not document.faults
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


def test_a_key_is_its_text_whatever_yaml_makes_of_it() -> None:
    assert read("on: 1\n2: 2\n~: 3\n").data == {"on": 1, "2": 2, "~": 3}


def test_an_alias_stands_for_what_its_anchor_holds() -> None:
    assert read("a: &x {b: 1}\nc: [*x, *x]\n").data == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}


def test_aliases_of_aliases_are_bounded_by_what_they_grow_to() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    found = problem("\n".join(lines))
    assert f"more than {NODES_MAX} values" in found.message
    assert "aliases" in found.mend


def test_as_many_values_as_the_bound_allows_are_read() -> None:
    # The root and its list are 2, each of the 99 lists is 1 and its 999 items, and 998 are left.
    aliased = f"&x [{'1,' * 999}]," + "*x," * 98
    assert NODES_MAX == 2 + 99 * 1000 + 998
    assert len(read(f"a: [{aliased}{'1,' * 998}]").data["a"]) == 99 + 998
    with pytest.raises(UnreadableError):
        read(f"a: [{aliased}{'1,' * 999}]")


def test_an_alias_within_its_own_anchor_ends() -> None:
    assert f"more than {DEPTH_MAX}" in problem("a: &a [*a]").message
    assert f"more than {DEPTH_MAX}" in problem("&a {b: *a}").message


def test_depth_is_bounded_at_the_limit() -> None:
    # the innermost value is a level of its own
    assert read("[" * (DEPTH_MAX - 1) + "1" + "]" * (DEPTH_MAX - 1)).data
    found = problem("[" * DEPTH_MAX + "1" + "]" * DEPTH_MAX)
    assert f"more than {DEPTH_MAX} lists and mappings" in found.message
    assert (found.line, found.column) == (1, DEPTH_MAX)


def test_very_deep_nesting_never_reaches_pythons_stack() -> None:
    assert f"more than {DEPTH_MAX}" in problem("[" * 100_000).message
    assert f"more than {DEPTH_MAX}" in problem("- " * 100_000).message


def test_size_is_bounded_at_the_limit() -> None:
    comment = "#" * (TEXT_MAX - 5)
    assert read(f"a: 1\n{comment}").data == {"a": 1}
    found = problem(f"a: 1\n{comment}#")
    assert "larger than 1 MiB" in found.message
    assert decode(b" " * TEXT_MAX)
    with pytest.raises(UnreadableError, match="larger than 1 MiB"):
        decode(b" " * (TEXT_MAX + 1))


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert decode(b"\xef\xbb\xbfversion: 1") == "version: 1"


def test_text_that_is_not_utf8_is_told_with_its_place() -> None:
    with pytest.raises(UnreadableError, match="not UTF-8") as caught:
        decode("a: 1\nb: ä".encode("latin-1"))
    assert (caught.value.fault.line, caught.value.fault.column) == (2, 4)
