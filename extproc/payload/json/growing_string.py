"""A text that comes in pieces and may turn out to be JSON, or base64: how it is read as far as it has come."""

import copy
import re

from extproc.payload.base64 import is_url
from extproc.payload.json.growing import MAX_BLANK, GrowingJson
from extproc.payload.json.wellformed import BOM, WHITE
from extproc.payload.media import points, told_base64
from extproc.payload.names import carries
from extproc.payload.opened import OPENING
from extproc.payload.parts import Keys, Part, Readers, Segment, told

MAX_CARRIED = 64 * 1024
"""Characters of base64 that are kept until it is known what they write: text in data URLs has a few hundred. An image
is longer, and is named by its beginning."""

_URL = re.compile(
    r"[\x00-\x20]*+(?:\Z|d[\t\r\n]*+(?:\Z|a[\t\r\n]*+(?:\Z|t[\t\r\n]*+(?:\Z|a[\t\r\n]*+(?:\Z|:)))))", re.IGNORECASE
)
"""A data URL, or what may be the beginning of one (see `carried`)."""

_BASE64 = re.compile(r"[A-Za-z0-9+/=_\-\s]*+")
_OPENING = frozenset(WHITE + BOM + "{[")
_ALONE = Keys("", "")


class GrowingString:
    """Reads a string value as `extproc.payload` reads the same string whole.

    The first characters decide: JSON is read as far as it is JSON (see `GrowingJson`), base64 once all of it has come,
    and any other text as it stands. `keys`: its own name and that of what holds it; `name`: that of the nearest member;
    `level`: the documents in strings around it. A string that the shape of an API says to point to an image, a sound or
    a file is read when all of it has come, as it is named.
    """

    __slots__ = ("_carrier", "_held", "_keys", "_level", "_name", "_part", "_points", "_readers")

    def __init__(self, readers: Readers, keys: Keys = _ALONE, name: str = "", level: int = 0) -> None:
        self._readers = readers
        self._name = name
        said = () if keys.beside is None else keys.beside.said
        self._carrier = carries(keys.key or keys.holder) or (bool(said) and told_base64(keys.key, said))
        self._points = self._carrier and points([keys.key, keys.holder, *(word for _, word in said)])
        self._keys = keys
        self._level = level
        self._held = ""
        self._part: Part | None = None

    @property
    def held(self) -> int:
        """See `Part`."""
        return len(self._held) + (0 if self._part is None else self._part.held)

    @property
    def pending(self) -> int:
        """See `Part`."""
        return len(self._held) if self._part is None else self._part.pending

    @property
    def amid(self) -> bool:
        """True if it is JSON of which more is to come."""
        return isinstance(self._part, GrowingJson) and self._part.amid

    def may_hold(self, text: str) -> bool:
        """True if the whole of `text` may be something else than a text as it stands."""
        return bool(text) and (self._carrier or text[0] in OPENING)

    def feed(self, text: str) -> list[Segment]:
        """See `Part`."""
        if self._part is None:
            self._held += text
            self._part = self._decided()
            if self._part is None:
                return self._blanks()
            text, self._held = self._held, ""
        return self._part.feed(text)

    def finish(self) -> list[Segment]:
        """See `Part`."""
        if self._part is not None:
            return self._part.finish()
        held, self._held = self._held, ""
        if not held:
            return []
        if self._carrier or is_url(held):
            return self._readers.carried(held, self._keys, self._level, whole=True)
        return told(self._opened(held), held) if held[0] in _OPENING else self._readers.whole(held, self._name)

    def settled(self) -> Part:
        """See `Part`."""
        return self if self._part is None else self._part.settled()

    def copied(self, readers: Readers) -> "GrowingString":
        """See `Part`."""
        other: GrowingString = copy.copy(self)
        other._readers = readers
        if self._part is not None:
            other._part = self._part.copied(readers)
        return other

    def given(self, *, torn: bool = False) -> None:
        """See `Part`."""
        if self._part is not None:
            self._part.given(torn=torn)

    def _decided(self) -> Part | None:
        """The reader of this text; None while that cannot be told."""
        held = self._held
        if not held:
            return None
        if _URL.match(held) is None and not (self._carrier and (self._points or _BASE64.fullmatch(held))):
            return self._opened(held)
        if len(held) <= MAX_CARRIED:
            return None
        return _Beyond(self._readers, self._keys, self._level) if held.strip() else self._opened(held)

    def _blanks(self) -> list[Segment]:
        """White space in front that is more than waits: whatever follows, it says nothing."""
        held = self._held
        if self._carrier or len(held) <= MAX_BLANK or held.strip(WHITE):
            return []
        self._held = ""
        return [(held, None)]

    def _opened(self, held: str) -> Part:
        if held[0] in _OPENING:
            return GrowingJson(self._readers, self._name, self._level)
        return self._readers.plain(self._name)


class _Beyond:
    """Passes a text that is too long to be read."""

    held = pending = 0

    def __init__(self, readers: Readers, keys: Keys, level: int) -> None:
        self._readers = readers
        self._level = level
        self._keys = keys
        self._begun = False

    def feed(self, text: str) -> list[Segment]:
        """See `Part`."""
        if not self._begun:
            self._begun = True
            self._readers.carried(text, self._keys, self._level, whole=False)
        return [(text, None)]

    def finish(self) -> list[Segment]:
        """See `Part`."""
        return []

    def settled(self) -> Part:
        """See `Part`."""
        return self

    def copied(self, readers: Readers) -> "_Beyond":
        """See `Part`."""
        other: _Beyond = copy.copy(self)
        other._readers = readers
        return other

    def given(self, *, torn: bool = False) -> None:
        """See `Part`."""
