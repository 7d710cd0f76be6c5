"""Strategies, canaries and what models can do, as an operator writes them."""

import pytest

from extproc.policy import FEATURES, PolicyError, drafted, loads
from extproc.policy.steering import asked_models
from tests.gathered import gathered

HEAD = """\
version: 1
backends:
  - {name: a, url: "http://127.0.0.1:1/v1", api: openai, models: [{name: m, %s}]}
  - {name: b, url: "http://127.0.0.1:2/v1", api: openai}
  - {name: own, url: "http://127.0.0.1:3/v1", api: openai, credential: client}
  - {name: other, url: "http://127.0.0.1:4/v1", api: anthropic}
default_backend: none
models:
  - name: x
    targets: [{backend: a, model: m}, {backend: b}]
"""
LINE = 11
"""The line of what a model has besides."""


def policy(more: str, entry: str = "quality: 0.5") -> str:
    return HEAD % entry + f"    {more}\n"


def test_what_is_right() -> None:
    for more in (
        "strategy: cheapest",
        "strategy: sticky\n    sticky_by: prefix",
        "strategy: balanced\n    balance: {cost: 0.4, speed: 0.3, quality: 0.3}",
        "canary: {to: {backend: b, model: next}, share: 5%}",
        "canary: {to: {backend: a}, share: 100%}",
        "mirror: {to: {backend: b, model: next}, share: 5%}",
    ):
        loads(policy(more))
    (entry, *_) = (
        loads(policy("strategy: weighted", f"features: [{', '.join(FEATURES)}], quality: 1")).backends[0].models
    )
    assert (entry.features, entry.quality) == (FEATURES, 1.0)


MIRROR = "mirror: {to: {backend: b, model: next}, share: 5%}"
WRONG = [
    ("strategy: cheap", "models[0].strategy", "none of: weighted, cheapest", "did you mean cheapest?"),
    ("sticky_by: tenant", "models[0].sticky_by", "for `strategy: sticky` alone", "write `strategy: sticky`"),
    ("balance: {cost: 1}", "models[0].balance", "for `strategy: balanced` alone", "or delete it"),
    ("strategy: sticky\n    sticky_by: user", "models[0].sticky_by", "none of: conversation", "write"),
    ("strategy: sticky\n    sticky_by: tenant", "models[0].sticky_by", "who is calling", "add `tenants:"),
    ("strategy: balanced\n    balance: {cost: 0}", "models[0].balance", "every weight is 0", "above 0"),
    ("strategy: balanced\n    balance: {cost: 2}", "models[0].balance.cost", "at most 1", "at most 1"),
    ("canary: {to: {backend: c}, share: 5%}", "models[0].canary.to.backend", "there is no backend c", "known here"),
    ("canary: {to: {backend: b}, share: 5%}", "models[0].canary.to", "one of the model's targets", "name another"),
    ("canary: {to: {backend: a}, share: 5}", "models[0].canary.share", "not a percentage", "such as 10%"),
    ("mirror: {to: {backend: c}, share: 5%}", "models[0].mirror.to.backend", "there is no backend c", "known here"),
    ("mirror: {to: {backend: b}, share: 5}", "models[0].mirror.share", "not a percentage", "such as 10%"),
    (f"{MIRROR}\nsteering: {{retries: none}}", "models[0].mirror", "need an Envoy with upstream filters", "delete it"),
    (f"{MIRROR}\nsteering: {{by: metadata}}", "models[0].mirror", "no routes for copies", "cluster_header"),
    (f"{MIRROR.replace('backend: b', 'backend: own')}", "models[0].mirror.to.backend", "client's own key", "another"),
    (f"{MIRROR.replace('backend: b', 'backend: other')}", "models[0].mirror.to.backend", "another API", "theirs"),
    (
        f"{MIRROR}\nendpoint_pools: [{{name: pool, backends: [b], endpoints: ['127.0.0.1:1']}}]",
        "models[0].mirror.to.backend",
        "in an endpoint pool",
        "name another backend",
    ),
]


@gathered(("more", "path", "message", "mend"), WRONG)
def test_what_is_wrong_is_told_with_place_and_mend(more: str, path: str, message: str, mend: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(policy(more), "p.yaml")
    found = [each for each in caught.value.problems if each.path == path]
    assert [each.line in {LINE, LINE + 1} for each in found] == [True], caught.value.render()
    assert (message in found[0].message, mend in found[0].mend) == (True, True), found


@gathered(("entry", "path", "message"), [
    ("features: [tool]", "backends[0].models[0].features[0]", "none of: tools, images"),
    ("quality: 1.1", "backends[0].models[0].quality", "at most 1"),
    ("context_tokens: 0", "backends[0].models[0].context_tokens", "at least 1"),
])  # fmt: skip
def test_what_a_model_cannot_be_is_told(entry: str, path: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(policy("strategy: weighted", entry))
    assert [message in each.message for each in caught.value.problems if each.path == path] == [True]


def test_targets_without_a_quality_are_noted_where_it_counts() -> None:
    def notes(more: str) -> list[str]:
        return [note.message for note in drafted(policy(more)).loaded().notes if note.path == "models[0].strategy"]

    assert notes("strategy: balanced") == ["targets without a declared quality get none: b"]
    assert notes("strategy: balanced\n    balance: {cost: 1}") == []
    assert notes("strategy: fastest") == []


def test_a_tenant_s_models_exist_unless_unknown_ones_pass() -> None:
    tenants = "strategy: weighted\ntenants: {from: {header: x-tenant-id}, models: {acme: [x, y]}}"
    with pytest.raises(PolicyError) as caught:
        loads(policy(tenants))
    assert [(each.path, each.message) for each in caught.value.problems] == [
        ("tenants.models.acme[1]", "there is no model y")
    ]
    loads(policy(f"{tenants}\nunknown_models: pass"))


def test_a_list_of_models_is_of_a_tenant_that_can_come() -> None:
    """A misspelt name would leave all models to the tenant that is meant."""
    tenants = "strategy: weighted\ntenants: {from: {header: x-tenant-id}, known: {acme: {}}, models: {acne: [x]}%s}"
    with pytest.raises(PolicyError) as caught:
        loads(policy(tenants % ""))
    assert [(each.path, each.message, each.mend) for each in caught.value.problems] == [
        ("tenants.models.acne", "there is no tenant acne among those that are known", "did you mean acme?")
    ]
    loads(policy(tenants % ", unknown: pass"))


def test_a_canary_is_a_target_like_others_where_prices_and_names_are_checked() -> None:
    notes = drafted(policy("canary: {to: {backend: a, model: n}, share: 5%}")).loaded().notes
    assert [(each.path, each.message) for each in notes if "canary" in each.path] == [
        ("models[0].canary.to.model", "backend a lists models, but not n")
    ]
    found = loads(policy("canary: {to: {backend: b, model: n}, share: 5%}"))
    assert (("models", 0, "canary", "to"), "b", "n") in list(asked_models(found))
