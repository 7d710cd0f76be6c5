"""The modes of steering: what a policy may say in each, and what a mode cannot do."""

import pytest

from extproc.policy import PolicyError, drafted, loads
from extproc.policy.steering import ADAPTERS_MAX, CLUSTER_NAME_MAX, CLUSTERS_MAX
from tests.gathered import gathered

POLICY = """\
version: 1
backends:
  - {name: a, url: "http://a", api: openai, models: [{name: listed}]}
  - {name: b, url: "http://b", api: openai}
models:
  - {name: m, targets: [{backend: a, model: one}], fallback: [{backend: b, model: two}]}
"""
SAME = POLICY.replace("model: two", "model: one")
KEYED = POLICY.replace("{name: b,", "{name: b, credential: {bearer: {env: B}},")


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(PolicyError) as caught:
        loads(text, "policy.yaml")
    return [(each.path, each.message) for each in caught.value.problems]


@gathered(
    ("text", "where", "told"),
    [
        (POLICY + "steering: {by: header}", "steering.by", "none of"),
        (POLICY + "steering: {by: metadata, cluster_header: x-to}", "steering.cluster_header", "does not use"),
        (POLICY + "steering: {by: llm-d, model_header: x-to}", "steering.model_header", "does not use"),
        (POLICY + "steering: {metadata_namespace: x}", "steering.metadata_namespace", "does not use"),
        (POLICY + "steering: {by: semantic-router, adapters: {a: b}}", "steering.adapters", "does not use"),
        (POLICY + "steering: {by: metadata, metadata_namespace: 'a b'}", "steering.metadata_namespace", "not a meta"),
        (POLICY + "steering: {clusters: {c: [x]}}", "steering.clusters.c", "no backend c"),
        (POLICY + "steering: {clusters: {a: ['x y']}}", "steering.clusters.a[0]", "not the name of an Envoy cluster"),
        (POLICY + "steering: {clusters: {a: ['x*y']}}", "steering.clusters.a[0]", "not the name of an Envoy cluster"),
        (SAME + "steering: {by: model_header}", "models[0].fallback[0]", "cannot tell the backends a, b apart"),
        (SAME + "steering: {by: envoy-ai-gateway}", "models[0].fallback[0]", "cannot tell"),
        (
            POLICY + "default_backend: a\nsteering: {by: model_header}",
            "default_backend",
            "a request of no API has none",
        ),
        (KEYED + "steering: {by: llm-d}", "backends[1].credential", "leaves credentials to the gateway"),
    ],
)
def test_what_a_mode_cannot_do_is_refused_where_it_stands(text: str, where: str, told: str) -> None:
    ((path, message),) = problems(text)
    assert path == where
    assert told in message


@gathered(
    "text",
    [
        SAME + "steering: {by: cluster_header}",
        SAME + "default_backend: a\nsteering: {by: metadata}",
        POLICY + "default_backend: route\nsteering: {by: llm-d, adapters: {one: base}}",
        KEYED + "steering: {by: model_header, model_header: x-model}",
        KEYED.replace("{bearer: {env: B}}", "client") + "steering: {by: semantic-router}",
        # names that nobody may ask for cannot be taken for one another
        POLICY.replace("listed", "two") + "steering: {by: model_header}",
        POLICY + f"steering: {{clusters: {{a: [{'c' * CLUSTER_NAME_MAX}*]}}}}",
        POLICY + f"steering: {{clusters: {{a: [{', '.join(f'c{n}' for n in range(CLUSTERS_MAX))}]}}}}",
    ],
)
def test_what_a_mode_can_do_is_taken(text: str) -> None:
    loads(text, "policy.yaml")


def test_a_listed_model_that_may_be_asked_for_has_one_backend_too() -> None:
    text = POLICY.replace("listed", "two") + "unknown_models: pass\nsteering: {by: model_header}"
    assert "cannot tell" in problems(text)[0][1]


def test_the_limits_hold() -> None:
    many = ", ".join(f"c{n}" for n in range(CLUSTERS_MAX + 1))
    assert problems(POLICY + f"steering: {{clusters: {{a: [{many}]}}}}")
    assert problems(POLICY + f"steering: {{clusters: {{a: [{'c' * (CLUSTER_NAME_MAX + 1)}]}}}}")
    adapters = [", ".join(f"a{n}: b" for n in range(size)) for size in (ADAPTERS_MAX, ADAPTERS_MAX + 1)]
    loads(POLICY + f"steering: {{by: llm-d, adapters: {{{adapters[0]}}}}}", "policy.yaml")
    assert problems(POLICY + f"steering: {{by: llm-d, adapters: {{{adapters[1]}}}}}")


def test_a_note_says_that_steering_cannot_be_verified_behind_another_gateway() -> None:
    text = POLICY + "steering: {by: llm-d%s}"
    notes = [drafted((text % more).encode(), "p").loaded().notes for more in ("", ", clusters: {a: [x], b: [y]}")]
    assert [any("cannot be verified" in str(each) for each in found) for found in notes] == [True, False]
