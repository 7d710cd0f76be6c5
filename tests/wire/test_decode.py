"""Bytes from Envoy, or from somebody who is not Envoy, to messages."""

import math

import pytest
from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Message, Side, Trailers, Unknown
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.wire import decode
from extproc.wire.beside import ATTRIBUTES_KEY, MAX_ATTRIBUTES, METADATA_DEPTH
from extproc.wire.decode import MAX_FIELDS
from extproc.wire.pb.headers_pb2 import HeaderMap as PbHeaderMap
from extproc.wire.pb.headers_pb2 import HeaderValue
from extproc.wire.pb.processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest
from tests.gathered import gathered
from tests.wire.requests import payload
from tests.wire.strategies import messages

FIELDS = HeaderMap(
    [(":path", b"/v1"), ("x-twice", b"1"), ("x-twice", b"2"), ("x-bytes", b"\xff\x00"), ("x-empty", b"")]
)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("end", [False, True])
def test_headers_come_with_their_side_their_order_and_their_end(side: Side, end: bool) -> None:
    message = Headers(side, FIELDS, end)
    assert decode(payload(message)) == message


@gathered("side", Side)
@gathered("end", [False, True])
@gathered("data", [b"", b"\x00\xff", b"x" * 300, b"x" * 3_000_000])
def test_a_body_comes_with_its_side_its_bytes_and_its_end(side: Side, end: bool, data: bytes) -> None:
    message = Body(side, data, end)
    assert decode(payload(message)) == message


@pytest.mark.parametrize("side", Side)
def test_trailers_come_with_their_side_and_their_order(side: Side) -> None:
    message = Trailers(side, FIELDS)
    assert decode(payload(message)) == message


def test_a_value_that_came_as_text_is_read_where_there_are_no_raw_bytes() -> None:
    headers = PbHeaderMap(headers=[HeaderValue(key="a", value="é"), HeaderValue(key="b", value="no", raw_value=b"yes")])
    request = ProcessingRequest(request_headers=HttpHeaders(headers=headers))
    assert decode(request.SerializeToString()) == Headers(Side.REQUEST, HeaderMap([("a", "é".encode()), ("b", b"yes")]))


def metadata(depth: int) -> Struct:
    found = Struct()
    found.update({"sub": "acme", "n": 7, "ok": True, "groups": ["a", 1], "none": None})
    for _ in range(depth):
        outer = Struct()
        outer.fields["in"].struct_value.CopyFrom(found)
        found = outer
    return found


@pytest.mark.parametrize("padding", [0, 300])
def test_dynamic_metadata_comes_as_plain_values_by_namespace_and_asking_adds_none(padding: int) -> None:
    request = ProcessingRequest.FromString(payload(Headers(Side.REQUEST, FIELDS)))
    request.metadata_context.filter_metadata["jwt"].CopyFrom(metadata(1))
    request.metadata_context.filter_metadata["x" * padding].CopyFrom(Struct())
    message = decode(request.SerializeToString())
    assert isinstance(message, Headers)
    claims = {"sub": "acme", "n": 7, "ok": True, "groups": ["a", 1], "none": None}
    assert message.metadata.get("jwt") == {"in": claims}
    assert message.metadata.get("other") is None
    assert set(message.metadata) == {"jwt", "x" * padding}
    assert "acme" not in repr(message.metadata)


def test_metadata_that_is_nested_too_deep_is_left_out() -> None:
    for depth, kept in ((METADATA_DEPTH, True), (METADATA_DEPTH + 1, False)):
        request = ProcessingRequest.FromString(payload(Headers(Side.REQUEST, FIELDS)))
        request.metadata_context.filter_metadata["jwt"].CopyFrom(metadata(depth))
        message = decode(request.SerializeToString())
        assert isinstance(message, Headers)
        assert ("acme" in str(message.metadata["jwt"])) is kept


# How an exchange begins: protocol_config.


@gathered("early", [False, True])
@gathered("response", BodyMode)
@gathered("request_mode", BodyMode)
def test_every_pair_of_body_modes_is_read_from_the_first_message(
    request_mode: BodyMode, response: BodyMode, early: bool
) -> None:
    message = Headers(Side.REQUEST, FIELDS, config=ProtocolConfig(request_mode, response, early))
    assert decode(payload(message)) == message


def test_a_configuration_with_nothing_set_is_not_the_same_as_none() -> None:
    config = ProtocolConfig(BodyMode.NONE, BodyMode.NONE)
    for message in (Body(Side.REQUEST, b"", config=config), Trailers(Side.RESPONSE, HeaderMap(), config=config)):
        assert decode(payload(message)) == message
    assert decode(payload(Body(Side.REQUEST, b""))) == Body(Side.REQUEST, b"", config=None)


@pytest.mark.parametrize("field", ["08", "10"])
@pytest.mark.parametrize("mode", [6, 127])
def test_a_body_mode_of_a_later_envoy_is_a_violation_that_names_the_number(field: str, mode: int) -> None:
    first = ProcessingRequest(request_headers=HttpHeaders()).SerializeToString()
    config = bytes.fromhex(f"5a02{field}") + bytes([mode])
    with pytest.raises(ProtocolViolation, match=f"body mode {mode}, which this version does not know"):
        decode(first + config)


# Attributes.


def with_attributes(fields: dict[str, Value], key: str = ATTRIBUTES_KEY) -> bytes:
    request = ProcessingRequest(request_body=HttpBody(), attributes={key: Struct(fields=fields)})
    return request.SerializeToString()


def attributes(message: Message) -> dict[str, str]:
    assert isinstance(message, Body)
    return dict(message.attributes)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(string_value="route-1"), "route-1"),
        (Value(string_value=""), ""),
        (Value(number_value=200), "200"),
        (Value(number_value=-3), "-3"),
        (Value(number_value=0.1), "0.1"),
        (Value(number_value=1e300), str(int(1e300))),
        (Value(number_value=math.inf), "inf"),
        (Value(number_value=math.nan), "nan"),
        (Value(bool_value=True), "true"),
        (Value(bool_value=False), "false"),
    ],
)
def test_an_attribute_is_read_as_text(value: Value, text: str) -> None:
    assert attributes(decode(with_attributes({"xds.route_name": value}))) == {"xds.route_name": text}


@pytest.mark.parametrize(
    "value", [Value(), Value(null_value=NULL_VALUE), Value(list_value=ListValue()), Value(struct_value=Struct())]
)
def test_an_attribute_that_is_no_scalar_is_left_out(value: Value) -> None:
    assert attributes(decode(with_attributes({"a": value, "b": Value(string_value="kept")}))) == {"b": "kept"}


def test_attributes_under_another_key_are_not_ours() -> None:
    assert attributes(decode(with_attributes({"a": Value(string_value="1")}, key="some.other.filter"))) == {}


def test_attributes_come_with_headers_and_trailers_too() -> None:
    for message in (
        Headers(Side.RESPONSE, FIELDS, attributes={"response.code": "200"}),
        Trailers(Side.REQUEST, FIELDS, attributes={"request.id": "7"}),
    ):
        assert decode(payload(message)) == message


# What is too much, and what is nothing at all.


def test_as_many_attributes_as_allowed_are_read_and_one_more_is_a_violation() -> None:
    fields = {str(number): Value(number_value=number) for number in range(MAX_ATTRIBUTES)}
    assert len(attributes(decode(with_attributes(fields)))) == MAX_ATTRIBUTES
    with pytest.raises(ProtocolViolation, match=f"more than {MAX_ATTRIBUTES} attributes"):
        decode(with_attributes({**fields, "more": Value(number_value=1)}))


@pytest.mark.parametrize("kind", [Headers, Trailers])
def test_as_many_header_fields_as_allowed_are_read_and_one_more_is_a_violation(kind: type[Headers | Trailers]) -> None:
    fields = [("x", b"1")] * MAX_FIELDS
    message = decode(payload(kind(Side.REQUEST, HeaderMap(fields))))
    assert isinstance(message, kind)
    assert len(message.fields) == MAX_FIELDS
    with pytest.raises(ProtocolViolation, match=f"more than {MAX_FIELDS} header fields"):
        decode(payload(kind(Side.REQUEST, HeaderMap([*fields, ("x", b"1")]))))


@pytest.mark.parametrize(
    "unknown",
    [
        b"",
        ProcessingRequest(observability_mode=True).SerializeToString(),
        ProcessingRequest(client_window_update={}).SerializeToString(),
        bytes.fromhex("fa0102 0000"),  # a field 31 that no Envoy has yet
    ],
)
def test_a_message_of_no_kind_we_know_is_unknown(unknown: bytes) -> None:
    assert decode(unknown) == Unknown()


def test_fields_of_a_later_envoy_do_not_hide_what_is_known() -> None:
    message = Body(Side.REQUEST, b"hello", end=True)
    assert decode(payload(message) + bytes.fromhex("fa0102 0000")) == message


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b'{"request_headers": {}}',
        b"\xff" * 10,
        bytes.fromhex("12"),  # a key without a value
        bytes.fromhex("1205"),  # five bytes promised, none there
        bytes.fromhex("12060a040a020aff"),  # a header name that is not UTF-8
    ],
)
def test_bytes_that_are_no_message_are_a_violation_that_quotes_nothing(garbage: bytes) -> None:
    with pytest.raises(ProtocolViolation, match=r"^not a ProcessingRequest$") as caught:
        decode(garbage)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# Properties.

texts = st.text(max_size=12)
fields = st.lists(st.tuples(texts, st.binary(max_size=40)), max_size=6).map(HeaderMap)
sides = st.sampled_from(Side)
modes = st.sampled_from(BodyMode)
shared = {
    "attributes": st.dictionaries(texts, texts, max_size=4),
    "config": st.none() | st.builds(ProtocolConfig, modes, modes, st.booleans()),
}
known: st.SearchStrategy[Headers | Body | Trailers] = st.one_of(
    st.builds(Headers, sides, fields, st.booleans(), **shared),
    st.builds(Body, sides, st.binary(max_size=5000), st.booleans(), **shared),
    st.builds(Trailers, sides, fields, **shared),
)


@given(known)
def test_what_envoy_says_is_what_is_read(message: Headers | Body | Trailers) -> None:
    assert decode(payload(message)) == message


def decodes_or_violates(data: bytes) -> None:
    try:
        message = decode(data)
    except ProtocolViolation:
        return
    assert isinstance(message, Headers | Body | Trailers | Unknown)


@given(messages(ProcessingRequest))
def test_any_message_of_the_protos_decodes_or_is_a_violation(request_: ProcessingRequest) -> None:
    decodes_or_violates(request_.SerializeToString())


@given(st.binary(max_size=200))
def test_random_bytes_decode_or_are_a_violation(garbage: bytes) -> None:
    decodes_or_violates(garbage)


@given(known, st.data())
def test_a_message_damaged_anywhere_decodes_or_is_a_violation(
    message: Headers | Body | Trailers, data: st.DataObject
) -> None:
    whole = bytearray(payload(message))
    at = data.draw(st.integers(0, len(whole)))
    whole[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    decodes_or_violates(bytes(whole))
    decodes_or_violates(bytes(whole[:at]))
