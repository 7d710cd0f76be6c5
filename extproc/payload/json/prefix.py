"""The texts of a string that begins as JSON and does not end as such: cut short, or with words behind it."""

import re
from collections.abc import Callable

from msgspec import Struct

from extproc.payload.json.growing import GrowingJson
from extproc.payload.json.hints import Told
from extproc.payload.parts import Keys, Part, Readers, Segment
from extproc.payload.passage import Kind

_ALONE = Keys("", "")
_NUMBER = re.compile(r"[-+.\deE]+", re.ASCII)
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


STRETCH = 256
"""Characters that are read together: up to 0.8 ms, where all of them are brackets, quotes and escapes."""

VALUES_A_STRETCH = 64
"""Values of a body that so many characters count as: what is costly has a few characters for each. So the longest text
that is read so counts as a quarter of the values that a body may have."""


class Spot(Struct, gc=False):
    """A text in a string: its token from `start` to `end`, its kind; `keys` and `name`: see `Readers`."""

    text: str
    kind: Kind
    keys: Keys
    name: str
    start: int
    end: int

    def __repr__(self) -> str:
        return f"Spot({self.start}, {self.end}, {self.kind})"


def spots(text: str, name: str, limit: int, spend: Callable[[int], object]) -> tuple[list[Spot], int, str] | None:
    """The texts of the JSON that `text` begins with, the offset from which it is none, and the name for the rest.

    None if there are none, if it is nested too deeply, or has more than `limit` characters of JSON. `name`: that of the
    nearest member. `spend` is called before each STRETCH with what it costs, in values.
    """
    outline = _Outline(text)
    level = outline.level = GrowingJson(outline, name)
    for at in range(0, min(limit, len(text)), STRETCH):
        if level.rest is not None:
            level.feed(text[at:limit])
            break
        spend(VALUES_A_STRETCH)
        level.feed(text[at : min(at + STRETCH, limit)])
    if outline.failed or (level.rest is None and limit < len(text)):
        return None
    level.finish()
    rest = level.rest
    at = len(text[:limit]) - len(rest.text) if isinstance(rest, _Taken) else len(text)
    found = [each.spot() for each in outline.taken if each is not rest]
    return (found, at, rest.name if isinstance(rest, _Taken) else name) if found else None


class _Taken:
    """Takes one text, and gives all of it back as it was."""

    held = pending = 0

    def __init__(self, whole: str, kind: Kind, keys: Keys, name: str, start: int) -> None:
        self._whole = whole
        self._kind: Kind = kind
        self._keys = keys
        self.name = name
        self._start = start
        self.text = ""

    def feed(self, text: str) -> list[Segment]:
        """See `Part`."""
        self.text += text
        return [(text, None)]

    def finish(self) -> list[Segment]:
        """See `Part`."""
        return []

    def settled(self) -> Part:
        """See `Part`."""
        return self

    def copied(self, readers: Readers) -> "_Taken":  # noqa: ARG002  the protocol's
        """See `Part`; it is fed all there is at once."""
        return self

    def given(self, *, torn: bool = False) -> None:
        """See `Part`."""

    def spot(self) -> Spot:
        """The text and its place."""
        found = (_NUMBER if self._kind == "number" else _TOKEN).match(self._whole, self._start)
        end = self._start + len(self.text) if found is None else found.end()
        if found is not None and self._kind != "number" and not _closed(found[0]):
            end += 1  # where its quote would stand
        return Spot(self.text, self._kind, self._keys, self.name, self._start, end)


def _closed(token: str) -> bool:
    return len(token) > 1 and token.endswith('"')


class _Outline:
    """Readers that note the texts they are given."""

    level: GrowingJson

    def __init__(self, whole: str) -> None:
        self._whole = whole
        self.taken: list[_Taken] = []
        self.failed = False

    def plain(self, name: str, kind: Kind = "text") -> Part:
        """See `Readers`."""
        return self._take(kind, _ALONE, name)

    def whole(self, text: str, name: str, kind: Kind = "text") -> list[Segment]:
        """See `Readers`."""
        return self._take(kind, _ALONE, name).feed(text)

    def string(self, keys: Keys, name: str, level: int) -> Part:  # noqa: ARG002  the protocol's
        """See `Readers`."""
        return self._take("text", keys, name)

    def carried(self, text: str, keys: Keys, level: int, *, whole: bool) -> list[Segment]:  # noqa: ARG002  the protocol's
        """See `Readers`; nothing is asked for here."""
        return [(text, None)]

    def told(self, text: str, keys: Keys, level: int, before: Told) -> None:
        """See `Readers`; whoever takes the texts looks at what is said about them."""

    def unread(self, reason: str) -> None:  # noqa: ARG002  the protocol's
        """See `Readers`."""
        self.failed = True

    def _take(self, kind: Kind, keys: Keys, name: str) -> _Taken:
        taken = _Taken(self._whole, kind, keys, name, self.level.began)
        self.taken.append(taken)
        return taken
