"""Encoded values of query strings: read decoded, under their names, and masked as they stand."""

import pytest

from extproc.detectors import pii
from extproc.inspection.queries import NAME_MAX, VALUE_MAX, decoded_spans, encoded
from extproc.matching.scanner import Scanner
from extproc.protocol.meter import Meter, SpentError
from scripts.benchmarks.unseen import judge

_SCANNER = Scanner.compile(pii.rules(("mac_address", "date_of_birth", "gr_afm", "at_tax_id")))


@pytest.mark.parametrize(
    ("text", "masked", "kind"),
    [
        ("GET /x?mac=10%3Abf%3Ad1%3A46%3Ae9%3Ab3&n=1", "GET /x?mac=[MAC_ADDRESS_1]&n=1", "mac_address"),
        ("id=1&date_of_birth=12%2F03%2F1985&n=1", "id=1&date_of_birth=[DATE_OF_BIRTH_1]&n=1", "date_of_birth"),
        ("id=1&dob=3+May+1990", "id=1&dob=[DATE_OF_BIRTH_1]", "date_of_birth"),
        ("/v1?steuernummer=59-119%2F9013", "/v1?steuernummer=[AT_TAX_ID_1]", "at_tax_id"),
        ("/v1?%CE%B1%CF%86%CE%BC=094259216&n=1", "/v1?%CE%B1%CF%86%CE%BC=[GR_AFM_1]&n=1", "gr_afm"),
        ("/v1?c%C3%A9dula_no=1020304050&n=1", "/v1?c%C3%A9dula_no=[CO_CEDULA_1]&n=1", "co_cedula"),
        (
            "/v1?note=%C3%A9%FF%20born%203%20May%201990&n",
            "/v1?note=%C3%A9%FF%20born%20[DATE_OF_BIRTH_1]&n",
            "date_of_birth",
        ),
    ],
)
def test_an_encoded_value_is_masked_as_it_stands(text: str, masked: str, kind: str) -> None:
    judged = judge(text)
    assert judged.masked == masked
    assert [each.kind for each in judged.findings] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1 + 2",
        "100%",
        "?q=a%20b",
        "a=b+c",
        "a&&x=7654321+j;b",
        "x=7654321+j&&b",
        "rate=7%&n=1",
        "=%20",
        "?a=%zz&b=%",
    ],
)
def test_other_signs_of_percent_and_plus_tell_nothing(text: str) -> None:
    assert judge(text).masked == text


def test_a_value_and_a_name_are_decoded_up_to_their_limits() -> None:
    value = "10%3Abf%3Ad1%3A46%3Ae9%3Ab3"
    assert [len(each.value) for each in encoded(f"?x={'a' * (VALUE_MAX - 3)}%20")] == [VALUE_MAX - 2]
    assert encoded(f"?x={'a' * (VALUE_MAX - 2)}%20") == []
    assert len(encoded(f"?{'n' * NAME_MAX}={value}")) == 1
    assert encoded(f"?{'n' * (NAME_MAX + 1)}={value}") == []


def test_a_finding_of_the_decoded_value_goes_before_those_of_the_encoded_one() -> None:
    text = "?steuernummer=59-119%2F9013&mac=10:bf:d1:46:e9:b3"
    found = decoded_spans(_SCANNER.scan(text), encoded(text), _SCANNER)
    assert [(text[span.start : span.end], span.kind) for span in found] == [
        ("59-119%2F9013", "at_tax_id"),
        ("10:bf:d1:46:e9:b3", "mac_address"),
    ]


def test_every_value_costs_steps() -> None:
    with pytest.raises(SpentError):
        encoded("?" + "&".join("a=%20" for _ in range(100)), Meter(1_000))


def test_a_value_is_in_no_repr() -> None:
    (value,) = encoded("?mac=10%3Abf")
    assert "10" not in repr(value)
