"""The header names of a client that are removed are remembered by all of its names, within bounds."""

import pytest

from extproc.protocol.headers import HeaderMap
from extproc.transaction.plan import NAMES_CACHED
from tests.transaction.plans import plan


def named(*names: str) -> HeaderMap:
    return HeaderMap([(name, b"value") for name in names])


def test_names_are_judged_alike_when_they_come_again_with_other_values() -> None:
    judge = plan()
    expected = (("x-extproc-backend",), ("x-odd-token",))
    assert judge.screened(named("accept", "x-extproc-backend", "x-odd-token")) == expected
    again = HeaderMap([("accept", b"1"), ("x-extproc-backend", b"2"), ("x-odd-token", b"3")])
    assert judge.screened(again) == expected
    assert judge.screened(named("accept", "x-odd-token")) == ((), ("x-odd-token",)), "other names, another judgement"


@pytest.mark.parametrize(("lists", "kept"), [(NAMES_CACHED, NAMES_CACHED), (NAMES_CACHED + 1, 1)])
def test_clients_that_invent_names_fill_no_memory(lists: int, kept: int) -> None:
    judge = plan()
    for number in range(lists):
        assert judge.screened(named(f"x-invented-{number}", "x-odd-token"))[1] == ("x-odd-token",)
    assert len(judge._screened) == kept
