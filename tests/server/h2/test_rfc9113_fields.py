"""RFC 9113, section 8: what makes a request, and what makes it malformed."""

import pytest

from extproc.server.h2 import fields
from extproc.server.h2.events import Data, RequestStarted
from extproc.server.h2.frames import ErrorCode
from extproc.server.h2.requests import RequestHead
from tests.server.h2.client import PROCESS, REQUEST, SIZE_ZERO, connected, data, headers, opened, reset_by, taken

MALFORMED = (1, ErrorCode.PROTOCOL_ERROR)
Fields = list[tuple[bytes, bytes]]


def request(*more: tuple[bytes, bytes], without: bytes = b"", **changed: bytes) -> bytes:
    """The usual request with fields changed (by the name of a pseudo-header field), left out or added."""
    found = [
        (name, changed.get(name.decode().removeprefix(":"), value) if name.startswith(b":") else value)
        for name, value in REQUEST
        if name != without
    ]
    return SIZE_ZERO + fields.encode([*found, *more])


def accepted(block: bytes) -> RequestHead:
    (event,) = taken(connected(), headers(1, block))
    assert isinstance(event, RequestStarted)
    return event.request


def refused(block: bytes) -> bool:
    return reset_by(connected(), headers(1, block)) == MALFORMED


def test_8_1_a_body_may_end_with_trailers() -> None:
    sent = headers(1, SIZE_ZERO + fields.encode([(b"x-a", b"1")]), end=True)
    assert taken(opened(1), sent) == [Data(1, b"", ended=True)]


def test_8_1_headers_in_mid_stream_must_end_it() -> None:
    assert reset_by(opened(1), headers(1, SIZE_ZERO + fields.encode([(b"x-a", b"1")]))) == MALFORMED


def test_8_1_pseudo_fields_in_trailers_are_malformed() -> None:
    assert reset_by(opened(1), headers(1, SIZE_ZERO + fields.encode([(b":path", b"/")]), end=True)) == MALFORMED


@pytest.mark.parametrize("field", [(b"X-A", b"1"), (b"x-a", b"1\n"), (b"connection", b"close"), (b"", b"1")])
def test_8_1_trailers_are_held_to_the_rules_of_fields(field: tuple[bytes, bytes]) -> None:
    assert reset_by(opened(1), headers(1, SIZE_ZERO + fields.encode([field]), end=True)) == MALFORMED


@pytest.mark.parametrize(("length", "pieces"), [(0, []), (3, [b"abc"]), (3, [b"a", b"bc"])])
def test_8_1_1_a_body_is_as_long_as_content_length_says(length: int, pieces: list[bytes]) -> None:
    connection = connected()
    taken(connection, headers(1, request((b"content-length", b"%d" % length)), end=not pieces))
    for index, piece in enumerate(pieces):
        taken(connection, data(1, piece, end=index == len(pieces) - 1))


@pytest.mark.parametrize("piece", [b"ab", b"abcd"])
def test_8_1_1_a_body_shorter_or_longer_than_content_length_is_malformed(piece: bytes) -> None:
    connection = connected()
    taken(connection, headers(1, request((b"content-length", b"3"))))
    assert reset_by(connection, data(1, piece, end=True)) == MALFORMED


def test_8_1_1_a_body_that_is_too_long_is_malformed_before_its_end() -> None:
    connection = connected()
    taken(connection, headers(1, request((b"content-length", b"3"))))
    assert reset_by(connection, data(1, b"abcd")) == MALFORMED


def test_8_1_1_a_request_without_a_body_that_announces_one_is_malformed() -> None:
    assert reset_by(connected(), headers(1, request((b"content-length", b"3")), end=True)) == MALFORMED


def test_8_1_1_trailers_before_the_announced_end_are_malformed() -> None:
    connection = connected()
    taken(connection, headers(1, request((b"content-length", b"3"))) + data(1, b"ab"))
    assert reset_by(connection, headers(1, SIZE_ZERO + fields.encode([(b"x-a", b"1")]), end=True)) == MALFORMED


@pytest.mark.parametrize("value", [b"", b"-1", b"+3", b"3, 3", b"0x3", b"3 3", b"9" * 19, "٣".encode()])
def test_8_1_1_a_content_length_that_is_no_number_is_malformed(value: bytes) -> None:
    assert refused(request((b"content-length", value)))


@pytest.mark.parametrize(
    "name", [b"", b"X-Upper", b"x a", b"x:a", b"x\x00", b"x\r\nb", b"x\x7f", "é".encode(), b"(x)", b"x\t"]
)
def test_8_2_1_a_field_name_with_a_forbidden_byte_is_malformed(name: bytes) -> None:
    assert refused(request((name, b"1")))


@pytest.mark.parametrize("name", [b"x", b"0", b"x-a_b.c~d|e`f^g+h*i'j&k%l$m#n!o"])
def test_8_2_1_a_field_name_may_be_any_token(name: bytes) -> None:
    assert accepted(request((name, b"1"))).fields[name] == b"1"


@pytest.mark.parametrize("value", [b"a\x00b", b"a\rb", b"a\nb", b" a", b"a ", b"\ta", b"a\t", b" ", b"a\n"])
def test_8_2_1_a_field_value_with_a_forbidden_byte_is_malformed(value: bytes) -> None:
    assert refused(request((b"x-a", value)))


@pytest.mark.parametrize("value", [b"", b"a b", b"a\tb", b"\x80\xff", b'"\\'])
def test_8_2_1_a_field_value_may_hold_any_other_byte(value: bytes) -> None:
    assert accepted(request((b"x-a", value))).fields[b"x-a"] == value


@pytest.mark.parametrize("name", [b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"])
def test_8_2_2_connection_specific_fields_are_malformed(name: bytes) -> None:
    assert refused(request((name, b"x")))


@pytest.mark.parametrize("value", [b"gzip", b"trailers, deflate", b""])
def test_8_2_2_te_may_say_trailers_and_nothing_else(value: bytes) -> None:
    assert refused(request((b"te", value), without=b"te"))


def test_8_2_3_repeated_fields_are_joined_in_order() -> None:
    assert accepted(request((b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3"))).fields[b"x-a"] == b"1, 3"


@pytest.mark.parametrize("name", [b":status", b":protocol", b":x", b":", b":Method"])
def test_8_3_unknown_pseudo_fields_are_malformed(name: bytes) -> None:
    assert refused(SIZE_ZERO + fields.encode([(name, b"1"), *REQUEST]))


@pytest.mark.parametrize("name", [b":method", b":scheme", b":path", b":authority"])
def test_8_3_repeated_pseudo_fields_are_malformed(name: bytes) -> None:
    assert refused(SIZE_ZERO + fields.encode([(name, dict(REQUEST)[name]), *REQUEST]))


def test_8_3_pseudo_fields_after_others_are_malformed() -> None:
    assert refused(SIZE_ZERO + fields.encode([(b"x-a", b"1"), *REQUEST]))


@pytest.mark.parametrize("name", [b":method", b":scheme", b":path"])
def test_8_3_1_a_request_needs_its_pseudo_fields(name: bytes) -> None:
    assert refused(request(without=name))


@pytest.mark.parametrize("name", ["method", "scheme", "path"])
def test_8_3_1_pseudo_fields_are_not_empty(name: str) -> None:
    assert refused(request(**{name: b""}))


def test_8_3_1_a_request_needs_no_authority() -> None:
    assert accepted(request(without=b":authority")).path == PROCESS


@pytest.mark.parametrize("path", [b"x", b"http://x/", b"*"])
def test_8_3_1_a_path_starts_with_a_slash(path: bytes) -> None:
    assert refused(request(path=path))


def test_8_3_1_the_path_of_options_may_be_an_asterisk() -> None:
    assert accepted(request(path=b"*", method=b"OPTIONS")).path == b"*"


def test_8_3_1_a_host_beside_the_authority_must_say_the_same() -> None:
    assert accepted(request((b"host", b"EXT_PROC"))).path == PROCESS
    assert refused(request((b"host", b"other")))
    assert refused(request((b"host", b"ext_proc"), (b"host", b"ext_proc")))


def test_8_3_1_a_host_may_stand_alone() -> None:
    assert accepted(request((b"host", b"other"), without=b":authority")).path == PROCESS


def test_8_3_1_an_authority_has_no_user_information() -> None:
    assert refused(request(authority=b"user@ext_proc"))


def test_8_5_connect_has_an_authority_and_nothing_else() -> None:
    whole = [(b":method", b"CONNECT"), (b":authority", b"x:1")]
    assert accepted(SIZE_ZERO + fields.encode(whole)).method == b"CONNECT"
    assert refused(SIZE_ZERO + fields.encode(whole[:1]))
    assert refused(SIZE_ZERO + fields.encode([*whole, (b":path", b"/")]))
    assert refused(SIZE_ZERO + fields.encode([*whole, (b":scheme", b"http")]))


def test_a_request_does_not_show_its_values() -> None:
    assert "secret" not in repr(accepted(request((b"authorization", b"Bearer secret"))))
