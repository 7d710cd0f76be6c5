"""The time of day: told by the shell, and told anew as clocks are put right."""

from extproc.policy import loads
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.transaction import Plan
from tests.policy.texts import root


def test_the_epoch_follows_the_wall_clock() -> None:
    clocks = {"wall": 1_000_000.0, "steady": 50.0}
    log = Log(Sink("none"))
    plan = Plan.compile(loads(root()), {})
    runtime = Runtime(plan, log, clock=lambda: clocks["steady"], wall=lambda: clocks["wall"])
    assert runtime.shared.epoch == 1_000_000.0 - 50.0
    clocks.update(wall=2_000_000.0, steady=60.0)
    runtime.sweep(clocks["steady"])
    assert runtime.shared.epoch == 2_000_000.0 - 60.0
    log.close()
