"""Header blocks and their cache: the same bytes may mean different things, and must not be mistaken."""

import logging

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.h2 import fields
from extproc.server.h2.blocks import HeaderBlocks
from extproc.server.h2.connection import Connection
from extproc.server.h2.events import RequestStarted
from extproc.server.h2.frames import HEADERS, PREFACE, SETTINGS_ACK, ConnectionFault, ErrorCode, StreamFault
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.status import Status, only_trailers
from tests.server.h2 import client
from tests.server.h2.client import REQUEST, SIZE_ZERO, headers

PLAIN = fields.encode(REQUEST)
FIRST_DYNAMIC = b"\xbe"
"""An index field for entry 62: the newest of the dynamic table."""


def adding(name: bytes, value: bytes) -> bytes:
    """A literal field with incremental indexing: it goes into the dynamic table, if it fits."""
    return b"\x40" + bytes((len(name),)) + name + bytes((len(value),)) + value


def blocks(limits: ConnectionLimits | None = None) -> HeaderBlocks:
    return HeaderBlocks(limits or ConnectionLimits())


def pure(limits: ConnectionLimits | None = None) -> HeaderBlocks:
    """One whose peer has acknowledged our settings and said so to HPACK."""
    made = blocks(limits)
    made.acknowledged()
    made.fields(SIZE_ZERO)
    assert made.pure
    return made


def test_before_the_acknowledgement_the_same_bytes_can_mean_different_requests() -> None:
    made = blocks()
    made.fields(adding(b"x-user", b"alice"))
    assert made.request(PLAIN + FIRST_DYNAMIC).fields[b"x-user"] == b"alice"
    made.fields(adding(b"x-user", b"bob"))
    assert made.request(PLAIN + FIRST_DYNAMIC).fields[b"x-user"] == b"bob"
    assert len(made) == 0


def test_nothing_is_remembered_before_the_acknowledgement_even_of_blocks_without_a_dynamic_entry() -> None:
    made = blocks()
    made.request(PLAIN)
    assert len(made) == 0


def test_nothing_is_remembered_between_the_acknowledgement_and_the_encoders_own_word() -> None:
    made = blocks()
    made.fields(adding(b"x-user", b"alice"))
    made.acknowledged()
    assert not made.pure
    made.request(SIZE_ZERO + PLAIN)
    assert len(made) == 0
    assert made.pure


def test_an_encoder_that_shrinks_its_table_by_itself_may_still_grow_it_before_the_acknowledgement() -> None:
    made = blocks()
    made.request(SIZE_ZERO + PLAIN)
    assert not made.pure
    assert len(made) == 0
    made.fields(b"\x3f\xe1\x1f" + adding(b"x-user", b"alice"))  # back to 4096
    assert made.request(PLAIN + FIRST_DYNAMIC).fields[b"x-user"] == b"alice"
    assert len(made) == 0


def test_entries_from_before_are_gone_after_the_acknowledgement() -> None:
    made = blocks()
    made.fields(adding(b"x-user", b"alice"))
    made.acknowledged()
    with pytest.raises(ConnectionFault) as caught:
        made.request(SIZE_ZERO + PLAIN + FIRST_DYNAMIC)
    assert caught.value.code == ErrorCode.COMPRESSION_ERROR


def test_a_block_of_a_table_that_was_not_shrunk_is_an_error_and_not_remembered() -> None:
    made = blocks()
    made.fields(adding(b"x-user", b"alice"))
    made.acknowledged()
    with pytest.raises(ConnectionFault):
        made.request(PLAIN + FIRST_DYNAMIC)
    assert len(made) == 0


def test_once_pure_a_block_is_decoded_once() -> None:
    made = pure()
    assert made.request(PLAIN) is made.request(PLAIN)
    assert len(made) == 1


def test_once_pure_no_entry_gets_into_the_table() -> None:
    made = pure()
    added = PLAIN + adding(b"x-user", b"alice")
    assert made.request(added).fields[b"x-user"] == b"alice"
    assert made.request(added).fields[b"x-user"] == b"alice"
    with pytest.raises(ConnectionFault):
        made.request(PLAIN + FIRST_DYNAMIC)


@pytest.mark.parametrize("size", [b"\x21", b"\x3e", b"\x3f\x00", b"\x3f\xe1\x1f"])
def test_once_pure_the_table_cannot_grow_again(size: bytes) -> None:
    made = pure()
    with pytest.raises(ConnectionFault) as caught:
        made.request(size + PLAIN)
    assert caught.value.code == ErrorCode.COMPRESSION_ERROR
    assert made.pure


def test_requests_that_differ_in_one_byte_are_kept_apart() -> None:
    made = pure()
    alice = PLAIN + fields.encode([(b"authorization", b"alice")])
    bobby = PLAIN + fields.encode([(b"authorization", b"bobby")])
    assert made.request(alice).fields[b"authorization"] == b"alice"
    assert made.request(bobby).fields[b"authorization"] == b"bobby"
    assert made.request(alice).fields[b"authorization"] == b"alice"


def test_connections_remember_nothing_of_each_other() -> None:
    one, other = pure(), pure()
    one.request(PLAIN)
    assert len(other) == 0


def test_malformed_requests_are_not_remembered() -> None:
    made = pure()
    for _ in range(2):
        with pytest.raises(StreamFault):
            made.request(fields.encode([(b"x-a", b"1")]))
    assert len(made) == 0


def test_so_many_blocks_are_remembered_and_the_oldest_goes() -> None:
    made = pure(ConnectionLimits(cached_blocks=2))
    variants = [PLAIN + fields.encode([(b"x-n", b"%d" % number)]) for number in range(3)]
    first, second, _third = [made.request(block) for block in variants]
    assert len(made) == 2
    assert made.request(variants[1]) is second
    assert made.request(variants[0]) is not first


def test_blocks_up_to_a_size_are_remembered() -> None:
    room = 1000 - len(PLAIN) - 6
    made = pure(ConnectionLimits(cached_block_size=1000))
    made.request(PLAIN + fields.encode([(b"x", b"a" * room)]))
    assert len(made) == 1
    made.request(PLAIN + fields.encode([(b"x", b"a" * (room + 1))]))
    assert len(made) == 1


def test_a_header_list_of_the_limits_size_is_taken_and_one_byte_more_is_not() -> None:
    size = sum(len(name) + len(value) + 32 for name, value in REQUEST)
    pure(ConnectionLimits(header_list=size)).request(PLAIN)
    with pytest.raises(ConnectionFault) as caught:
        pure(ConnectionLimits(header_list=size - 1)).request(PLAIN)
    assert caught.value.code == ErrorCode.ENHANCE_YOUR_CALM


def test_a_bomb_of_small_indexes_to_one_large_entry_is_stopped_at_the_limit() -> None:
    made = blocks(ConnectionLimits(header_list=32 * 1024))
    made.fields(adding(b"x", b"a" * 100) + b"")
    bomb = b"\x40\x01x\x7f\x81\x1e" + b"a" * 3968  # 4 KB, the whole table
    made.fields(bomb)
    made.fields(FIRST_DYNAMIC * 7)
    with pytest.raises(ConnectionFault) as caught:
        made.fields(FIRST_DYNAMIC * 16_000)  # 64 MB
    assert caught.value.code == ErrorCode.ENHANCE_YOUR_CALM


def test_errors_do_not_quote_what_was_sent() -> None:
    with pytest.raises(ConnectionFault) as caught:
        pure().fields(b"\x00\x06secret\x7f\xff\xff\xff\xff\xff\xff")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_hpack_logs_no_field_even_where_everything_else_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        pure().request(PLAIN + fields.encode([(b"authorization", b"secret")]))
    assert "secret" not in caplog.text


@given(st.binary(max_size=64))
def test_any_bytes_are_a_request_or_a_fault(block: bytes) -> None:
    made = pure()
    try:
        made.request(block)
    except (ConnectionFault, StreamFault):
        assert len(made) == 0


NAMES = st.sampled_from([b"x-a", b"x-b", b"authorization", b"content-type"])
LISTS = st.lists(st.tuples(NAMES, st.sampled_from([b"1", b"2", b"alice", b"application/grpc"])), max_size=4)


@given(st.lists(LISTS, min_size=1, max_size=12), st.integers(0, 12), st.booleans())
def test_whenever_the_acknowledgement_comes_every_request_is_what_its_encoder_meant(
    lists: list[list[tuple[bytes, bytes]]], acknowledged_before: int, huffman: bool
) -> None:
    """A conforming encoder with a table, as Envoy's, against our decoder with its cache."""
    encoder = Encoder()
    made = blocks()
    for index, more in enumerate(lists):
        if index == acknowledged_before:
            encoder.header_table_size = 0
            made.acknowledged()
        meant = [*REQUEST[:4], *more]
        got = made.request(encoder.encode(meant, huffman=huffman))
        expected: dict[bytes, bytes] = {}
        for name, value in more:
            expected[name] = expected[name] + b", " + value if name in expected else value
        assert got.fields == expected


def test_a_connection_remembers_blocks_only_after_its_peers_acknowledgement() -> None:
    connection = Connection(ConnectionLimits(), 0.0)
    remembered = connection.core.blocks
    encoder = Encoder()
    connection.receive(PREFACE + client.settings() + headers(1, encoder.encode(REQUEST)), 0.0)
    connection.receive(headers(3, encoder.encode(REQUEST)), 0.0)
    assert len(remembered) == 0
    encoder.header_table_size = 0
    connection.receive(SETTINGS_ACK + headers(5, encoder.encode(REQUEST)), 0.0)
    assert len(remembered) == 0
    block = encoder.encode(REQUEST)
    opened = connection.receive(headers(7, block) + headers(9, block), 0.0)
    assert len(remembered) == 1
    assert isinstance(opened[0], RequestStarted)
    assert isinstance(opened[1], RequestStarted)
    assert opened[0].request is opened[1].request
    assert opened[0].request.path == client.PROCESS


@pytest.mark.parametrize("size", [0, 100, 4096, 65_536])
def test_a_client_may_bound_our_encoders_table_to_anything_at_any_time(size: int) -> None:
    """A strict decoder demands to be told of a table that shrinks; `hpack`'s and nghttp2's are that."""
    connection = client.opened(1, 3)
    decoder = Decoder()
    connection.receive(client.settings((0x1, size)), 0.0)
    decoder.max_allowed_table_size = size
    connection.finish(1, only_trailers(Status.OK))
    connection.receive(client.settings((0x1, 0)), 0.0)
    connection.finish(3, only_trailers(Status.OK))
    blocks = [each.payload for each in client.parse(connection.data_to_send()) if each.kind == HEADERS]
    assert dict(decoder.decode(blocks[0], raw=True))[b"grpc-status"] == b"0"
    decoder.max_allowed_table_size = 0
    assert dict(decoder.decode(blocks[1], raw=True))[b"grpc-status"] == b"0"
