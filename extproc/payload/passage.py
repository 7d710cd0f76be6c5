"""A text of a body: what it says, and where it stands."""

from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from extproc.payload.names import OF_SCHEMAS

Kind: TypeAlias = Literal["text", "name", "number", "tokens"]
"""`name`: the name of an object's member, where no API gave it. `number`: the digits of a long JSON number. `tokens`:
what log probabilities spell; it stands in no string, and an edit of it takes the log probabilities away."""

Reason: TypeAlias = Literal[
    "image",
    "audio",
    "video",
    "file",
    "binary",
    "tokens",
    "encrypted",
    "encoding",
    "charset",
    "content_type",
    "malformed",
]
"""Why something is not inspected. The first four by the API's shapes or by its first bytes; `binary` is anything else
that is no text, in base64 or as it stands. `tokens`: a text as the numbers of a model's vocabulary. `encrypted`:
reasoning and search results that only the provider who made them can read. `encoding`, `charset`, `content_type`: how a
body, or a part of a form, is written is not known here, or readers differ in it. `malformed`: it is no JSON, although
it is said to be, or a lenient reader may take it for JSON."""

ValuePlace: TypeAlias = "tuple[Holder, str | int | None]"
"""The place of a value: what holds it, and its name or index there.

Places are chains, not pointers, because most are never reported, and the pointers of a body could be far longer than
the body: a name of a megabyte may hold a thousand texts. What holds the outermost value is None, or the name of a
form's part. The key None is a document inside of the string that stands at the place before it.
"""

Holder: TypeAlias = "ValuePlace | str | None"
"""The holder of a value."""

Edit: TypeAlias = tuple[int, int, str]
"""Code points `start` to `end` (exclusive) of a passage's text, and what is to stand there instead."""

MASKED_NUMBER = "0"
"""Written in the place of a number of which something is masked. A typed reader refuses a string there."""

PART = "part:"
"""The prefix of a field's name in the pointers of all that is in it."""

NESTED = "#"
"""Written behind the pointer of a string that holds a document; behind it, pointers go on inside of that document."""


class Passage(Struct, frozen=True, gc=False):
    """One text. `text` is what a reader of the body gets, lone surrogates included, every escape undone.

    `source` is the number of the document's source in which it stands (0 is the body itself), `start` and `end` the
    code points of its token there, quotes included.
    """

    text: str
    kind: Kind
    within: Holder
    key: str | int | None
    source: int
    start: int
    end: int

    @property
    def pointer(self) -> str:
        """See `pointer`. A name has the pointer of its member. Built when asked for; costs its length."""
        return pointer((self.within, self.key))

    @property
    def name(self) -> str:
        """The name of the nearest member that tells what it is, or nothing.

        Items of an array have that of the array; values in a schema (see `OF_SCHEMAS`) that of the property.
        """
        place: Holder = (self.within, self.key)
        while isinstance(place, tuple):
            place, key = place
            if isinstance(key, str) and key not in OF_SCHEMAS:
                return key
        return ""

    def __repr__(self) -> str:
        return f"Passage({len(self.text)} code points, {self.kind})"


class Uninspected(Struct, frozen=True, gc=False):
    """Something that a detector could not be shown, and why not."""

    within: Holder
    key: str | int | None
    reason: Reason

    @property
    def pointer(self) -> str:
        """See `pointer`."""
        return pointer((self.within, self.key))

    def __repr__(self) -> str:
        return f"Uninspected({self.reason})"


class TextLimitError(Exception):
    """A body has more in it than is read of one. `limit` names which bound it passes: `values`, `depth`, ..."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"the body passes the limit on its {limit}")
        self.limit = limit


def keys_of(place: Holder) -> Iterator[str | int | None]:
    """The names and indexes on the way to a place, from the inside out."""
    while isinstance(place, tuple):
        place, key = place
        yield key


def pointer(place: Holder) -> str:
    """A JSON pointer (RFC 6901), with two additions.

    What stands in a document inside of a string has the string's pointer, `#`, and its pointer in that document:
    `/tool_calls/0/function/arguments#/city`. In a form, `part:NAME` stands before everything else.

    RFC 6901 does not escape `#`, so a member's name that ends in it can look the same. Nothing goes by pointers here:
    they are for people and records.
    """
    parts: list[str] = []
    while isinstance(place, tuple):
        place, key = place
        if key is not None:
            parts.append("/" + str(key).replace("~", "~0").replace("/", "~1"))
        elif isinstance(place, tuple):
            parts.append(NESTED)
    parts.append(place or "")
    return "".join(reversed(parts))
