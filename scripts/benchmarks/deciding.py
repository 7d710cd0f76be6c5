"""`scripts/bench routing`: what it costs to choose a backend, from signals that are known to the plan of attempts."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from extproc.apis.demand import Demand
from extproc.policy import loads
from extproc.routing.busy import OpenExchanges
from extproc.routing.health import BackendHealth
from extproc.routing.placing import key_of
from extproc.routing.selection import Draws, select
from extproc.routing.speeds import Speeds
from extproc.routing.table import Table, compile_table
from extproc.routing.weighing import Weighing
from scripts.benchmarks.report import Row

REPEATS: Final = 2_000
"""Decisions of a round: some 0.1 s, long against the clock's steps."""

BACKENDS: Final = 100
RULES: Final = 50
MOST: Final = 40.0
"""Microseconds that a decision may cost, for 50 rules and 100 backends."""

LIMITS: Final = "residency: [{name: eu-data, when: images > 0, regions: [eu]}]\n"
SIGNALS: Final[Mapping[str, Any]] = {"tools": 1, "stream": True, "images": 0, "model": "x"}
CONFINED: Final[Mapping[str, Any]] = {**SIGNALS, "images": 1}
DEMAND: Final = Demand(frozenset({"tools"}), 4_000, 1_000, 3)


def policy(rules: int, backends: int, more: str = "", traits: str = "") -> Table:
    """A model with so many rules, none of which applies, and all backends as its targets."""
    lines = ["version: 1", "backends:"]
    for at in range(backends):
        region, models = ("eu", "us")[at % 2], f", models: [{{name: m{traits}}}]" if traits else ""
        url = f"http://127.0.0.1:{at + 1}/v1"
        lines.append(f'  - {{name: b{at}, url: "{url}", api: openai, region: {region}{models}}}')
    targets = ", ".join(f"{{backend: b{at}, model: m, weight: {1 + at % 5}}}" for at in range(backends))
    listed = "".join(
        f"      - {{when: 'tools > {at + 5} || model == \"{at}\"', to: [{{backend: b{at % backends}}}]}}\n"
        for at in range(rules)
    )
    lines += ["models:", "  - name: x", f"    targets: [{targets}]"]
    text = "\n".join(lines) + (f"\n    rules:\n{listed}" if rules else "\n") + more
    return compile_table(loads(text), {})


Subject = Callable[[float], object]


def _subjects() -> dict[str, Subject]:
    one, many = policy(0, 1), policy(RULES, BACKENDS)
    limited = policy(RULES, BACKENDS, LIMITS)
    priced = ", input_usd_per_mtok: 1, output_usd_per_mtok: 2, context_tokens: 128000, features: [tools, images]"
    subjects: dict[str, Subject] = {
        "1 target, no rules": _weighted(one, {}),
        f"{BACKENDS} targets, no rules": _weighted(policy(0, BACKENDS), {}),
        f"{RULES} rules, {BACKENDS} backends": _weighted(many, SIGNALS),
        f"{RULES} rules, {BACKENDS} backends, one down": _weighted(many, SIGNALS, "b7"),
        f"{RULES} rules, {BACKENDS} backends, residency": _weighted(limited, CONFINED),
    }
    for strategy in ("cheapest", "fastest", "least_busy", "sticky", "balanced"):
        own = policy(0, 10, f"    strategy: {strategy}\n", priced)
        subjects[f"10 targets, {strategy}, filtered"] = _weighing(own)
    return subjects


def _weighted(own: Table, signals: Mapping[str, Any], *down: str) -> Subject:
    health = BackendHealth()
    for name in down:
        health.limited(name, "", 0.0, 1e9)

    def decide(draw: float) -> object:
        confinement = own.residency.confine(signals) if own.residency else None
        return select(own, "x", "openai", draw, health, 1.0, signals, confinement)

    return decide


def _weighing(own: Table) -> Subject:
    health, busy, speeds, key = BackendHealth(), OpenExchanges(), Speeds(), key_of(b"conversation")
    for each in own.routes["x", "openai"].targets:
        speeds.began(each.key, 0.5, 0.0, stream=True)
        speeds.wrote(each.key, 0.01, 0.0)

    def decide(draw: float) -> object:
        weighing = Weighing(draw, 1.0, busy, speeds, DEMAND, True, key)
        return select(own, "x", "openai", draw, health, 1.0, {}, None, weighing)

    return decide


def measure(rounds: int, _seconds: float, say: Callable[[str], None], only: Collection[str]) -> list[Row]:
    """Return the CPU time of a decision in microseconds, for each subject."""
    rows = []
    for name, decide in _subjects().items():
        if only and not any(word in name for word in only):
            continue
        say(f"routing: {name}")
        values = tuple(_round(decide) for _ in range(rounds))
        most = MOST if name.startswith(f"{RULES} rules") else None
        rows.append(Row("decision", name, "us", values, most=most))
    return rows


def _round(decide: Subject) -> float:
    draws = Draws(0.0)
    begun = time.process_time()
    for _ in range(REPEATS):
        decide(draws.next())
    return (time.process_time() - begun) / REPEATS * 1e6
