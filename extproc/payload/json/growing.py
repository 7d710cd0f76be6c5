"""JSON in a text that comes in pieces: its strings, names and long numbers are texts, and the rest is structure."""

import copy
import re
from typing import Literal, TypeAlias

from extproc.payload.json.growing_name import GrowingName
from extproc.payload.json.hints import MAX_HINT, MAX_TAKEN, ObjectHints, copied, is_hint, is_of_use
from extproc.payload.json.wellformed import BOM
from extproc.payload.json.written import IN_STRING, UNFINISHED, WrittenString, meaning
from extproc.payload.limits import MAX_DEPTH, MAX_OPENED
from extproc.payload.names import OF_SCHEMAS
from extproc.payload.numbers import telling
from extproc.payload.parts import Keys, Part, Readers, Segment
from extproc.payload.passage import MASKED_NUMBER
from extproc.payload.torn import AROUND

MAX_BARE = 64
"""Characters of a number or a literal that are kept together. Numbers have up to 25; a longer one is no JSON here."""

MAX_BLANK = 64
"""Characters of white space in front of JSON, or behind a number, that wait for what follows: a line end or two, and
the space that many models begin with."""

_OUTSIDE = re.compile(r'(?P<white>[ \t\n\r]+|\ufeff)|(?P<sign>[{}\[\]:,"])|(?P<bare>[^ \t\n\r\ufeff{}\[\]:,"]+)')
_BARE = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+|true|false|null|NaN|-?Infinity")

_State: TypeAlias = Literal["start", "value", "item", "name", "member", "colon", "after", "end"]
"""What may come next: a document; a value; a value or an array's end; a name; a name or an object's end; a colon; a
comma or the end of what it is in; nothing, or another document in a line of its own."""


class GrowingJson:
    r"""Reads a text as JSON as far as it is JSON: an object or array, or one in each line.

    Its strings, also those in documents in strings, are texts of their own, without their escapes; and so are names
    that no API gives, and long numbers. Texts put in are written with as many escapes as they stand deep. Nothing put
    in changes the structure; in the place of a number of which something is masked stands MASKED_NUMBER.

    From where the text is no JSON it is one plain text (`rest`): `{"a": 1} is what`, `[see below]`.
    """

    __slots__ = (
        "_at",
        "_bare",
        "_bare_at",
        "_base",
        "_beside",
        "_beyond",
        "_gap",
        "_given",
        "_kept",
        "_key",
        "_keys",
        "_level",
        "_lined",
        "_name",
        "_names",
        "_objects",
        "_open",
        "_readers",
        "_room",
        "_state",
        "_string",
        "_unfinished",
        "_written",
        "began",
        "rest",
    )

    def __init__(self, readers: Readers, name: str = "", level: int = 0) -> None:
        self._readers = readers
        self._level = level
        self._beyond = level >= MAX_OPENED
        self._state: _State = "start"
        self._objects: list[bool] = []  # of each container around: whether it is an object
        self._names: list[str] = [name]  # the name for texts in each that have none of their own
        self._keys: list[str] = [""]  # the name of each itself; empty for an item
        self._beside: list[ObjectHints] = []  # what each says about what it holds
        self._kept: list[str] = []  # what the open string says, if that is of use for what stands beside it
        self._room = 0  # characters more that are kept of it
        self._key = ""  # the name of the member whose value comes; none for the items of arrays
        self._open = ""  # blanks in front, and a bracket of which nothing is known yet: it may begin a placeholder
        self._bare = ""  # a number or literal that has not ended
        self._gap = ""  # white space behind it
        self._given = 0  # characters of these that were given out when the text paused
        self._string: Part | None = None  # the reader of the string that is open
        self._name: GrowingName | None = None  # the same reader, if it is a name
        self._written = WrittenString()  # what it has not given out yet
        self._unfinished = ""  # the beginning of an escape
        self._lined = False  # a line ended behind the last document
        self._base = 0
        self._at = 0  # the offset of the token that is being read
        self._bare_at = 0
        self.began = 0
        """The offset of the token of the text that a reader is asked for."""
        self.rest: Part | None = None
        """The reader of what follows the JSON, once there is something."""

    @property
    def held(self) -> int:
        """See `Part`."""
        if self.rest is not None:
            return self.rest.held
        return self._written.held + len(self._unfinished) + len(self._open + self._bare + self._gap)

    @property
    def pending(self) -> int:
        """See `Part`."""
        return len(self._bare) if self._string is None else self._string.pending

    @property
    def amid(self) -> bool:
        """True if more of the document is to come."""
        return self.rest is None and bool(self._objects)

    def feed(self, text: str) -> list[Segment]:
        """See `Part`."""
        if self.rest is not None:
            return self.rest.feed(text)
        string = self._string
        if string is not None and '"' not in text and "\\" not in text and not self._unfinished and text:
            # Within a string nothing but its reader has a say.
            self._base += len(text)
            if self._room:
                self._keep(text)
            pieces = string.feed(text)
            written = self._written
            written.note(text, text)
            if written.plain and len(pieces) == 1 and pieces[0][1] is None:
                written.same -= len(pieces[0][0])
                return pieces
            return written.pieces(pieces) if pieces else pieces
        if self._unfinished:
            text, self._unfinished = self._unfinished + text, ""
        out: list[Segment] = []
        base, at = self._base, 0
        while at < len(text):
            if self.rest is not None:
                out += self.rest.feed(text[at:])
                break
            self._at = base + at
            at = self._outside(text, at, out) if self._string is None else self._inside(text, at, out)
        self._base = base + len(text) - len(self._unfinished)
        return out

    def finish(self) -> list[Segment]:
        """See `Part`."""
        out: list[Segment] = []
        if self.rest is None and self._string is not None:
            if self._unfinished:
                self._fill(self._unfinished, self._unfinished, out)
            out += self._written.pieces(self._string.finish())
        elif self.rest is None and self._bare and not self._end_bare(out, cut=bool(self._objects)):
            self._fail(out)
        if self.rest is not None:
            return out + self.rest.finish()
        if self._open:
            out += self._readers.whole(self._open, self._names[0])
        if self._beyond and self._state == "end":
            self._readers.unread("complexity")
        return out

    def settled(self) -> Part:
        """See `Part`."""
        return self if self.rest is None else self.rest.settled()

    def copied(self, readers: Readers) -> "GrowingJson":
        """See `Part`."""
        other: GrowingJson = copy.copy(self)
        other._readers = readers
        other._objects, other._names, other._keys = self._objects.copy(), self._names.copy(), self._keys.copy()
        other._beside = copied(self._beside)
        other._kept = self._kept.copy()
        other._written = self._written.copied()
        if self._name is not None:
            other._string = other._name = self._name.copied(readers)
        elif self._string is not None:
            other._string = self._string.copied(readers)
        if self.rest is not None:
            other.rest = self.rest.copied(readers)
        return other

    def given(self, *, torn: bool = False) -> None:
        """See `Part`."""
        self._given = len(self._open + self._bare + self._gap)
        if self._string is not None:
            self._written.torn = self._unfinished + AROUND * torn
            self._string.given(torn=bool(self._written.torn))
        if self.rest is not None:
            self.rest.given(torn=torn)

    # -- in strings

    def _inside(self, text: str, at: int, out: list[Segment]) -> int:
        """Take what a string says up to its end; the offset behind it."""
        said: list[str] = []
        while at < len(text):
            found = IN_STRING.match(text, at)
            assert found is not None, "it takes any character"
            group, raw = found.lastgroup, found[0]
            if group == "quote":
                self._feed("".join(said), out)
                self._close(out)
                return at + 1
            if group in {"code", "other"} and UNFINISHED.match(text, at):
                self._unfinished = text[at:]
                at = len(text)
                break
            meant = raw if group == "text" else meaning(group, raw)
            self._written.note(raw, meant)
            said.append(meant)
            at = found.end()
        self._feed("".join(said), out)
        if self._string is not None:
            self._string = self._string.settled()
        return at

    def _fill(self, raw: str, said: str, out: list[Segment]) -> None:
        self._written.note(raw, said)
        self._feed(said, out)

    def _feed(self, said: str, out: list[Segment]) -> None:
        assert self._string is not None, "a string is open"
        if said:
            if self._room:
                self._keep(said)
            pieces = self._string.feed(said)
            if pieces:
                out += self._written.pieces(pieces)

    def _keep(self, said: str) -> None:
        """Keep the beginning of a string that concerns others, or that others may concern."""
        self._kept.append(said[: self._room])
        self._room -= len(self._kept[-1])

    def _told(self) -> None:
        """Take note of what the string that has ended says, of others or for others to say something about."""
        said, beside = "".join(self._kept), self._beside[-1]
        cut, self._room = not self._room, 0
        self._kept.clear()
        if self._key and is_hint(self._key):
            beside.says(self._key, said[:MAX_HINT], self._readers)
        else:
            beside.saw(said, Keys(self._key, self._keys[-1], beside), self._level + 1, cut=cut)

    def _close(self, out: list[Segment]) -> None:
        assert self._string is not None, "a string is open"
        out += self._written.pieces(self._string.finish())
        out.append(('"', None))
        self._string, self._written.torn = None, ""
        if self._name is not None:
            self._key, self._name, self._state = self._name.text, None, "colon"
        else:
            if self._kept:
                self._told()
            self._room = 0
            self._value_ends()

    # -- between strings

    def _outside(self, text: str, at: int, out: list[Segment]) -> int:
        """Take one token, or the beginning of one; the offset behind it."""
        found = _OUTSIDE.match(text, at)
        assert found is not None, "it takes any character"
        group, raw = found.lastgroup, found[0]
        if group == "bare":
            if self._gap or self._state not in {"value", "item"} or len(self._bare + raw) > MAX_BARE:
                self._fail(out)
                return at
            self._bare_at = self._bare_at if self._bare else self._at
            self._bare += raw
            return found.end()
        if self._bare and group == "white" and raw != BOM and len(self._gap) + len(raw) <= MAX_BLANK:
            self._gap += raw  # what comes next says whether the number was one
            return found.end()
        if self._bare and ((group != "white" and raw not in {",", "]", "}"}) or not self._end_bare(out)):
            self._fail(out)
            return at
        if raw == BOM and self._state != "start":
            self._fail(out)
            return at
        if group == "white" and self._state == "start" and len(self._open) + len(raw) <= MAX_BLANK:
            self._open += raw
        elif group == "white":
            self._settle(out)
            self._lined = self._lined or "\n" in raw
            out.append((raw, None))
        elif not self._sign(raw, out):
            self._fail(out)
            return at
        return found.end()

    def _sign(self, sign: str, out: list[Segment]) -> bool:
        """Take a sign; False if it may not stand here."""
        state = self._state
        if sign == '"':
            return self._quote(out)
        if sign in "{[":
            if state not in {"value", "item", "start"} and not (state == "end" and self._lined):
                return False
            self._settle(out)
            return self._begin(sign)
        if sign in "}]":
            after = state in {"after", "member" if sign == "}" else "item"}
            if not self._objects or not after or self._objects[-1] != (sign == "}"):
                return False
            self._settle(out)
            self._objects.pop()
            self._names.pop()
            self._keys.pop()
            self._beside.pop().end()
            self._value_ends()
        elif sign == ":":
            if state != "colon":
                return False
            self._state = "value"
        else:
            if state != "after":
                return False
            self._state, self._key = "name" if self._objects[-1] else "value", ""
        out.append((sign, None))
        return True

    def _begin(self, sign: str) -> bool:
        if len(self._objects) >= MAX_DEPTH:
            self._readers.unread("complexity")
            return False
        self._names.append(self._called(self._key))
        self._keys.append(self._key)
        self._beside.append(ObjectHints(self._beside[-1] if self._beside else None, self._key))
        self._open, self._key, self._lined = sign, "", False
        self._objects.append(sign == "{")
        self._state = "member" if sign == "{" else "item"
        return True

    def _quote(self, out: list[Segment]) -> bool:
        self.began = self._at
        if self._state in {"name", "member"}:
            self._string = self._name = GrowingName(self._readers)
        elif self._state in {"value", "item"}:
            name = self._called(self._key)
            if self._beyond:
                self._string = self._readers.plain(name)
            else:
                keys = Keys(self._key, self._keys[-1], self._beside[-1])
                self._room = MAX_TAKEN if is_of_use(self._key, self._keys[-1]) else 0
                self._string = self._readers.string(keys, name, self._level + 1)
        else:
            return False
        self._settle(out)
        out.append(('"', None))
        return True

    def _called(self, key: str) -> str:
        """The name for a value: its own, if it has one that tells anything, or that of what is around."""
        return key if key and key not in OF_SCHEMAS else self._names[-1]

    def _value_ends(self) -> None:
        self._state = "after" if self._objects else "end"
        self._lined = False

    def _settle(self, out: list[Segment]) -> None:
        """A bracket has turned out to be one."""
        if self._open:
            out.append((self._open, None))
            self._open, self._given = "", 0

    def _end_bare(self, out: list[Segment], *, cut: bool = False) -> bool:
        """End a number or literal; False if it is neither. `cut`: it may go on in another text."""
        bare = self._bare
        if _BARE.fullmatch(bare) is None:
            return False
        self._bare, self._given = "", 0
        self._settle(out)
        if said := telling(bare) or (bare if cut and bare[1:].isdecimal() else ""):
            self.began = self._bare_at
            pieces = self._readers.whole(said, self._called(self._key), "number")
            changed = any(new is not None for _, new in pieces)
            out.append((bare, MASKED_NUMBER if changed else None))
        else:
            out.append((bare, None))
        if self._gap:
            out.append((self._gap, None))
            self._gap = ""
        self._value_ends()
        return True

    def _fail(self, out: list[Segment]) -> None:
        """The text is no JSON from here on."""
        key = self._key if self._state == "value" else ""
        self.rest = self._readers.plain(self._called(key))
        held = self._open + self._bare + self._gap
        self._open = self._bare = self._gap = ""
        given, self._given = held[: self._given], 0
        if given:
            out += self.rest.feed(given)
            self.rest.given()
        if len(held) > len(given):
            out += self.rest.feed(held[len(given) :])
