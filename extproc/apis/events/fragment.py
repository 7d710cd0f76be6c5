"""Text that is JSON itself, such as the arguments of a tool call: read without its escapes, written with them again."""

import re
from collections import deque
from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

from extproc.apis.events.rewrite import quoted
from extproc.payload.passage import MASKED_NUMBER

MAX_BARE = 64
"""Characters of a number or a literal that are kept together. Numbers in JSON have up to 25; beyond this it is text
that is not JSON, and passes as it comes."""

_Kind: TypeAlias = Literal["text", "escape", "structure", "bare"]

_IN_STRING = re.compile(
    r"""(?P<text>[^"\\]+)
    |   (?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})
    |   (?P<code>\\u[0-9a-fA-F]{4})
    |   (?P<short>\\["\\/bfnrt])
    |   (?P<quote>")
    |   (?P<other>\\)""",
    re.VERBOSE,
)
_OUTSIDE = re.compile(r'(?P<structure>[\s{}\[\]:,]+)|(?P<quote>")|(?P<bare>[^\s{}\[\]:,"]+)')
_UNFINISHED = re.compile(
    r"""\\(?:u[0-9a-fA-F]{0,3})?\Z
    |   \\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*")
_SHORT = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _Run(Struct, gc=False):
    """Characters in a row of one kind. `said` is what `raw` means; they are the same but for an escape."""

    kind: _Kind
    raw: str
    said: str
    at: int = 0  # characters of `said` that are gone


class JsonText:
    """A JSON text that comes in pieces, cut anywhere.

    `feed` and `finish` give what it says: the same text with the escapes in its strings undone. `take` and `put` then
    go over that from its beginning: `take` gives its next characters as they stood in the text, `put` something else
    for them, written so that it fits there. What all of them give, put together, is the text, the same for any cuts.

    Text that is no JSON passes unchanged as well. Nothing put in changes the structure: quotes, brackets, commas and
    colons between values stay; in the place of a number of which something is masked stands MASKED_NUMBER. `quotes` is
    False for text that is no JSON, though
    it may quote some: then what is put in has no quotes of its own.
    """

    __slots__ = ("_bare", "_inside", "_long", "_masked", "_owed", "_quotes", "_runs", "_unfinished", "_was")

    def __init__(self, *, quotes: bool = True) -> None:
        self._quotes = quotes
        self._inside = False
        self._unfinished = ""
        self._runs: deque[_Run] = deque()
        self._bare = ""  # what goes out in the place of a number or literal that has not ended
        self._masked = False  # whether that is other than it was
        self._was = ""  # what it was
        self._long = False  # whether it became too long to be kept together
        self._owed = ""  # put in for characters that were all structure, so that it found no place yet

    @property
    def held(self) -> int:
        """Characters not yet given out."""
        return sum(len(run.said) - run.at for run in self._runs) + len(self._unfinished) + len(self._bare)

    @property
    def left(self) -> int:
        """Characters of the text, as it came, for which nothing was given out yet."""
        waiting = sum(len(run.raw) if run.kind == "escape" else len(run.said) - run.at for run in self._runs)
        return waiting + len(self._unfinished) + (0 if self._long else len(self._was))

    @property
    def owes(self) -> bool:
        """True if something was put in that was not given out yet."""
        return self._masked or bool(self._owed)

    def feed(self, text: str) -> str:
        """Return what this piece says. The beginning of an escape waits for its end."""
        if not text:
            return ""
        if self._inside and not self._unfinished and '"' not in text and "\\" not in text:
            self._add("text", text, text)
            return text
        text = self._unfinished + text
        return self._parse(text, final=False)

    def finish(self) -> str:
        """Return what the text's end says: an escape that never ended."""
        return self._parse(self._unfinished, final=True)

    def take(self, count: int) -> str:
        """The next `count` characters as they stood in the text."""
        parts: list[str] = []
        self._owed = ""
        while count > 0 and self._runs:
            run = self._runs[0]
            size = min(count, len(run.said) - run.at)
            piece = run.raw if run.kind == "escape" else run.said[run.at : run.at + size]
            if run.kind == "bare":
                parts.append(self._extend(piece, piece))
            else:
                parts += (self._settle(), piece)
            self._step(run, size)
            count -= size
        return "".join(parts)

    def put(self, count: int, text: str) -> str:
        """`text` in the place of the next `count` characters."""
        parts: list[str] = []
        new = self._owed + text
        while count > 0 and self._runs:
            run = self._runs[0]
            size = min(count, len(run.said) - run.at)
            if run.kind == "structure":
                parts += (self._settle(), run.said[run.at : run.at + size])
            elif run.kind == "bare":
                parts.append(self._extend(new, run.said[run.at : run.at + size]))
                self._masked, new = True, ""
            else:
                parts += (self._settle(), quoted(new)[1:-1].decode())
                new = ""
            self._step(run, size)
            count -= size
        self._owed = new
        return "".join(parts)

    def edit(self, pieces: Iterable[tuple[int, str | None]]) -> str:
        """`take` and `put` in a row: a count, and what to put there or None."""
        return "".join(self.take(count) if new is None else self.put(count, new) for count, new in pieces)

    def close(self) -> str:
        """The end of the text, after the last of it was taken or put."""
        return self._settle()

    def _parse(self, text: str, *, final: bool) -> str:
        said: list[str] = []
        at = 0
        self._unfinished = ""
        while at < len(text):
            found = (_IN_STRING if self._inside else _OUTSIDE).match(text, at)
            assert found is not None, "each takes any character"
            group, raw = found.lastgroup, found[0]
            if group in {"code", "other"} and not final and _UNFINISHED.match(text, at):
                self._unfinished = text[at:]
                break
            said.append(self._run(group, raw))
            at = found.end()
        return "".join(said)

    def _run(self, group: str | None, raw: str) -> str:
        match group:
            case "quote":
                self._inside = not self._inside
                return self._add("structure", raw, raw)
            case "structure" | "bare":
                return self._add(group, raw, raw)
            case "pair":
                return self._add("escape", raw, chr(_joined(int(raw[2:6], 16), int(raw[8:], 16))))
            case "code":
                point = int(raw[2:6], 16)
                return self._add("escape", raw, "\ufffd" if 0xD800 <= point <= 0xDFFF else chr(point))
            case "short":
                return self._add("escape", raw, _SHORT[raw[1]])
        return self._add("text", raw, raw)

    def _add(self, kind: _Kind, raw: str, said: str) -> str:
        self._runs.append(_Run(kind, raw, said))
        return said

    def _step(self, run: _Run, size: int) -> None:
        run.at += size
        if run.at == len(run.said):
            self._runs.popleft()

    def _extend(self, piece: str, was: str) -> str:
        """Add `piece` to a number or literal in the place of what it was; return what of it goes out already."""
        if self._long:
            return piece
        self._was += was
        self._bare += piece
        if len(self._bare) <= MAX_BARE:
            return ""
        self._long = True
        out, self._bare = self._bare, ""
        return out

    def _settle(self) -> str:
        """A number or literal is over: what goes out for it."""
        out = self._bare
        if self._masked and self._quotes and not self._long:
            out = MASKED_NUMBER if _NUMBER.fullmatch(self._was) else quoted(out).decode()
        self._bare, self._was, self._masked, self._long = "", "", False, False
        return out


def _joined(high: int, low: int) -> int:
    """The code point of a surrogate pair."""
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
