"""Effects to bytes, each against the same answer written with protobuf objects."""

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from extproc.protocol.effects import (
    Abort,
    AbortCode,
    Chunk,
    Effect,
    HeaderMutation,
    Inspect,
    Metadata,
    Override,
    Phase,
    Proceed,
    Reject,
    StreamBody,
    StreamHeaders,
    StreamTrailers,
)
from extproc.protocol.headers import Field
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter
from extproc.protocol.modes import BodyMode, ModeOverride, SendMode
from extproc.protocol.record import Record
from extproc.protocol.work import WorkResult
from extproc.wire import encode
from extproc.wire.pb.processor_pb2 import ProcessingResponse
from tests.gathered import gathered
from tests.wire.responses import response


def decoded(effect: Effect) -> ProcessingResponse:
    return ProcessingResponse.FromString(encode(effect))


FORWARD = HeaderMutation(
    set=(("x-extproc-cluster", b"vllm-eu"), ("content-length", b"312"), ("x-bytes", b"\xff\xfe"), (":path", b"/v1")),
    remove=("x-api-key", "cookie"),
    more=(("x-extproc-request-id", b"7b0d3c1e"),),
)
METADATA: Metadata = {
    "extproc": {"decision": "rerouted", "cached": True, "denied": False, "tokens": 12, "cost_usd": 0.25},
    "io.envoy.ai_gateway": {"model_name_override": "llama-3.1-8b"},
}
MODES = ModeOverride(BodyMode.BUFFERED, BodyMode.STREAMED, SendMode.SKIP, SendMode.SEND, SendMode.SEND)


@pytest.mark.parametrize(
    ("side", "phase", "written"),
    [
        (Side.REQUEST, Phase.HEADERS, b"\x0a\x00"),
        (Side.RESPONSE, Phase.HEADERS, b"\x12\x00"),
        (Side.REQUEST, Phase.BODY, b"\x1a\x00"),
        (Side.RESPONSE, Phase.BODY, b"\x22\x00"),
        (Side.REQUEST, Phase.TRAILERS, b"\x2a\x00"),
        (Side.RESPONSE, Phase.TRAILERS, b"\x32\x00"),
    ],
)
def test_going_on_unchanged_takes_two_bytes(side: Side, phase: Phase, written: bytes) -> None:
    plain = Proceed(side, phase)
    assert encode(plain) == written
    assert decoded(plain) == response(plain)


@gathered("side", Side)
@gathered("phase", Phase)
@gathered(
    "changes",
    [
        {"headers": FORWARD},
        {"headers": HeaderMutation()},
        {"headers": HeaderMutation(remove=("cookie",))},
        {"modes": MODES},
        {"metadata": METADATA},
        {"headers": FORWARD, "modes": MODES, "metadata": METADATA},
    ],
    ids="+".join,
)
def test_every_answer_can_change_headers_modes_and_metadata(
    side: Side, phase: Phase, changes: dict[str, object]
) -> None:
    answer = Proceed(side, phase, **changes)  # type: ignore[arg-type]  # each of its own field's type
    assert decoded(answer) == response(answer)


@gathered("side", Side)
@gathered("phase", [Phase.HEADERS, Phase.BODY])
@gathered("body", [None, b"", b"x", b"x" * 2047, b"x" * 2048, b"x" * 3_000_000])
@gathered("replace", [False, True])
@gathered("clear_route", [False, True])
@gathered("headers", [None, FORWARD])
def test_answers_to_headers_and_bodies_can_change_the_body_and_the_route(
    side: Side, phase: Phase, body: bytes | None, replace: bool, clear_route: bool, headers: HeaderMutation | None
) -> None:
    answer = Proceed(side, phase, headers, body, replace=replace, clear_route=clear_route)
    assert decoded(answer) == response(answer)


def test_a_body_of_nothing_clears_and_no_body_leaves() -> None:
    cleared = decoded(Proceed(Side.REQUEST, Phase.BODY, body=b"")).request_body.response
    left = decoded(Proceed(Side.REQUEST, Phase.BODY, clear_route=True)).request_body.response
    assert cleared.body_mutation.clear_body
    assert not left.HasField("body_mutation")


@pytest.mark.parametrize("change", [{"body": b""}, {"replace": True}, {"clear_route": True}])
def test_trailers_cannot_change_what_is_gone(change: dict[str, object]) -> None:
    answer = Proceed(Side.REQUEST, Phase.TRAILERS, **change)  # type: ignore[arg-type]  # each of its own field's type
    with pytest.raises(ValueError, match="trailers can be answered with header changes only"):
        encode(answer)


def test_a_header_is_set_by_its_raw_bytes_and_overwrites() -> None:
    set_headers = decoded(
        Proceed(Side.REQUEST, Phase.HEADERS, FORWARD)
    ).request_headers.response.header_mutation.set_headers
    assert [option.header.raw_value for option in set_headers] == [value for _, value in FORWARD.sets]
    assert {option.header.value for option in set_headers} == {""}
    assert {option.append_action for option in set_headers} == {
        option.OVERWRITE_IF_EXISTS_OR_ADD for option in set_headers
    }


def test_a_header_can_be_set_to_nothing() -> None:
    answer = Proceed(Side.REQUEST, Phase.HEADERS, HeaderMutation(set=(("x-empty", b""), ("x-full", b"1"))))
    empty, full = decoded(answer).request_headers.response.header_mutation.set_headers
    assert (empty.header.raw_value, empty.keep_empty_value) == (b"", True)
    assert (full.header.raw_value, full.keep_empty_value) == (b"1", False)


# Chunks, overrides, and answers of our own.


@gathered("side", Side)
@gathered("data", [b"", b"data: {}\n\n", b"x" * 2048, b"x" * 70_000])
@gathered("end", [False, True])
@gathered("metadata", [None, METADATA])
def test_a_chunk_is_a_streamed_response(side: Side, data: bytes, end: bool, metadata: Metadata | None) -> None:
    chunk = Chunk(side, data, end, metadata)
    assert decoded(chunk) == response(chunk)


def test_a_guarded_chunk_carries_what_only_full_duplex_ignores() -> None:
    plain, guarded = (decoded(Chunk(Side.RESPONSE, b"data", end=True, guard=guard)) for guard in (False, True))
    common = guarded.response_body.response
    assert common.body_mutation == plain.response_body.response.body_mutation
    (field,) = common.header_mutation.set_headers
    assert b"\n" in field.header.raw_value
    common.ClearField("header_mutation")
    assert guarded == plain


def test_a_chunk_of_nothing_is_still_a_streamed_response() -> None:
    mutation = decoded(Chunk(Side.RESPONSE, b"")).response_body.response.body_mutation
    assert mutation.WhichOneof("mutation") == "streamed_response"


def test_an_override_alone_answers_nothing() -> None:
    written = decoded(Override(MODES))
    assert written == response(Override(MODES))
    assert written.WhichOneof("response") is None


def test_an_override_of_everything_to_none_is_still_an_override() -> None:
    nothing = ModeOverride(BodyMode.NONE, BodyMode.NONE)
    assert encode(Override(nothing)) == b"\x4a\x00"
    assert decoded(Override(nothing)).HasField("mode_override")


@pytest.mark.parametrize("status", [200, 403, 413, 429, 503, 299, 418, 451, 599, 999])
def test_a_rejection_has_any_status(status: int) -> None:
    assert decoded(Reject(status)).immediate_response.status.code == status


@pytest.mark.parametrize("body", [b"", b'{"error":{}}', b"x" * 70_000])
@pytest.mark.parametrize("headers", [(), (("content-type", b"application/json"), ("retry-after", b"3"))])
@pytest.mark.parametrize("metadata", [None, METADATA])
def test_a_rejection_has_headers_body_details_and_metadata(
    body: bytes, headers: tuple[Field, ...], metadata: Metadata | None
) -> None:
    reject = Reject(403, body, headers, "extproc_rejected", metadata)
    assert decoded(reject) == response(reject)


@pytest.mark.parametrize(
    "piece",
    [
        StreamHeaders(200),
        StreamHeaders(429, (("content-type", b"text/event-stream"), ("x-empty", b"")), end=True),
        StreamBody(b"data: {}\n\n"),
        StreamBody(b"", end=True),
        StreamBody(b"x" * 70_000, end=True),
        StreamTrailers(),
        StreamTrailers((("grpc-status", b"0"),)),
    ],
    ids=lambda piece: type(piece).__name__,
)
def test_a_streamed_answer_of_our_own_goes_out_piece_by_piece(
    piece: StreamHeaders | StreamBody | StreamTrailers,
) -> None:
    assert decoded(piece) == response(piece)


class Idle:
    """Work for nobody."""

    large = False

    def run(self, meter: Meter | None = None) -> WorkResult:
        raise AssertionError(meter)


@pytest.mark.parametrize("effect", [Inspect(1, "pii", Idle(), 1.0), Abort(AbortCode.INTERNAL, "no"), Record.lost("no")])
def test_what_is_not_for_envoy_is_refused(effect: Effect) -> None:
    with pytest.raises(TypeError, match="is not for Envoy"):
        encode(effect)


# Metadata.


def metadata_of(effect: Effect) -> Struct:
    return decoded(effect).dynamic_metadata


def test_true_and_one_stay_apart_however_often_they_are_written() -> None:
    for value in (True, 1, 1.0, True, 0, False, 0.0):
        values = metadata_of(Proceed(Side.REQUEST, Phase.BODY, metadata={"n": {"k": value}}))["n"]
        assert isinstance(values, Struct)
        kind = values.fields["k"].WhichOneof("kind")
        assert kind == ("bool_value" if isinstance(value, bool) else "number_value")
        assert values["k"] == value


def test_an_integer_beyond_a_double_is_infinite() -> None:
    for number, written in ((10**400, float("inf")), (-(10**400), float("-inf")), (2**60, float(2**60))):
        assert metadata_of(Chunk(Side.RESPONSE, b"", metadata={"n": {"k": number}})) == {"n": {"k": written}}


def test_a_lone_surrogate_does_not_spoil_the_answer() -> None:
    # json.loads('"\\ud800"') is legal; protobuf that is not UTF-8 is not.
    reject = Reject(404, details="no \ud800", metadata={"n\ud800": {"k\ud800": "v\ud800"}})
    assert decoded(reject).immediate_response.details == "no ?"
    assert metadata_of(reject) == {"n?": {"k?": "v?"}}


def test_empty_metadata_is_written_as_such() -> None:
    assert decoded(Proceed(Side.REQUEST, Phase.BODY, metadata={})).HasField("dynamic_metadata")
    assert metadata_of(Proceed(Side.REQUEST, Phase.BODY, metadata={"n": {}})) == {"n": {}}


# Properties.

names = st.text(max_size=12)
header_fields = st.lists(st.tuples(names, st.binary(max_size=40)), max_size=4).map(tuple)
mutations = st.builds(HeaderMutation, header_fields, st.lists(names, max_size=3).map(tuple))
values = st.text(max_size=12) | st.booleans() | st.integers() | st.floats(allow_nan=False)
metadata = st.none() | st.dictionaries(names, st.dictionaries(names, values, max_size=3), max_size=3)
body_modes, send_modes = st.sampled_from(BodyMode), st.sampled_from(SendMode)
overrides = st.builds(ModeOverride, body_modes, body_modes, send_modes, send_modes, send_modes)
sides, bodies = st.sampled_from(Side), st.binary(max_size=3000)

effects: st.SearchStrategy[Effect] = st.one_of(
    st.builds(
        Proceed,
        sides,
        st.sampled_from([Phase.HEADERS, Phase.BODY]),
        st.none() | mutations,
        st.none() | bodies,
        st.booleans(),
        st.booleans(),
        st.none() | overrides,
        metadata,
    ),
    st.builds(
        Proceed, sides, st.just(Phase.TRAILERS), st.none() | mutations, modes=st.none() | overrides, metadata=metadata
    ),
    st.builds(Chunk, sides, bodies, st.booleans(), metadata),
    st.builds(Override, overrides),
    st.builds(Reject, st.integers(100, 999), bodies, header_fields, names, metadata),
    st.builds(StreamHeaders, st.integers(200, 599), header_fields, st.booleans()),
    st.builds(StreamBody, bodies, st.booleans()),
    st.builds(StreamTrailers, header_fields),
)


@given(effects)
def test_an_effect_is_written_as_protobuf_would(effect: Effect) -> None:
    assert decoded(effect) == response(effect)
    assert encode(effect) == encode(effect)
