"""Random JSON texts, every character in a random spelling, and what the standard library makes of them."""

import json
import re
from collections.abc import Iterator

from hypothesis import strategies as st

from extproc.payload.names import COUNTER, KNOWN

WHITE = st.sampled_from(["", "", "", " ", "\n  ", "\t\r\n "])
CHARS = (
    st.sampled_from(
        ['"', "\\", "/", "\n", "\x00", "é", "中", "😀", "a", "u", "{", "}", "[", "]", ":", ",", "@", " ", "#"]
    )
    | st.sampled_from(["\ud83d", "\ude00", "\ud800"])
    | st.characters(codec="utf-8")
)
SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@st.composite
def spelt(draw: st.DrawFn, char: str) -> str:
    """One character as it may stand in a JSON string."""
    ways = []
    if char not in '"\\' and char >= " " and not "\ud800" <= char <= "\udfff":
        ways += [char] * 3
    if char in SHORT:
        ways.append(SHORT[char])
    units = char.encode("utf-16-be", "surrogatepass")
    escape = "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
    ways += [escape, escape[:2] + escape[2:].upper().replace("\\U", "\\u")]
    return draw(st.sampled_from(ways))


@st.composite
def strings(draw: st.DrawFn, max_size: int = 8) -> list[tuple[str, str]]:
    """A string as pairs of character and spelling; no two halves of a pair of surrogates stand side by side."""
    text = draw(st.lists(CHARS, max_size=max_size))
    joined = "".join(text)
    whole = joined.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") == joined
    return [(char, draw(spelt(char))) for char in text if whole or not "\ud800" <= char <= "\udfff"]


def token(spelling: list[tuple[str, str]]) -> str:
    return '"' + "".join(written for _, written in spelling) + '"'


NAMES = st.sampled_from(['"a"', '"content"', '"created"', '"data"', '"a\\u0062"', '"type"', '""', '"a/~b"', '"x#"'])
SCALARS = st.sampled_from(
    ["0", "-1", "1e5", "1.5", "true", "false", "null", "1234567", "-12345678", "4111111111111111.0", "9" * 30, "123456"]
)


@st.composite
def inner(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A string that holds a JSON text."""
    text = draw(texts)
    return token([(char, draw(spelt(char))) for char in text]) if len(text) < 60 else json.dumps(text)


@st.composite
def logs(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A string that holds a JSON text in each line, or something like it."""
    held = draw(st.lists(objects(texts), max_size=3))
    return json.dumps(
        draw(st.sampled_from(["\n", "\r\n", "\n\n", " \n"])).join(held) + draw(st.sampled_from(["", "\n", "1"]))
    )


@st.composite
def arrays(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(texts, max_size=3))
    return "[" + ",".join(draw(WHITE) + item + draw(WHITE) for item in items) + draw(WHITE) * (not items) + "]"


@st.composite
def objects(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """An object; its names may repeat."""
    members = [
        draw(WHITE) + draw(NAMES | strings(4).map(token)) + draw(WHITE) + ":" + draw(WHITE) + value + draw(WHITE)
        for value in draw(st.lists(texts, max_size=3))
    ]
    return "{" + ",".join(members) + draw(WHITE) * (not members) + "}"


LEAVES = SCALARS | strings().map(token)
TEXTS = st.recursive(LEAVES, lambda texts: arrays(texts) | objects(texts) | inner(texts) | logs(texts), max_leaves=8)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    return (draw(WHITE) + draw(TEXTS) + draw(WHITE)).encode()


class Pairs(list[tuple[str, object]]):
    """An object, repetitions kept."""


class Number(str):
    """A number as it is written."""

    __slots__ = ()


LONG = re.compile(r"-?\d{7,}")


def parse(text: str) -> object:
    return json.loads(text, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=refuse)


def refuse(word: str) -> object:
    raise ValueError(word)


def opened(text: str) -> object:
    """The object or array of which this is the text, or a list of those of its lines; or None."""
    try:
        value = parse(text)
    except ValueError:
        return lines(text)
    return value if isinstance(value, list) else None


def lines(text: str) -> object:
    try:
        values = [parse(line) for line in text.split("\n") if line.strip(" \t\r\n")]
    except ValueError:
        return None
    return values if len(values) > 1 and all(isinstance(value, list) for value in values) else None


def expected(value: object, at: str = "", name: str = "") -> Iterator[tuple[str, str, str]]:
    """Pointer, kind and text of every passage."""
    if isinstance(value, Number):
        if LONG.match(value) and KNOWN.get(name) != COUNTER:
            yield at, "number", str(value)
    elif isinstance(value, str):
        document = opened(value)
        if document is None:
            yield at, "text", value
        else:
            yield from expected(document, at + "#")
    elif isinstance(value, Pairs):
        for key, item in value:
            here = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in KNOWN:
                yield here, "name", key
            yield from expected(item, here, key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from expected(item, f"{at}/{index}")
