"""The policy's intents: classes with examples, reserved words, and limits, each refused with its line."""

import json

import pytest

from extproc.policy import Policy, PolicyError, drafted, loads
from extproc.policy.intents import INTENT_EXAMPLES_MAX, INTENTS_MAX
from tests.gathered import gathered

BASE = """version: 1
backends: [{name: a, url: "http://127.0.0.1:1/v1", api: openai}]
models: [{name: auto, rules: [{when: 'intent == "code"', to: [{backend: a}]}], targets: [{backend: a}]}]
default_backend: none
"""


def policy(intents: str) -> Policy:
    return loads(f"{BASE}intents: {intents}\n")


def classes(count: int, each: int = 1) -> str:
    return json.dumps({f"c{number}": ["say this"] * each for number in range(count)})


def test_classes_are_fields_beside_the_words_that_are_settings() -> None:
    found = policy("{code: [fix this function, debug it], billing: [a refund], threshold: 0.6, scorer: words}").intents
    assert found is not None
    assert found.classes == {"code": ("fix this function", "debug it"), "billing": ("a refund",)}
    assert (found.threshold, found.scorer, found.use) == (0.6, "words", None)


def test_a_built_in_set_stands_for_classes() -> None:
    found = policy("{use: domains}").intents
    assert found is not None
    assert (found.use, found.threshold, dict(found.classes)) == ("domains", 0.5, {})


@gathered(
    ("intents", "path", "told"),
    [
        ("{}", "intents", "no classes"),
        ("{threshold: 0.5}", "intents", "no classes"),
        ("{use: domains, code: [fix it]}", "intents", "beside classes"),
        ("{use: topics}", "intents.use", "none of"),
        ("{code: [fix it], threshold: 1}", "intents.threshold", "less than 1"),
        ("{code: []}", "intents.code", "at least"),
        ("{code: fix it}", "intents.code", "a list"),
        ("{code: [fix it, '']}", "intents.code[1]", "1 to 1000 characters"),
        ("{none: [fix it]}", "intents.none", "texts of no class"),
        ("{'two words': [fix it]}", "intents['two words']", "letters, digits"),
    ],
)
def test_what_is_no_class_is_refused_where_it_stands(intents: str, path: str, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(intents)
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (5, path)
    assert told in problem.message


@pytest.mark.parametrize(
    ("most", "past"),
    [
        (classes(INTENTS_MAX), classes(INTENTS_MAX + 1)),
        (classes(INTENT_EXAMPLES_MAX // 200, 200), classes(INTENT_EXAMPLES_MAX // 200, 200)[:-1] + ', "d": ["x"]}'),
        (classes(1, 200), classes(1, 201)),
    ],
    ids=["classes", "examples", "of a class"],
)
def test_classes_and_examples_have_limits(most: str, past: str) -> None:
    assert policy(most).intents is not None
    with pytest.raises(PolicyError) as caught:
        policy(past)
    (problem,) = caught.value.problems
    assert problem.line == 5
    assert "more than" in problem.message or "at most" in problem.message


def test_classes_that_nothing_reads_are_noted() -> None:
    unread = f"{BASE.replace('intent ==', 'model ==')}intents: {{code: [fix it]}}\n"
    notes = [each for each in drafted(unread).loaded().notes if each.path == "intents"]
    assert [each.line for each in notes] == [5]
    assert "nothing reads" in notes[0].message
    assert not [each for each in drafted(f"{BASE}intents: {{use: domains}}\n").loaded().notes if each.path == "intents"]
    recorded = f"{unread}recorded_signals: [intent]\n"
    assert not [each for each in drafted(recorded).loaded().notes if each.path == "intents"]
