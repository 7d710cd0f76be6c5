"""What the fast lane says of a text: as few hits as tell where matches may be."""

import pytest

from extproc.matching.compiled import compile_rule
from extproc.matching.hyperscan import Fast
from extproc.matching.regions import Regions
from extproc.matching.rule import Rule


def _regions(**of_rule: object) -> Regions:
    return Regions((compile_rule(Rule(kind="number", **of_rule)),))  # type: ignore[arg-type]


@pytest.mark.parametrize("sign", ["[0-9]{3}[^0-9]", "x|[0-9]{3}([^0-9])"])
def test_a_gate_hits_once_where_it_ends_with_one_of_many_characters(sign: str) -> None:
    regions = _regions(pattern="[0-9]{3}[a-z ]{0,3}", sign=sign)
    assert regions.hits(b"\n123 and\n") == [(0, 5)]
    assert len(regions.hits("\n123é\n".encode())) == 1


def test_texts_without_digits_are_not_shown_to_the_gates_that_need_one(monkeypatch: pytest.MonkeyPatch) -> None:
    regions = _regions(pattern="[A-Z][0-9]{3}", numeric=True)
    shown: list[bytes] = []
    hits = Fast.hits

    def note(self: Fast, data: bytes, meter: None = None) -> object:
        shown.append(data)
        return hits(self, data, meter)

    monkeypatch.setattr(Fast, "hits", note)
    assert not regions.hits(b"\nno number\n")
    assert shown == [b"\nno number\n"]
    assert regions.hits(b"\nbut A123 here\n") == [(0, 10)]
