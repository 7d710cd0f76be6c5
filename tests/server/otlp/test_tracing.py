"""Spans that a worker exports: what arrives at a collector, and what happens while there is none."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from extproc.policy import loads
from extproc.policy.collector import Collector, collector_of
from extproc.protocol.record import CountedFinding, FailedProcessor, Record
from extproc.server.log import Log, Sink
from extproc.server.otlp import tracing
from extproc.server.otlp.sending import Sent
from extproc.server.otlp.tracing import QUEUE_MAX, SpanExport
from extproc.telemetry.names import label_names
from tests.gathered import gathered
from tests.server.otlp.collector import Received, over_grpc, over_http, read
from tests.telemetry.test_exchanges import POLICY
from tests.telemetry.test_exchanges import record as served

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
AT = 1_700_000_000_000_000_000


def record(**more: Any) -> Record:
    return replace(served(trace=(TRACE, PARENT)), **more)


def collector(endpoint: str, more: str = "", secrets: dict[str, bytes] | None = None) -> Collector:
    policy = loads(f"{POLICY}telemetry: {{otlp: {{endpoint: '{endpoint}', timeout: 5s{more}}}}}\n")
    found = collector_of(policy, secrets or {})
    assert found is not None
    return found


@contextmanager
def exporting(to: Collector, path: Path | None = None, **more: Any) -> Iterator[SpanExport]:
    log = Log(Sink("none" if path is None else str(path)))
    export = SpanExport(to, label_names(loads(POLICY)), log, wall=lambda: AT, **more)
    try:
        yield export
    finally:
        export.close()
        log.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "GATHER", 0.02)
    monkeypatch.setattr(tracing, "BACKOFF_FIRST", 0.01)


@gathered("over", [over_http, over_grpc])
def test_a_span_says_what_an_exchange_was_and_nothing_of_its_content(
    over: Callable[[], AbstractContextManager[tuple[str, Received]]],
) -> None:
    finding = CountedFinding("pii", "email", "mask", "request", shadow=False, count=2)
    failure = FailedProcessor("corp", "timeout", allowed=True)
    with over() as (endpoint, received):
        credential = ", credential: {header: x-key, env: KEY}"
        with exporting(collector(endpoint, credential, {"telemetry/otlp/credential": b"sesame"})) as export:
            export.put(
                record(tenant="acme", findings=(finding,), failures=(failure,), cost_usd=0.25, reasoning_tokens=3)
            )
            received.until(lambda it: len(it.spans) == 1)
        (span,) = received.spans
        assert received.headers[0]["x-key"] == "sesame"
    assert (span.trace_id.hex(), span.parent_span_id.hex(), len(span.span_id)) == (TRACE, PARENT, 8)
    assert span.name == "chat chat"
    assert span.kind == span.SPAN_KIND_SERVER
    assert span.end_time_unix_nano == AT
    assert span.start_time_unix_nano == AT - 500_000_000
    attributes = read(span.attributes)
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.provider.name"] == "openai"
    assert attributes["gen_ai.request.model"] == "chat"
    assert attributes["gen_ai.response.model"] == "gpt-4o-mini"
    assert attributes["gen_ai.usage.input_tokens"] == 10
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 3
    assert attributes["http.response.status_code"] == 200
    assert attributes["extproc.tenant"] == "acme"
    assert attributes["extproc.cost_usd"] == 0.25
    assert "error.type" not in attributes
    assert span.status.code == span.status.STATUS_CODE_UNSET
    found = {"processor": "pii", "kind": "email", "action": "mask", "side": "request", "shadow": False, "count": 2}
    assert [(event.name, read(event.attributes)) for event in span.events] == [
        ("extproc.finding", found),
        ("extproc.failure", {"processor": "corp", "reason": "timeout", "allowed": True}),
    ]
    about = read(received.traces[0].resource_spans[0].resource.attributes)
    assert about["service.name"] == "extproc"


def test_what_failed_has_the_status_and_the_type_of_an_error() -> None:
    with over_http() as (endpoint, received), exporting(collector(endpoint)) as export:
        export.put(record(decision="blocked", reason="blocked", status=403, trace=(TRACE, "")))
        export.put(record(dialect=None, model=None, upstream_model=None, backend=None))
        received.until(lambda it: len(it.spans) == 2)
        first, second = received.spans
    assert first.status.code == first.status.STATUS_CODE_ERROR
    assert read(first.attributes)["error.type"] == "blocked"
    assert first.parent_span_id == b""
    assert second.name == "exchange"


@gathered("over", [over_http, over_grpc])
def test_an_export_that_may_be_repeated_is_and_nothing_is_lost(
    over: Callable[[], AbstractContextManager[tuple[str, Received]]],
) -> None:
    with over() as (endpoint, received):
        received.answers = [503, 503]
        with exporting(collector(endpoint, ", compression: none")) as export:
            export.put(record())
            received.until(lambda it: len(it.spans) == 1)
        assert received.asked == 3
        assert export.counts == {"exported": 1, "refused": 0, "failed": 0, "dropped": 0}


def test_an_export_that_is_refused_is_dropped_and_the_log_says_so_without_the_credential(tmp_path: Path) -> None:
    with over_http() as (endpoint, received):
        received.answers = [400]
        credential = ", credential: {bearer: {env: KEY}}"
        to = collector(endpoint, credential, {"telemetry/otlp/credential": b"sesame"})
        with exporting(to, tmp_path / "log") as export:
            export.put(record())
            received.until(lambda it: it.asked == 1)
        assert export.counts["failed"] == 1
    said = (tmp_path / "log").read_text()
    (line,) = map(json.loads, said.splitlines())
    assert (line["event"], line["signal"], line["problem"]) == ("otlp_failed", "traces", "400")
    assert "sesame" not in said
    assert "sesame" not in repr(to)


def test_spans_that_a_collector_refuses_among_others_are_counted() -> None:
    with over_http() as (endpoint, received):
        received.rejected = 1
        with exporting(collector(endpoint)) as export:
            export.put(record())
            export.put(record())
            received.until(lambda it: len(it.spans) == 2)
        assert sum(export.counts.values()) == 2
        assert export.counts["refused"] >= 1


class _Stuck:
    """A connection on which nothing is taken until it is let go."""

    def __init__(self) -> None:
        self.let_go = Received().open
        self.let_go.clear()
        self.begun = Received().open
        self.begun.clear()
        self.sent = 0

    def send(self, _signal: str, _message: bytes, _timeout: float) -> Sent:
        self.begun.set()
        self.let_go.wait(20)
        self.sent += 1
        return Sent()

    def close(self) -> None:
        pass


def test_a_collector_that_takes_nothing_costs_a_bounded_queue_and_then_spans_are_dropped() -> None:
    stuck = _Stuck()
    with exporting(collector("http://127.0.0.1:9"), connect=lambda _: stuck) as export:
        export.put(record())
        assert stuck.begun.wait(20)
        for _ in range(QUEUE_MAX):
            export.put(record())
        assert export.counts["dropped"] == 0
        export.put(record())
        assert export.counts["dropped"] == 1
        stuck.let_go.set()
        export.close(timeout=20)
    assert export.counts["exported"] == QUEUE_MAX + 1


def test_closing_exports_what_waits_and_gives_up_in_time_where_nobody_takes_it() -> None:
    with over_http() as (endpoint, received):
        with exporting(collector(endpoint)) as export:
            for _ in range(700):
                export.put(record())
        assert len(received.spans) == 700
    stuck = _Stuck()
    export = SpanExport(
        collector("http://127.0.0.1:9"), label_names(loads(POLICY)), Log(Sink("none")), connect=lambda _: stuck
    )
    export.put(record())
    export.close(timeout=0.1)
    assert stuck.sent == 0
    stuck.let_go.set()


def test_nobody_listens_and_the_batch_fails_after_its_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "BACKOFF_MAX", 0.01)
    with exporting(collector("http://127.0.0.1:9")) as export:
        export.put(record())
        export.close(timeout=20)
    assert export.counts["failed"] == 1
