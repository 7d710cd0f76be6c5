"""Notes on budgets, and what a budget cannot be."""

import pytest

from extproc.policy import PolicyError, loads
from extproc.policy.advice import advice
from tests.gathered import gathered

BASE = """\
version: 1
backends: [{name: here, url: "http://127.0.0.1:9", api: openai}]
models: [{name: chat, targets: [{backend: here}]}]
"""
NONE = "default_backend: none\n"
TENANTS = "tenants: {from: {header: x-tenant-id}, required: true}\n"
KEPT = "state: {memory: {file: /var/lib/extproc/budgets}}\n"


def noted(text: str) -> list[str]:
    return [message for _, message, _ in advice(loads(BASE + text))]


@gathered(
    ("text", "said"),
    [
        (NONE + KEPT + "budgets: [{name: a, per: tenant, tokens: 1, window: 1d}]", "no `tenants` says who"),
        (
            NONE + KEPT + TENANTS.replace(", required: true", "") + "budgets: [{name: a, per: tenant, streams: 1}]",
            "without a tenant share one",
        ),
        (NONE + KEPT + TENANTS + "budgets: [{name: a, per: key, streams: 1}]", "do not come from virtual keys"),
        ("default_backend: here\n" + KEPT + "budgets: [{name: a, per: all, streams: 1}]", "take from no budget"),
        (NONE + "budgets: [{name: a, per: all, tokens: 1, window: 1h}]", "is forgotten when the program ends"),
        (NONE + "budgets: [{name: a, per: all, tokens: 1, window: month}]", "is forgotten when the program ends"),
        (
            NONE + "usage: {from: none}\nbudgets: [{name: a, per: all, tokens: 1, window: 1m}]",
            "see the ends of responses",
        ),
        (
            NONE + "budgets: [{name: a, per: all, requests: 1, window: 1m, match: {model: chap}}]",
            "there is no model chap",
        ),
        (
            NONE + "budgets: [{name: a, per: model, requests: 1, window: 1m, limits: {chap: 3}}]",
            "there is no model chap",
        ),
    ],
)
def test_what_a_budget_does_not_see_is_noted(text: str, said: str) -> None:
    assert any(said in each for each in noted(text)), noted(text)


@pytest.mark.parametrize(
    "budget",
    [
        "{name: a, per: tenant, tokens: 1, window: 1d}",
        "{name: a, per: tenant, requests: 1, window: 30s, windows: sliding}",
        "{name: a, per: {header: x-team}, streams: 1}",
        "{name: a, per: model, usd: 0.5, window: month, limits: {chat: 0}}",
    ],
)
def test_a_budget_that_is_whole_has_no_note(budget: str) -> None:
    assert noted(NONE + TENANTS + KEPT + f"budgets: [{budget}]") == []


@gathered(
    ("budget", "said"),
    [
        ("{name: a, per: tenant, window: 1d}", "one of tokens, usd, requests and streams"),
        ("{name: a, per: tenant, tokens: 1, usd: 1, window: 1d}", "one of tokens, usd, requests and streams"),
        ("{name: a, per: tenant, tokens: 1}", "needs a window"),
        ("{name: a, per: tenant, streams: 1, window: 1d}", "have no window"),
        ("{name: a, per: tenant, streams: 1, windows: sliding}", "have no window"),
        ("{name: a, per: tenant, tokens: 1, window: month, windows: sliding}", "none slides"),
        ("{name: a, per: tenant, tokens: 1, window: 1500ms}", "whole seconds"),
        ("{name: a, per: tenant, tokens: 1, window: 1d, limits: {acme: 1.5}}", "is whole"),
        ("{name: a, per: tenant, tokens: 1, window: 1d, limits: {' a': 1}}", "no space at its ends"),
        ("{name: a, per: {header: authorization}, tokens: 1, window: 1d}", "carries credentials"),
        ("{name: a, per: {header: x-forwarded-for}, tokens: 1, window: 1d}", "has a meaning of its own"),
        ("{name: a, per: tenant, tokens: 1, window: 1d, match: {backend: heer}}", "no backend heer"),
        ("{name: a, per: all, tokens: 1, window: 1d}, {name: a, per: all, tokens: 2, window: 1d}", "already a budget"),
    ],
)
def test_what_cannot_be_a_budget_is_refused(budget: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(BASE + NONE + f"budgets: [{budget}]")
    assert said in str(caught.value.problems[0])


def test_rules_ask_for_budgets_that_there_are() -> None:
    text = BASE.replace("targets", "rules: [{when: 'spent[\"NAME\"] > 0.8', to: [{backend: here, model: s}]}], targets")
    budgets = (
        "budgets: [{name: team, per: tenant, tokens: 1, window: 1d}, {name: b, per: backend, tokens: 1, window: 1d}]\n"
    )
    loads(text.replace("NAME", "team") + NONE + budgets)
    for name in ("taem", "b"):
        with pytest.raises(PolicyError, match="problem"):
            loads(text.replace("NAME", name) + NONE + budgets)
