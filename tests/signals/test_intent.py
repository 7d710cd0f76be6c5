"""What a user wants: a class by its examples, a built-in domain, or none."""

import pytest

from extproc.detectors.contract import DetectorError
from extproc.policy import Policy, UnusableError, loads
from extproc.policy.intents import Intents
from extproc.signals.intent import ENDS, WORDS_MAX, intent_of, missing, sentences
from extproc.transaction import Plan
from tests.gathered import gathered

OWN = Intents.model_validate({
    "code": ["fix this function", "why does this code fail", "write a python script", "debug my program"],
    "billing": ["why was my card charged twice", "send me the invoice", "how do I get a refund", "cancel my plan"],
    "scorer": "words",
})  # fmt: skip
DOMAINS = Intents(use="domains")
PADDING = " and so on" * 40


@gathered(
    ("text", "intent"),
    [
        ("Fix this function, please", "code"),
        ("my python program fails", "code"),
        ("I want a refund for my invoice", "billing"),
        ("Will it rain in Paris tomorrow?", "none"),
        ("ok", "none"),
        ("", "none"),
        ("?!", "none"),
    ],
)
def test_a_text_is_of_the_class_whose_examples_are_near_or_of_none(text: str, intent: str) -> None:
    assert intent_of(OWN)(text) == intent


def test_the_threshold_decides_what_is_none() -> None:
    text = "my python program fails"
    assert intent_of(OWN.model_copy(update={"threshold": 0.999}))(text) == "none"
    assert intent_of(OWN.model_copy(update={"threshold": 0.01}))("Was my card charged?") == "billing"


def test_both_ends_of_a_long_text_are_judged_and_not_its_middle() -> None:
    ask = "Why was my card charged twice? Send me the invoice."
    assert len(PADDING.split()) > WORDS_MAX > ENDS
    of = intent_of(OWN)
    assert of(f"{ask}{PADDING * 2}") == of(f"{PADDING * 2} {ask}") == "billing"
    assert of(f"{PADDING * 2} {ask}{PADDING * 2}") == "none"


@gathered(
    ("text", "domain"),
    [
        ("Find the derivative of x^2 sin(x) and evaluate the integral from 0 to 1.", "math"),
        ("Can the defendant be convicted of murder under this statute, or would the court grant the motion?", "law"),
        ("Write a Python function that parses this JSON file.", "computer_science"),
        ("hi", "none"),
        ("please set an alarm", "none"),
    ],
)
def test_a_built_in_domain_is_told(text: str, domain: str) -> None:
    assert intent_of(DOMAINS)(text) == domain


# -- what a policy lacks

POLICY = """version: 1
backends: [{name: a, url: "http://127.0.0.1:1/v1", api: openai}]
models:
  - name: auto
    rules: [{when: 'intent == "code"', to: [{backend: a}]}]
    targets: [{backend: a}]
"""


def policy(more: str = "") -> Policy:
    return loads(POLICY + more)


def test_a_policy_that_asks_for_an_intent_needs_classes() -> None:
    with pytest.raises(UnusableError) as caught:
        Plan.compile(policy(), {})
    (found,) = caught.value.parts
    assert found.where == ("models", 0, "rules", 0, "when")
    assert "no classes" in found.message
    assert "intents" in found.mend


def absent() -> None:
    raise DetectorError("there is no extra `models`: there is no module numpy; pip install 'envoy-extproc[models]'")


def test_without_the_extra_words_tell_the_classes_and_that_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "loaded", absent)
    own = policy("intents: {code: [fix this function], billing: [a refund]}\n")
    assert own.intents is not None
    assert intent_of(own.intents)("fix this function") == "code"
    (note,) = missing(own)
    assert note.where == ("intents",)
    assert "words alone" in note.message
    assert "pip install" in note.mend
    for settled in ("scorer: words, code: [fix it]", "use: domains"):
        assert not list(missing(policy(f"intents: {{{settled}}}\n")))


def test_a_scorer_that_is_asked_for_by_name_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "loaded", absent)
    with pytest.raises(UnusableError, match="extra `models`"):
        Plan.compile(policy("intents: {code: [fix this function], scorer: minilm}\n"), {})
