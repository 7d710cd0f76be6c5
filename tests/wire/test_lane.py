"""A body that nobody reads is answered as if it had been read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.protocol.effects import Chunk, Phase, Proceed
from extproc.protocol.messages import Side
from extproc.wire import encode
from extproc.wire.lane import PASSED_REQUEST, PASSED_RESPONSE, RESPONSE_BODY, echo
from extproc.wire.pb.processor_pb2 import ProcessingRequest
from tests.gathered import gathered


def message(data: bytes, *, end: bool = False, metadata: bool = False) -> bytes:
    request = ProcessingRequest()
    if metadata:
        request.metadata_context.SetInParent()
    request.response_body.body = data
    request.response_body.end_of_stream = end
    return request.SerializeToString()


def test_the_plain_answer_is_the_one_that_reading_gives() -> None:
    assert encode(Proceed(Side.REQUEST, Phase.BODY)) == PASSED_REQUEST
    assert encode(Proceed(Side.RESPONSE, Phase.BODY)) == PASSED_RESPONSE


@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_an_echo_is_the_chunk_that_reading_gives(data: bytes, metadata: bool) -> None:
    payload = message(data, metadata=metadata)  # Envoy 1.40 names the metadata even where there is none
    assert payload.startswith(RESPONSE_BODY)
    # A body may end in the very bytes that mark an end: then it is looked at.
    assert echo(payload) == (None if data.endswith(b"\x10\x01") else encode(Chunk(Side.RESPONSE, data)))


@gathered("size", [1, 123, 124, 125, 126, 127, 128, 2_044, 2_045, 2_046, 16_377, 16_378, 16_379])
@gathered("metadata", [False, True])
def test_an_echo_is_right_at_every_length_of_a_length(size: int, metadata: bool) -> None:
    assert echo(message(b"x" * size, metadata=metadata)) == encode(Chunk(Side.RESPONSE, b"x" * size))


@pytest.mark.parametrize("size", [16_382, 16_384, 100_000])
def test_a_large_piece_is_left_to_the_parser(size: int) -> None:
    assert echo(message(b"x" * size)) is None


@pytest.mark.parametrize("data", [b"", b"last"])
@pytest.mark.parametrize("metadata", [False, True])
def test_an_end_and_an_empty_piece_are_left_to_the_parser(data: bytes, metadata: bool) -> None:
    assert echo(message(data, end=True, metadata=metadata)) is None


def test_a_piece_that_is_cut_is_left_to_the_parser() -> None:
    whole = message(b"data")
    assert [echo(whole[:size]) for size in range(len(whole))] == [None] * len(whole)


def test_a_piece_beside_metadata_is_left_to_the_parser() -> None:
    request = ProcessingRequest()
    request.response_body.body = b"data"
    request.metadata_context.filter_metadata["a"].update({"b": 1})
    assert echo(request.SerializeToString()) is None


def test_a_message_that_holds_more_than_a_body_is_left_to_the_parser() -> None:
    request = ProcessingRequest()
    request.response_body.body = b"data"
    request.protocol_config.send_body_without_waiting_for_header_response = True
    assert echo(request.SerializeToString()) is None


@given(st.binary(max_size=40))
def test_bytes_that_are_no_message_are_left_to_the_parser_or_echoed_whole(garbage: bytes) -> None:
    answer = echo(RESPONSE_BODY + garbage)
    assert answer is None or answer.endswith(garbage[1:])
