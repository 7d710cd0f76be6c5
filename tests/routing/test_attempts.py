"""Which requests are tried more than once, where, and how Envoy's routes for them are told apart."""

from extproc.policy import loads
from extproc.policy.retries import ATTEMPTS_MAX
from extproc.routing.attempts import Retries, cluster_of, retries_of
from extproc.routing.candidates import Choice
from extproc.routing.health import BackendHealth
from extproc.routing.selection import select
from extproc.routing.table import compile_table
from tests.gathered import gathered

BACKENDS = "".join(
    f'  - {{name: {name}, url: "http://127.0.0.1:1/v1", api: openai, models: [{{name: {listed}}}]{more}}}\n'
    for name, listed, more in (
        ("b", "shared", ""),
        ("a", "shared", ""),
        ("own", "x", ", credential: client"),
        ("c", "y", ""),
        ("d", "y", ""),
        ("e", "z", ""),
    )
)


def text(*models: str, more: str = "") -> str:
    listed = "".join(f"  - {each}\n" for each in models)
    return f"version: 1\nbackends:\n{BACKENDS}models:\n{listed}{more}"


TWO = "{name: two, targets: [{backend: a}], fallback: [{backend: b}]}"
ONE = "{name: one, targets: [{backend: a}]}"
MANY = "{name: many, targets: [{backend: a}], fallback: [{backend: b}, {backend: c}, {backend: d}, {backend: e}]}"


def retries(*models: str, more: str = "") -> Retries | None:
    return retries_of(loads(text(*models, more=more)))


def order(model: str, *models: str, more: str = "") -> list[str]:
    policy = loads(text(*models, more=more))
    choice = select(compile_table(policy, {}), model, "openai", 0.0, BackendHealth(), 0.0)
    found = retries_of(policy)
    assert choice is not None
    assert found is not None
    planned = found.planned(model, choice)
    return [] if planned is None else [each.destination.name for each in planned[1]]


def test_what_has_one_way_to_be_served_is_tried_once() -> None:
    assert retries(ONE) is None
    assert retries(ONE, "{name: same, targets: [{backend: a}], fallback: [{backend: a, model: same}]}") is None
    assert order("one", ONE, TWO) == []
    assert order("two", ONE, TWO) == ["a", "b"]


def test_no_request_is_tried_more_often_than_its_limit() -> None:
    assert order("many", MANY) == ["a", "b", "c", "d"]
    assert len(order("many", MANY)) == ATTEMPTS_MAX
    assert order("many", MANY[:-1] + ", retry: {attempts: 2}}") == ["a", "b"]
    assert retries(MANY[:-1] + ", retry: {attempts: 1}}") is None


def test_models_that_are_retried_alike_share_routes_which_are_no_more_than_their_targets() -> None:
    found = retries(ONE, TWO, MANY, TWO.replace("name: two", "name: like-two"))
    assert found is not None
    assert [(each.number, each.attempts) for each in found.classes] == [(0, 2), (1, 4)]
    assert found.by_model["two"] is found.by_model["like-two"] is found.classes[0]
    assert found.by_model["one"] is None
    assert found.classes[1].label(3) == "1-3"


def test_a_backend_s_number_is_its_place_among_the_names_wherever_it_is_written() -> None:
    found = retries(TWO)
    assert found is not None
    assert found.numbers == {"a": "0", "b": "1", "c": "2", "d": "3", "e": "4", "own": "5"}
    assert found.backends == {"a", "b"}


def test_a_client_s_own_key_goes_first_or_not_at_all() -> None:
    own = "{name: m, targets: [{backend: own}], fallback: [{backend: a}]}"
    assert order("m", own) == ["own", "a"]
    found = retries(own)
    assert found is not None
    assert found.backends == {"a"}
    assert order("m", TWO, "{name: m, targets: [{backend: a}], fallback: [{backend: own}]}") == []


def test_rules_and_canaries_count_as_ways() -> None:
    ruled = "{name: m, rules: [{when: stream, to: [{backend: a}, {backend: b}]}], targets: [{backend: c}]}"
    canary = "{name: m, targets: [{backend: a}], canary: {to: {backend: b}, share: 10%}}"
    for each in (ruled, canary):
        found = retries(each)
        assert found is not None
        assert {"a", "b"} <= found.backends
        assert found.classes[0].attempts == 2


@gathered(("more", "expected"), [("unknown_models: pass\n", ["b", "a"]), ("", None)])
def test_a_name_that_several_backends_list_is_tried_at_each_where_it_passes(
    more: str, expected: list[str] | None
) -> None:
    if expected is None:
        assert retries(ONE, more=more) is None
    else:
        assert order("shared", ONE, more=more) == expected


def test_only_an_envoy_with_such_routes_retries() -> None:
    for more in ("steering: {retries: none}\n", "steering: {by: metadata}\n"):
        assert retries(TWO, more=more) is None


def test_later_attempts_have_clusters_of_their_own() -> None:
    choice = select(compile_table(loads(text(TWO)), {}), "two", "openai", 0.0, BackendHealth(), 0.0)
    assert isinstance(choice, Choice)
    first, second = choice.plan
    assert [each.destination.name for each in (first, second)] == ["a", "b"]
    assert cluster_of("a", 1, reads=False) == "a"
    assert cluster_of("a", 1, reads=True) == "a:first"
    assert cluster_of("b", 2, reads=True) == "b:retry"
