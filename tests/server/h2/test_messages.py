"""Length-prefixed messages ("Length-Prefixed-Message" in gRPC's specification), cut anywhere."""

import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.h2.messages import MessageFault, Messages
from extproc.server.h2.status import Status
from tests.server.h2.client import message


def fault(messages: Messages) -> Status:
    with pytest.raises(MessageFault) as caught:
        messages.next()
    return caught.value.status


@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
def test_any_cut_gives_the_same_messages(payloads: list[bytes], draw: st.DataObject) -> None:
    body = b"".join(message(payload) for payload in payloads)
    messages = Messages(40, compresses=False)
    got = []
    while body:
        size = draw.draw(st.integers(1, len(body)))
        messages.feed(body[:size])
        body = body[size:]
        while (payload := messages.next()) is not None:
            got.append(payload)
    assert got == payloads
    assert len(messages) == 0


def test_a_message_of_the_limits_size_is_taken_and_one_byte_more_is_not() -> None:
    messages = Messages(3, compresses=False)
    messages.feed(message(b"abc"))
    assert messages.next() == b"abc"
    messages.feed(message(b"abcd")[:5])
    assert fault(messages) == Status.RESOURCE_EXHAUSTED


def test_a_message_of_4_gib_is_refused_by_its_prefix_alone() -> None:
    messages = Messages(1 << 20, compresses=False)
    messages.feed(b"\0\xff\xff\xff\xff")
    assert fault(messages) == Status.RESOURCE_EXHAUSTED


def test_a_compressed_message_is_unimplemented_where_compression_was_announced() -> None:
    messages = Messages(100, compresses=True)
    messages.feed(message(zlib.compress(b"abc"), flag=1))
    assert fault(messages) == Status.UNIMPLEMENTED


def test_a_compressed_message_is_an_error_where_it_was_not() -> None:
    messages = Messages(100, compresses=False)
    messages.feed(message(b"abc", flag=1))
    assert fault(messages) == Status.INTERNAL


@pytest.mark.parametrize("compresses", [True, False])
@pytest.mark.parametrize("flag", [2, 3, 0x80, 0xFF])
def test_a_flag_of_no_meaning_is_an_error(flag: int, compresses: bool) -> None:
    messages = Messages(100, compresses=compresses)
    messages.feed(message(b"abc", flag=flag))
    assert fault(messages) == Status.INTERNAL


def test_uncompressed_messages_are_taken_where_compression_was_announced() -> None:
    messages = Messages(100, compresses=True)
    messages.feed(message(b"abc"))
    assert messages.next() == b"abc"


def test_a_message_in_pieces_of_a_byte_costs_hardly_more_than_its_bytes() -> None:
    messages = Messages(100_000, compresses=False)
    for byte in message(bytes(100_000))[:-1]:
        messages.feed(bytes((byte,)))
    assert sys.getsizeof(messages._buffer) < 150_000


def test_the_memory_of_a_large_message_is_let_go() -> None:
    messages = Messages(1_000_000, compresses=False)
    messages.feed(message(bytes(1_000_000)))
    assert messages.next() == bytes(1_000_000)
    assert sys.getsizeof(messages._buffer) < 100
