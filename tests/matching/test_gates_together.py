"""All gates in one database hit where each of them does by itself: Hyperscan has been seen to lose one among others."""

from collections.abc import Mapping
from functools import cache

import pytest
from hyperscan import Database

from extproc.detectors import pii
from extproc.matching import databases
from extproc.matching.compiled import compile_rule
from extproc.matching.hyperscan import Fast
from extproc.matching.regions import Regions
from extproc.matching.rule import marked
from extproc.matching.scanner import Scanner
from tests.inspection.texts import EXAMPLES, RULES, alone

LANES = tuple(map(compile_rule, RULES))
BESIDE = ("_", " ", "-", "\n", "=", "é")


@cache
def _regions() -> Regions:
    return Regions(LANES)


def _alone(gate: bytes, data: bytes) -> set[int]:
    return {end for _, end in Fast({0: gate}).hits(data)}


KINDS = (
    ("mac_address", "passport", "in_gstin"),
    ("at_svnr", "mx_rfc"),
    ("bg_egn", "id_nik", "mx_rfc", "co_cedula"),
    ("ie_pps", "th_id", "id_nik", "mx_rfc"),
    ("nl_bsn", "ch_ahv", "ro_cnp", "bg_egn", "hu_tax_id", "eu_vat", "uk_vat", "in_gstin"),
)


@pytest.mark.parametrize("kinds", KINDS)
def test_every_kind_is_found_beside_some_others(kinds: tuple[str, ...]) -> None:
    """Policies that lost the gates of two or three of these kinds, all but at the beginning of a text."""
    rules = pii.rules(kinds)
    scanner = Scanner.compile(rules)
    for rule in rules:
        for hit in rule.hits:
            text, spans = marked(f"{'words and ' * 20}\n{hit}")
            found = {(span.start, span.end) for span in scanner.scan(text) if span.rule == rule.title}
            assert {span for span in spans if span in {(s.start, s.end) for s in alone(rule).scan(text)}} <= found


def test_patterns_that_are_lost_in_company_get_a_database_each(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[set[int]] = []
    build = databases.compiled

    def losing(patterns: Mapping[int, bytes]) -> Database:
        """Lose 2 and 3 where there are more than two."""
        made.append({*patterns})
        return build(
            {number: b"never" if len(patterns) > 2 and number > 1 else each for number, each in patterns.items()}
        )

    monkeypatch.setattr(databases, "compiled", losing)
    patterns = {0: b"zero", 1: b"one", 2: b"two", 3: b"three", 4: b"four"}
    probes = {number: (b"words " + each,) for number, each in patterns.items() if number != 4}
    fast = Fast(patterns, probes)
    assert sorted(fast.hits(b"zero one two three")) == [(0, 4), (1, 8), (2, 12), (3, 18)]
    assert made[-1] == {0, 1, 4}


def test_a_probe_that_fits_no_pattern_changes_nothing() -> None:
    fast = Fast({0: b"zero", 1: b"one"}, {0: (b"nothing",)})
    assert sorted(fast.hits(b"zero one")) == [(0, 4), (1, 8)]
    assert not fast._lost


@pytest.mark.parametrize("beside", BESIDE)
def test_no_gate_is_lost_among_the_others(beside: str) -> None:
    data = ("\n" + "".join(f"log: key{beside}{each}{beside} " for each in EXAMPLES) + "\n").encode()
    regions = _regions()
    usual, behind = set(regions.hits(data)), set(regions._behind_underscores([], data, None))
    others = {number for gate in regions.shared.values() for number in gate.members[1:]}
    for number, lane in enumerate(LANES):
        if number in others:
            continue
        assert {(number, end) for end in _alone(lane.gate, data)} <= usual, lane.title
        if lane.underscored not in {b"", lane.gate}:
            assert {(number, end) for end in _alone(lane.underscored, data)} <= behind, lane.title
