"""Breakers by backend and model: what takes them out, how they come back, and what others are told."""

from typing import Final

from extproc.policy import Health
from extproc.routing.health import PROBE_WITHIN, SOFT, Ailment, BackendHealth, HealthChange, Outage
from tests.gathered import gathered

SETTINGS: Final = Health.model_validate({"failures": 3, "cooldown": "10s", "probes": 2})


def failing(times: int, now: float = 0.0, why: Ailment = "failing") -> BackendHealth:
    health = BackendHealth()
    for _ in range(times):
        health.failed("a", "m", now, SETTINGS, why)
    return health


def test_a_model_is_down_after_its_failures_in_a_row_and_no_other_model_is() -> None:
    health = failing(2)
    assert not health.down("a", "m", 0.0)
    health.failed("a", "m", 0.0, SETTINGS)
    assert health.down("a", "m", 0.0)
    assert not health.down("a", "other", 0.0)
    assert not health.down("b", "m", 0.0)


def test_a_success_ends_the_streak() -> None:
    health = failing(2)
    health.served("a", "m", 0.0, SETTINGS)
    health.failed("a", "m", 0.0, SETTINGS)
    health.failed("a", "m", 0.0, SETTINGS)
    assert not health.down("a", "m", 0.0)


def test_after_the_cooldown_one_request_at_a_time_tries_it() -> None:
    health = failing(3)
    assert health.down("a", "m", 9.99)
    assert not health.down("a", "m", 10.0)
    health.sent("a", "m", 10.0)
    assert health.down("a", "m", 10.0)
    assert not health.down("a", "m", 10.0 + PROBE_WITHIN), "one that is not answered does not block it for ever"


def test_a_failed_probe_begins_the_next_cooldown() -> None:
    health = failing(3)
    health.sent("a", "m", 10.0)
    health.failed("a", "m", 11.0, SETTINGS)
    assert health.down("a", "m", 20.99)
    assert not health.down("a", "m", 21.0)


def test_it_is_back_after_as_many_served_probes_as_the_policy_says() -> None:
    health = failing(3)
    for now in (10.0, 11.0):
        assert not health.down("a", "m", now)
        health.sent("a", "m", now)
        health.served("a", "m", now, SETTINGS)
    assert health.report(11.0) == ()
    health.sent("a", "m", 12.0)
    assert not health.down("a", "m", 12.0)


def test_a_late_response_to_a_request_from_before_brings_nothing_back() -> None:
    health = failing(3)
    health.served("a", "m", 5.0, SETTINGS)
    assert health.down("a", "m", 5.0)


def test_a_backend_that_cannot_be_reached_is_down_at_once_for_every_model() -> None:
    health = BackendHealth()
    health.unreachable("a", 5.0, SETTINGS)
    assert health.down("a", "m", 6.0)
    assert health.down("a", "", 6.0)
    assert [(each.model, each.word, each.seconds) for each in health.report(6.0)] == [("", "down", 9.0)]
    assert [each.word for each in health.report(15.0)] == ["probing"]


def test_an_error_of_its_own_shows_that_a_backend_can_be_reached() -> None:
    health = BackendHealth()
    health.unreachable("a", 0.0, SETTINGS)
    health.failed("a", "m", 10.0, SETTINGS)
    health.failed("a", "m", 10.0, SETTINGS)
    assert not health.down("a", "other", 10.0)
    assert not health.down("a", "m", 10.0)


@gathered("why", sorted(SOFT))
def test_what_still_answers_is_avoided_and_serves_where_nothing_else_does(why: Ailment) -> None:
    health = BackendHealth()
    health.limited("a", "m", 0.0, 5.0, why)
    assert health.down("a", "m", 4.9)
    assert not health.down("a", "m", 4.9, hard=True)
    assert not health.down("a", "m", 5.0)
    health.limited("a", "m", 0.0, 2.0)
    assert health.down("a", "m", 4.9), "a shorter limit does not end a longer one"


def test_streaks_of_different_kinds_do_not_add_up() -> None:
    health = failing(2)
    health.failed("a", "m", 0.0, SETTINGS, "cut")
    health.failed("a", "m", 0.0, SETTINGS, "slow")
    assert not health.down("a", "m", 0.0)
    health.failed("a", "m", 0.0, SETTINGS, "cut")
    health.whole("a", "m")
    health.failed("a", "m", 0.0, SETTINGS, "cut")
    assert not health.down("a", "m", 0.0)


def test_what_one_worker_learns_the_others_know() -> None:
    one, other = failing(3), BackendHealth()
    assert one.news(0) == ()
    (change,) = one.news(10)
    assert one.news(10) == ()
    other.take([change])
    assert other.down("a", "m", 0.0)
    assert other.news(10) == (), "it is not told on"
    one.sent("a", "m", 10.0)
    other.take(one.news(10))
    assert other.down("a", "m", 10.0), "another worker's probe is out"
    for now in (11.0, 12.0):
        one.served("a", "m", now, SETTINGS)
    other.take(one.news(10))
    assert other.report(12.0) == ()
    late = BackendHealth()
    late.take(one.changes())
    late.take([change])
    assert late.report(12.0) == (), "older news does not undo newer ones"


def test_news_is_told_in_parts_and_only_its_latest_state() -> None:
    health = failing(3)
    health.unreachable("b", 1.0, SETTINGS)
    health.limited("a", "m", 2.0, 60.0)
    first, second = health.news(1), health.news(1)
    assert [each.backend for each in (*first, *second)] == ["a", "b"]
    assert first == (HealthChange("a", "m", 2.0, Outage("limited", 62.0)),)


def test_a_reload_keeps_what_is_known_of_backends_that_stay() -> None:
    health = failing(3)
    health.unreachable("b", 1.0, SETTINGS)
    health.failed("b", "m", 1.0, SETTINGS)
    health.keep({"a"})
    assert health.down("a", "m", 1.0)
    assert not health.down("b", "m", 1.0)
    assert [each.backend for each in health.changes()] == ["a"]
    assert [each.backend for each in health.news(10)] == ["a"]
