from extproc.routing.health import BackendHealth


def fail(health: BackendHealth, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        health.failed("a", now=now, failures=3, cooldown=10.0)


def test_a_backend_is_down_after_its_failures_in_a_row_and_not_before() -> None:
    health = BackendHealth()
    fail(health, 2)
    assert not health.down("a", 0.0)
    fail(health, 1)
    assert health.down("a", 0.0)
    assert not health.down("b", 0.0)


def test_a_success_ends_the_streak() -> None:
    health = BackendHealth()
    fail(health, 2)
    health.served("a")
    fail(health, 2)
    assert not health.down("a", 0.0)


def test_after_the_cooldown_it_is_offered_again_and_one_more_failure_takes_it_out_again() -> None:
    health = BackendHealth()
    fail(health, 3)
    assert health.down("a", 9.99)
    assert not health.down("a", 10.0)
    fail(health, 1, now=10.0)
    assert health.down("a", 19.99)


def test_a_backend_that_cannot_be_reached_is_down_at_once() -> None:
    health = BackendHealth()
    health.unreachable("a", now=5.0, cooldown=10.0)
    assert health.report(6.0) == {"a": True}
    assert health.report(15.0) == {"a": False}
