import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.gateway.bootstrap import Json, Profile, bootstrap
from extproc.policy import loads
from extproc.transaction import FIELDS_READ, Needs, Plan
from extproc.transaction.requests.admission import CROWDED
from extproc.wire.pb.processor_pb2 import ProcessingRequest, ProcessingResponse
from tests.gateway.rig import ANYWHERE, Rig, a_policy, a_rig
from tests.gateway.scripted import Script, answer, failing, kind, metadata, mutation, passing, steering
from tests.gateway.upstream import Upstream

pytestmark = pytest.mark.envoy

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module", params=["buffered", "full-duplex"])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with a_rig(tmp_path_factory.mktemp("rig"), profile=request.param) as running:
        yield running


@pytest.fixture(scope="module")
def duplex(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with a_rig(tmp_path_factory.mktemp("rig"), profile="full-duplex") as running:
        yield running


@pytest.fixture(scope="module", params=["buffered", "full-duplex"])
def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    needs = Needs(response_headers=True, response_body=True)
    with a_rig(tmp_path_factory.mktemp("rig"), profile=request.param, needs=needs) as running:
        yield running


def in_pieces(body: bytes, size: int) -> Iterator[bytes]:
    """A body without a length."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def setting_field(name: str, value: str) -> Script:
    def script(messages: Iterator[ProcessingRequest]) -> Iterator[ProcessingResponse]:
        next(messages)
        yield answer("request_headers", header_mutation=mutation({name: value}))

    return script


def removing_field(name: str) -> Script:
    def script(messages: Iterator[ProcessingRequest]) -> Iterator[ProcessingResponse]:
        next(messages)
        yield answer("request_headers", header_mutation=mutation({}, [name]))

    return script


def kinds(rig: Rig) -> list[str]:
    return [kind(message) for message in rig.processor.seen]


def test_a_response_that_nobody_reads_costs_no_message(rig: Rig) -> None:
    rig.processor.forget()
    rig.asks("POST", CHAT, content=b"{}")
    assert {"request_headers", "request_body"} == set(kinds(rig))


def test_the_processor_is_shown_what_it_reads_and_no_credential_while_the_upstream_gets_all(rig: Rig) -> None:
    rig.processor.forget()
    sent = {"authorization": "Bearer planted", "cookie": "planted", "x-own": "planted", "anthropic-version": "1"}
    rig.asks("POST", CHAT, headers=sent, content=b"{}")
    [shown] = [message.request_headers for message in rig.processor.seen if kind(message) == "request_headers"]
    names = {field.key for field in shown.headers.headers}
    assert {":method", ":path", "content-length", "anthropic-version", "x-request-id"} <= names
    assert names <= set(FIELDS_READ)
    assert b"planted" not in shown.SerializeToString()
    for name, value in sent.items():
        assert rig.last(rig.north).get(name) == value


def test_a_response_is_told_with_where_it_came_from(reading: Rig) -> None:
    reading.processor.forget()
    assert reading.asks("POST", CHAT, steering("south"), content=b"{}").status_code == 200
    first = next(message for message in reading.processor.seen if kind(message) == "response_headers")
    assert list(first.attributes) == ["envoy.filters.http.ext_proc"]
    told = dict(first.attributes["envoy.filters.http.ext_proc"])
    assert told == {"response.code_details": "via_upstream", "xds.cluster_name": "south"}


def test_an_answer_of_envoy_itself_is_told_apart_by_its_details(reading: Rig) -> None:
    reading.processor.forget()
    assert reading.asks("POST", CHAT, steering("nowhere"), content=b"{}").status_code == 503
    first = next(message for message in reading.processor.seen if kind(message) == "response_headers")
    assert first.attributes["envoy.filters.http.ext_proc"]["response.code_details"] == "cluster_not_found"


def test_a_response_body_comes_without_an_override(reading: Rig) -> None:
    reading.processor.forget()
    reading.asks("POST", CHAT, content=b"{}")
    config = reading.processor.seen[0].protocol_config
    assert config.request_body_mode in {2, 4}
    assert config.response_body_mode == config.request_body_mode
    assert "response_body" in kinds(reading)


def test_the_one_attribute_of_requests_says_whether_there_is_room_for_our_fields(rig: Rig) -> None:
    """True or false: nearly every request has the same bytes of it, which are read once."""
    for fields, told in ((1, False), (100, False), (118, True)):
        rig.processor.forget()
        rig.asks("POST", CHAT, content=b"{}", headers={f"h-{number}": "1" for number in range(fields)})
        first, *others = rig.processor.seen
        [attributes] = [each.fields for each in first.attributes.values()]
        assert {name: value.bool_value for name, value in attributes.items()} == {CROWDED: told}
        assert not any(message.attributes for message in others)


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("size", [1, 1000, 3_000_000])
def test_a_body_that_passes_keeps_its_length_and_its_bytes(rig: Rig, size: int, http2: bool) -> None:
    body = b"x" * size
    assert rig.asks("POST", "/v1/files", passing, http2=http2, content=body).status_code == 200
    request = rig.last(rig.north)
    assert (request.get("content-length"), request.get("transfer-encoding")) == (str(size), None)
    assert request.body == body


@pytest.mark.parametrize("http2", [False, True])
def test_a_body_without_a_length_passes_as_it_is(duplex: Rig, http2: bool) -> None:
    assert duplex.asks("POST", "/v1/files", passing, http2=http2, content=in_pieces(b"abc" * 100, 7)).status_code == 200
    request = duplex.last(duplex.north)
    assert (request.get("content-length"), request.get("transfer-encoding")) == (None, "chunked")
    assert request.body == b"abc" * 100


def test_many_small_pieces_of_a_body_do_not_cost_the_connection_to_the_processor(tmp_path: Path) -> None:
    flood = "cluster.extproc.http2.inbound_window_update_frames_flood"
    with a_rig(tmp_path, profile="full-duplex") as rig:
        for _ in range(5):
            assert (
                rig.asks("POST", "/v1/files", passing, http2=True, content=in_pieces(b"x" * 300, 7)).status_code == 200
            )
        assert rig.envoy.stats(flood)[flood] == 0


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("sized", [False, True])
@pytest.mark.parametrize("new", [b"{}", b"y" * 2_000_000])
def test_a_changed_body_reaches_the_backend_with_its_exact_length(
    rig: Rig, new: bytes, sized: bool, http2: bool
) -> None:
    old = b"0123456789" * 100
    content = old if sized else in_pieces(old, 300)
    assert rig.asks("POST", CHAT, steering("south", new), http2=http2, content=content).status_code == 200
    request = rig.last(rig.south)
    assert (request.get("content-length"), request.get("transfer-encoding")) == (str(len(new)), None)
    assert request.body == new


FOREIGN = ["transfer-encoding", "connection", "te", "upgrade", "trailer", "keep-alive", "proxy-connection", "expect"]
FOREIGN += ["host", "x-forwarded-for", "x-envoy-original-dst-host", "x-unheard-of"]
SETTINGS = [(name, setting_field(name, "chunked")) for name in [*FOREIGN, ":method", ":scheme"]]
REMOVALS = [(name, removing_field(name)) for name in FOREIGN]


@pytest.mark.parametrize(
    "script", [script for _, script in SETTINGS + REMOVALS], ids=[name for name, _ in SETTINGS + REMOVALS]
)
def test_a_field_that_is_none_of_the_processors_business_fails_the_exchange(rig: Rig, script: Script) -> None:
    before = len(rig.north.seen)
    assert rig.asks("POST", "/v1/files", script, content=b"{}", headers={"x-unheard-of": "1"}).status_code == 503
    assert len(rig.north.seen) == before


@pytest.mark.parametrize(
    "name", ["authorization", "x-api-key", "cookie", "x-south-key", "accept-encoding", "x-extproc-model"]
)
def test_credentials_and_our_own_fields_may_be_set_and_removed(rig: Rig, name: str) -> None:
    sent = rig.asks("GET", "/v1/files", setting_field(name, "ours"), headers={name: "theirs"})
    assert sent.status_code == 200
    assert rig.last(rig.north).get(name) == (None if name.startswith("x-extproc-") else "ours")
    assert rig.asks("GET", "/v1/files", removing_field(name), headers={name: "theirs"}).status_code == 200
    assert rig.last(rig.north).get(name) is None


def test_path_and_authority_may_be_set(rig: Rig) -> None:
    rig.asks(
        "POST", CHAT, steering("south", fields={":path": "/else?x=1", ":authority": "api.example.com"}), content=b"{}"
    )
    request = rig.last(rig.south)
    assert (request.path, request.get("host")) == ("/else?x=1", "api.example.com")


def test_a_decision_becomes_response_headers(rig: Rig) -> None:
    headers = rig.asks("POST", CHAT, steering("south"), content=b"{}").headers
    told = {name: value for name, value in headers.items() if name.startswith("x-extproc-")}
    assert told == {
        "x-extproc-version": "1",
        "x-extproc-decision": "allowed",
        "x-extproc-model": "m-1",
        "x-extproc-backend": "south",
        "x-extproc-request-id": rig.last(rig.south).get("x-request-id"),
    }


def test_without_a_decision_there_are_no_such_headers(rig: Rig) -> None:
    headers = rig.asks("GET", "/v1/files", passing).headers
    assert [name for name in headers if name.startswith("x-extproc-")] == ["x-extproc-request-id"]


@pytest.mark.parametrize("script", [passing, steering("north")], ids=["passed", "decided"])
def test_a_provider_cannot_speak_in_our_name(rig: Rig, script: Script) -> None:
    names = ("version", "decision", "model", "backend", "request-id")
    rig.north.answer_headers = {f"x-extproc-{name}": "spoofed" for name in names}
    try:
        headers = rig.asks("POST", CHAT, script, content=b"{}").headers
    finally:
        rig.north.answer_headers = {}
    assert "spoofed" not in headers.values()


def test_metadata_of_another_namespace_is_dropped(rig: Rig) -> None:
    def script(messages: Iterator[ProcessingRequest]) -> Iterator[ProcessingResponse]:
        for response in passing(messages):
            response.dynamic_metadata.CopyFrom(metadata(other={"decision": "x"}))
            yield response

    assert rig.asks("GET", "/v1/files", script).status_code == 200


def test_a_processor_that_fails_closes(rig: Rig) -> None:
    before = len(rig.north.seen)
    assert rig.asks("POST", CHAT, failing, content=b"{}").status_code == 503
    assert len(rig.north.seen) == before


@pytest.mark.parametrize(
    ("profile", "trailers", "mode"),
    [
        ("buffered", "reject", "SEND"),
        ("buffered", "pass", "SKIP"),
        ("full-duplex", "reject", "SEND"),
        ("full-duplex", "pass", "SEND"),
    ],
)
def test_trailers_of_a_request_are_shown_where_they_are_refused_or_end_a_body(
    profile: Profile, trailers: str, mode: str
) -> None:
    with Upstream() as north, Upstream() as south:
        policy = a_policy(north, south, request_trailers=trailers)
    made = bootstrap(policy, profile=profile, needs=Needs(), endpoints=["a:1"], listen=ANYWHERE)
    assert modes(made)["request_trailer_mode"] == mode


@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
def test_where_a_backend_could_quote_a_credential_errors_are_shown(profile: Profile) -> None:
    with Upstream() as north, Upstream() as south:
        policy = a_policy(north, south)
    needs = Plan.compile(policy, {"south": b"-"}).needs
    assert (needs.errors, needs.response_headers, needs.response_body) == (True, True, False)
    made = bootstrap(policy, profile=profile, needs=needs, endpoints=["a:1"], listen=ANYWHERE)
    shown = modes(made)
    assert shown["response_header_mode"] == "SEND"
    assert shown["response_body_mode"] == ("BUFFERED" if profile == "buffered" else "FULL_DUPLEX_STREAMED")
    hidden = the_filter(made)["forward_rules"]["disallowed_headers"]["patterns"]
    assert {"exact": "x-south-key"} in hidden
    assert {"exact": "authorization"} in hidden


def modes(made: Json) -> Json:
    found: Json = the_filter(made)["processing_mode"]
    return found


def the_filter(made: Json) -> Json:
    manager = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    found: Json = next(entry["typed_config"] for entry in manager["http_filters"] if "ext_proc" in entry["name"])
    return found


def test_the_allow_list_is_whole_names() -> None:
    with Upstream() as north, Upstream() as south:
        made = bootstrap(a_policy(north, south), needs=Needs(), endpoints=["a:1"], listen=ANYWHERE)
    allowed = re.compile(the_filter(made)["mutation_rules"]["allow_expression"]["regex"])
    for name in ("authorization", "content-length", "x-south-key", "x-extproc-anything", "x-odd-token"):
        assert allowed.fullmatch(name)
    for name in ("transfer-encoding", "xauthorization", "content-length2", "host", "connection", ":method"):
        assert not allowed.fullmatch(name)


def test_what_pipelines_need_is_asked_for() -> None:
    needs = Needs(True, True, answer_buffer=3 << 20, judging=30.0, fields=("content-type", "x-team"), route_name=True)
    policy = loads('version: 1\nbackends: [{name: a, url: "http://127.0.0.1:1/v1", api: openai}]\n', "policy.yaml")
    whole = bootstrap(policy, needs=needs, endpoints=["unix:/p"], listen=ANYWHERE, profile="buffered")
    filter_ = whole["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    config = filter_["http_filters"][0]["typed_config"]
    assert config["message_timeout"] == "35s"
    assert config["request_attributes"] == [CROWDED, "xds.route_name"]
    shown = config["forward_rules"]["allowed_headers"]["patterns"]
    assert {"exact": "content-type"} in shown
    assert {"exact": "x-team"} in shown
    assert all(
        cluster["per_connection_buffer_limit_bytes"] > 3 << 20
        for cluster in whole["static_resources"]["clusters"]
        if "per_connection_buffer_limit_bytes" in cluster
    )
