"""An Envoy that is not configured for the policy: no text and no key passes, and the record says what it lacks."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from signal import SIGHUP
from threading import Thread
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse
from tests.e2e.bodies import said
from tests.e2e.conftest import Pool
from tests.e2e.gateway import Gateway, Patch, Site, ext_proc, gateway, manager, post, site

pytestmark = pytest.mark.envoy

READING: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai, credential: {bearer: {env: NORTH_KEY}}}
  - {name: south, url: $south/v1, api: openai, credential: {header: x-south-key, env: SOUTH_KEY}}
default_backend: north
models:
  - {name: chat, targets: [{backend: north}]}
  - {name: other, targets: [{backend: south}]}
pipelines:
  - name: teams
    match: {path: /v1/embeddings, headers: {x-team: pay}}
    request: [{use: pii, kinds: [email], action: block}]
  - {name: p, match: {path: /v1/chat}, response: [{use: pii, kinds: [iban], action: mask}]}
"""
IBAN: Final = "GB82WEST12345698765432"
KEYS: Final = ("north-secret-1", "south-secret-2")


def modes(whole: Json, *, override: bool | None = None, config: bool = True, **chosen: str) -> None:
    """The generated filter with other modes; without `config` no fingerprint comes with an exchange."""
    filter_ = ext_proc(whole)
    filter_["processing_mode"] |= chosen
    if override is not None:
        filter_["allow_mode_override"] = override
    if not config:
        del filter_["grpc_service"]["initial_metadata"]


def ask(before: Site, profile: Profile, patch: Patch, body: bytes, **more: Any) -> tuple[ClientResponse, Gateway]:
    """One exchange through an Envoy of its own, which has ended when this returns."""
    before.begin()
    with gateway(before, profile, patch) as started:
        answer = started.send(post(body, **more))
        before.processor.told(lambda line: line["request_id"] == answer.header("x-extproc-request-id"))
        return answer, started


def refused(before: Site, profile: Profile, patch: Patch, what: str, body: bytes = b"", **more: Any) -> dict[str, Any]:
    """An exchange that ends closed for `what`: the record of it."""
    counted = before.processor.status()["misconfigured"].get(what, 0)
    answer, started = ask(before, profile, patch, body or said(f"say {IBAN}"), **more)
    assert answer.status == 503 or not answer.body, answer
    assert IBAN.encode() not in answer.body
    line = started.line(answer)
    assert (line["decision"], line["reason"], line["misconfigured"]) == ("failed", "misconfigured", what)
    assert IBAN not in json.dumps(line)
    assert before.processor.status()["misconfigured"][what] == counted + 1
    assert f'extproc_misconfigured_total{{what="{what}"}} {counted + 1}' in before.processor.metrics()
    return line


@pytest.fixture
def reading(pool: Pool) -> Site:
    return pool.site(READING, "h2")


# -- overrides that Envoy ignores


def override_off(whole: Json) -> None:
    del ext_proc(whole)["allow_mode_override"]


class _AtOnce(BaseHTTPRequestHandler):
    """Answers with a whole event stream that has a content-length, in one write."""

    def do_POST(self) -> None:
        event = {"choices": [{"index": 0, "delta": {"content": f"say {IBAN} now"}}]}
        body = b"data: " + json.dumps(event).encode() + b"\n\ndata: [DONE]\n\n"
        self.rfile.read(int(self.headers["content-length"]))
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def at_once() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _AtOnce) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield READING.replace("$north", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def test_a_stream_does_not_pass_unread_where_envoy_ignores_overrides(at_once: str) -> None:
    """South streams in pieces, north in one: the same to an Envoy that buffers it. Only the latter has to wait."""
    with site(at_once, "h2") as fresh:
        for model in ("chat", "other"):
            asked = said(f"say {IBAN}", model, stream=True)
            line = refused(fresh, "buffered", override_off, "mode_override", asked)
            assert line["uninspected"] == [{"reason": "misconfigured", "count": 1}]
        with gateway(fresh, "buffered") as granting:
            for model in ("chat", "chat", "other"):
                answer = granting.send(post(said(f"say {IBAN}", model, stream=True)))
                assert (answer.status, granting.line(answer)["decision"]) == (200, "masked")
                assert IBAN.encode() not in answer.body
                assert answer.body.rstrip().endswith(b"[DONE]")
        answer, _ = ask(fresh, "buffered", override_off, said(f"say {IBAN}", stream=True))
        assert (answer.status, IBAN.encode() in answer.body) == (503, False)


def test_json_is_read_where_envoy_ignores_overrides(reading: Site) -> None:
    answer, started = ask(reading, "buffered", override_off, said(f"say {IBAN}"))
    assert answer.status == 200
    assert "[IBAN_1]" in answer.body.decode()
    assert started.line(answer)["decision"] == "masked"


# -- modes of the response

MODES: Final[list[tuple[Profile, dict[str, str]]]] = [
    ("buffered", {"response_body_mode": "NONE"}),
    ("buffered", {"response_body_mode": "NONE", "response_header_mode": "SKIP"}),
    ("buffered", {"response_body_mode": "STREAMED"}),
    ("buffered", {"response_body_mode": "BUFFERED_PARTIAL"}),
    ("full-duplex", {"response_body_mode": "NONE", "response_trailer_mode": "SKIP"}),
    ("full-duplex", {"response_body_mode": "STREAMED"}),
    ("full-duplex", {"response_body_mode": "BUFFERED"}),
]


@pytest.mark.parametrize(("profile", "chosen"), MODES)
def test_a_request_whose_response_would_not_be_handed_over_goes_nowhere(
    reading: Site, profile: Profile, chosen: dict[str, Any]
) -> None:
    line = refused(reading, profile, partial(modes, **chosen), "response_body_mode")
    assert "response_body_mode" in line["detail"]
    assert reading.received == 0


@pytest.mark.parametrize(
    ("profile", "stream"), [("buffered", False), ("buffered", True), ("full-duplex", False), ("full-duplex", True)]
)
def test_a_response_without_its_headers_does_not_pass(reading: Site, profile: Profile, stream: bool) -> None:
    reading.begin()
    with gateway(reading, profile, partial(modes, response_header_mode="SKIP")) as started:
        answer = started.send(post(said(f"say {IBAN}", stream=stream)))
        assert IBAN.encode() not in answer.body
        known = answer.header("x-extproc-request-id")
        line = reading.processor.told(lambda line: line["request_id"] == known)
        assert (line["decision"], line["misconfigured"]) == ("failed", "response_header_mode")


# -- observability mode


def unsteered(whole: Json) -> None:
    host = manager(whole)["route_config"]["virtual_hosts"][0]
    host["routes"] = [{"name": "all", "match": {"prefix": "/"}, "route": {"cluster": "north"}}]


def observes(whole: Json, mode: str) -> None:
    modes(whole, override=False, request_body_mode=mode, response_body_mode=mode, response_trailer_mode="SKIP")
    ext_proc(whole)["observability_mode"] = True
    ext_proc(whole)["deferred_close_timeout"] = "0.3s"  # 5 s by default: so long a record is waited for
    unsteered(whole)


@pytest.mark.parametrize("mode", ["NONE", "STREAMED"])
def test_observability_mode_is_recorded_as_shadow(reading: Site, mode: str) -> None:
    answer, started = ask(reading, "buffered", partial(observes, mode=mode), said(f"say {IBAN}"))
    assert answer.status == 200
    line = started.line(answer)
    assert (line["decision"], line["misconfigured"]) == ("shadow", "observability_mode")
    assert line["reason"] == ("only" if mode == "STREAMED" else "misconfigured")
    assert bool(line.get("findings")) is (mode == "STREAMED")
    assert bool(line.get("uninspected")) is (mode == "NONE")
    assert bool(line["request_bytes"]) is (mode == "STREAMED")


# -- the fingerprint


def other_policy(whole: Json) -> None:
    ext_proc(whole)["grpc_service"]["initial_metadata"][0]["value"] = "1-0123456789abcdef"


def no_fingerprint(whole: Json) -> None:
    modes(whole, config=False)


def test_an_envoy_of_another_policy_gets_nothing_done(pool: Pool, transport: str) -> None:
    before = pool.site(READING, transport)
    line = refused(before, "full-duplex", other_policy, "configuration")
    assert "1-0123456789abcdef" in line["detail"]
    assert before.received == 0


@pytest.mark.parametrize("patch", [id, no_fingerprint])
@pytest.mark.parametrize(
    ("model", "backend", "field", "value"),
    [
        ("chat", "north", "authorization", "Bearer north-secret-1"),
        ("other", "south", "x-south-key", "south-secret-2"),
    ],
)
def test_a_key_arrives_under_its_name_and_the_clients_does_not(
    pool: Pool, profile: Profile, patch: Patch, model: str, backend: str, field: str, value: str
) -> None:
    started = pool.gateway(READING, "h2", profile, patch)
    started.site.begin()
    _, seen = started.ask(said("hi", model), "http1", ("authorization", "Bearer client"), provider=backend)
    assert seen.getall(field) == [value]
    assert not [name for name, value in seen.headers if name.startswith("x-extproc-") or "client" in value]
    started.check()


# -- header fields and routes that are not told


def allow_list(whole: Json, *shown: str) -> None:
    """A filter of an operator's own: some fields are forwarded, and no fingerprint says which."""
    no_fingerprint(whole)
    ext_proc(whole)["forward_rules"]["allowed_headers"]["patterns"] += [{"exact": name} for name in shown]


def everything(whole: Json) -> None:
    no_fingerprint(whole)
    del ext_proc(whole)["forward_rules"]


def test_a_condition_on_a_field_that_may_not_be_shown_ends_closed(reading: Site) -> None:
    def hidden(whole: Json) -> None:
        no_fingerprint(whole)
        patterns = ext_proc(whole)["forward_rules"]["allowed_headers"]["patterns"]
        patterns[:] = [each for each in patterns if each.get("exact") != "x-team"]

    body = json.dumps({"model": "chat", "input": "write to jane.doe@example.com"}).encode()
    asked: dict[str, Any] = {"target": "/v1/embeddings"}
    line = refused(reading, "buffered", hidden, "forward_rules", body, **asked)
    assert "x-extproc-config" in line["detail"]
    reading.begin()
    with gateway(reading, "buffered", everything) as started:
        answer = started.send(post(body, ("x-team", "pay"), **asked))
        assert answer.status == 403
        started.check()


# -- steering that Envoy does not follow


def retained(whole: Json) -> None:
    ext_proc(whole)["route_cache_action"] = "RETAIN"


def disabled(whole: Json) -> None:
    ext_proc(whole)["disable_clear_route_cache"] = True


@pytest.mark.parametrize(
    ("profile", "patch"),
    [
        ("buffered", retained),
        ("full-duplex", disabled),
        ("full-duplex", unsteered),
        *(
            pytest.param(*each, marks=pytest.mark.deep)
            for each in (("full-duplex", retained), ("buffered", disabled), ("buffered", unsteered))
        ),
    ],
)
def test_no_key_and_no_response_go_where_envoy_did_not_follow(profile: Profile, patch: Patch) -> None:
    # A processor of its own: from an Envoy that was seen not to follow, nothing is taken any more.
    with site(READING, "h2") as before, gateway(before, profile, patch) as started:
        answer = started.send(post(said("hi", "other"), ("authorization", "Bearer client")))
        told = str([record.headers for provider in before.providers.values() for record in provider.records])
        assert not [key for key in (*KEYS, "Bearer client") if key in told]
        assert answer.status == 503
        assert started.line(answer)["misconfigured"] == "steering"
        assert started.processor.status()["backends"]["south"] == {"0": "up"}  # it is not the backend's fault


# -- reloads


def reload(before: Site, text: str) -> dict[str, Any]:
    """Puts a policy in the place of the site's and has it reloaded; gives the log's line."""
    processor = before.processor
    done = len(processor.lines("reload"))
    processor.policy.write_text(text)
    processor.signal(SIGHUP)
    assert eventually(lambda: len(processor.lines("reload")) > done, 10)
    return processor.lines("reload")[-1]


CHANGES: Final = {
    "a backend's url": ("/v1, api: openai, credential: {bearer", "/v2, api: openai, credential: {bearer"),
    "a credential's header": ("header: x-south-key", "header: x-other-key"),
    "the steering headers": ("pipelines:", "steering: {cluster_header: x-to}\npipelines:"),
    "a header that match reads": ("x-team: pay", "x-group: pay"),
    "a route's name": ("x-team: pay}", "x-team: pay}, route_name: r"),
    "a new backend": ("default_backend", "  - {name: third, url: http://127.0.0.1:9/v1, api: openai}\ndefault_backend"),
}
HARMLESS: Final = ("kinds: [iban]", "kinds: [iban, email]")


def test_a_reload_that_needs_another_envoy_is_not_taken_until_envoy_has_it(transport: str) -> None:
    with site(READING, transport) as before:
        text = before.processor.policy.read_text()
        with gateway(before, "buffered") as started:
            assert eventually(lambda: before.processor.status()["envoy"]["seen_s_ago"], 5)  # by a health check
            for old, new in CHANGES.values():
                assert text.count(old) >= 1
                assert reload(before, text.replace(old, new))["result"] == "failed"
                problem = before.processor.lines("reload_problem")[-1]["problem"]
                assert f"extproc envoy -c {before.processor.policy}" in problem
            assert started.ask(said("hi"))[0].status == 200
            assert reload(before, text.replace(*HARMLESS))["result"] == "ok"
        # The new Envoy first: it is refused until the processor has the policy that it was configured for.
        old, new = CHANGES["a header that match reads"]
        before.processor.policy.write_text(text.replace(old, new))
        before.begin()
        with gateway(before, "buffered") as started:
            answer = started.send(post(said("hi")))
            assert (answer.status, started.line(answer)["misconfigured"]) == (503, "configuration")
            assert eventually(lambda: reload(before, text.replace(old, new))["result"] == "ok", 10)
            started.ask(said("hi"))
            started.check()


def astray(whole: Json) -> None:
    """An Envoy of an operator's own that does not steer, and that tells nothing of how it is configured."""
    no_fingerprint(whole)
    unsteered(whole)
    whole["static_resources"]["clusters"][0].pop("health_checks")


def test_an_unknown_envoy_gets_no_further_key_once_it_did_not_follow_and_a_reload_is_taken_with_a_warning() -> None:
    with site(READING, "h2") as before, gateway(before, "buffered", astray) as started:
        lines = []
        for _ in range(2):
            answer = started.send(post(said("hi", "other")))
            assert answer.status == 503
            lines.append(started.line(answer))
        assert [line["misconfigured"] for line in lines] == ["steering", "steering"]
        assert before.received == 1  # the first is how it was seen; the second went nowhere
        text = before.processor.policy.read_text()
        line = reload(before, text.replace(*CHANGES["a header that match reads"]))
        assert line["result"] == "ok"
        assert "check --against" in line["warning"]
        assert "header fields" in line["warning"]
        assert before.processor.status()["last_reload"]["warning"] == line["warning"]
