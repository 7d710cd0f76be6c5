"""What is read by hand says what protobuf says of the same bytes, or nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Message, Side, Trailers
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.wire import usual as module
from extproc.wire.beside import BesideMemo
from extproc.wire.decode import _parsed, decode
from extproc.wire.pb.processor_pb2 import ProcessingRequest
from extproc.wire.usual import Names, usual
from tests.wire.requests import payload
from tests.wire.strategies import messages

FIRST = ProtocolConfig(BodyMode.BUFFERED, BodyMode.NONE)
SAMPLES = (
    Headers(Side.REQUEST, HeaderMap([(":path", b"/v1"), ("x", b"\xff\x00")]), config=FIRST),
    Headers(Side.RESPONSE, HeaderMap([(":status", b"200")]), end=True, attributes={"response.code": "200"}),
    Headers(Side.REQUEST, HeaderMap([("long", b"v" * 300), ("empty", b""), ("n" * 120, b"1"), ("n" * 130, b"")])),
    Body(Side.REQUEST, b"data", end=True),
    Body(Side.RESPONSE, b"d" * 300),
)


def outcome(data: bytes) -> Message | str:
    """What protobuf makes of it."""
    try:
        message = _parsed(data)
    except ProtocolViolation as violation:
        return str(violation)
    return message


def agrees(data: bytes) -> bool:
    """Whether both ways say the same, where the short one says something."""
    try:
        short = usual(data)
    except ProtocolViolation:
        return isinstance(outcome(data), str)  # which of several faults is told is no matter
    return short is None or short == outcome(data)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("metadata", [False, True])
def test_what_envoy_sends_is_read_by_hand(sample: Headers | Body, metadata: bool) -> None:
    request = ProcessingRequest.FromString(payload(sample))
    if metadata:
        request.metadata_context.SetInParent()
    assert usual(request.SerializeToString()) == sample


@pytest.mark.parametrize(
    "sample",
    [
        Trailers(Side.REQUEST, HeaderMap([("a", b"b")])),
        Body(Side.REQUEST, b""),
        Body(Side.REQUEST, bytes(1 << 14)),
        Headers(Side.REQUEST, HeaderMap([("a", bytes(1 << 14))])),
        Body(Side.REQUEST, b"x", attributes={"long": "v" * (BesideMemo.LONGEST + 1)}),
    ],
    ids=["trailers", "no-data", "large-body", "large-field", "many-attributes"],
)
def test_the_rest_is_left_to_protobuf(sample: Headers | Body | Trailers) -> None:
    assert usual(payload(sample)) is None
    assert decode(payload(sample)) == sample


def test_sizes_below_16_kib_are_read_by_hand_and_from_there_left_to_protobuf() -> None:
    wires = [payload(Body(Side.REQUEST, bytes(size))) for size in range(16_370, 16_390)]
    sizes = {len(wire): usual(wire) is None for wire in wires}
    # Key and length take three bytes, or four.
    assert sizes == {size: size >= 3 + (1 << 14) for size in sizes}


@given(st.sampled_from(SAMPLES), st.integers(0, 200), st.integers(0, 255))
def test_a_byte_that_was_changed_never_makes_a_difference(sample: Headers | Body, at: int, byte: int) -> None:
    data = bytearray(payload(sample))
    data[at % len(data)] = byte
    assert agrees(bytes(data))


@given(st.sampled_from(SAMPLES), st.data())
def test_what_is_cut_put_in_or_doubled_never_makes_a_difference(sample: Headers | Body, draw: st.DataObject) -> None:
    data = payload(sample)
    start = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(start, len(data)))
    assert agrees(data[:start] + data[end:])
    assert agrees(data[:end] + data[start:])
    assert agrees(data[:start] + draw.draw(st.binary(max_size=6)) + data[start:])


@given(messages(ProcessingRequest))
@example(ProcessingRequest())
def test_any_message_of_the_protos_is_read_the_same(request: ProcessingRequest) -> None:
    assert agrees(request.SerializeToString())


@given(st.binary(max_size=40))
def test_bytes_that_are_nothing_are_read_the_same(garbage: bytes) -> None:
    for kind in range(256):
        assert agrees(bytes((kind,)) + garbage)


def test_a_name_that_is_not_utf_8_is_no_message() -> None:
    data = payload(Headers(Side.REQUEST, HeaderMap([("name", b"value")]))).replace(b"name", b"n\xff\xffe")
    assert usual(data) is None
    with pytest.raises(ProtocolViolation):
        decode(data)


def test_names_are_remembered_up_to_a_bound() -> None:
    names = Names()
    for number in range(Names.MOST + 1):
        assert names[b"n%d" % number] == f"n{number}"
        assert len(names) <= Names.MOST


def test_what_stands_beside_is_remembered_up_to_a_bound() -> None:
    memo = BesideMemo()
    for number in range(BesideMemo.MOST + 1):
        encoded = payload(Body(Side.REQUEST, b"", attributes={"a": str(number)}))[2:]
        beside = memo[encoded]
        assert beside is not None
        assert beside.attributes["a"] == str(number)
        assert len(memo) <= BesideMemo.MOST


def test_what_stands_beside_is_looked_at_up_to_a_length() -> None:
    memo = BesideMemo()
    sizes = [len(payload(Body(Side.REQUEST, b"", attributes={"a": "v" * n}))[2:]) for n in range(900, 1020)]
    assert BesideMemo.LONGEST in sizes
    for n in range(900, 1020):
        encoded = payload(Body(Side.REQUEST, b"", attributes={"a": "v" * n}))[2:]
        assert (memo[encoded] is None) is (len(encoded) > BesideMemo.LONGEST)


def test_a_header_value_is_not_remembered() -> None:
    secret = b"Bearer planted-secret"
    assert usual(payload(Headers(Side.REQUEST, HeaderMap([("authorization", secret)])))) is not None
    assert not any(b"planted" in kept for kept in (*module._names, *module._beside))
