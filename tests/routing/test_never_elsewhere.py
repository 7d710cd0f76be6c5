"""Over random policies, requests and outages: no attempt of any plan is where a hard limit forbids it."""

from collections.abc import Callable
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from extproc.apis.demand import Demand
from extproc.policy import loads
from extproc.protocol.errors import ClientError
from extproc.routing.busy import OpenExchanges
from extproc.routing.health import BackendHealth
from extproc.routing.residency import ResidencyError
from extproc.routing.selection import select
from extproc.routing.speeds import Speeds
from extproc.routing.table import Table, compile_table
from extproc.routing.weighing import Weighing

NAMES = "abcdef"
REGIONS = ("eu", "us", "ap", None)
WHENS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "tools > 0": ("tools", lambda value: value > 0),
    "stream": ("stream", bool),
    "images > 1": ("images", lambda value: value > 1),
}
EXAMPLES = 100
"""Cases at the least: the usual 25 see few of the ways in which limits, rules and outages meet."""

STRATEGIES = ("weighted", "cheapest", "fastest", "least_busy", "sticky", "balanced")

features = st.sampled_from([None, "[]", "[tools]"])
backends = st.fixed_dictionaries(
    {name: st.tuples(st.sampled_from(REGIONS), st.sampled_from([None, 1000, 50_000]), features) for name in NAMES}
)
targets = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(0, 3)), min_size=1, max_size=4, unique_by=lambda t: t[0]
)
spares = st.lists(st.sampled_from(NAMES), max_size=3, unique=True)
rules = st.lists(st.tuples(st.sampled_from(list(WHENS)), targets, spares), max_size=3)
limits = st.lists(
    st.tuples(
        st.sampled_from(list(WHENS)), st.lists(st.sampled_from(REGIONS[:3]), min_size=1, max_size=2, unique=True)
    ),
    max_size=3,
)
signals = st.fixed_dictionaries({
    "tools": st.sampled_from([None, 0, 1]),
    "stream": st.sampled_from([None, False, True]),
    "images": st.sampled_from([None, 0, 5]),
})  # fmt: skip


def written(chosen: list[tuple[str, int]]) -> str:
    return "[" + ", ".join(f"{{backend: {name}, weight: {weight}}}" for name, weight in chosen) + "]"


def policy(draw: st.DrawFn) -> str:
    traits, own, model = draw(backends), draw(limits), draw(targets)
    assume(any(weight for _, weight in model))
    lines = ["version: 1", "backends:"]
    for name, (region, context, features) in traits.items():
        entry = "".join(
            (f", context_tokens: {context}" if context else "", f", features: {features}" if features else "")
        )
        where = f", region: {region}" if region else ""
        listed = f"[{{name: x{entry}}}, {{name: listed{entry}}}]"
        lines.append(f'  - {{name: {name}, url: "http://127.0.0.1:1/v1", api: openai, models: {listed}{where}}}')
    lines += ["unknown_models: pass", f"default_backend: {draw(st.sampled_from([*NAMES, 'route', 'none']))}"]
    spare = ", ".join(f"{{backend: {name}}}" for name in draw(spares))
    strategy = draw(st.sampled_from(STRATEGIES))
    lines += ["models:", f"  - {{name: x, targets: {written(model)}, fallback: [{spare}], strategy: {strategy}"]
    absent = [name for name in NAMES if name not in {target for target, _ in model}]
    if draw(st.booleans()):
        lines.append(f"     , canary: {{to: {{backend: {draw(st.sampled_from(absent))}}}, share: 50%}}")
    chains = []
    for when, to, then in draw(rules):
        assume(any(weight for _, weight in to))
        then_too = ", ".join(f"{{backend: {name}}}" for name in then)
        chains.append(f"{{when: '{when}', to: {written(to)}, fallback: [{then_too}]}}")
    lines.append(f"     , rules: [{', '.join(chains)}]}}")
    present = {region for region, _, _ in traits.values()}
    asked = [(when, [region for region in regions if region in present]) for when, regions in own]
    lines.append("residency: [" + ", ".join(
        f"{{when: '{when}', regions: [{', '.join(regions)}]}}" for when, regions in asked if regions
    ) + "]")  # fmt: skip
    return "\n".join(lines)


def permitted(own: Table, said: dict[str, Any]) -> set[str] | None:
    """The regions that a request with these signals may go to, worked out without the code that is tried."""
    allowed: set[str] | None = None
    for each in own.residency.limits:
        name, holds = WHENS[each.when.text]
        if said[name] is None or holds(said[name]):
            allowed = set(each.regions) if allowed is None else allowed & each.regions
    return allowed


@st.composite
def cases(draw: st.DrawFn) -> tuple[Table, dict[str, Any], BackendHealth, str, Weighing | None]:
    own, health = compile_table(loads(policy(draw)), {}), BackendHealth()
    for name in draw(st.sets(st.sampled_from(NAMES), max_size=5)):
        health.limited(name, draw(st.sampled_from(["", "x"])), 0.0, 100.0)
    for name in draw(st.sets(st.sampled_from(NAMES), max_size=2)):
        health.limited(name, "", 0.0, 100.0, "quota")
    features = draw(st.sets(st.sampled_from(["tools", "images"])))
    demand = Demand(
        frozenset(features), draw(st.sampled_from([None, 10, 900, 40_000])), draw(st.sampled_from([None, 200])), 1
    )
    point = draw(st.floats(0, 1, exclude_max=True))
    weighing = Weighing(point, 1.0, OpenExchanges(), Speeds(), demand, key=draw(st.sampled_from([None, 7, 2**60])))
    return own, draw(signals), health, draw(st.sampled_from(["x", "x", "listed", "unheard-of"])), weighing


@settings(max_examples=max(EXAMPLES, settings().max_examples))
@given(cases())
def test_no_attempt_is_where_a_hard_limit_forbids_it(
    case: tuple[Table, dict[str, Any], BackendHealth, str, Weighing],
) -> None:
    own, said, health, model, weighing = case
    allowed, confinement = permitted(own, said), own.residency.confine(said)
    assert (None if confinement is None else set(confinement.regions)) == allowed
    try:
        found = select(own, model, "openai", weighing.draw, health, 1.0, said, confinement, weighing)
    except ResidencyError:
        assert allowed is not None
        return
    except ClientError:
        return
    if found is None:
        assert allowed is None, "Envoy's own routes are in no region"
        return
    assert found.plan[0] is found.candidate
    assert len({each.key for each in found.plan}) == len(found.plan)
    needed = weighing.demand.input_tokens or 0
    for each in found.plan:
        traits = each.traits
        assert allowed is None or traits.region in allowed
        assert each.destination.region == traits.region
        if own.reads.get(model) is not None:
            assert traits.features is None or weighing.demand.features <= traits.features
            assert (
                traits.context_tokens is None or traits.context_tokens >= needed or "images" in weighing.demand.features
            )
