"""Processing modes: how much of a request or response Envoy hands over, and in which form.

The numbers are those of `envoy.extensions.filters.http.ext_proc.v3.ProcessingMode`, so that the wire edge casts and
never translates.
"""

from enum import IntEnum

from msgspec import Struct

from extproc.protocol.enums import plain


@plain
class BodyMode(IntEnum):
    """`ProcessingMode.BodySendMode`."""

    NONE = 0
    STREAMED = 1
    BUFFERED = 2
    BUFFERED_PARTIAL = 3
    FULL_DUPLEX_STREAMED = 4
    GRPC = 5


@plain
class SendMode(IntEnum):
    """`ProcessingMode.HeaderSendMode`, which headers and trailers share."""

    DEFAULT = 0
    SEND = 1
    SKIP = 2


class ProtocolConfig(Struct, frozen=True, gc=False):
    """The filter's configuration as the first message of an exchange states it.

    `body_early` is Envoy's `send_body_without_waiting_for_header_response`.
    """

    request_body: BodyMode = BodyMode.NONE
    response_body: BodyMode = BodyMode.NONE
    body_early: bool = False


class ModeOverride(Struct, frozen=True, gc=False):
    """A `mode_override`. Body modes are explicit: Envoy reads an omitted one as NONE, never as "unchanged"."""

    request_body: BodyMode
    response_body: BodyMode
    response_headers: SendMode = SendMode.DEFAULT
    request_trailers: SendMode = SendMode.DEFAULT
    response_trailers: SendMode = SendMode.DEFAULT
