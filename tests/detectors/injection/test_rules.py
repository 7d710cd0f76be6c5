"""The phrases of the rule tier: what they find, and what they let be."""

import pytest

from extproc.detectors.injection.rules import KINDS, ORDERS, PHRASES, RAW
from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from extproc.policy.judges import INJECTION_KINDS


@pytest.fixture(scope="module")
def scanners() -> dict[str, Scanner]:
    return {"phrases": Scanner.compile(PHRASES), "orders": Scanner.compile(ORDERS), "raw": Scanner.compile(RAW)}


def test_kinds_are_those_of_the_policy() -> None:
    assert sorted(KINDS) == sorted(INJECTION_KINDS)


@pytest.mark.parametrize(
    ("tier", "rule"),
    [("phrases", each) for each in PHRASES] + [("orders", each) for each in ORDERS] + [("raw", each) for each in RAW],
    ids=lambda each: each.title if isinstance(each, Rule) else each,
)
def test_examples(scanners: dict[str, Scanner], tier: str, rule: Rule) -> None:
    assert rule.hits
    assert rule.misses
    for hit in rule.hits:
        text, spans = marked(hit)
        assert [(each.start, each.end) for each in scanners[tier].scan(text) if each.rule == rule.name] == spans
    for miss in rule.misses:
        assert scanners[tier].scan(miss) == []
