"""The trace of an exchange: that of `traceparent`, or one of its own."""

import pytest

from extproc.policy.telemetry import Traces
from extproc.protocol.headers import HeaderMap
from extproc.transaction.requests.tracing import trace_of
from tests.gathered import gathered

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
ZEROS = b"\0" * 8


def asked(*given: str, sample: float = 1.0, drawn: bytes = ZEROS + b"\xab" * 16) -> tuple[str, str] | None:
    fields = HeaderMap([("traceparent", each.encode()) for each in given])
    return trace_of(Traces.model_construct(sample=sample), fields, lambda _: drawn)


@gathered("flags", ["01", "03", "ff"])
def test_a_trace_that_is_recorded_is_joined(flags: str) -> None:
    assert asked(f"00-{TRACE}-{PARENT}-{flags}", sample=1e-9) == (TRACE, PARENT)


@gathered("flags", ["00", "02"])
def test_a_trace_that_is_not_recorded_is_none(flags: str) -> None:
    assert asked(f"00-{TRACE}-{PARENT}-{flags}") is None


def test_a_later_version_of_the_header_may_say_more() -> None:
    assert asked(f"01-{TRACE}-{PARENT}-01-more") == (TRACE, PARENT)


@gathered(
    "given",
    [
        "",
        "garbage",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01\n",
        f"00-{TRACE}-{PARENT}",
    ],
)
def test_a_header_that_is_not_well_formed_counts_as_none(given: str) -> None:
    assert asked(given) == ("ab" * 16, "")


def test_a_header_that_comes_twice_counts_as_none() -> None:
    assert asked(f"00-{TRACE}-{PARENT}-01", f"00-{'1' * 32}-{PARENT}-01") == ("ab" * 16, "")


def test_without_a_header_a_share_of_exchanges_begins_a_trace() -> None:
    half = (1 << 63).to_bytes(8, "big")
    below = ((1 << 63) - 1).to_bytes(8, "big")
    assert asked(sample=0.5, drawn=half + b"\xab" * 16) is None
    assert asked(sample=0.5, drawn=below + b"\xab" * 16) == ("ab" * 16, "")
    assert asked(sample=1.0, drawn=b"\xff" * 8 + b"\xab" * 16) == ("ab" * 16, "")


def test_without_randomness_no_trace_is_begun() -> None:
    assert trace_of(Traces(), HeaderMap([]), None) is None


@pytest.mark.parametrize("traces", ["", "telemetry: {otlp: {endpoint: 'http://c'}, traces: {}}\n"])
def test_the_header_is_asked_of_envoy_only_where_traces_are_on(traces: str) -> None:
    from extproc.policy import loads
    from extproc.transaction import Plan
    from tests.server.support import POLICY

    plan = Plan.compile(loads(POLICY + traces), {})
    assert ("traceparent" in plan.needs.fields) == bool(traces)
    assert (plan.collector is not None) == bool(traces)
