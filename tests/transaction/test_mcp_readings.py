"""Whatever a client or a server writes, no reader of what goes on finds in it what is denied.

Documents have members that are repeated, that differ by case, and that are written with escapes; readers take the first
or the last of equal names, and some ignore case.
"""

import json
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode
from tests.transaction.mcp_played import JSON, ONE, SSE, Played, message, plan

DENYING: Final = plan(f"methods: {{deny: [secret]}}, tools: {{deny: [shell]}}, {ONE}")


class Twofold(list[tuple[str, Any]]):
    """An object, with every value of a member that is repeated."""


def names_in(document: bytes) -> set[str]:
    """The names of tools in a document, as any reader could find them: first or last, in any case."""
    found: set[str] = set()

    def walk(value: Any, inside: str = "") -> None:
        if isinstance(value, Twofold):
            for name, each in value:
                if inside == "tools" and name.casefold() == "name" and isinstance(each, str):
                    found.add(each)
                walk(each, name.casefold() if inside == "result" or name.casefold() == "result" else "")
        elif isinstance(value, list):
            for each in value:
                walk(each, inside)

    walk(json.loads(document, object_pairs_hook=Twofold))
    return found


def spelt(name: str, *others: str) -> st.SearchStrategy[tuple[str, ...]]:
    """The names of an object's members: the right one, another spelling, or both in either order, or one twice."""
    twice = [(one, two) for one in (name, *others) for two in (name, *others)]
    return st.sampled_from([*[(each,) for each in (name, *others)], *twice, *[(name,)] * len(twice)])


@st.composite
def objects(
    draw: st.DrawFn, names: st.SearchStrategy[tuple[str, ...]], values: st.SearchStrategy[str], more: str = ""
) -> str:
    """The text of an object that has these members, each with a value of its own."""
    members = [f'"{name}":{draw(values)}' for name in draw(names)]
    return "{" + ",".join([more, *members] if more else members) + "}"


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The text of an array of these."""
    return st.lists(values, min_size=1, max_size=2).map(lambda found: "[" + ", ".join(found) + "]")


TOOL_NAMES: Final = st.sampled_from(['"search"', '"shell"', '"\\u0073hell"', '"SHELL"'])
NAMED: Final = spelt("name", "Name", "n\\u0061me")
TOOLS: Final = objects(NAMED, TOOL_NAMES)
LISTS: Final = objects(spelt("tools", "Tools", "t\\u006fols", "tool\u017f"), arrays(TOOLS))
MESSAGES: Final = objects(spelt("result", "Result", "r\\u0065sult", "re\u017fult"), LISTS, '"jsonrpc":"2.0","id":1')
DOCUMENTS: Final = MESSAGES | arrays(MESSAGES) | arrays(arrays(MESSAGES))


@settings(max_examples=200)
@given(DOCUMENTS, st.booleans(), st.integers(1, 60))
def test_no_reader_finds_a_denied_tool_whatever_a_server_writes(document: str, streams: bool, cut: int) -> None:
    sent = document.encode()
    whole = b"data: %s\n\n" % sent if streams else sent
    played = Played(DENYING, BodyMode.FULL_DUPLEX_STREAMED).posts(message("tools/list"))
    played.replies(whole, SSE if streams else JSON, cut=cut)
    if played.refusal is not None:
        return
    got = played.body(Side.RESPONSE, whole)
    for each in got.split(b"\n\n") if streams else [got]:
        line = each.removeprefix(b"event: message\n").removeprefix(b"data: ")
        if line:
            assert {name.casefold() for name in names_in(line)} <= {"search"}, line


# -- requests

CALLED: Final = spelt("method", "Method", "m\\u0065thod"), spelt("params", "Params", "param\u017f")
METHODS: Final = st.sampled_from(['"tools/call"', '"tools\\/call"', '"Tools/call"', '"secret"', '"ping"'])
PARAMS: Final = objects(NAMED, TOOL_NAMES)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """The text of a message of a client."""
    methods, params = (draw(each) for each in CALLED)
    members = [f'"{name}":{draw(METHODS)}' for name in methods] + [f'"{name}":{draw(PARAMS)}' for name in params]
    return "{" + ",".join(['"jsonrpc":"2.0"', '"id":1', *draw(st.permutations(members))]) + "}"


BODIES: Final = bodies()


def readings(value: Any) -> set[tuple[str, str | None]]:
    """Each method and tool that some reader finds in a body: all values of members that are equal but for case."""
    found: set[tuple[str, str | None]] = set()
    for each in value if not isinstance(value, Twofold) else [value]:
        if not isinstance(each, Twofold):
            continue
        methods = [text for name, text in each if name.casefold() == "method" and isinstance(text, str)]
        params = [inner for name, inner in each if name.casefold() == "params" and isinstance(inner, Twofold)]
        tools = [text for inner in params for name, text in inner if name.casefold() == "name"]
        found |= {(method.casefold(), str(tool).casefold()) for method in methods for tool in (tools or [""])}
    return found


@settings(max_examples=200)
@given(BODIES | arrays(BODIES))
def test_no_reader_finds_a_denied_call_whatever_a_client_writes(body: str) -> None:
    played = Played(DENYING).posts(body.encode())
    if played.refusal is not None:
        return
    found = readings(json.loads(body, object_pairs_hook=Twofold))
    assert ("tools/call", "shell") not in found
    assert "secret" not in {method for method, _ in found}
