"""Groups of kinds of personal data, and their names in the policy."""

import pytest

from extproc.detectors import pii
from extproc.policy import PolicyError, loads
from extproc.policy.kinds import ON_REQUEST, PII_GROUPS, PII_KINDS, expanded
from extproc.policy.processors import Pii
from tests.gathered import gathered
from tests.policy.texts import processor


def wanted(kinds: str) -> tuple[str, ...]:
    """The kinds that a processor looks for."""
    step = loads(processor(f"{{use: pii, kinds: [{kinds}]}}")).pipelines[0].request[0]
    assert isinstance(step, Pii)
    return step.wanted


def test_the_kinds_of_the_policy_are_those_of_the_rules() -> None:
    assert set(PII_KINDS) == set(pii.KINDS)
    assert set(pii.DEFAULT_KINDS) == set(PII_KINDS) - set(ON_REQUEST)


@gathered("kind", PII_KINDS)
def test_every_kind_is_in_a_group(kind: str) -> None:
    assert any(kind in kinds for kinds in PII_GROUPS.values()), (
        "add its country or its subject to extproc/policy/kinds.py"
    )


def test_a_group_holds_several_kinds_that_exist_each_once_and_has_the_name_of_none() -> None:
    for name, kinds in PII_GROUPS.items():
        assert len(kinds) == len(set(kinds)) > 1
        assert set(kinds) <= set(PII_KINDS)
        assert name not in PII_KINDS


def test_a_group_of_countries_has_the_kinds_that_begin_with_one_of_them() -> None:
    assert {kind for kind in PII_KINDS if kind.startswith("us_")} < set(PII_GROUPS["us"])
    assert {"de_tax_id", "fr_nir", "es_nie"} < set(PII_GROUPS["eu"])
    assert not {"uk_nhs", "us_ssn"} & set(PII_GROUPS["eu"])
    assert {"uk_nhs", *PII_GROUPS["eu"]} < set(PII_GROUPS["europe"])


def test_groups_and_kinds_may_be_mixed_and_each_kind_counts_once() -> None:
    assert wanted("contact, email, iban") == ("email", "phone", "postal_address", "iban")
    assert wanted("health, us") == expanded(["health", "us"])
    assert len(wanted("health, us")) == len(set(wanted("health, us")))


def test_a_group_brings_kinds_that_are_detected_on_request_alone() -> None:
    assert "postal_address" in wanted("location")
    assert "license_plate" in wanted("vehicle")


@pytest.mark.parametrize(
    ("written", "said"),
    [("finanse", "did you mean finance"), ("us_dna", "us_dea or us_"), ("helth", "health"), ("emial", "email")],
)
def test_the_error_for_a_misspelt_name_lists_what_is_near(written: str, said: str) -> None:
    with pytest.raises(PolicyError) as raised:
        wanted(written)
    assert said in raised.value.render()


def test_a_name_that_is_written_twice_is_an_error() -> None:
    with pytest.raises(PolicyError):
        wanted("finance, finance")
