"""Sealed values of a request's body, each with the tag that it has, and the edits that take tags or values away."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.json import encode

from extproc.apis.events.leaves import TooComplexError, text
from extproc.apis.seals.sealed import SealedApi, SealedMember
from extproc.apis.seals.tag import split
from extproc.apis.seals.tree import Edit, JsonNode, marked, opened, removed
from extproc.protocol.errors import ClientError

SEALED_MAX: Final = 4096
"""Sealed values of a request: a long session of an agent has some hundred turns with a few each. They are gone through
between two messages, at some microseconds each."""


class TaggedMember(Struct, frozen=True, eq=False):
    """A sealed value, and the text of its tag; empty if it has none."""

    member: SealedMember
    tag: str

    def untagged(self, body: bytes) -> Edit:
        """Return the edit that takes the tag off, so that the provider gets the value as it made it."""
        node, form, size = self.member.node, self.member.form, len(self.tag)
        start, end = node.start + 1, node.end - 1
        if form == "id" and body[end - size : end] == self.tag.encode() and body[end - size - 1 : end - size] == b"_":
            return end - size - 1, end, b""
        if form == "base64" and body[start : start + size] == self.tag.encode():
            return start, start + size, b""
        return node.start, node.end, encode(split(_said(body, node), form)[0])  # a client wrote it with escapes

    def __repr__(self) -> str:
        return f"TaggedMember({self.member.name}, tagged={bool(self.tag)})"


def read_sealed(body: bytes, api: SealedApi) -> Sequence[TaggedMember]:
    """Return the sealed values in a request's body, in their order; none costs a search for the marks.

    Raises:
        ClientError: 400, the body is no JSON object, or has too many of them to be told apart.
    """
    if not marked(body, api.marks):
        return ()
    try:
        top = opened(body, api.marks, api.members)
    except TooComplexError:
        raise _too_complex() from None
    found: list[TaggedMember] = []
    for each in api.request(body, top):
        if len(found) == SEALED_MAX:
            raise _too_complex()
        said = _said(body, each.node)
        if said:
            found.append(TaggedMember(each, split(said, each.form)[1]))
    return found


def dropped(members: Sequence[TaggedMember]) -> list[Edit]:
    """Return the edits that leave out what is sealed; every one of them has a removal."""
    return removed([each.member.removal for each in members if each.member.removal is not None])


def _said(body: bytes, node: JsonNode) -> str:
    return text(body[node.start : node.end])


def _too_complex() -> ClientError:
    message = "The request is too complex: the gateway cannot tell which provider made the values in it."
    return ClientError(400, "too_complex", message)
