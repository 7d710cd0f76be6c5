"""The log for people: one line per exchange, which no value can break out of."""

from datetime import UTC, datetime

from msgspec.structs import replace

from extproc.protocol.record import CountedFinding, FailedProcessor, Record
from extproc.telemetry.console import RED, ConsoleLines
from tests.telemetry.test_exchanges import record

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def line(told: Record, *, colours: bool = False) -> str:
    said = ConsoleLines(colours=colours, worker=0).line(AT, "exchange", told).decode()
    assert said.count("\n") == 1
    return said.partition("  ")[2].rstrip("\n")


def test_an_exchange_is_one_line_with_what_one_wants_to_know() -> None:
    finding = CountedFinding("pii", "email", "mask", "request", shadow=False, count=2)
    told = record(decision="masked", tenant="acme", cost_usd=0.00025, findings=(finding,))
    assert line(told) == (
        "masked    200      500 ms  chat -> openai/gpt-4o-mini  10+4 tokens  $0.00025  tenant=acme  emailx2 mask"
        " worker=0"
    )


def test_what_failed_says_why() -> None:
    failure = FailedProcessor("corp", "timeout", allowed=True)
    told = record(decision="blocked", reason="blocked", blocked_by="secrets", status=403, failures=(failure,))
    assert "blocked by secrets" in line(told)
    assert "corp: timeout" in line(told)
    lost = replace(Record.lost("internal_error"), duration_ms=None)
    assert line(lost) == "failed      -        0 ms  -  internal_error worker=0"


def test_estimates_and_earlier_attempts_are_told_apart() -> None:
    told = record(usage_source="estimated", tried=("north",))
    assert "chat -> north > openai/gpt-4o-mini  ~10+4 tokens" in line(told)


def test_no_value_moves_the_cursor_or_begins_another_line() -> None:
    told = record(model="a\x1b[2J\nfake line", upstream_model="a\x1b[2J\nfake line", tenant="x\ry")
    said = line(told)
    assert "\x1b" not in said
    assert "\r" not in said
    assert "a\\x1b[2J\\nfake line -> openai" in said


def test_colours_are_only_for_terminals() -> None:
    assert "\x1b" not in line(record())
    assert RED in line(record(decision="failed"), colours=True)


def test_other_events_are_named_and_have_their_facts() -> None:
    said = ConsoleLines(colours=False).line(AT, "worker_ready", {"worker": 1, "endpoint": "unix:/p", "problem": None})
    assert said.decode().endswith("  worker_ready worker=1 endpoint=unix:/p\n")
    marked = ConsoleLines(colours=True).line(AT, "reload_problem", {"problem": "line 3\nfake"}).decode()
    assert marked.endswith(f"{RED}reload_problem\x1b[0m problem=line 3\\nfake\n")
