"""Labelled lines: requests with what is to be found in them, as `extproc eval` reads them, a JSON object each."""

import json
from typing import Final, Literal

import msgspec
from msgspec import Struct

from extproc.explain.lines import BARE_PATH, SampleRequest, read_line, spans

LABELS_MOST: Final = 64
"""Names that a line may expect: more kinds than that in one request are a mistake of who wrote it."""

NAME_MOST: Final = 128
"""Characters of such a name: those of processors have fewer."""

_FORM: Final = (
    'a labelled line is {"text": "...", "expect": [...]}, or a request as `extproc explain` takes it, with "expect"'
)
_NAMES: Final = f"at most {LABELS_MOST} names of processors or kinds, none for what is harmless"
_EXPECT: Final = f'"expect" is a list of {_NAMES}, or {{"request": [...], "response": [...]}} with one of them or both'

_GREETING: Final = b'"Hello"'
"""The user's turn in front of a text of the role `assistant`. It is not counted."""

_MESSAGES: Final = {
    "user": b'{"role":"user","content":%b}',
    "tool": b'{"role":"tool","tool_call_id":"call_1","content":%b}',
    "document": b'{"role":"user","content":[{"type":"document","text":%b}]}',
}
_REPLY: Final = b'{"body":{"choices":[{"index":0,"message":{"role":"assistant","content":%b},"finish_reason":"stop"}]}}'
_ROLE: Final = f'"role" stands beside "text" and is {", ".join(_MESSAGES)} or assistant'


class Expected(Struct, frozen=True):
    """The labels that a line expects. `request` and `response`: on that side, None if it is not to be counted.

    `either`: on the side that has the label, if the line does not name a side; None if it names sides.
    """

    request: frozenset[str] | None = None
    response: frozenset[str] | None = None
    either: frozenset[str] | None = None

    def __repr__(self) -> str:
        return "Expected()"


class LabelledLine(Struct, frozen=True):
    """A request, with the labels that are to be found in it and in its response. It has no rendering of texts."""

    request: SampleRequest
    expect: Expected

    def __repr__(self) -> str:
        return "LabelledLine()"


def read_labelled(text: bytes, model: str) -> LabelledLine:
    """Decode a labelled line; `model` is the one that a bare text is for.

    Raises ValueError with a sentence that quotes none of it.
    """
    members = {name: text[slice(*at)] for name, at in spans(text).items()}
    if "expect" not in members:
        raise ValueError(_FORM)
    expect = _expected(members.pop("expect"))
    if "text" in members:
        return _bare(members, expect, model)
    if "role" in members:
        raise ValueError(_ROLE)
    return LabelledLine(read_line(_written(members)), expect)


def _bare(members: dict[str, bytes], expect: Expected, model: str) -> LabelledLine:
    """Return the line of a text alone. What a model says is a response, anything else stands in a request."""
    said, role = members.pop("text").strip(), _role(members.pop("role", b'"user"'))
    if expect.either is None or members.keys() & {"body", "response"} or said[:1] != b'"':
        raise ValueError(_FORM)
    if role == "assistant":
        members["response"] = _REPLY % said
        expect = Expected(response=expect.either)
        message = _MESSAGES["user"] % _GREETING
    else:
        expect = Expected(request=expect.either)
        message = _MESSAGES[role] % said
    body = b'{"model":%b,"messages":[%b]}' % (json.dumps(model).encode(), message)
    path = {"path": json.dumps(BARE_PATH).encode()}
    return LabelledLine(read_line(_written(path | members | {"body": body})), expect)


def _role(text: bytes) -> str:
    try:
        role = msgspec.json.decode(text, type=str)
    except msgspec.MsgspecError:
        role = ""
    if role not in _MESSAGES and role != "assistant":
        raise ValueError(_ROLE)
    return role


def _written(members: dict[str, bytes]) -> bytes:
    return b"{" + b",".join(b"%b:%b" % (json.dumps(name).encode(), value) for name, value in members.items()) + b"}"


def _expected(text: bytes) -> Expected:
    try:
        sides = msgspec.json.decode(text, type=list[str] | dict[Literal["request", "response"], list[str]])
    except msgspec.MsgspecError:
        raise ValueError(_EXPECT) from None
    if isinstance(sides, list):
        return Expected(either=_names(sides))
    if not sides:
        raise ValueError(_EXPECT)
    request, response = sides.get("request"), sides.get("response")
    return Expected(None if request is None else _names(request), None if response is None else _names(response))


def _names(names: list[str]) -> frozenset[str]:
    if len(names) > LABELS_MOST or not all(0 < len(name) <= NAME_MOST for name in names):
        raise ValueError(_EXPECT)
    return frozenset(names)
