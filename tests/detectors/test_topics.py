"""Topics: allowed and denied ones, texts of none, and what a policy may not say."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from extproc.apis.roles import PassageRole
from extproc.detectors.contract import Conversation, Statement
from extproc.detectors.topics import OFF_TOPIC, topics
from extproc.inspection.scored import DetectorFindings, ScoredWork
from extproc.policy import PolicyError
from extproc.policy.judges import EXAMPLES_MAX, LEARNT_MAX, MEANT_MAX, TOPICS_MAX, TopicFilter
from extproc.protocol.messages import Side
from tests.seams.playing import plan, played, said

ORDERS = ("where is my order", "cancel my order please", "my parcel has not arrived", "change the delivery address")
MEDICAL = (
    "what can I take against a headache",
    "is this rash dangerous",
    "which dose of ibuprofen is safe for a child",
)


def judged(text: str, role: PassageRole = "user", **options: Any) -> DetectorFindings:
    own = topics(TopicFilter.model_validate({"use": "topics", **options}))
    return ScoredWork(own, Conversation(Side.REQUEST, (Statement(text, role),))).run()


def kinds(text: str, **options: Any) -> list[str]:
    return [each.kind for each in judged(text, **options).found]


def test_a_denied_topic_is_a_finding_of_its_name() -> None:
    assert kinds("which dose of ibuprofen may I take", deny={"medical": MEDICAL}) == ["medical"]
    assert kinds("where can I buy a bicycle in Bern", deny={"medical": MEDICAL}) == []


def test_whatever_is_of_no_allowed_topic_is_off_topic() -> None:
    options = {"allow": {"orders": ORDERS}}
    assert kinds("please cancel the order of my parcel", **options) == []
    assert kinds("write a poem about the sea and the moon", **options) == [OFF_TOPIC]


def test_a_denied_topic_goes_before_none() -> None:
    options = {"allow": {"orders": ORDERS}, "deny": {"medical": MEDICAL}}
    assert kinds("is this rash dangerous for my child", **options) == ["medical"]
    assert kinds("where is my parcel, has my order arrived", **options) == []


def test_a_denied_topic_within_a_long_text_is_found_in_its_window() -> None:
    filler = "The committee met on Tuesday and spoke about roads and schools. " * 40
    text = f"{filler}{' '.join(MEDICAL)} {filler}"
    found = judged(text, deny={"medical": MEDICAL}, threshold=0.1).found
    assert found
    assert all(each.end is not None and each.end - each.start < len(filler) for each in found)


@pytest.mark.parametrize("role", ["system", "assistant", "tool_result", "tool_definition", "file", "other"])
def test_only_what_users_say_has_a_topic(role: PassageRole) -> None:
    assert judged("which dose of ibuprofen may I take", role, deny={"medical": MEDICAL}).best == ()


def test_a_word_or_two_are_of_no_subject() -> None:
    assert kinds("yes please", allow={"orders": ORDERS}) == []


def test_the_record_has_the_score_and_none_of_the_text() -> None:
    policy = "{use: topics, deny: {medical: [which dose of ibuprofen is safe, is this rash dangerous]}}"
    with played(plan(policy)) as exchange:
        assert exchange.asks(said("is this rash dangerous or not")).does("topics").refused == 403
        record = exchange.record()
    assert record["scores"][0]["kind"] == "medical"
    assert record["scores"][0]["tier"] == "examples"
    assert "rash" not in json.dumps(record)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{use: topics}", "no topics are written here"),
        ("{use: topics, deny: {a: []}}", "at least 1"),
        ("{use: topics, deny: {a: [hello]}, allow: {a: [hello]}}", "allowed and denied"),
        ("{use: topics, deny: {off-topic: ['!']}}", "with words"),
        (f"{{use: topics, deny: {{a: [{', '.join(['hi'] * (EXAMPLES_MAX + 1))}]}}}}", "at most"),
        (f"{{use: topics, deny: {{{', '.join(f'a{n}: [hi]' for n in range(TOPICS_MAX + 1))}}}}}", "at most"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        plan(text)
    assert told in caught.value.render()


@pytest.mark.parametrize(("scorer", "most"), [("words", LEARNT_MAX), ("minilm", MEANT_MAX)])
def test_a_scorer_takes_so_many_examples_of_all_topics_and_no_more(scorer: str, most: int) -> None:
    def written(count: int) -> TopicFilter:
        topic = [("hi",) * EXAMPLES_MAX] * (count // EXAMPLES_MAX) + [("hi",) * (count % EXAMPLES_MAX)]
        deny = {f"a{number}": examples for number, examples in enumerate(topic) if examples}
        return TopicFilter.model_validate({"use": "topics", "deny": deny, "scorer": scorer})

    written(most)
    with pytest.raises(ValidationError, match=f"{most + 1} examples .*are more than"):
        written(most + 1)


def test_topics_are_those_of_requests() -> None:
    with pytest.raises(PolicyError) as caught:
        plan(response="{use: topics, deny: {a: [hello]}}")
    assert "topics are those of requests" in caught.value.render()
