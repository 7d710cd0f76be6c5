"""How calls end, on the wire: decoded by a library that nobody here wrote."""

from urllib.parse import unquote_to_bytes

import pytest
from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.h2 import fields, status
from extproc.server.h2.frames import DEFAULT_FRAME_SIZE
from extproc.server.h2.status import Status, only_trailers, percent_encode, trailers


def decoded(block: bytes) -> list[tuple[bytes, bytes]]:
    decoder = Decoder()
    decoder.max_allowed_table_size = 0
    decoder.header_table_size = 0
    return [tuple(field) for field in decoder.decode(block, raw=True)]  # type: ignore[misc]  # pairs, by its own word


def test_response_headers_say_what_they_must() -> None:
    assert decoded(status.RESPONSE) == [
        (b":status", b"200"),
        (b"content-type", b"application/grpc"),
        (b"grpc-accept-encoding", b"identity"),
    ]


def test_a_call_that_ends_well_ends_with_the_bare_status() -> None:
    assert decoded(trailers(Status.OK)) == [(b"grpc-status", b"0")]


def test_a_call_that_fails_says_why() -> None:
    assert decoded(trailers(Status.NOT_FOUND, "no such service")) == [
        (b"grpc-status", b"5"),
        (b"grpc-message", b"no such service"),
    ]


def test_trailers_alone_are_a_whole_response() -> None:
    assert decoded(only_trailers(Status.INTERNAL, "no", 415)) == [
        (b":status", b"415"),
        (b"content-type", b"application/grpc"),
        (b"grpc-accept-encoding", b"identity"),
        (b"grpc-status", b"13"),
        (b"grpc-message", b"no"),
    ]


@pytest.mark.parametrize(
    ("message", "encoded"),
    [
        ("plain, with (marks)~", b"plain, with (marks)~"),
        ("100%", b"100%25"),
        ("a\nb\tc\x00", b"a%0Ab%09c%00"),
        ("é", b"%C3%A9"),
        ("\x7f", b"%7F"),
        ("☺%", b"%E2%98%BA%25"),
    ],
)
def test_messages_are_percent_encoded(message: str, encoded: bytes) -> None:
    assert percent_encode(message) == encoded


@given(st.text(max_size=200))
def test_any_message_survives_its_encoding(message: str) -> None:
    encoded = percent_encode(message)
    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert unquote_to_bytes(encoded) == message.encode("utf-8", "replace")


def test_the_longest_message_fits_a_frame() -> None:
    assert len(only_trailers(Status.INTERNAL, "\x00" * 100_000)) < DEFAULT_FRAME_SIZE


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 8000, 8192])
def test_literal_fields_of_any_size_are_read_back(size: int) -> None:
    assert decoded(fields.encode([(b"x-a", b"v" * size)])) == [(b"x-a", b"v" * size)]


def test_a_field_larger_than_a_frame_may_be_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="8193"):
        fields.encode([(b"x-a", b"v" * 8193)])


@pytest.mark.parametrize("code", [200, 400, 405, 415])
def test_statuses_are_read_back(code: int) -> None:
    assert decoded(fields.status(code)) == [(b":status", b"%d" % code)]
