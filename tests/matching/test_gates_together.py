"""All gates in one database hit where each of them does by itself: Hyperscan has been seen to lose one among others."""

from functools import cache

import pytest

from extproc.matching.compiled import compile_rule
from extproc.matching.hyperscan import Fast, Regions
from tests.inspection.texts import EXAMPLES, RULES

LANES = tuple(map(compile_rule, RULES))
BESIDE = ("_", " ", "-", "\n", "=", "é")


@cache
def _regions() -> Regions:
    return Regions(LANES)


def _alone(gate: bytes, data: bytes) -> set[int]:
    return {end for _, end in Fast({0: gate}).hits(data)}


@pytest.mark.parametrize("beside", BESIDE)
def test_no_gate_is_lost_among_the_others(beside: str) -> None:
    data = ("\n" + "".join(f"log: key{beside}{each}{beside} " for each in EXAMPLES) + "\n").encode()
    regions = _regions()
    usual, behind = set(regions.hits(data)), set(regions._behind_underscores(data, None))
    others = {number for gate in regions.shared.values() for number in gate.members[1:]}
    for number, lane in enumerate(LANES):
        if number in others:
            continue
        assert {(number, end) for end in _alone(lane.gate, data)} <= usual, lane.title
        if lane.underscored not in {b"", lane.gate}:
            assert {(number, end) for end in _alone(lane.underscored, data)} <= behind, lane.title
