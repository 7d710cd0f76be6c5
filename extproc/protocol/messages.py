"""Messages: what can happen to an exchange. They are facts; nothing else reaches a transaction."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from extproc.protocol.enums import plain
from extproc.protocol.headers import HeaderMap
from extproc.protocol.modes import ProtocolConfig
from extproc.protocol.record import Usage
from extproc.protocol.work import WorkResult


@plain
class Side(Enum):
    """The direction a message belongs to. The two sides of an exchange advance independently."""

    REQUEST = "request"
    RESPONSE = "response"


class Headers(Struct, frozen=True):
    """Request or response headers. `end`: no body follows. `config` comes with the first message of an exchange.

    `metadata`: the dynamic metadata that Envoy forwards, by namespace: texts, numbers, truths, lists and mappings.
    """

    side: Side
    fields: HeaderMap
    end: bool = False
    attributes: Mapping[str, str] = {}
    config: ProtocolConfig | None = None
    metadata: Mapping[str, object] = {}


class Body(Struct, frozen=True):
    """A piece of a body, or in BUFFERED mode all of it. `end`: nothing follows, no trailers either."""

    side: Side
    data: bytes
    end: bool = False
    attributes: Mapping[str, str] = {}
    config: ProtocolConfig | None = None

    def __repr__(self) -> str:
        return f"Body({self.side.value}, {len(self.data)} bytes, end={self.end})"


class Trailers(Struct, frozen=True):
    """Trailers, which end their side in place of a body's end mark.

    `usage`: the tokens that Envoy's own filter counted in the response, and `model` the model that it found there.
    """

    side: Side
    fields: HeaderMap
    attributes: Mapping[str, str] = {}
    config: ProtocolConfig | None = None
    usage: Usage | None = None
    model: str = ""


class Unknown(Struct, frozen=True):
    """A message that carries none of the kinds we know: Envoy is newer than us, or is not Envoy."""


class Inspected(Struct, frozen=True):
    """The answer to an `Inspect` effect. The result has no rendering: it may be text."""

    ticket: int
    result: WorkResult

    def __repr__(self) -> str:
        return f"Inspected({self.ticket})"


class Failed(Struct, frozen=True):
    """Offloaded work that brought no answer. `reason` is a fixed word such as `timeout`, never an error's text."""

    ticket: int
    reason: str


class Deadline(Struct, frozen=True):
    """The time named by `Transaction.deadline` has passed."""


class StreamClosed(Struct, frozen=True):
    """Envoy ended the stream. `clean` tells a half-close from a reset; Envoy does either after a normal exchange."""

    clean: bool = True


Message: TypeAlias = Headers | Body | Trailers | Unknown | Inspected | Failed | Deadline | StreamClosed
