import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from extproc.protocol.effects import AbortCode
from extproc.protocol.record import Record
from extproc.server.exchange import Exchange, admit
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.telemetry.families import ABORTS, EXCHANGES, MESSAGES, RULES, SEALED, VIOLATIONS
from tests.server.support import MARKER, Decider, body, headers, kind, lines, plan


class Stream:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.aborts: list[tuple[AbortCode, str]] = []

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)

    def abort(self, code: AbortCode, reason: str) -> None:
        self.aborts.append((code, reason))


class Stage:
    """A worker's state with a clock that stands still until it is moved, and its log in a file."""

    def __init__(self, path: Path, limits: str = "") -> None:
        self.now = 100.0
        self._path = path
        self._log = Log(Sink(str(path)))
        self.runtime = Runtime(plan(limits), self._log, begin=Decider, clock=lambda: self.now)

    def exchange(self) -> tuple[Exchange, Stream]:
        stream = Stream()
        exchange = admit(self.runtime, stream)
        assert exchange is not None
        return exchange, stream

    def logged(self, event: str = "exchange") -> list[dict[str, Any]]:
        self._log.close()
        return [line for line in lines(self._path) if line["event"] == event]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "log")


def test_a_message_is_answered_by_what_receive_returns(stage: Stage) -> None:
    exchange, stream = stage.exchange()
    assert [kind(answer) for answer in exchange.receive(headers("/"))] == ["request_headers"]
    assert [kind(answer) for answer in exchange.receive(body(b"x"))] == ["request_body"]
    assert stream.sent == []
    assert stream.aborts == []


def test_a_message_may_have_several_answers_or_none(stage: Stage) -> None:
    exchange, _ = stage.exchange()
    assert [kind(answer) for answer in exchange.receive(headers("/two"))] == ["request_headers", "request_body"]
    silent, _ = stage.exchange()
    assert silent.receive(headers("/late-abort")) == []


def test_an_exchange_is_open_until_its_stream_is_gone(stage: Stage) -> None:
    exchange, _ = stage.exchange()
    assert stage.runtime.open == 1
    exchange.gone(True)
    assert stage.runtime.open == 0


def test_an_exchange_is_told_of_once(stage: Stage) -> None:
    exchange, _ = stage.exchange()
    exchange.receive(headers("/"))
    exchange.gone(True)
    exchange.gone(False)
    (line,) = stage.logged()
    assert (line["decision"], line["stream"], line["request_bytes"]) == ("allowed", True, 1)
    assert stage.runtime.metrics.counter(EXCHANGES) == {("allowed", "none", "none"): 1}


def test_a_reset_is_as_normal_an_end_as_a_half_close(stage: Stage) -> None:
    exchange, stream = stage.exchange()
    exchange.receive(headers("/"))
    exchange.gone(False)
    (line,) = stage.logged()
    assert (line["decision"], line["stream"]) == ("allowed", False)
    assert stream.aborts == []


def test_messages_are_counted_by_side_and_kind(stage: Stage) -> None:
    exchange, _ = stage.exchange()
    exchange.receive(headers("/"))
    exchange.receive(body(b"1"))
    exchange.receive(body(b"2"))
    assert stage.runtime.metrics.counter(MESSAGES) == {("request_headers",): 1, ("request_body",): 2}


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", b"not protobuf at all", b"\x12\x05ab"])
def test_garbage_ends_the_stream_as_an_error_of_the_sender(stage: Stage, payload: bytes) -> None:
    exchange, stream = stage.exchange()
    assert exchange.receive(payload) == []
    assert stream.aborts == [(AbortCode.INVALID_ARGUMENT, "extproc_protocol_violation")]
    assert stage.runtime.metrics.counter(VIOLATIONS)[()] == 1
    (line,) = stage.logged()
    assert (line["decision"], line["reason"], line["abort"]) == ("failed", "protocol_violation", "INVALID_ARGUMENT")


def test_a_message_of_no_known_kind_is_counted_as_such_and_judged_by_the_core(stage: Stage) -> None:
    exchange, stream = stage.exchange()
    assert exchange.receive(b"") == []
    assert stage.runtime.metrics.counter(MESSAGES) == {("unknown",): 1}
    assert stream.aborts == [(AbortCode.INVALID_ARGUMENT, "extproc_protocol_violation")]
    (line,) = stage.logged()
    assert line["detail"] == "not in this play"


def test_an_error_in_the_core_ends_the_stream_as_internal_and_tells_where_but_not_what(stage: Stage) -> None:
    exchange, stream = stage.exchange()
    exchange.receive(headers("/crash-on-body", authorization=f"Bearer {MARKER}"))
    assert exchange.receive(body(MARKER.encode())) == []
    assert stream.aborts == [(AbortCode.INTERNAL, "extproc_internal_error")]
    assert stage.runtime.metrics.counter(ABORTS) == {("INTERNAL",): 1}
    (error,) = stage.logged("internal_error")
    assert error["error"] == "RuntimeError"
    assert error["frames"][-1].endswith(" receive")
    assert MARKER not in json.dumps([error, *stage.logged()])


def test_an_error_while_an_exchange_is_told_of_is_told_instead(stage: Stage) -> None:
    exchange, _ = stage.exchange()
    exchange.receive(headers("/crash-at-end"))
    exchange.gone(True)
    (line,) = stage.logged()
    assert (line["decision"], line["reason"]) == ("failed", "internal_error")
    assert MARKER not in json.dumps(stage.logged("internal_error"))


def test_an_order_that_nobody_can_carry_out_fails_closed(stage: Stage) -> None:
    exchange, stream = stage.exchange()
    exchange.receive(headers("/record"))
    assert stream.aborts == [(AbortCode.INTERNAL, "extproc_internal_error")]


def test_after_an_abort_nothing_is_answered_any_more(stage: Stage) -> None:
    exchange, stream = stage.exchange()
    assert exchange.receive(headers("/abort")) == []
    assert exchange.receive(body(b"x")) == []
    exchange.expire(stage.now)
    exchange.abort(AbortCode.INTERNAL, "again")
    assert stream.aborts == [(AbortCode.RESOURCE_EXHAUSTED, "extproc_too_much")]
    assert stage.runtime.open == 0
    assert [line["abort"] for line in stage.logged()] == ["RESOURCE_EXHAUSTED"]


def test_a_deadline_that_has_passed_is_answered_without_a_message(stage: Stage) -> None:
    exchange, stream = stage.exchange()
    exchange.receive(headers("/late-reject"))
    stage.runtime.sweep(stage.now - 0.001)
    assert stream.sent == []
    stage.runtime.sweep(stage.now)
    stage.runtime.sweep(stage.now)
    assert [kind(answer) for answer in stream.sent] == ["immediate_response"]


def test_a_deadline_may_end_the_stream(stage: Stage) -> None:
    exchange, stream = stage.exchange()
    exchange.receive(headers("/late-abort"))
    stage.runtime.sweep(stage.now)
    assert stream.aborts == [(AbortCode.DEADLINE_EXCEEDED, "extproc_exchange_timeout")]


def test_an_error_at_a_deadline_ends_that_exchange_alone(stage: Stage) -> None:
    crashing, crashed = stage.exchange()
    aborting, aborted = stage.exchange()
    crashing.receive(headers("/late-crash"))
    aborting.receive(headers("/late-abort"))
    stage.runtime.sweep(stage.now)
    assert crashed.aborts == [(AbortCode.INTERNAL, "extproc_internal_error")]
    assert aborted.aborts == [(AbortCode.DEADLINE_EXCEEDED, "extproc_exchange_timeout")]


def test_as_many_exchanges_as_allowed_are_open_and_the_next_is_sent_elsewhere(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "log", "open_exchanges: 2")
    first, _ = stage.exchange()
    stage.exchange()
    stage.runtime.shared.load.alone = False
    refused = Stream()
    assert admit(stage.runtime, refused) is None
    assert refused.aborts == [(AbortCode.UNAVAILABLE, "extproc_overloaded")]
    assert stage.runtime.metrics.counter(ABORTS) == {("UNAVAILABLE",): 1}
    first.gone(True)
    stage.runtime.sweep(stage.runtime.clock())
    stage.exchange()


def test_without_another_worker_as_many_more_are_open_to_be_refused_in_words(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "log", "open_exchanges: 2")
    for _ in range(4):
        stage.exchange()
    assert stage.runtime.shared.load.refuses
    refused = Stream()
    assert admit(stage.runtime, refused) is None
    assert refused.aborts == [(AbortCode.UNAVAILABLE, "extproc_overloaded")]


def test_a_worker_that_drains_sends_new_exchanges_elsewhere(stage: Stage) -> None:
    stage.runtime.draining = True
    refused = Stream()
    assert admit(stage.runtime, refused) is None
    assert refused.aborts == [(AbortCode.UNAVAILABLE, "extproc_draining")]


def test_the_last_exchange_to_end_says_so(stage: Stage) -> None:
    ends: list[int] = []
    stage.runtime.on_idle = lambda: ends.append(stage.runtime.open)
    first, _ = stage.exchange()
    second, _ = stage.exchange()
    first.gone(True)
    assert ends == []
    second.gone(True)
    assert ends == [0]


def test_all_that_is_open_can_be_ended(stage: Stage) -> None:
    streams = [stage.exchange()[1] for _ in range(3)]
    assert stage.runtime.abort_all(AbortCode.UNAVAILABLE, "drain_timeout") == 3
    assert {tuple(stream.aborts) for stream in streams} == {((AbortCode.UNAVAILABLE, "extproc_drain_timeout"),)}
    assert stage.runtime.open == 0


def test_an_exchange_keeps_the_plan_that_it_began_with(stage: Stage) -> None:
    before, _ = stage.exchange()
    stage.runtime.plan = plan("open_exchanges: 7")
    after, _ = stage.exchange()
    assert b"10000" in before.receive(headers("/plan"))[0]
    assert b"\x017" in after.receive(headers("/plan"))[0]


def test_the_snapshot_tells_how_late_timers_were_since_the_last(stage: Stage) -> None:
    stage.runtime.sweep(stage.now, 0.25)
    stage.runtime.sweep(stage.now, 0.05)
    assert stage.runtime.snapshot().gauges["loop_lag_seconds"] == [((), 0.25)]
    assert stage.runtime.snapshot().gauges["loop_lag_seconds"] == [((), 0.0)]


def test_a_rule_of_a_model_is_counted(stage: Stage) -> None:
    stage.runtime.record(replace(Record.lost("only"), model="auto", rule="agents"), 0.0)
    stage.runtime.record(Record.lost("only"), 0.0)
    assert stage.runtime.metrics.counter(RULES) == {("auto", "agents"): 1}


def test_requests_with_sealed_values_are_counted(stage: Stage) -> None:
    stage.runtime.record(replace(Record.lost("only"), sealed="pinned", sealed_members=("conversation",)), 0.0)
    stage.runtime.record(Record.lost("only"), 0.0)
    assert stage.runtime.metrics.counter(SEALED) == {("pinned",): 1}
