"""Objects of APIs, logs and tables in which all numbers and names are nobody's: the default rules find nothing."""

import json
import random
from collections.abc import Callable

import pytest

from extproc.detectors.naming import MOST_NAME, named, spelled
from extproc.payload import read_json
from tests.inspection.answering import everything


def found(body: object) -> list[tuple[str, str]]:
    """Kind and text of every finding in a JSON body."""
    document = read_json(json.dumps(body).encode())
    passages, scanner = document.passages, everything().scanner
    assert scanner is not None
    return [
        (span.kind, passages[index].text[span.start : span.end])
        for index, spans in scanner.scan_all([each.text for each in passages], lambda at: named(passages[at]))
        for span in spans
    ]


OBJECTS: dict[str, object] = {
    "batch": {
        "id": "batch_67e9f1d1c0b48190a4f5b5c6d7e8f901",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "created_at": 1743324049,
        "in_progress_at": 1743324049,
        "finalizing_at": 1743324049,
        "cancelling_at": 1743324049,
        "expired_at": 1743324049,
        "completed_at": 1743324049,
        "request_counts": {"total": 12345677, "completed": 876543210, "failed": 0},
    },
    "file": {"id": "file-abc123", "object": "file", "bytes": 876543210, "created_at": 1743324049, "purpose": "batch"},
    "response": {
        "id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "created_at": 1743324049,
        "output": [
            {"type": "function_call", "id": "fc_67ccd2bed1ec81", "call_id": "call_2813882583", "arguments": "{}"},
            {"type": "message", "id": "msg_4012888888881882", "content": [{"type": "output_text", "text": "ok"}]},
        ],
        "usage": {"input_tokens": 111222333, "output_tokens": 876543210},
        "system_fingerprint": "fp_becfc5213f",
    },
    "schema": {
        "type": "object",
        "properties": {
            "size": {"type": "integer", "enum": [12345677, 876543210, 9434765919], "default": 1743324049},
            "limit": {"type": "integer", "maximum": 9007199254740991, "minimum": -9007199254740991},
            "version": {"type": "string", "default": "1.2.3.4", "enum": ["2024-10-22", "9434765919"]},
            "colour": {"type": "string", "pattern": "^#[0-9a-f]{8}$", "default": "#7111676f"},
        },
    },
    "identifiers": {
        "uuid": "0921954e-5b6d-4e2a-9c1f-0045412381ab",
        "nil": "00000000-0000-4000-8000-000000000000",
        "ulid": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "commit": "469595e1c0ffee00469595e1c0ffee0046959512",
        "digest": "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tool_call_id": "call_9434765919",
        "snowflake": "1234567890123456789",
        "account": "876543210",
        "sku": "B12345678",
        "order": "0012345678",
    },
    "kubernetes": {
        "metadata": {
            "resourceVersion": "876543210",
            "generation": 12345677,
            "uid": "7a3c9d1e-1f2a-4b3c-8d4e-5f6a7b8c9d0e",
        },
        "status": {"observedGeneration": 12345677, "startTimeUnixNano": 1743324049123456789, "ts": 1743324049123456},
    },
    "spans": [{"seed": 6812345678901234564, "trace": 6708149967891727418, "ms": 1743324049123, "at": 1743324049.123}],
    "versions": {"version": "10.20.30.40", "chromeVersion": "120.0.6099.71"},
    "widget": "M30.5898 36.3792 28.6306 37.0061 26.3109 37.0061C21.8282 37.0061 18.0201 33.9825",
    "places": "contact 36.3792 28.6306, 48.8566,2.3522; 05.123 06.234 0.0061 26.3109 37.0061",
    "log": "1743324049 876543210 12345677 rows=9434765919 v1.2.3 pid=44051401458 offset 255081416802538 dur=0.0049s",
    "alone": ["9434765919", "876543210", "12345677", "44051401458", "86095742719", "312345678909", "52998224725"],
}


@pytest.mark.parametrize("body", OBJECTS.values(), ids=OBJECTS)
def test_nothing_is_found_in_numbers_and_names_that_are_nobodys(body: object) -> None:
    assert found(body) == []
    assert found({"messages": [{"role": "tool", "content": json.dumps(body)}]}) == []


SOURCE = random.Random(9)
NUMBERS: dict[str, Callable[[], int]] = {
    "seconds": lambda: SOURCE.randint(1_600_000_000, 1_800_000_000),
    "milliseconds": lambda: SOURCE.randint(1_600_000_000_000, 1_800_000_000_000),
    "microseconds": lambda: SOURCE.randint(1_600_000_000_000_000, 1_800_000_000_000_000),
    "nanoseconds": lambda: SOURCE.randint(1_600_000_000_000_000_000, 1_800_000_000_000_000_000),
    "bytes": lambda: SOURCE.randint(10**6, 10**12),
    "64 bits": lambda: SOURCE.randint(10**16, 2**63),
}


@pytest.mark.parametrize("draw", NUMBERS.values(), ids=NUMBERS)
def test_no_time_size_or_random_number_is_anybodys(draw: Callable[[], int]) -> None:
    names = ("in_progress_at", "bytes", "value", "patient_id", "last_call_at", "contact_id", "phone_verified_at", "x")
    for _ in range(300):
        assert found({name: draw() for name in names}) == []


NAMED = (
    ("nhsNumber", 9434765919, "uk_nhs"),
    ("nhs_number", "9434765919", "uk_nhs"),
    ("taxFileNumber", 876543210, "au_tfn"),
    ("medicare", 2123456701, "au_medicare"),
    ("sin", "550090112", "ca_sin"),
    ("pesel", 44051401458, "pl_pesel"),
    ("bsn", 111222333, "nl_bsn"),
    ("cpf", 52998224725, "br_cpf"),
    ("aadhaarNumber", 312345678909, "in_aadhaar"),
    ("ssn", "078051121", "us_ssn"),
    ("steuer_id", 86095742719, "de_tax_id"),
    ("nir", 255081416802538, "fr_nir"),
    ("card_number", 6304000000000000034, "credit_card"),
)


@pytest.mark.parametrize(("name", "value", "kind"), NAMED, ids=[name for name, _, _ in NAMED])
def test_the_name_of_a_member_is_context(name: str, value: object, kind: str) -> None:
    if kind != "credit_card":
        assert kind in {each for each, _ in found({name: value})}
    assert found({"value": value}) == []
    assert found({name + "_created_at": value}) == []


def test_what_someone_wrote_has_no_name_and_a_long_name_says_nothing() -> None:
    assert spelled("content") is None
    assert spelled("") is None
    assert spelled("nhsNumber") == "nhs number"
    assert spelled("NHSNo") == "nhs no"
    assert spelled("patient_id") == spelled("createdAt") == spelled("bytes") == ""
    assert spelled("tax_id") == "tax id"
    assert spelled("a" * MOST_NAME) == "a" * MOST_NAME
    assert spelled("a" * (MOST_NAME + 1)) == ""
