"""Effects: what a transaction wants done. They are orders; the shells carry them out and decide nothing."""

from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import Literal, TypeAlias

from msgspec import Struct

from extproc.protocol.enums import plain
from extproc.protocol.headers import Field
from extproc.protocol.messages import Side
from extproc.protocol.modes import ModeOverride
from extproc.protocol.record import AttemptRecord, Record
from extproc.protocol.work import NetworkWork, RemoteAsk, Work

MetadataValue: TypeAlias = str | int | float | bool | Mapping[str, float]
Metadata: TypeAlias = Mapping[str, Mapping[str, MetadataValue]]
"""Dynamic metadata: namespace -> key -> value. Envoy keeps only namespaces named in `receiving_namespaces`."""


class OwnMetadata(dict[str, Mapping[str, MetadataValue]]):
    """Metadata of one exchange alone, which the wire edge does not keep the bytes of."""

    __slots__ = ()


@plain
class Phase(Enum):
    """Which message of a side an answer belongs to."""

    HEADERS = "headers"
    BODY = "body"
    TRAILERS = "trailers"


class HeaderMutation(Struct, frozen=True, gc=False):
    """Header fields to set (overwriting) and names to remove. Envoy applies removals first, then sets.

    `set` holds what repeats from exchange to exchange, and the wire edge may keep its bytes; `more` holds what does not
    (lengths, ids). To Envoy there is no difference.
    """

    set: tuple[Field, ...] = ()
    remove: tuple[str, ...] = ()
    more: tuple[Field, ...] = ()

    @property
    def sets(self) -> tuple[Field, ...]:
        """All fields that are set."""
        return self.set + self.more

    def removing(self, *names: str) -> "HeaderMutation":
        """The same, with more names removed."""
        return HeaderMutation(self.set, (*self.remove, *names), self.more)

    def __repr__(self) -> str:
        return f"HeaderMutation(set=({', '.join(name for name, _ in self.sets)}), remove={self.remove})"


class Proceed(Struct, frozen=True):
    """The answer to one message: go on, with these changes.

    `body` replaces what the message carried (b"" clears it; None leaves it). With `replace` in a headers answer it is
    the whole new body and ends the side's processing (Envoy's CONTINUE_AND_REPLACE). `lasting` says that this very
    object is given again and again, so that the wire edge may keep its bytes; it changes nothing else.
    """

    side: Side
    phase: Phase
    headers: HeaderMutation | None = None
    body: bytes | None = None
    replace: bool = False
    clear_route: bool = False
    modes: ModeOverride | None = None
    metadata: Metadata | None = None
    lasting: bool = False

    def __repr__(self) -> str:
        size = None if self.body is None else len(self.body)
        return (
            f"Proceed({self.side.value}, {self.phase.value}, headers={self.headers}, body={size}, "
            f"replace={self.replace}, clear_route={self.clear_route}, modes={self.modes})"
        )


class Chunk(Struct, frozen=True):
    """A piece of the outgoing body in FULL_DUPLEX_STREAMED mode, where answers need not match messages one to one.

    With `guard` an exchange fails, closed, that Envoy does not have in that mode; it would take the piece for "as it
    was" there.
    """

    side: Side
    data: bytes
    end: bool = False
    metadata: Metadata | None = None
    guard: bool = False

    def __repr__(self) -> str:
        return f"Chunk({self.side.value}, {len(self.data)} bytes, end={self.end})"


class Override(Struct, frozen=True):
    """An answer that holds a `mode_override` and nothing else.

    Envoy 1.40 takes it before the request headers are answered, to move NONE or STREAMED to FULL_DUPLEX_STREAMED.
    """

    modes: ModeOverride


class Reject(Struct, frozen=True):
    """Answer the client now (Envoy's ImmediateResponse). `details` shows in `%RESPONSE_CODE_DETAILS%`."""

    status: int
    body: bytes = b""
    headers: tuple[Field, ...] = ()
    details: str = ""
    metadata: Metadata | None = None

    def __repr__(self) -> str:
        return f"Reject({self.status}, details={self.details!r}, {len(self.body)} bytes)"


class StreamHeaders(Struct, frozen=True):
    """Opens a streamed answer of our own (Envoy's StreamedImmediateResponse)."""

    status: int
    headers: tuple[Field, ...] = ()
    end: bool = False


class StreamBody(Struct, frozen=True):
    """A piece of a streamed answer of our own."""

    data: bytes
    end: bool = False

    def __repr__(self) -> str:
        return f"StreamBody({len(self.data)} bytes, end={self.end})"


class StreamTrailers(Struct, frozen=True):
    """Ends a streamed answer of our own with trailers."""

    headers: tuple[Field, ...] = ()


StreamEffect: TypeAlias = StreamHeaders | StreamBody | StreamTrailers


WorkKind: TypeAlias = Literal["rules", "scored", "remote"]
"""The place of a piece of work, one word for each kind of detector. `rules`: threads that run bounded steps, where
bodies are decoded and edited as well. `scored`: threads of their own for models that compute. `remote`: nobody here;
the loop awaits somebody else's answer."""


class Inspect(Struct, frozen=True):
    """Work that is handed out; `Inspected` or `Failed` with the same ticket answers it, unless it is withdrawn."""

    ticket: int
    processor: str
    work: Work | RemoteAsk | NetworkWork
    deadline: float
    kind: WorkKind = "rules"

    def __repr__(self) -> str:
        return f"Inspect({self.ticket}, {self.processor})"


class Withdraw(Struct, frozen=True):
    """Stop the work with this ticket: its result would change nothing any more. Nothing answers it."""

    ticket: int


@plain
class AbortCode(IntEnum):
    """gRPC status codes that end an exchange as an error, so that Envoy fails closed.

    OK is not among them on purpose: Envoy takes a clean early close for "go on without me".
    """

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    RESOURCE_EXHAUSTED = 8
    INTERNAL = 13
    UNAVAILABLE = 14


class Abort(Struct, frozen=True):
    """End the gRPC stream with an error. `reason` is fixed text of ours: Envoy shows it in its access log."""

    code: AbortCode
    reason: str


Effect: TypeAlias = (
    Proceed | Chunk | Override | Reject | StreamEffect | Inspect | Withdraw | Abort | Record | AttemptRecord
)
