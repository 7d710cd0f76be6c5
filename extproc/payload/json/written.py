"""A string of JSON as it is written, beside what it says: a change in what it says is made in how it is written."""

import copy
import re
from collections import deque

from msgspec import Struct

from extproc.payload.codec import escaped
from extproc.payload.parts import Segment
from extproc.payload.torn import OTHER, begun, other_end

IN_STRING = re.compile(
    r"""(?P<text>[^"\\]+)
    |   (?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})
    |   (?P<code>\\u[0-9a-fA-F]{4})
    |   (?P<short>\\[^u])
    |   (?P<quote>")
    |   (?P<other>\\)""",
    re.VERBOSE | re.DOTALL,
)
UNFINISHED = re.compile(
    r"""\\(?:u[0-9a-fA-F]{0,3})?\Z
    |   \\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z""",
    re.VERBOSE,
)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _Characters(Struct, gc=False):
    """Characters of a string in a row. `said` is their meaning: `raw` itself, or the one character of an escape.

    `torn`: the beginning of the escape was given out, its first `kept` characters, or a part of the next one. An end
    has to follow: `instead`, or its own.
    """

    raw: str
    said: str
    torn: bool = False
    kept: int = 0
    instead: str | None = None


class WrittenString:
    """The characters of an open string that its reader has not given out yet, as they are written.

    `same`: characters that mean themselves, up to the first escape. `torn`: what was given out of an escape that has
    not ended, or AROUND, of an escape around the next character, or both.
    """

    __slots__ = ("_rest", "same", "torn")

    def __init__(self) -> None:
        self.same = 0
        self.torn = ""
        self._rest: deque[_Characters] = deque()  # what stands behind them, from the first escape on

    @property
    def plain(self) -> bool:
        """True if all of it means itself."""
        return not self._rest

    @property
    def held(self) -> int:
        """The characters that it says."""
        return self.same + sum(len(each.said) for each in self._rest)

    def copied(self) -> "WrittenString":
        """Return another with the same characters."""
        other: WrittenString = copy.copy(self)
        other._rest = deque([copy.copy(each) for each in self._rest])
        return other

    def note(self, raw: str, said: str) -> None:
        """Take what `raw` says; `said` is its meaning, and `raw` itself if it has no escape."""
        if self.torn and raw:
            torn, self.torn = self.torn, ""
            if raw is not said:
                kept = begun(torn)
                self._rest.append(_Characters(raw, said, True, kept, other_end(raw[:kept], said)))
                return
            self._rest.append(_Characters(raw[:1], raw[:1], True, 0, OTHER))
            raw = said = raw[1:]
            if not raw:
                return
        if raw is said and not self._rest:
            self.same += len(said)
        else:
            self._rest.append(_Characters(raw, said))

    def pieces(self, pieces: list[Segment]) -> list[Segment]:
        """Return pieces of what the string says as pieces of how it is written."""
        found: list[Segment] = []
        rest = self._rest
        for said, new in pieces:
            size = min(len(said), self.same)
            self.same -= size
            count = len(said) - size
            raws = [said[:size]]
            while count > 0:
                run = rest[0]
                if len(run.said) <= count:
                    raws.append(run.raw)
                    count -= len(run.said)
                    rest.popleft()
                    if run.torn and new is not None:
                        found.append(("".join(raws[:-1]) + run.raw[: run.kept], None))
                        found.append((run.raw[run.kept :], run.instead))
                        raws = []
                else:
                    raws.append(run.raw[:count])  # an escape is one character, and never cut
                    run.raw, run.said = run.raw[count:], run.said[count:]
                    count = 0
            found.append(("".join(raws), None if new is None else escaped(new)))
        return found


def meaning(group: str | None, raw: str) -> str:
    """Return the character that an escape stands for; a lone surrogate is U+FFFD."""
    if group == "pair":
        return chr(0x10000 + ((int(raw[2:6], 16) - 0xD800) << 10) + (int(raw[8:], 16) - 0xDC00))
    if group == "code":
        point = int(raw[2:6], 16)
        return "\ufffd" if 0xD800 <= point <= 0xDFFF else chr(point)
    return _SHORT.get(raw[1], raw[1]) if group == "short" else raw
