"""Rules of models, as an operator writes them: what is wrong with them, and what is only odd."""

import pickle

import pytest

from extproc.policy import Condition, PolicyError, VirtualModel, drafted, loads
from extproc.policy.signals import BUILT_IN, SignalDeclaration, Vocabulary
from extproc.policy.virtual import RULES_MAX, RULES_STEPS_MAX, unnamed
from tests.gathered import gathered

HEAD = """\
version: 1
backends:
  - {name: a, url: "http://127.0.0.1:1/v1", api: openai}
  - {name: b, url: "http://127.0.0.1:2/v1", api: openai}
  - {name: c, url: "http://127.0.0.1:3/v1", api: anthropic}
default_backend: none
models:
  - name: auto
    targets: [{backend: a}]
    rules:
"""
FIRST = 11
"""The line of the first rule."""


def policy(*rules: str) -> str:
    return HEAD + "".join(f"      - {rule}\n" for rule in rules)


def model(*rules: str) -> VirtualModel:
    return loads(policy(*rules)).models[0]


def test_a_rule_has_the_name_of_its_place_unless_it_has_one_of_its_own() -> None:
    found = model("{when: tools > 0, to: [{backend: a}]}", "{name: code, when: stream, to: [{backend: b}]}")
    assert [name for name, _ in found.named_rules()] == ["rule-1", "code"]


def test_a_rule_is_a_condition_weighted_targets_and_a_fallback() -> None:
    (rule,) = model("{when: tools > 0, to: [{backend: a, weight: 3}, {backend: b}], fallback: [{backend: b}]}").rules
    assert rule.when.text == "tools > 0"
    assert [(each.backend, each.weight) for each in rule.to] == [("a", 3), ("b", 1)]
    assert [each.backend for each in rule.fallback] == ["b"]
    assert pickle.loads(pickle.dumps(rule)) == rule


WRONG = [
    ("{to: [{backend: a}]}", "when", "when is missing", "add `when: 'tools > 0'`"),
    ("{when: stream}", "to", "to is missing", "add `to: [{backend: NAME, model: NAME}]`"),
    ("{when: stream, to: []}", "to", "a rule needs a target", "add one"),
    ("{when: stream, to: [{backend: a, weight: 0}]}", "to", "every weight is 0", "a weight above 0"),
    ("{when: stream, to: [{backend: a}, {backend: a}]}", "to[1]", "already in the list", "delete it"),
    ("{when: stream, to: [{backend: aa}]}", "to[0].backend", "there is no backend aa", "did you mean a?"),
    (
        "{when: stream, to: [{backend: a}], fallback: [{backend: aa}]}",
        "fallback[0].backend",
        "there is no backend aa",
        "did you mean a?",
    ),
    (
        "{when: stream, to: [{backend: a}], fallback: [{backend: b, weight: 1}]}",
        "fallback[0].weight",
        "tried in order and has no weights",
        "delete `weight`",
    ),
    ("{when: stream, to: [{backend: a}], targets: []}", "targets", "there is no field targets", "known here: name"),
    ("{when: tols > 0, to: [{backend: a}]}", "when", "there is no signal tols", "did you mean tools?"),
    ("{when: tools, to: [{backend: a}]}", "when", "neither true nor false", "compare it"),
    ("{when: 'tools >', to: [{backend: a}]}", "when", "the expression ends too early", "write the rest"),
    ("{when: [], to: [{backend: a}]}", "when", "a condition is an expression in quotes", "tools > 0"),
    (
        "{when: 'findings.exists(f, f.where == \"/x\")', to: [{backend: a}]}",
        "when",
        "a rule cannot ask where a finding is",
        "kind, processor or count",
    ),
    (
        "{when: 'size(findings) > 0 && findings[0].where == \"\"', to: [{backend: a}]}",
        "when",
        "cannot ask where a finding is",
        "its kind",
    ),
    ("{name: Code, when: stream, to: [{backend: a}]}", "name", "lower-case letters", "write it like"),
    ("[]", "", "a mapping belongs here, not a list", "name: value"),
]


@gathered(("rule", "at", "message", "mend"), WRONG, ids=[f"{each[1]}: {each[2]}" for each in WRONG])
def test_a_wrong_rule_is_told_with_its_line_and_mend(rule: str, at: str, message: str, mend: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(policy("{when: 'tools > 1', to: [{backend: a}]}", rule))
    path = f"models[0].rules[1]{'.' if at else ''}{at}"
    (problem,) = [each for each in caught.value.problems if each.path == path]
    assert problem.line == FIRST + 1
    assert message in problem.message
    assert mend in problem.mend


@pytest.mark.parametrize(
    "rules",
    [
        ("{name: x, when: stream, to: [{backend: a}]}", "{name: x, when: tools > 0, to: [{backend: a}]}"),
        ("{when: stream, to: [{backend: a}]}", "{name: rule-1, when: tools > 0, to: [{backend: a}]}"),
        ("{name: rule-2, when: stream, to: [{backend: a}]}", "{when: tools > 0, to: [{backend: a}]}"),
    ],
    ids=["both written", "the second is written", "the first is written"],
)
def test_two_rules_of_a_model_do_not_share_a_name(rules: tuple[str, str]) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(policy(*rules))
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (FIRST + 1, "models[0].rules[1].name")
    assert "there is already a rule of the name" in problem.message


def test_rules_of_two_models_may_share_a_name() -> None:
    rule = "{name: x, when: stream, to: [{backend: a}]}"
    loads(policy(rule) + f"  - {{name: other, rules: [{rule}], targets: [{{backend: a}}]}}\n")


def test_a_model_has_a_bounded_number_of_rules() -> None:
    rules = [f"{{when: tools > {number}, to: [{{backend: a}}]}}" for number in range(RULES_MAX + 1)]
    assert len(model(*rules[:RULES_MAX]).rules) == RULES_MAX
    with pytest.raises(PolicyError) as caught:
        loads(policy(*rules))
    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == ("models[0].rules", f"at most {RULES_MAX} entries may stand here")


def test_the_conditions_of_a_model_s_rules_are_bounded_together() -> None:
    written = 'findings.exists(f, f.kind == "k-10" && f.processor == "pii" && f.count > 1 && f.count < 9)'
    steps = Condition(written).steps
    most = RULES_STEPS_MAX // steps
    assert 1 < most < RULES_MAX
    rules = [
        f"{{when: '{written.replace('k-10', f'k-{number}')}', to: [{{backend: a}}]}}" for number in range(10, 11 + most)
    ]
    assert len(model(*rules[:most]).rules) == most
    with pytest.raises(PolicyError) as caught:
        loads(policy(*rules))
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (FIRST, "models[0].rules")
    assert "take too long together" in problem.message


def test_a_rule_may_ask_for_a_signal_of_a_plug_in() -> None:
    risk = SignalDeclaration("risk", "double", 0.5, "a number", headers=("x-risk",))
    text = policy("{when: risk > 0.5, to: [{backend: a}]}")
    (rule,) = loads(text, signals=Vocabulary((*BUILT_IN, risk))).models[0].rules
    assert rule.when.headers == {"x-risk"}
    with pytest.raises(PolicyError) as caught:
        loads(text)
    assert [each.message for each in caught.value.problems] == ["there is no signal risk"]


def notes(*rules: str) -> list[tuple[int, str, str]]:
    return [(each.line, each.path, each.message) for each in drafted(policy(*rules)).loaded().notes]


@pytest.mark.parametrize("first", ["tools > 0", "'true'"])
def test_a_rule_that_no_request_gets_to_is_noted(first: str) -> None:
    found = notes(f"{{when: {first}, to: [{{backend: a}}]}}", "{name: late, when: tools > 0, to: [{backend: b}]}")
    message = "no request gets here: rule rule-1 before it applies to all of them"
    assert found == [(FIRST + 1, "models[0].rules[1]", message)]


def test_a_rule_about_findings_that_no_pipeline_can_have_is_noted() -> None:
    text = policy("{name: personal, when: size(findings) > 0, to: [{backend: a}]}")
    (note,) = drafted(text).loaded().notes
    assert (note.line, note.path) == (FIRST, "models[0].rules[0].when")
    assert note.message == "rule personal reads findings, which are always empty: no pipeline inspects requests"
    inspected = text + "pipelines: [{name: p, request: [{use: pii, action: mask}]}]\n"
    assert drafted(inspected).loaded().notes == ()


def test_a_rule_without_a_target_for_an_api_of_the_model_is_noted() -> None:
    found = notes(
        "{name: code, when: tools > 0, to: [{backend: a}], fallback: [{backend: c}]}",
        "{when: stream, to: [{backend: c}]}",
    )
    lost = "has no target for the API {}, so these requests get 404"
    assert found == [
        (9, "models[0].targets", f"model auto, where no rule applies, {lost.format('anthropic')}"),
        (FIRST + 1, "models[0].rules[1].to", f"rule {unnamed(1)} {lost.format('openai')}"),
    ]


def test_a_rule_whose_name_the_backend_does_not_list_is_noted_as_any_target() -> None:
    text = policy("{when: stream, to: [{backend: a, model: smal}]}").replace(
        'url: "http://127.0.0.1:1/v1"', 'url: "http://127.0.0.1:1/v1", models: [{name: small}, {name: auto}]'
    )
    (note,) = drafted(text).loaded().notes
    assert (note.line, note.path) == (FIRST, "models[0].rules[0].to[0].model")
