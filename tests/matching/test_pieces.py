"""Long texts, which the fast lane reads piece by piece: nothing is lost, doubled or kept at their borders."""

from functools import cache

import pytest

from extproc.matching.compiled import CompiledRule, compile_rule
from extproc.matching.regions import PIECE, Regions
from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from extproc.protocol.meter import Meter, SpentError
from tests.inspection.texts import RULES

EXAMPLES = [marked(example)[0] for rule in RULES for example in (*rule.hits, *rule.misses)]
TEXT = "\n".join(EXAMPLES)


@cache
def lanes() -> tuple[CompiledRule, ...]:
    return tuple(map(compile_rule, RULES))


@cache
def scanners() -> tuple[Scanner, Scanner]:
    """A scanner that reads in one pass, and one that reads in pieces which are as small as they may be."""
    whole, pieces = Scanner(lanes()), Scanner(lanes())
    whole._regions.piece = len(TEXT.encode()) * 2
    pieces._regions.piece = pieces._regions._overlap
    return whole, pieces


SHIFTS = (0, 422, *(pytest.param(shift, marks=pytest.mark.deep) for shift in range(211, 1700, 211) if shift != 422))


@pytest.mark.parametrize("shift", SHIFTS)
def test_findings_at_the_borders_of_pieces_are_those_of_one_pass(shift: int) -> None:
    whole, pieces = scanners()
    text = " " * shift + TEXT
    found = pieces.scan(text)
    assert len(text) > 8 * pieces._regions.piece
    assert found
    assert found == whole.scan(text)


@pytest.mark.parametrize("kept", [1, 4, 12])
def test_a_value_behind_an_underscore_at_the_border_of_pieces_is_found(kept: int) -> None:
    """`kept`: characters of it, with the underscore, that the first piece has."""
    scanner = Scanner.compile(
        [Rule(kind="code", pattern="[0-9]{3}-[0-9]{2}-[0-9]{4}", before="[:alnum:]_", numeric=True)]
    )
    plain = Scanner.compile([Rule(kind="code", pattern="[0-9]{3}-[0-9]{2}-[0-9]{4}", numeric=True)])
    assert not scanner.scan("x_078-05-1120")
    at = PIECE - kept - 1  # a line feed stands in front of the text
    (found,) = plain.scan(" " * at + "_078-05-1120" + " " * PIECE)
    assert found.start == at + 1


def test_a_hit_counts_once_wherever_a_piece_ends() -> None:
    regions = Regions((compile_rule(Rule(kind="code", pattern="[A-Z]{3}[0-9]{3}")),))
    size = regions.piece = 64
    for at in range(1, 2 * size):
        data = b"\n" + b"-" * at + b"ABC123" + b"-" * (3 * size)
        starts = [start for _, low, high in regions.stretches(data, None) for start in range(low + 1, high + 1)]
        assert starts.count(1 + at) == 1
        assert len(starts) == len(set(starts))


@pytest.mark.parametrize("letter", ["b", "é"])
def test_matches_side_by_side_are_all_found_across_borders(letter: str) -> None:
    """The character in front of a match is looked at, too: it may be the last that the piece before had."""
    scanner = Scanner.compile([Rule(kind="letter", pattern="[^a]", before="", after="")])
    scanner._regions.piece = 64
    assert [span.start for span in scanner.scan(letter * 300)] == [*range(300)]


@pytest.mark.parametrize("kept", range(1, 4))
def test_an_end_of_a_word_at_the_border_is_none_if_the_word_goes_on(kept: int) -> None:
    scanner = Scanner.compile([Rule(kind="at", pattern=r"x@\b", before="", after="")])
    scanner._regions.piece = 64
    (found,) = scanner.scan("-" * (63 - kept) + "x@word" + "-" * 200)
    assert found.start == 63 - kept


def test_the_hits_of_a_text_are_not_kept_until_its_end() -> None:
    """What 2 MB of hits left behind took 25 ms to free, in one go."""
    regions = Regions((compile_rule(Rule(kind="letter", pattern="a", before="", after="")),))
    assert regions.piece == PIECE
    reading = regions.stretches(b"a" * (4 * PIECE), Meter())
    first = next(reading)
    assert first[2] < PIECE, "as the first piece ends before the second is looked at"
    assert len([first, *reading]) == 4


@pytest.mark.parametrize(("size", "pieces"), [(PIECE, 1), (PIECE + 1, 2)])
def test_a_text_of_one_piece_more_is_read_in_two(size: int, pieces: int) -> None:
    regions = Regions((compile_rule(Rule(kind="letter", pattern="a", before="", after="")),))
    assert len([*regions.stretches(b"a" * size, None)]) == pieces


def test_a_gate_that_is_wide_makes_pieces_that_are_larger() -> None:
    regions = Regions((compile_rule(Rule(kind="wide", pattern="[a-z0-9]{1,8000}!")),))
    assert regions.piece >= 8 * 8001


def test_reading_ends_at_the_piece_that_the_meter_cannot_pay_for() -> None:
    regions = Regions((compile_rule(Rule(kind="letter", pattern="a", before="", after="")),))
    reading = regions.stretches(b"a" * (4 * PIECE), Meter(PIECE))
    assert next(reading)[1] <= 0
    with pytest.raises(SpentError):
        list(reading)
