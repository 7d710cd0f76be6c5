from msgspec import json
from msgspec.structs import replace

from extproc.protocol.record import CountedFinding, CountedUninspected, FailedProcessor, Record, Usage
from extproc.transaction.memory import Memory
from extproc.transaction.recording import record_of
from tests.records import logged

ALWAYS = [
    "request_id",
    "dialect",
    "path",
    "model",
    "stream",
    "decision",
    "reason",
    "backend",
    "upstream_model",
    "status",
    "request_bytes",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    "decided_ms",
    "duration_ms",
]
"""The keys of every line, in its order."""

INSPECTED = {
    "pipeline": "default",
    "masked": False,
    "findings": [
        {"processor": "pii", "kind": "email", "action": "mask", "side": "request", "shadow": False, "count": 2}
    ],
    "failures": [{"processor": "size", "reason": "timeout", "allowed": True}],
    "uninspected": [{"reason": "image", "count": 1}],
    "blocked_by": "pii",
    "blocked_for": "finding",
}


def test_what_there_is_nothing_to_tell_of_is_null_and_what_does_not_apply_is_left_out() -> None:
    assert list(logged(Record.lost("internal_error"))) == ALWAYS
    assert list(logged(replace(Record.lost("x"), processing_ms=0.1, abort="INTERNAL"))) == [
        *ALWAYS,
        "processing_ms",
        "abort",
    ]


def test_what_a_pipeline_came_to_stands_in_the_line_as_it_always_has() -> None:
    record = replace(
        Record.lost("x"),
        pipeline="default",
        masked=False,
        findings=(CountedFinding("pii", "email", "mask", "request", shadow=False, count=2),),
        failures=(FailedProcessor("size", "timeout", allowed=True),),
        uninspected=(CountedUninspected("image", 1),),
        blocked_by="pii",
        blocked_for="finding",
    )
    assert {name: value for name, value in logged(record).items() if name not in ALWAYS} == INSPECTED
    assert json.decode(json.encode(record), type=Record) == record


def test_tokens_that_the_provider_counted_are_told() -> None:
    memory = Memory(0.0)
    memory.usage = Usage(input=10, output=20, cached_input=3, reasoning=4)
    told = logged(record_of(memory, 1.0))
    names = ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens")
    assert [told[name] for name in names] == [10, 20, 3, 4]
