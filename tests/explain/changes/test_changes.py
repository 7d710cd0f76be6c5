"""Changes of a policy: what each is in words, and what it does to protection."""

from typing import Final

import pytest

from extproc.explain.changes.differing import policy_changes
from extproc.explain.changes.protection import effect
from extproc.explain.changes.wording import TEXT_MOST, sentence, shown
from extproc.policy import loads
from tests.gathered import gathered

POLICY: Final = """\
version: 1
backends:
  - {name: us, url: "https://us.example.com/v1", api: openai, region: us, models: [{name: m, context_tokens: 10}]}
  - {name: eu, url: "https://eu.example.com/v1", api: openai, region: eu}
models:
  - {name: chat, targets: [{backend: us, model: m}], fallback: [{backend: eu}]}
  - {name: other, targets: [{backend: eu}]}
tenants: {from: {header: x-tenant-id}, required: true, models: {acme: [chat]}}
residency: [{name: stay, when: 'tenant == "acme"', regions: [eu]}]
limits: {request_timeout: 60s}
pipelines:
  - name: default
    request:
      - {use: secrets, action: block}
      - {use: pii, kinds: [email, iban], action: mask, on_failure: block}
      - {use: pattern, name: titan, regex: Titan, action: mask, mode: shadow}
"""
SAME: Final = POLICY.replace("version: 1\n", "# a comment\nversion: 1\nunknown_models: reject\n")

CHANGES: Final = [
    ("name: other", "name: another", [
        ("model other: removed (targets: eu)", None),
        ("model another: added (targets: eu)", None)]),
    ("context_tokens: 10", "context_tokens: 20", [("backend us, models, m: context_tokens: 20 (was 10)", None)]),
    ("us.example", "it.example", [
        ("backend us: url: https://it.example.com/v1 (was https://us.example.com/v1)", "look")]),
    ("fallback: [{backend: eu}]", "fallback: []", [("model chat: fallback: none (was eu)", None)]),
    ("regions: [eu]", "regions: [eu, us]", [("rule stay: regions: with us (now eu, us)", "loosens")]),
    ('"acme"\'', '"ucme"\'', [('rule stay: when: tenant == "ucme" (was tenant == "acme")', "look")]),
    ("residency: [{name: stay, when: 'tenant == \"acme\"', regions: [eu]}]\n", "", [
        ('rule stay: removed (regions: eu; when: tenant == "acme")', "loosens")]),
    ("required: true", "required: false", [("required: false (was true)", "loosens")]),
    ("{acme: [chat]}", "{acme: [chat, other]}", [("models: acme: with other (now chat, other)", "loosens")]),
    ("60s", "90s", [("request_timeout: 90s (was 1m)", "loosens")]),
    ("60s", "30s", [("request_timeout: 30s (was 1m)", "tightens")]),
    ("      - {use: secrets, action: block}\n", "", [
        ("pipeline default, request, secrets: removed (action: block; mode: enforce)", "loosens")]),
    ("      - {use: pattern, name: titan, regex: Titan, action: mask, mode: shadow}\n", "", [
        ("pipeline default, request, pattern titan: removed (action: mask; mode: shadow)", "look")]),
    ("kinds: [email, iban], action: mask", "kinds: [email], action: report", [
        ("pipeline default, request, pii: action: report (was mask)", "loosens"),
        ("pipeline default, request, pii: kinds: without iban (now email)", "loosens")]),
    ("kinds: [email, iban]", "kinds: [email, iban, phone]", [
        ("pipeline default, request, pii: kinds: with phone (now email, iban, phone)", "tightens")]),
    ("kinds: [email, iban], ", "kinds: [email, iban], when: stream, ", [
        ("pipeline default, request, pii: when: now stream", "loosens")]),
    ("on_failure: block", "on_failure: allow", [
        ("pipeline default, request, pii: on_failure: allow (was block)", "loosens")]),
    ("mode: shadow", "mode: enforce", [
        ("pipeline default, request, pattern titan: mode: enforce (was shadow)", "tightens")]),
    ("regex: Titan", "regex: Orion", [("pipeline default, request, pattern titan: regex: Orion (was Titan)", "look")]),
    ("  - name: default\n", "  - name: default\n    on_oversize: allow\n", [
        ("pipeline default: on_oversize: now allow", "loosens")]),
    ("version: 1\n", "version: 1\nunknown_models: pass\n", [("pass (was reject)", "loosens")]),
]  # fmt: skip


@gathered(("old", "new", "told"), CHANGES)
def test_a_change_is_told_in_words_with_what_it_does_to_protection(
    old: str, new: str, told: list[tuple[str, str | None]]
) -> None:
    assert old in POLICY
    changes = policy_changes(loads(POLICY), loads(POLICY.replace(old, new)))
    found = [(sentence(each), effect(each)) for each in changes]
    assert sorted(map(str, found)) == sorted(map(str, told))


def test_another_order_of_processors_is_a_change_and_of_fields_is_none() -> None:
    lines = POLICY.splitlines(keepends=True)
    swapped = "".join([*lines[:-3], lines[-2], lines[-3], lines[-1]])
    (change,) = policy_changes(loads(POLICY), loads(swapped))
    assert sentence(change) == (
        "pipeline default, request: the order is now pii, secrets, pattern titan (was secrets, pii, pattern titan)"
    )
    assert effect(change) == "look"
    assert policy_changes(loads(POLICY), loads(SAME)) == []


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("audit: {file: /var/log/a.jsonl}\n", ["added (file: /var/log/a.jsonl)"]),
        ("budgets: [{name: team, per: tenant, tokens: 10, window: 1d}]\n", ["budget team: added"]),
    ],
)
def test_sections_that_nobody_wrote_words_for_are_told_of_by_themselves(section: str, told: list[str]) -> None:
    before, after = loads(POLICY), loads(POLICY + section)
    added, removed = policy_changes(before, after), policy_changes(after, before)
    assert [sentence(each).startswith(text) for each, text in zip(added, told, strict=True)] == [True]
    assert ([effect(each) for each in added], [effect(each) for each in removed]) == (["tightens"], ["loosens"])


def test_long_values_are_cut() -> None:
    assert shown("regex", "x" * (TEXT_MOST + 1)) == "x" * TEXT_MOST + "..."
    assert shown("regex", "x" * TEXT_MOST) == "x" * TEXT_MOST
