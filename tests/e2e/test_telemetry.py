"""Through the real Envoy: an exchange's span joins the client's trace, and metrics arrive at a collector."""

import json
from typing import Final

import pytest

from tests.e2e.gateway import gateway, site
from tests.server.otlp.collector import over_grpc, over_http, read

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai}
  - {name: south, url: $south/v1, api: openai}
default_backend: none
models: [{name: chat, targets: [{backend: north}]}]
tenants: {from: {header: x-tenant-id}}
pipelines: [{name: guarded, request: [{use: pii, action: mask}]}]
telemetry: {otlp: {endpoint: "ENDPOINT", interval: 500ms}, traces: {}}
limits: {request_timeout: 20s, drain_timeout: 5s}
"""
TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT: Final = "00f067aa0ba902b7"
CONTENT: Final = "write to ann.lee@example.com"
BODY: Final = json.dumps({"model": "chat", "messages": [{"role": "user", "content": CONTENT}]}).encode()


def test_a_span_joins_the_trace_of_the_client_and_says_what_was_decided() -> None:
    with over_http() as (endpoint, received):
        with site(POLICY.replace("ENDPOINT", endpoint), "h2") as behind, gateway(behind, "buffered") as envoy:
            sampled = ("traceparent", f"00-{TRACE}-{PARENT}-01")
            answer, _ = envoy.ask(BODY, "http1", sampled, ("x-tenant-id", "acme"), provider="north")
            assert envoy.line(answer)["trace"] == [TRACE, PARENT]
            unsampled = ("traceparent", f"00-{TRACE}-{PARENT}-00")
            answer, _ = envoy.ask(BODY, "http1", unsampled, provider="north")
            assert "trace" not in envoy.line(answer)
            answer, _ = envoy.ask(BODY, "http1", provider="north")
            begun = envoy.line(answer)["trace"]
            received.until(lambda it: len(it.spans) == 2)
            received.until(lambda it: "extproc.tenant_requests" in (it.last if it.metrics else {}))
        joined, own = received.spans
        assert (joined.trace_id.hex(), joined.parent_span_id.hex()) == (TRACE, PARENT)
        assert joined.name == "chat chat"
        attributes = read(joined.attributes)
        assert attributes["gen_ai.provider.name"] == "openai"
        assert attributes["extproc.decision"] == "masked"
        assert attributes["extproc.tenant"] == "acme"
        assert [event.name for event in joined.events] == ["extproc.finding"]
        assert own.trace_id.hex() == begun[0]
        assert own.parent_span_id == b""
        assert b"ann.lee" not in joined.SerializeToString()
        points = received.last["extproc.tenant_requests"].sum.data_points
        assert {read(point.attributes)["tenant"] for point in points} >= {"acme", "none"}


def test_over_grpc_a_worker_and_its_supervisor_export_as_well() -> None:
    with over_grpc() as (endpoint, received):
        with site(POLICY.replace("ENDPOINT", endpoint), "h2") as behind, gateway(behind, "buffered") as envoy:
            envoy.ask(BODY, "http1", provider="north")
            received.until(lambda it: len(it.spans) == 1)
            received.until(lambda it: len(it.metrics) >= 1)
        assert "gen_ai.server.request.duration" in received.last


def test_a_collector_that_hangs_delays_no_exchange() -> None:
    with over_http() as (endpoint, received):
        received.open.clear()
        with site(POLICY.replace("ENDPOINT", endpoint), "h2") as behind, gateway(behind, "buffered") as envoy:
            for _ in range(5):
                answer, _ = envoy.ask(BODY, "http1", provider="north")
                assert envoy.line(answer)["duration_ms"] < 5_000
