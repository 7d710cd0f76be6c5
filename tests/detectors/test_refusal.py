"""Replies that refuse: by what the API says, and by their first sentences."""

import json
from typing import Any, Final

import pytest

from extproc.apis.reply import ReplyPart
from extproc.detectors.refusal import LOOKED_AT, RefusedReply, refuses
from extproc.detectors.replies import ReplyFinding
from tests.detectors.refusal_set import OTHERS, REFUSALS
from tests.gathered import gathered
from tests.inspection.replying import FORMS, asking, judging, kinds, outcome, streamed, whole

RECALL: Final = 0.85
PRECISION: Final = 0.95
"""What is found of the labelled set, at least; docs/inspection.md has the figures."""


def found(text: str, size: int = 10_000) -> list[tuple[str, int, int]]:
    """The findings in a text that comes in pieces."""
    follower = RefusedReply(words=True)
    noticed = [
        each
        for at in range(0, len(text), size)
        for each in follower.take(ReplyPart("text", 0, ("content",), text[at : at + size]))
    ]
    noticed += follower.take(ReplyPart("end", 0, (), "stop"))
    return [(each.kind, each.start, each.end) for each in noticed if isinstance(each, ReplyFinding)]


def test_the_labelled_set_is_told_apart_as_well_as_the_page_says() -> None:
    right = [text for text in REFUSALS if found(text)]
    wrong = [text for text in OTHERS if found(text)]
    assert len(right) / len(REFUSALS) >= RECALL, sorted(set(REFUSALS) - set(right))
    assert len(right) / (len(right) + len(wrong)) >= PRECISION, wrong


@gathered("text", [*REFUSALS, *OTHERS])
def test_cuts_change_nothing(text: str) -> None:
    assert found(text, 1) == found(text, 7) == found(text)


def test_only_the_beginning_of_a_reply_is_looked_at() -> None:
    refusal = "I can't help with that."
    assert found(f"One. Two. {refusal}") == [("worded", 9, 33)]
    assert found(f"One. Two. Three. {refusal}") == []
    long = "word " * (LOOKED_AT // 5)
    assert found(f"{long}and {refusal}") == []


def test_half_a_sentence_is_none() -> None:
    assert found("I can't provide") != []
    follower = RefusedReply(words=True)
    assert not follower.take(ReplyPart("text", 0, ("content",), "I can't provide"))


@pytest.mark.parametrize("api", FORMS)
def test_a_worded_refusal_is_found_in_every_api(api: str) -> None:
    own = judging("{use: refusal, action: block}")
    text = "I'm sorry, but I can't help with that. Ask something else."
    for response in (whole(api, text), streamed(api, [text[:20], text[20:45], text[45:]])):
        result = outcome(own, api, asking(api), response)
        assert (result.action, kinds(result)) == ("block", ["worded"])
        assert result.findings[0].score == 0.9


@pytest.mark.parametrize(
    ("api", "response", "kind"),
    [
        ("chat", {"choices": [{"message": {"refusal": "No."}, "finish_reason": "stop"}]}, "refusal"),
        ("chat", {"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}]}, "filtered"),
        ("messages", {"type": "message", "content": [], "stop_reason": "refusal"}, "refusal"),
        ("gemini", {"candidates": [{"content": {"parts": []}, "finishReason": "SAFETY"}]}, "filtered"),
        ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}, "filtered"),
        (
            "responses",
            {"object": "response", "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]},
            "refusal",
        ),
    ],
)
def test_what_the_api_says_counts_without_words(api: str, response: Any, kind: str) -> None:
    own = judging("{use: refusal, words: false, on_uninspected: allow}".replace(", on_uninspected: allow", ""))
    result = outcome(own, api, asking(api), response)
    assert (result.action, kinds(result)) == ("allow", [kind])
    if api == "chat" and kind == "refusal":
        event = {"choices": [{"index": 0, "delta": {"refusal": "N"}, "finish_reason": None}]}
        stream = f"data: {json.dumps(event)}\n\ndata: {json.dumps(event)}\n\n"
        assert kinds(outcome(own, api, asking(api), stream)) == ["refusal"]


def test_a_sentence_is_looked_at_whatever_its_quotation_marks_and_accents() -> None:
    assert refuses("I’m sorry, but I can’t help with that")
    assert refuses("JE NE PEUX PAS VOUS AIDER")
