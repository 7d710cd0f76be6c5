"""A meter: how much work may be done, and that it ends when nobody waits for it."""

import pytest

from extproc.protocol.meter import ENDLESS, Meter, SpentError


def test_work_may_take_all_the_steps_but_not_one_more() -> None:
    meter = Meter(3)
    meter.spend(2)
    meter.spend(1)
    assert meter.left == 0
    with pytest.raises(SpentError):
        meter.spend(1)


def test_a_meter_that_is_stopped_lets_no_step_pass() -> None:
    meter = Meter()
    meter.spend(ENDLESS // 2)
    assert not meter.stopped
    meter.stop()
    assert meter.stopped
    with pytest.raises(SpentError):
        meter.spend(0)
