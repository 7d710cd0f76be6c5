"""The section `usage`: who counts, the names of the metadata, and costs by an expression."""

import pickle

import pytest

from extproc.policy import PolicyError, loads
from extproc.policy.cost_expressions import COST_MAX, COUNTS, TEXTS, CostExpression
from extproc.policy.usage import COSTS_MAX, KEY_MAX, KEYS, NAMESPACE, UsageSection

POLICY = "version: 1\nbackends: [{name: a, url: 'http://127.0.0.1:1/v1', api: openai}]\nunknown_models: pass\n"

VARIABLES = {**dict.fromkeys(TEXTS, "x"), **dict.fromkeys(COUNTS, 10)}


def section(text: str) -> UsageSection:
    found = loads(POLICY + f"usage: {text}").usage
    assert found is not None
    return found


def cost(expression: str) -> str:
    return f"{{metadata: {{costs: [{{name: llm_cost, expression: '{expression}'}}]}}}}"


def problem(text: str) -> str:
    with pytest.raises(PolicyError) as refused:
        section(text)
    return " ".join(f"{each.path}: {each.message}" for each in refused.value.problems)


def test_no_section_says_nothing_and_an_empty_one_has_the_keys_of_envoy_ai_gateway() -> None:
    assert loads(POLICY).usage is None
    found = section("{}")
    assert found.source == "processor"
    assert found.metadata is not None
    assert found.metadata.namespace == NAMESPACE
    assert found.metadata.keys == {key: key for key in KEYS}


def test_metadata_may_be_left_out_wholly_or_key_by_key_and_keys_have_other_names() -> None:
    assert section("{from: none, metadata: null}").metadata is None
    metadata = section("{metadata: {namespace: my.gateway, names: {llm_total_token: tokens, tenant: null}}}").metadata
    assert metadata is not None
    assert metadata.namespace == "my.gateway"
    assert metadata.keys["llm_total_token"] == "tokens"
    assert "tenant" not in metadata.keys


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{from: client}", "usage.from"),
        ("{metadata: {namespace: extproc}}", "somebody else's"),
        ("{metadata: {namespace: envoy.lb}}", "somebody else's"),
        ("{metadata: {names: {llm_total_tokens: x}}}", "usage.metadata.names.llm_total_tokens: there is no key"),
        ("{metadata: {names: {cost_usd: llm_input_token}}}", "there are two keys of the name llm_input_token"),
        ("{metadata: {names: {cost_usd: 'a b'}}}", "a key of metadata has"),
        ("{metadata: {names: {cost_usd: %s}}}" % ("a" * (KEY_MAX + 1)), "a key of metadata has"),
        ("{metadata: {costs: [{name: cost_usd, expression: '1'}]}}", "there are two keys of the name cost_usd"),
        ("{metadata: {costs: [%s]}}" % ("{name: a, expression: '1'}," * (COSTS_MAX + 1)), "at most 16 entries"),
        (cost("input_token"), "there is no signal input_token"),
        (cost("model"), "is not a number"),
        (cost("0.5 * input_tokens"), "compares or adds what does not go together"),
        (cost("10 / input_tokens"), "cannot be computed for every exchange"),
        (cost("input_tokens - 5"), "may be less than 0"),
        (cost("input_tokens ="), "this is not CEL"),
        (cost("headers.team"), "there is no signal headers"),
        (cost(" "), "has 1 to"),
        (cost("1" + "+1" * COST_MAX), "has 1 to"),
        ("{metadata: {costs: [{name: c, expression: 5}]}}", "an expression in quotes"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, said: str) -> None:
    assert said in problem(text)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("input_tokens + 4 * output_tokens", 50),
        ("uint(2) * input_tokens + 1u", 21),  # as Envoy AI Gateway has them
        ('model == "uint(" || model == "x" ? double(total_tokens) * 0.5 : 0.0', 5.0),
        ("output_tokens > 0 ? input_tokens / output_tokens : 0", 1),
        ("reasoning_tokens + cached_input_tokens + cache_creation_input_tokens", 30),
        ('backend.startsWith("x") && route_name != "" ? 1 : 0', 1),
    ],
)
def test_a_cost_is_a_number_of_tokens_and_names(expression: str, value: float) -> None:
    assert CostExpression(expression).value(VARIABLES) == value


def test_what_cannot_be_computed_of_an_exchange_has_no_value() -> None:
    much = {**VARIABLES, **dict.fromkeys(COUNTS, 2**52)}
    assert CostExpression("input_tokens * output_tokens").value(much) is None  # an overflow
    assert CostExpression("2000 - input_tokens").value(much) is None


def test_a_cost_expression_is_told_by_its_text_and_goes_from_process_to_process() -> None:
    one = CostExpression("input_tokens * 2")
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert hash(again) == hash(one)
    assert again.value(VARIABLES) == 20
    assert repr(one) == "CostExpression('input_tokens * 2')"
