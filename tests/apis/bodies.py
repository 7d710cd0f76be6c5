"""JSON objects as bytes: with odd spacing, escapes, repeated names, and damage."""

import json

from hypothesis import strategies as st

WHITE = st.text(" \t\n\r", max_size=2)
PLAIN = {"model": '"model"', "stream": '"stream"', "a": '"a"', "é": '"é"', "": '""'}
ESCAPED = {
    "model": '"\\u006dodel"',
    "stream": '"strea\\u006D"',
    "a": '"\\u0061"',
    "é": '"\\u00E9"',
    'a"b\\': '"a\\"b\\\\"',
}

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
TOKENS = (
    VALUES.map(lambda value: json.dumps(value, ensure_ascii=False))
    | VALUES.map(lambda value: json.dumps(value, indent=1))
    | st.sampled_from(
        ["1", "12", "-0", "1e999", "0.10", '"\\/"', "[ ]", "{ }", '{"a":1,"a":2}', "9" * 40, '"\\ud83d\\ude00"']
    )
).filter(lambda token: "\\ud" not in token or "\\ud83d\\ude00" in token)
NAMES = st.sampled_from([*PLAIN.values(), *ESCAPED.values()])


@st.composite
def objects(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> bytes:
    """A well-formed object; a name may come twice, in the same or another spelling."""
    pairs = draw(st.lists(st.tuples(names, TOKENS), max_size=6))
    space = [draw(WHITE) for _ in range(4)]
    members = ",".join(f"{space[0]}{name}{space[1]}:{space[2]}{token}{space[3]}" for name, token in pairs)
    return f"{space[3]}{{{members or space[0]}}}{space[1]}".encode()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An object with some bytes lost, doubled or replaced; it may still be well-formed."""
    body = bytearray(draw(objects()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body) - 1)) if body else 0
        body[at : at + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b"", b'"', b",", b"}", b"{", b":", b"\\", b"1", b" ", b"\xff", b"]"])
        )
    return bytes(body)


class Pairs(list[tuple[str, object]]):
    """An object as json.loads found it, repetitions kept."""


def reference(body: bytes) -> Pairs | None:
    """What the standard library makes of a body, or None where it is to be refused."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=Pairs, parse_constant=_refuse)
        str(value).encode()
    except ValueError:
        return None
    if not isinstance(value, Pairs) or len({name for name, _ in value}) < len(value):
        return None
    return value if _encodable(value) else None


def _refuse(_: str) -> None:
    raise ValueError


def _encodable(value: object) -> bool:
    """Whether no string holds half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
