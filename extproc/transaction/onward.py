"""Bodies that were held, on their way out: the answers to all that came of one, by the mode that Envoy is in."""

from typing import Final

from extproc.protocol.effects import Chunk, HeaderMutation, Phase, Proceed
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode
from extproc.transaction.answers import PASS_REQUEST_BODY, PASS_REQUEST_TRAILERS, Effects
from extproc.transaction.routed import Routed

AT_ONCE: Final = (BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL)
"""Modes in which one message holds the body."""

CHUNK_BYTES: Final = 256 * 1024
"""Size of a piece of a held body. Envoy took 20 MiB at once, but pieces let it apply back-pressure, and at 256 KiB a
message's fixed cost is lost in that of copying it."""


def send(mode: BodyMode, routed: Routed, body: bytes, held: int, strips: tuple[str, ...]) -> Effects:
    """Answers a body that came in `held` messages and goes on as `routed` says."""
    steering, changed = routed.steering, routed.body
    clear, metadata = routed.clear_route, steering.metadata if steering else None
    if mode in AT_ONCE:
        if steering is not None and changed is None and not strips:
            return (steering.unchanged,)
        headers = routed.headers if changed is None else _with_length(routed.headers, changed)
        return (Proceed(Side.REQUEST, Phase.BODY, headers, changed, False, clear, None, metadata),)
    onward = body if changed is None else changed
    # Envoy drops the length of a body that it streams, and takes ours where it is allowed: the whole body is here.
    headers = routed.headers if "content-length" in strips else _with_length(routed.headers, onward)
    first = Proceed(Side.REQUEST, Phase.HEADERS, headers, clear_route=clear, metadata=metadata)
    if mode is BodyMode.STREAMED:
        return (first, *one_for_each(held, changed))
    return (first, *pieces(Side.REQUEST, onward))


def send_with_trailers(mode: BodyMode, routed: Routed, body: bytes, held: int) -> Effects:
    """The same for a body that trailers have ended."""
    steering, changed = routed.steering, routed.body
    clear, metadata = routed.clear_route, steering.metadata if steering else None
    if mode is not BodyMode.FULL_DUPLEX_STREAMED:
        first = Proceed(Side.REQUEST, Phase.HEADERS, routed.headers, clear_route=clear, metadata=metadata)
        return (first, *one_for_each(held, changed), *trailers_without(_not_in_trailers(routed.headers)))
    # All of the body in the headers answer, so that a retry cannot send it twice. The trailers end here: no API
    # that we claim has a use for them.
    whole = body if changed is None else changed
    return (Proceed(Side.REQUEST, Phase.HEADERS, routed.headers, whole, True, clear, None, metadata),)


def _not_in_trailers(headers: HeaderMutation) -> tuple[str, ...]:
    """The fields that only we decide about: what is set in the headers may not come behind the body, either."""
    return (*headers.remove, *(name for name, _ in headers.set if not name.startswith(":")))


def trailers_without(names: tuple[str, ...]) -> Effects:
    """Lets trailers go on, without what may not stand in the headers either."""
    if not names:
        return PASS_REQUEST_TRAILERS
    return (Proceed(Side.REQUEST, Phase.TRAILERS, HeaderMutation(remove=names)),)


def one_for_each(messages: int, changed: bytes | None) -> Effects:
    """An answer to each message of a streamed body: all of what goes on in its place is in the first."""
    if changed is None:
        return PASS_REQUEST_BODY * messages
    cleared = Proceed(Side.REQUEST, Phase.BODY, body=b"")
    return (Proceed(Side.REQUEST, Phase.BODY, body=changed), *((cleared,) * (messages - 1)))


def _with_length(headers: HeaderMutation, body: bytes) -> HeaderMutation:
    return HeaderMutation(headers.set, headers.remove, (("content-length", b"%d" % len(body)),))


def pieces(side: Side, body: bytes, *, end: bool = True) -> tuple[Chunk, ...]:
    """The body in chunks, at least one; the last one ends the side where `end` says so."""
    if len(body) <= CHUNK_BYTES:
        return (Chunk(side, body, end),)
    starts = range(0, len(body), CHUNK_BYTES)
    return tuple(Chunk(side, body[at : at + CHUNK_BYTES], end and at + CHUNK_BYTES >= len(body)) for at in starts)
