"""Mis-steering is counted each time, and warned of once in a while; what cannot be verified is said once."""

import json
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from extproc.protocol.record import Record
from extproc.server.log import Log, Sink
from extproc.server.runtime import WARN_EVERY, WARNINGS_MAX, Runtime
from extproc.telemetry.families import MISSTEERED
from tests.server.support import plan


class Watched:
    """A runtime whose clock and log a test has in its hands."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        self._file = folder / "log"
        self._log = Log(Sink(str(self._file)))
        self.runtime = Runtime(plan(), self._log, clock=lambda: self.now)

    def ends(self, backend: str = "north", cause: str | None = "other_cluster") -> None:
        """An exchange is over."""
        record = replace(Record.lost("only"), backend=backend, missteered=cause, cluster="south", detail="a setting")
        self.runtime.record(record, 0.0)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The lines of the log, which ends."""
        self._log.close()
        return [line for line in map(json.loads, self._file.read_text().splitlines()) if line["event"] == event]


def test_the_same_is_warned_of_once_a_minute_with_how_many_came_between(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for at in (0.0, 1.0, WARN_EVERY - 0.1, WARN_EVERY, WARN_EVERY + 1):
        watched.now = 100.0 + at
        watched.ends()
    watched.ends("south")
    watched.ends(cause="no_route")
    watched.ends(cause=None)
    counted = dict(watched.runtime.metrics.counter(MISSTEERED))
    assert counted == {("north", "other_cluster"): 5, ("south", "other_cluster"): 1, ("north", "no_route"): 1}
    told = [(line["backend"], line["cause"], line["unlogged_before"]) for line in watched.lines("missteered")]
    assert told == [
        ("north", "other_cluster", 0),
        ("north", "other_cluster", 2),
        ("south", "other_cluster", 0),
        ("north", "no_route", 0),
    ]


def test_warnings_are_kept_apart_for_so_many_backends_and_no_more(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for number in range(WARNINGS_MAX + 2):
        watched.ends(f"b{number}")
    watched.ends(f"b{WARNINGS_MAX + 1}")  # it was warned of after all were forgotten
    assert len(watched.lines("missteered")) == WARNINGS_MAX + 2


def test_what_cannot_be_verified_is_said_once_with_the_setting(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for _ in range(3):
        watched.runtime.shared.steering.saw(b"", "response_attributes")
        watched.ends(cause=None)
    assert watched.runtime.steering() == {"": watched.lines("steering_unverified")[0]["detail"]}
    (line,) = watched.lines("steering_unverified")
    assert (line["lacks"], "xds.cluster_name" in line["detail"]) == ("response_attributes", True)
