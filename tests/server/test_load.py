"""The load of a worker: what counts, from where on it skips and refuses, and when that ends again."""

import pytest

from extproc.policy.settings import Limits
from extproc.server.load import HELD_BODIES, LOOP_LAG, OPEN_EXCHANGES, QUEUE, LoadWatch
from extproc.server.relief import tell_relief, unready
from extproc.transaction.load import EASED, WorkerLoad

LIMITS = Limits.model_validate(
    {
        "open_exchanges": 100,
        "held_bodies": "100B",
        "request_body": "100B",
        "overload": {"skip": "50%", "refuse": "80%", "loop_lag": "1s"},
    }
)


class Watched:
    def __init__(self) -> None:
        self.load = WorkerLoad()
        self.watch = LoadWatch(self.load, LIMITS)
        self.told: list[tuple[bool, str]] = []
        self.waiting = 0.0
        self.watch.queued = lambda: self.waiting
        self.watch.changed = lambda load: self.told.append((load.refuses, load.cause))

    def sees(self, open_exchanges: int = 0, held: int = 0, late: float = 0.0) -> tuple[bool, bool]:
        self.watch.look(open_exchanges, held, late)
        return self.load.lean, self.load.refuses


@pytest.mark.parametrize("part", [OPEN_EXCHANGES, HELD_BODIES, QUEUE])
def test_each_part_skips_and_refuses_from_its_threshold(part: str) -> None:
    for amount, expected in ((49, (False, False)), (50, (True, False)), (79, (True, False)), (80, (True, True))):
        watched = Watched()
        watched.waiting = amount / 100 if part == QUEUE else 0.0
        told = watched.sees(amount if part == OPEN_EXCHANGES else 0, amount if part == HELD_BODIES else 0)
        assert (told, watched.load.cause) == (expected, part)


def test_a_loop_that_is_late_once_is_no_load_and_twice_is_one() -> None:
    watched = Watched()
    assert watched.sees(late=5.0) == (False, False)
    assert watched.sees(late=0.0) == (False, False)
    assert watched.sees(late=0.9) == (False, False)
    assert watched.sees(late=0.8) == (True, True)
    assert watched.load.cause == LOOP_LAG
    assert watched.sees(late=0.0) == (False, False)


def test_a_load_has_to_fall_a_fifth_below_a_threshold() -> None:
    watched = Watched()
    assert watched.sees(80) == (True, True)
    assert watched.sees(65) == (True, True)
    assert watched.sees(int(80 * EASED) - 1) == (True, False)
    assert watched.sees(79) == (True, False)
    assert watched.sees(41) == (True, False)
    assert watched.sees(39) == (False, False)
    assert watched.told == [(True, OPEN_EXCHANGES), (False, OPEN_EXCHANGES)]


def test_exchanges_that_begin_between_two_looks_count_at_once() -> None:
    watched = Watched()
    watched.sees(10)
    assert watched.watch.crowd == 80
    watched.watch.begun(80, 0)
    assert watched.load.refuses
    assert watched.told == [(True, OPEN_EXCHANGES)]


class Beside:
    """A worker as the supervisor sees it."""

    def __init__(self, overloaded: str | None = None, *, takes: bool = True) -> None:
        self.overloaded = overloaded
        self.takes = takes
        self.room: list[bool] = []

    def order(self, order: object) -> None:
        self.room.append(order.room)  # type: ignore[attr-defined]


def test_each_worker_is_told_whether_another_has_room() -> None:
    one, two, down = Beside(), Beside("queue"), Beside(takes=False)
    tell_relief([one, two, down])
    assert (one.room, two.room, down.room) == ([False], [True], [])
    assert unready([one, two, down]) is None
    one.overloaded = "loop_lag"
    tell_relief([one, two, down])
    assert (one.room[-1], two.room[-1]) == (False, False)
    assert unready([one, two, down]) == "overloaded: loop_lag, queue"
    assert unready([down]) == "no worker is ready"
