"""Values that only the provider that made them can read, in the requests and the responses of an API."""

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from extproc.apis.seals.tag import SealedForm
from extproc.apis.seals.tree import JsonNode, Removal


class SealedMember(Struct, frozen=True, eq=False):
    """A sealed value in a request. `name`: the member's, in words of the API, for people.

    `removal`: what may be left out so that the value is gone and the request stays valid, though the model knows less;
    None if the request makes no sense without the value. `stored`: it names something of the provider's that clients
    make by other requests than those that are routed (a file, a conversation). `weak`: it is an identifier that helps
    its maker and means nothing to others, which clients make up as well: without a tag it is nobody's.
    """

    name: str
    node: JsonNode
    form: SealedForm
    removal: Removal | None = None
    stored: bool = False
    weak: bool = False

    def __repr__(self) -> str:
        return f"SealedMember({self.name})"


class SealedPlace(Struct, frozen=True, eq=False):
    """A sealed value in a response or an event. `part`: where a later event may bring more of it; None if none does."""

    node: JsonNode
    form: SealedForm
    part: object = None


ReadSealed: TypeAlias = Callable[[bytes, Mapping[str, JsonNode]], Iterator[SealedMember]]
"""Yields the sealed values of a request's body in their order, from the members that `SealedApi.members` names."""

ReadPlaces: TypeAlias = Callable[[bytes, JsonNode], Iterator[SealedPlace]]
"""Yields the sealed values in a response's document, or in an event's."""

MayAsk: TypeAlias = Callable[[bytes], bool]
"""True if the response to a request's body may hold sealed values that the client cannot do without."""


def always(body: bytes) -> bool:  # noqa: ARG001
    """Return True: any response may."""
    return True


class SealedApi(Struct, frozen=True, eq=False):
    """The sealed values of one API. All functions are pure.

    `marks` finds a name that stands in the JSON of whatever holds a sealed value. `members`: the top-level members of
    a request in which they stand. `request` reads them there. `reply_marks` and `reply`: the same for responses and
    events; None if no response has any. `asks`: see `MayAsk`. `quick`: members of events that are nothing but
    identifiers, wherever they stand, in events that hold none of `reply_marks`.
    """

    marks: re.Pattern[bytes]
    members: Sequence[str]
    request: ReadSealed
    reply_marks: re.Pattern[bytes] | None = None
    reply: ReadPlaces | None = None
    asks: MayAsk = always
    quick: Sequence[bytes] = ()


class NamedString(Struct, frozen=True, eq=False):
    """A string that is a member called `name`, or stands in an array that is. `holder` has it as its child `index`."""

    name: str
    node: JsonNode
    holder: JsonNode
    index: int

    @property
    def removal(self) -> Removal:
        """Its removal alone."""
        return Removal(self.holder, self.index)


def named(holder: JsonNode, names: Container[str], free: Container[str] = ()) -> Iterator[NamedString]:
    """Yield every string that is a member called by one of `names`, or stands in an array that is.

    It is looked for at any depth, but not below members whose names are in `free`, which are the client's or the
    model's own.
    """
    for index, (name, _, node) in enumerate(holder.members):
        if name in names and node.kind == "string":
            yield NamedString(name, node, holder, index)
        elif name in names and node.kind == "array" and all(each.kind == "string" for each in node.items):
            yield from (NamedString(name, each, node, place) for place, each in enumerate(node.items))
        elif name not in free:
            yield from named(node, names, free)
    for node in holder.items:
        yield from named(node, names, free)
