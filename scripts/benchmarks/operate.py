"""`scripts/bench operate`: what metrics, audit, usage and budgets add to an exchange, and to an event of a stream.

CPU time of the processor's own process, in alternating rounds with and without each: `usage` and `budget` from
exchanges that are played as Envoy sends them (see `replay`), `metrics` and `audit` from records (see `metering` and
`audit_cost`). `together` is their sum, and so is an event's. What Envoy's filter and Redis take is measured by benches
of their own, through a real Envoy and a real Redis.
"""

import gc
from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, cast

from extproc.server.process import COLLECTIONS
from scripts.benchmarks import audit_cost, metering
from scripts.benchmarks.replay import (
    CHOOSING,
    EVENTS,
    EVENTS_AT_ONCE,
    METERED,
    PROMPT,
    REQUESTS,
    STREAM,
    Loop,
    Wire,
    answered,
    chat,
    cpu,
    exchanges,
    greeting,
    home,
    messages,
    spoken,
    streams,
)
from scripts.benchmarks.report import Row
from scripts.benchmarks.texts import prose

REQUEST_MOST: Final = 15.0
EVENT_MOST: Final = 1.0
"""Microseconds that metrics, audit, usage and budget in memory may add together."""

REDIS_MOST: Final = 250.0
"""Microseconds that a budget in Redis may add to the median exchange."""

TRIES: Final = 3
"""Times that the exchanges of a round are played: other programs on the machine only ever add to what they take."""

BUDGETED: Final = METERED + "budgets: [{name: team, per: model, tokens: 1000000000000, window: 1d}]\n"

Reads = tuple[list[bytes], list[bytes], int]


def measure(rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str]) -> list[Row]:
    """Return the rows of a run. `seconds` has no say: a round is so many exchanges."""
    del seconds
    requests: dict[str, list[float]] = {name: [] for name in ("metrics", "audit", "usage", "budget")}
    events: list[float] = []
    asked, streamed = _requests(), _events()
    for policy in (CHOOSING, METERED, BUDGETED):  # what is worked out once is no exchange's cost
        _cost(policy, asked)
        _cost(policy, streamed)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    for number in range(rounds):
        say(f"operate: round {number + 1} of {rounds}")
        plain, counted, charged = (_cost(policy, asked) for policy in (CHOOSING, METERED, BUDGETED))
        requests["usage"].append(counted - plain)
        requests["budget"].append(charged - counted)
        requests["metrics"].append(metering.cost(*metering.records()["full"]))
        requests["audit"].append(audit_cost.figures()["whole"])
        events.append(_cost(METERED, streamed) - _cost(CHOOSING, streamed))
    together = tuple(sum(each) for each in zip(*requests.values(), strict=True))
    rows = [Row("added_cpu_us_per_request", name, "us", tuple(values)) for name, values in requests.items()]
    rows.append(Row("added_cpu_us_per_request", "together", "us", together, most=REQUEST_MOST))
    rows.append(Row("added_cpu_us_per_event", "together", "us", tuple(events), most=EVENT_MOST))
    return [row for row in (*rows, *_elsewhere(rounds, say)) if not only or row.subject in only]


def _requests() -> Reads:
    """Exchanges with a JSON response that reports its tokens."""
    whole = messages(said=chat("Hello"), answer=answered(prose(PROMPT, 1)), kind="application/json")
    return [], list(exchanges(lambda _: whole, REQUESTS)), REQUESTS


def _events() -> Reads:
    """Events of streamed responses."""
    begun = messages(said=chat("Hello"), kind=STREAM)[:3]
    before, events = streams(begun, lambda number: spoken(prose(EVENTS // EVENTS_AT_ONCE * 5, number)))
    return before, events, EVENTS


def _cost(policy: str, reads: Reads) -> float:
    """Return the microseconds of CPU of an exchange, or of an event, under a policy: the least of a few tries."""
    return min(_played(policy, reads) for _ in range(TRIES))


def _played(policy: str, reads: Reads) -> float:
    shell = import_module("extproc.server.h2.shell").Shell(home(policy), cast("Any", Loop()))
    before, timed, count = reads
    shell.connection_made(cast("Any", Wire()))
    for read in (greeting(), *before):
        shell.data_received(read)
    found = cpu(timed, shell.data_received) / count
    shell.connection_lost(None)
    return found


def _elsewhere(rounds: int, say: Callable[[str], None]) -> Iterator[Row]:
    """Yield what benches of their own measure, as far as they are there."""
    if find_spec("scripts.benchmarks.envoy_usage") is not None:
        yield from import_module("scripts.benchmarks.envoy_usage").measure(rounds, say)
    if find_spec("scripts.benchmarks.redis_budget") is not None:
        say("operate: a budget in Redis")
        added = [import_module("scripts.benchmarks.redis_budget").added() for _ in range(rounds)]
        yield Row("added_us_p50", "redis", "us", tuple(each["redis"] for each in added), most=REDIS_MOST)
        yield Row("added_us_p50", "memory", "us", tuple(each["memory"] for each in added))
