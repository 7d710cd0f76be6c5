"""The places of a streamed text that masks of windows wait for."""

from random import Random
from types import SimpleNamespace
from typing import cast

from extproc.inspection.stage import CompiledProcessor
from extproc.inspection.window_edits import TextEdits, WindowMask
from extproc.matching.span import Span

NAMES = cast("CompiledProcessor", SimpleNamespace(name="names"))


def _edits(places: list[tuple[int, int]]) -> TextEdits:
    edits = TextEdits()
    for start, end in places:
        edits.mask(WindowMask(Span(start, end, "name", "names", 1.0), NAMES))
    return edits


def test_text_leaves_up_to_where_no_mask_is_cut_however_they_overlap() -> None:
    chance = Random(7)
    for _ in range(500):
        starts = [chance.randrange(40) for _ in range(chance.randint(0, 12))]
        places = [(start, start + chance.randint(1, 9)) for start in starts]
        limit = chance.randrange(50)
        free = limit
        while wide := [start for start, end in places if start < free < end]:
            free = min(wide)
        assert _edits(places).before(limit) == free


def test_a_finding_of_two_windows_is_one_mask() -> None:
    assert _edits([(1, 4), (1, 4), (2, 4)]).count == 2


def test_masks_of_one_window_are_taken_in_proportion() -> None:
    """A chain of them, each over the edge of the next, as long as a response may have: not each against each."""
    chain = [(at, at + 2) for at in range(10_000)]
    assert _edits(chain).before(10_000) == 0
