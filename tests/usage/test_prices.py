"""What models cost: the policy's own figures first, and never nothing for what is not known."""

import json
from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import pytest

from extproc.explain.explanation import explain
from extproc.explain.lines import read_line
from extproc.policy import UnusableError, loads
from extproc.policy.prices import ENTRIES_MAX, PriceFileError, read_entries
from extproc.policy.secrets import LISTED_PRICES, PRICE_FILE
from extproc.protocol.record import Usage
from extproc.transaction import Plan, Shared
from extproc.usage.prices import COSTS_KEPT, ModelPrice, PriceBook, PriceTier, needed, unheard, unpriced
from tests.gathered import gathered

POLICY = """
    version: 1
    backends:
      - name: a
        url: http://127.0.0.1:1/v1
        api: openai
        models:
          - {name: own, input_usd_per_mtok: 1, output_usd_per_mtok: 2, context_tokens: 10}
          - {name: half, input_usd_per_mtok: 1}
          - {name: free, input_usd_per_mtok: 0, output_usd_per_mtok: 0}
          - {name: bare}
      - {name: b, url: "http://127.0.0.1:2/v1", api: openai}
    models:
      - name: chat
        rules: [{when: 'tools > 0', to: [{backend: a, model: free}]}]
        targets: [{backend: a, model: own}, {backend: b}]
        fallback: [{backend: b, model: bare}]
"""
FILE = """
    - {model: bare, input_usd_per_mtok: 3, output_usd_per_mtok: 4}
    - {model: bare, backend: b, input_usd_per_mtok: 5, output_usd_per_mtok: 6, cached_input_usd_per_mtok: 0.5}
    - {model: own, input_usd_per_mtok: 9, output_usd_per_mtok: 9, context_tokens: 99, cached_input_usd_per_mtok: 0.9}
    - {model: half, output_usd_per_mtok: 7}
"""
LISTED = (
    b'{"b":{"chat":{"input_usd_per_mtok":8,"output_usd_per_mtok":8,"context_tokens":5},"bare":{"context_tokens":7}}}'
)


def book(read: Mapping[str, bytes] = {}) -> PriceBook:
    return PriceBook(loads(dedent(POLICY)), read)


ALL = {PRICE_FILE: dedent(FILE).encode(), LISTED_PRICES: LISTED}


@gathered(
    ("read", "backend", "model", "price"),
    [
        ({}, "a", "own", (1, 2, None, 10)),
        ({}, "a", "free", (0, 0, None, None)),
        ({}, "a", "half", None),
        ({}, "a", "bare", None),
        ({}, "a", "never-heard-of", None),
        ({}, "b", "own", None),
        (ALL, "a", "own", (1, 2, 0.9, 10)),
        (ALL, "a", "half", (1, 7, None, None)),
        (ALL, "a", "bare", (3, 4, None, None)),
        (ALL, "b", "bare", (5, 6, 0.5, 7)),
        (ALL, "b", "chat", (8, 8, None, 5)),
        (ALL, "a", "chat", None),
    ],
)
def test_a_price_is_the_policys_own_then_its_files_then_a_lists(
    read: Mapping[str, bytes], backend: str, model: str, price: tuple[float | None, ...] | None
) -> None:
    found = book(read).of(backend, model)
    assert (None if found is None else _figures(found)) == price


def _figures(price: ModelPrice) -> tuple[float | None, ...]:
    return (
        price.input_usd_per_mtok,
        price.output_usd_per_mtok,
        price.cached_input_usd_per_mtok,
        price.context_tokens,
    )


def test_the_size_of_a_context_is_known_without_a_price() -> None:
    assert book({LISTED_PRICES: LISTED}).facts("b", "bare") == ModelPrice(context_tokens=7)
    assert book({LISTED_PRICES: LISTED}).of("b", "bare") is None


TIERED = ModelPrice(1.0, 2.0, 0.5, tiers=(PriceTier(100, 10.0, 20.0, 5.0), PriceTier(1000, 100.0, 200.0, 50.0)))


@gathered(
    ("price", "tokens", "micros"),
    [
        (ModelPrice(1.0, 2.0), (10, 3, 0), 16),
        (ModelPrice(1.0, 2.0), (10, 3, 4), 16),
        (ModelPrice(1.0, 2.0, 0.5), (10, 3, 4), 14),
        (ModelPrice(0.0, 0.0), (10, 3, 0), 0),
        (TIERED, (100, 1, 0), 102),
        (TIERED, (101, 1, 0), 1030),
        (TIERED, (1001, 0, 1), 100_050),
        (ModelPrice(1.0, None), (10, 3, 0), None),
        (ModelPrice(None, 1.0), (10, 3, 0), None),
    ],
)
def test_a_request_costs_by_its_tokens_and_by_the_tier_that_it_reaches(
    price: ModelPrice, tokens: tuple[int, int, int], micros: float | None
) -> None:
    cost = price.cost(*tokens)
    assert cost == (None if micros is None else pytest.approx(micros / 1e6))


ALL_PRICES = ModelPrice(
    1.0,
    10.0,
    0.5,
    cache_creation_input_usd_per_mtok=2.0,
    input_audio_usd_per_mtok=100.0,
    output_audio_usd_per_mtok=1000.0,
)
EVERY = Usage(input=100, output=10, cached_input=20, cache_creation_input=30, input_audio=40, output_audio=4)


@gathered(
    ("price", "usage", "micros"),
    [
        (ALL_PRICES, EVERY, 10 * 1 + 20 * 0.5 + 30 * 2 + 40 * 100 + 6 * 10 + 4 * 1000),
        (ALL_PRICES, Usage(input=100), 100),  # embeddings have no output
        (ALL_PRICES, Usage(output=10), None),
        (ALL_PRICES, Usage(), None),
        (ALL_PRICES, Usage(0, 0), 0),
        # Only the plain prices are known.
        (ModelPrice(1.0, 10.0), EVERY, 10 * 1 + 20 * 1 + 30 * 1.25 + 40 * 1 + 10 * 10),
        # A token that is counted twice costs twice, and never less than nothing.
        (ALL_PRICES, Usage(input=10, output=0, cached_input=10, input_audio=10), 10 * 0.5 + 10 * 100),
        (ALL_PRICES, Usage(input=10, output=1, output_audio=2), 10 + 2 * 1000),
        (ModelPrice(1.0, 2.0, tiers=(PriceTier(50, 10.0, 20.0, 10.0),)), EVERY, 100 * 10 + 30 * 2.5 + 200),
        (
            ModelPrice(1.0, 2.0, tiers=(PriceTier(50, 10.0, 20.0, 10.0, 11.0, 12.0, 13.0),)),
            EVERY,
            30 * 10 + 30 * 11 + 40 * 12 + 6 * 20 + 4 * 13,
        ),
        (ModelPrice(None, 1.0), EVERY, None),
    ],
)
def test_every_kind_of_tokens_has_its_price_or_that_of_the_plain_ones(
    price: ModelPrice, usage: Usage, micros: float | None
) -> None:
    assert price.of_usage(usage) == (None if micros is None else pytest.approx(micros / 1e6))


def test_prices_of_all_kinds_stand_in_backends_in_files_and_in_lists() -> None:
    text = dedent(POLICY).replace(
        "{name: bare}",
        "{name: bare, cache_creation_input_usd_per_mtok: 1, input_audio_usd_per_mtok: 2}",
    )
    lists = {
        PRICE_FILE: b"[{model: bare, input_usd_per_mtok: 3, output_usd_per_mtok: 4, output_audio_usd_per_mtok: 5}]",
        LISTED_PRICES: b'{"a":{"bare":{"cache_creation_input_usd_per_mtok":9,"output_audio_usd_per_mtok":9}}}',
    }
    found = PriceBook(loads(text), lists).of("a", "bare")
    assert found == ModelPrice(
        3, 4, cache_creation_input_usd_per_mtok=1, input_audio_usd_per_mtok=2, output_audio_usd_per_mtok=5
    )


def test_a_book_gives_the_cost_of_an_exchange_and_remembers_prices_within_bounds() -> None:
    prices = book(ALL)
    assert prices.cost("a", "own", Usage(1_000_000, 1_000_000)) == pytest.approx(3)
    assert prices.cost("a", "never-heard-of", Usage(1, 1)) is None
    assert prices.cost("a", "own", Usage()) is None
    for number in range(COSTS_KEPT + 1):
        assert prices.of("a", f"invented-{number}") is None
    assert prices.cost("a", "own", Usage(1_000_000, 0)) == pytest.approx(1)


def test_a_model_of_audio_without_a_price_for_it_is_noted() -> None:
    prices = "input_usd_per_mtok: 1, output_usd_per_mtok: 2"
    listed = f"""
        - {{name: own, {prices}, features: [audio]}}
        - {{name: text, {prices}}}
        - {{name: heard, {prices}, features: [audio], input_audio_usd_per_mtok: 9}}
        - {{name: unpriced, features: [audio]}}
    """
    head = "version: 1\nunknown_models: pass\nbackends:\n- name: a\n  url: http://127.0.0.1:1/v1\n  api: openai\n"
    policy = loads(f"{head}  models:{listed}")
    (note,) = unheard(policy, PriceBook(policy, {}))
    assert note.where == ("backends", 0, "models", 0)
    assert "at the price of text" in note.message


def test_a_list_gives_its_tiers_only_with_its_prices() -> None:
    assert ModelPrice(context_tokens=3).over(TIERED).tiers == TIERED.tiers
    assert ModelPrice(4.0, 4.0).over(TIERED).tiers == ()


def test_every_target_without_a_price_is_named_with_its_place() -> None:
    found = {each.where: each.message for each in unpriced(loads(dedent(POLICY)), book())}
    assert found == {
        ("models", 0, "targets", 1): "the price of chat at backend b is not known",
        ("models", 0, "fallback", 0): "the price of bare at backend b is not known",
    }


def test_a_policy_that_blocks_what_has_no_price_is_refused_for_a_target_that_has_none() -> None:
    with pytest.raises(UnusableError) as caught:
        Plan.compile(loads(dedent(POLICY) + "prices: {unknown: block}"), {})
    assert [each.where for each in caught.value.parts] == [("models", 0, "targets", 1), ("models", 0, "fallback", 0)]
    assert Plan.compile(loads(dedent(POLICY) + "prices: {unknown: block}"), ALL).prices.of("b", "bare") is not None


@gathered(
    ("text", "message", "mend"),
    [
        ("a: b", "line 1: ", "write a list of entries"),
        ("- {model: a}\n- {input_usd_per_mtok: 1}", "line 2: model: ", "write a list of entries"),
        ("- {model: a, input_usd_per_mtok: -1}", "line 1: input_usd_per_mtok: ", "write a list"),
        ("- {model: a, input_usd_per_mtok: '1'}", "line 1: input_usd_per_mtok: ", "write a list"),
        ("- {model: a, price: 1}", "line 1: price: ", "write a list"),
        ("- {model: ' a'}", "line 1: model: a model's name has no control characters", "copy the provider's name"),
        ("- {model: a, input_usd_per_mtok: 010}", "line 1: YAML readers differ", "plain decimal"),
        ("- [", "line 1: ", "check quotes, brackets"),
        ("\n".join(["- {model: a}"] * (ENTRIES_MAX + 1)), "line 1: ", "write a list"),
    ],
)
def test_a_wrong_file_of_prices_is_told_its_line_and_the_fix(text: str, message: str, mend: str) -> None:
    with pytest.raises(PriceFileError) as caught:
        read_entries(text)
    assert str(caught.value).startswith(message), str(caught.value)
    assert mend in caught.value.mend
    with pytest.raises(UnusableError) as refused:
        Plan.compile(loads(dedent(POLICY)), {PRICE_FILE: text.encode()})
    assert [each.where for each in refused.value.parts] == [("prices", "file")]


def test_as_many_entries_as_may_be_are_read() -> None:
    assert len(read_entries("\n".join(["- {model: a}"] * ENTRIES_MAX))) == ENTRIES_MAX


def test_a_price_is_needed_where_a_strategy_compares_costs_or_the_policy_has_prices() -> None:
    def places(text: str) -> list[object]:
        under = loads(text)
        return [each.where[:2] for each in needed(under, PriceBook(under, {}))]

    plain = dedent(POLICY)
    assert places(plain) == []
    assert places(plain + "prices: {}") == [("models", 0)] * 2
    assert places(plain.replace("  rules:", "  strategy: cheapest\n    rules:")) == [("models", 0)] * 2
    balanced = plain.replace("  rules:", "  strategy: balanced\n    balance: {cost: 0, quality: 1}\n    rules:")
    assert places(balanced) == []
    assert places(balanced.replace("cost: 0", "cost: 1")) == [("models", 0)] * 2


def test_a_strategy_and_a_filter_go_by_the_prices_and_contexts_that_are_known_from_elsewhere() -> None:
    text = dedent(POLICY).replace("  rules:", "  strategy: cheapest\n    rules:")
    cheap = b'{"b":{"chat":{"input_usd_per_mtok":0.1,"output_usd_per_mtok":0.1,"context_tokens":1000}}}'
    wide = text.replace("context_tokens: 10}", "context_tokens: 100}")
    listed = {LISTED_PRICES: cheap}
    for read, limit, found in (({}, 5, "own"), (listed, 5, "chat"), (listed, 2000, "bare")):
        body = {"model": "chat", "prompt": [1, 2], "max_tokens": limit}
        line = json.dumps({"path": "/v1/completions", "body": body}).encode()
        told = explain(Plan.compile(loads(wide), read), Shared(detailed=True), read_line(line))
        assert told.plan[0].model == found, told.why


def told_cost(extra: str, line: dict[str, Any]) -> float | None:
    plan = Plan.compile(loads(dedent(POLICY).replace(", {backend: b}]", "]") + extra), {})
    return explain(plan, Shared(detailed=True), read_line(json.dumps(line).encode())).cost_usd


def test_explain_estimates_the_cost_and_takes_what_the_response_reports() -> None:
    body = {"model": "chat", "prompt": [1, 2, 3, 4], "max_tokens": 1}
    sent = {"path": "/v1/completions", "body": body}
    assert told_cost("", sent) == pytest.approx((4 * 1 + 1 * 2) / 1e6)
    assert told_cost("", {**sent, "body": {**body, "n": 2}}) == pytest.approx((4 * 1 + 2 * 2) / 1e6)
    assert told_cost("", {**sent, "body": {**body, "model": "never-heard-of"}}) is None
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    answered = {"status": 200, "headers": {"content-type": "application/json"}, "body": {"usage": usage}}
    metered = "pipelines: [{name: p, response: [{use: pii, action: report}]}]"
    assert told_cost(metered, {**sent, "response": answered}) == pytest.approx((100 * 1 + 7 * 2) / 1e6)


def test_a_request_that_would_go_to_a_model_without_a_price_is_refused_where_the_policy_blocks_those() -> None:
    text = dedent(POLICY).replace(", {backend: b}]", "]").replace("fallback: [{backend: b, model: bare}]", "")
    text = text.replace("- {name: bare}", "").replace("- {name: half, input_usd_per_mtok: 1}", "")
    text += "unknown_models: pass\ndefault_backend: b\nprices: {unknown: %s}\n"
    line = json.dumps({"path": "/v1/completions", "body": {"model": "other", "prompt": "a"}}).encode()
    for unknown, status in (("block", 403), ("allow", 200)):
        plan = Plan.compile(loads(text % unknown), {})
        assert explain(plan, Shared(detailed=True), read_line(line)).status == status
