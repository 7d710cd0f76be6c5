"""The header fields that tell Envoy and the copy's filter about a copy.

A route copies a request if the processor says so in a header field, which Envoy takes out. The copy's stream sees no
dynamic metadata of the request's; so the route writes what the copy needs from there into a header field of the copy
alone, in place of whatever a client wrote, and the copy's filter takes it out.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from extproc import apis
from extproc.protocol.effects import MetadataValue
from extproc.protocol.headers import Field
from extproc.routing.mirrors import MirrorRoute

MIRROR_HEADER: Final = "x-extproc-mirror"
"""Names the route that copies, by the number of the backend. Envoy takes it out before a provider sees the request."""

COPY_HEADER: Final = "x-extproc-copy"
"""The field of a copy with what its filter has to know: version of the policy, number of the model, and path."""

COPY_KEY: Final = "copy"
"""The key of our dynamic metadata from which Envoy writes `COPY_HEADER`."""


class CopyState(Struct, frozen=True):
    """The facts of a request for its copy's filter: the policy's version, the model's place, the path without keys."""

    version: str
    number: int
    path: bytes

    def __repr__(self) -> str:
        return f"CopyState({self.number})"


def mirror_fields(number: str) -> tuple[Field, ...]:
    """Return the header field that leads a request to the route that copies."""
    return ((MIRROR_HEADER, number.encode()),)


def mirror_metadata(version: str, mirror: MirrorRoute, raw_path: bytes) -> Mapping[str, MetadataValue]:
    """Return what the copy's filter is told."""
    return {COPY_KEY: f"{version} {mirror.number} {apis.without_keys(raw_path).decode('latin-1')}"}


def copy_state(fields: Sequence[bytes]) -> CopyState | None:
    """Return what a copy was told by the values of `COPY_HEADER`; None unless it is there once and whole."""
    if len(fields) != 1:
        return None
    version, _, rest = fields[0].partition(b" ")
    number, _, path = rest.partition(b" ")
    if not (version and number.isdigit() and path.startswith(b"/")):
        return None
    return CopyState(version.decode("latin-1"), int(number), path)
