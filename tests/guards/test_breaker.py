"""The circuit breaker, at and past each of its limits; and the memory of verdicts."""

import pytest

from extproc.detectors.contract import Detection
from extproc.detectors.service import Excerpt, GuardQuery
from extproc.server.guards.breaker import CircuitBreaker
from extproc.server.guards.memory import FINDINGS_MAX, VerdictMemory

MARKER = b"PLANTED-4012888888881881"


def tripped() -> CircuitBreaker:
    """A breaker that has opened at the time 0, for ten seconds."""
    breaker = CircuitBreaker(3, 10.0)
    for _ in range(3):
        assert breaker.admits(0.0)
        breaker.failed(0.0)
    return breaker


def test_it_opens_at_the_last_failure_in_a_row_and_not_before() -> None:
    breaker = CircuitBreaker(3, 10.0)
    for _ in range(2):
        breaker.failed(0.0)
    assert breaker.admits(0.0)
    breaker.succeeded()
    for _ in range(2):
        breaker.failed(0.0)
    assert breaker.admits(0.0)
    breaker.failed(0.0)
    assert not breaker.admits(0.0)


@pytest.mark.parametrize(("now", "admitted"), [(0.0, False), (9.99, False), (10.0, True), (1e9, True)])
def test_it_is_left_alone_for_its_cooldown(now: float, admitted: bool) -> None:
    assert tripped().admits(now) is admitted


def test_one_question_tries_it_and_the_others_fail_meanwhile() -> None:
    breaker = tripped()
    assert [breaker.admits(10.0) for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert [breaker.admits(10.0) for _ in range(3)] == [True, True, True]


def test_a_probe_that_fails_opens_it_for_another_cooldown() -> None:
    breaker = tripped()
    assert breaker.admits(10.0)
    breaker.failed(11.0)
    assert not breaker.admits(20.9)
    assert breaker.admits(21.0)


def test_a_probe_that_nobody_waits_for_lets_the_next_question_try() -> None:
    breaker = tripped()
    assert breaker.admits(10.0)
    breaker.dropped()
    assert breaker.admits(10.0)


@pytest.mark.parametrize("fails", [False, True])
def test_a_question_from_before_it_was_left_alone_admits_no_second_probe(fails: bool) -> None:
    breaker = tripped()
    assert breaker.admits(10.0)
    if fails:
        breaker.failed(10.0, probe=False)
    else:
        breaker.dropped(probe=False)
    assert not breaker.admits(10.0)
    breaker.succeeded()
    assert breaker.state == "closed"


def query(body: bytes = b"x", path: str = "/request") -> GuardQuery:
    return GuardQuery(path, body, (Excerpt(0),))


FOUND = (Detection("rejected", 0, 0, 0),)


def test_a_verdict_holds_for_its_time_and_for_the_same_question_alone() -> None:
    memory = VerdictMemory(10.0, 4)
    memory.put(memory.key(query()), FOUND, 0.0)
    assert memory.get(memory.key(query()), 9.9) == FOUND
    for other in (query(b"y"), query(path="/response")):
        assert memory.get(memory.key(other), 0.0) is None
    assert memory.get(memory.key(query()), 10.0) is None
    assert len(memory) == 0


def test_the_verdict_that_was_used_least_recently_goes_first() -> None:
    memory = VerdictMemory(10.0, 2)
    keys = [memory.key(query(b"%d" % number)) for number in range(3)]
    memory.put(keys[0], (), 0.0)
    memory.put(keys[1], (), 0.0)
    memory.get(keys[0], 1.0)
    memory.put(keys[2], (), 1.0)
    assert [memory.get(key, 1.0) is not None for key in keys] == [True, False, True]


def test_no_text_is_kept_and_no_more_than_a_few_findings() -> None:
    memory = VerdictMemory(10.0, 4)
    key = memory.key(query(MARKER))
    memory.put(key, (Detection("masked", 0, 0, 3, instead=MARKER.decode()),), 0.0)
    memory.put(key, FOUND * (FINDINGS_MAX + 1), 0.0)
    assert len(memory) == 0
    memory.put(key, FOUND * FINDINGS_MAX, 0.0)
    assert memory.get(key, 0.0) == FOUND * FINDINGS_MAX
    assert MARKER not in repr(memory._known).encode()


def test_two_memories_know_the_same_question_by_different_hashes() -> None:
    first, second = VerdictMemory(1, 1), VerdictMemory(1, 1)
    assert first.key(query()) != second.key(query())
    assert first.key(query()) == first.key(query())
