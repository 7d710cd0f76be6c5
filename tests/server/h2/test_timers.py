"""Points in time, without a clock."""

import math

from hypothesis import given
from hypothesis import strategies as st

from extproc.server.h2.timers import Timers


def test_nothing_is_waited_for_at_first() -> None:
    timers = Timers()
    assert timers.first == math.inf
    assert list(timers.due(1e9)) == []


def test_what_is_due_comes_once_and_in_order() -> None:
    timers = Timers()
    timers.set(1, 3.0)
    timers.set(2, 1.0)
    timers.set(3, 5.0)
    assert list(timers.due(3.0)) == [2, 1]
    assert list(timers.due(4.0)) == []
    assert timers.first == 5.0


def test_setting_a_key_anew_replaces_it() -> None:
    timers = Timers()
    timers.set(1, 1.0)
    timers.set(1, 9.0)
    assert list(timers.due(5.0)) == []
    assert list(timers.due(9.0)) == [1]


def test_a_key_may_be_set_anew_while_it_is_due() -> None:
    timers = Timers()
    timers.set(1, 1.0)
    for key in timers.due(1.0):
        timers.set(key, 2.0)
    assert timers.first == 2.0


def test_a_heap_of_dropped_keys_is_thrown_away() -> None:
    timers = Timers()
    for key in range(10_000):
        timers.set(key, 3600.0)
        timers.drop(key)
    assert len(timers) < 100


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.integers(0, 5), st.integers(0, 50)),
            st.tuples(st.just("drop"), st.integers(0, 5), st.just(0)),
            st.tuples(st.just("due"), st.just(0), st.integers(0, 50)),
        )
    )
)
def test_it_behaves_like_a_dict_that_is_searched(steps: list[tuple[str, int, int]]) -> None:
    timers = Timers()
    model: dict[int, int] = {}
    for what, key, when in steps:
        if what == "set":
            timers.set(key, float(when))
            model[key] = when
        elif what == "drop":
            timers.drop(key)
            model.pop(key, None)
        else:
            expected = {each for each, at in model.items() if at <= when}
            assert set(timers.due(float(when))) == expected
            for each in expected:
                del model[each]
        assert timers.first <= min(model.values(), default=math.inf)
