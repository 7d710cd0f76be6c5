"""Random conversations of a client, as bytes: mostly well-formed, so that they get somewhere."""

from hypothesis import strategies as st

from extproc.server.h2 import fields, frames
from tests.server.h2 import client
from tests.server.h2.client import BLOCK, TRAILERS, data, frame, headers, message, rst

STREAMS = st.sampled_from([1, 3, 5, 7])
PAYLOADS = st.sampled_from([b"", b"a", b"hello", bytes(300), bytes(20_000)])
ODD_BLOCKS = st.sampled_from(
    [b"", b"\xff", client.SIZE_ZERO + fields.encode([(b"x-a", b"1")]), b"\x82", BLOCK + b"\xbe"]
)


def _continued(stream_id: int, cut: int) -> bytes:
    first = frame(frames.HEADERS, 0, stream_id, BLOCK[:cut])
    return first + frame(frames.CONTINUATION, frames.END_HEADERS, stream_id, BLOCK[cut:])


def _pieces(stream_id: int, payload: bytes, cut: int, end: bool) -> bytes:
    wire = message(payload)
    parts = [wire[:cut], *(wire[at : at + 16_384] for at in range(cut, len(wire), 16_384))]
    return b"".join(data(stream_id, part) for part in parts) + (data(stream_id, end=True) if end else b"")


def _padded(stream_id: int, payload: bytes, padding: int) -> bytes:
    return frame(frames.DATA, frames.PADDED, stream_id, bytes((padding,)) + message(payload)[:16_000] + bytes(padding))


WELL_FORMED = st.one_of(
    st.builds(headers, STREAMS, end=st.booleans()),
    st.builds(_continued, STREAMS, st.integers(0, len(BLOCK))),
    st.builds(_pieces, STREAMS, PAYLOADS, st.integers(0, 300), st.booleans()),
    st.builds(_padded, STREAMS, PAYLOADS, st.integers(0, 255)),
    st.builds(lambda stream_id: headers(stream_id, TRAILERS, end=True), STREAMS),
    st.builds(rst, STREAMS),
    st.builds(frames.window_update, st.one_of(st.just(0), STREAMS), st.integers(1, 100_000)),
    st.builds(lambda window: client.settings((4, window)), st.integers(0, 100_000)),
    st.builds(lambda payload: frames.ping(payload, ack=False), st.binary(min_size=8, max_size=8)),
    st.builds(lambda stream_id: frame(frames.PRIORITY, 0, stream_id, bytes(5)), STREAMS),
    st.builds(lambda kind, flags: frame(kind, flags, 0, b"?"), st.integers(10, 255), st.integers(0, 255)),
)
ODD = st.one_of(
    st.builds(headers, st.integers(0, 8), ODD_BLOCKS, end=st.booleans()),
    st.builds(
        frame, st.integers(0, 10), st.integers(0, 255), st.integers(0, 8), st.one_of(PAYLOADS, st.binary(max_size=12))
    ),
)
SCRIPTS = st.lists(st.one_of(WELL_FORMED, WELL_FORMED, WELL_FORMED, WELL_FORMED, ODD), max_size=25)
"""What follows a client's greeting."""
