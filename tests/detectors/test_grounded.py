"""Quotes, numbers and links of replies that do not occur in the documents of the request."""

import json
import time
from typing import Any

import pytest

from extproc.detectors import grounded
from extproc.detectors.grounded import TEXT_MAX, Sources, claims, readings
from tests.detectors.grounded_set import CASES, REPORT
from tests.inspection.replying import asking, judging, kinds, outcome, streamed, whole
from tests.seams.playing import SSE, answered, plan, played
from tests.seams.playing import streamed as chunks


def with_documents(*documents: str) -> Any:
    """A request that brings these as results of tools."""
    request = asking("chat")
    request["messages"] += [{"role": "tool", "tool_call_id": "c", "content": text} for text in documents]
    return request


@pytest.mark.parametrize(("documents", "text", "right"), CASES)
def test_the_labelled_set_is_told_apart(documents: tuple[str, ...], text: str, right: bool) -> None:
    own = judging("{use: grounded, action: block}")
    request = with_documents(*documents)
    for response in (whole("chat", text), streamed("chat", [text[at : at + 5] for at in range(0, len(text), 5)])):
        found = outcome(own, "chat", request, response)
        assert found.action == ("allow" if right else "block"), kinds(found)


def test_the_score_is_the_share_without_a_source_and_each_claim_has_its_place() -> None:
    text = "Revenue: 1,234.5; staff: 17,000; dividend: 9.99; “we are very happy with this” (2025)."
    found = outcome(judging("{use: grounded}"), "chat", with_documents(REPORT), whole("chat", text))
    assert [(each.kind, text[each.start : each.end], each.score, each.why) for each in found.findings] == [
        ("quote", "we are very happy with this", 0.6, "3 of 5 claims"),
        ("number", "17,000", 0.6, "3 of 5 claims"),
        ("number", "9.99", 0.6, "3 of 5 claims"),
    ]


@pytest.mark.parametrize(("threshold", "number"), [(0.6, 3), (0.61, 0)])
def test_a_share_at_the_threshold_is_found_and_below_it_is_not(threshold: float, number: int) -> None:
    text = "Revenue: 1,234.5; staff: 17,000; dividend: 9.99; “we are very happy with this” (2025)."
    own = judging(f"{{use: grounded, threshold: {threshold}}}")
    assert len(outcome(own, "chat", with_documents(REPORT), whole("chat", text)).findings) == number


def test_few_claims_are_not_judged_and_a_request_without_documents_neither() -> None:
    own = judging("{use: grounded, action: block}")
    assert outcome(own, "chat", with_documents(REPORT), whole("chat", "It is 77 or 88.")).action == "allow"
    assert outcome(own, "chat", asking("chat"), whole("chat", "It is 77, 88 or 99.")).action == "allow"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1,234.50", "1.234,5", True),
        ("1 234,5", "1234.5", True),
        ("18'400", "18 400", True),
        ("1.234", "1,234", True),
        ("007", "7", True),
        ("-3.5", "\u22123,5", True),
        ("12.5", "125", False),
        ("1.5", "15", False),
        ("2024", "2025", False),
    ],
)
def test_a_number_is_the_same_however_it_is_written(one: str, other: str, same: bool) -> None:
    assert bool(readings(one) & readings(other)) == same


def test_ordinals_single_digits_and_parts_of_words_are_no_claims() -> None:
    assert list(claims("1. First\n12) Twelfth\n[3] note: 5 of v1.2 B2B x86 2-3")) == []


def test_a_text_of_blank_lines_or_of_list_items_takes_no_time() -> None:
    began = time.thread_time()
    assert list(claims("\n" * TEXT_MAX)) == []
    assert len(list(claims("\n1. 22" * (TEXT_MAX // 6)))) == TEXT_MAX // 6
    assert time.thread_time() - began < 5, "it took minutes"


def test_quotes_are_compared_without_regard_to_marks_case_and_blanks() -> None:
    sources = Sources(["He said: »It\u2019s  a long\nway to go« — twice."])
    assert sources.has("quote", "it's a long way to go.")
    assert not sources.has("quote", "it is a long way to go")


@pytest.mark.parametrize("more", [0, 1])
def test_documents_have_a_bound(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(grounded, "DOCUMENTS_MAX", len(REPORT) - more)
    own = judging("{use: grounded, action: block}")
    found = outcome(own, "chat", with_documents(REPORT), whole("chat", "Revenue: 1,234.5; 2025; 2.40."))
    assert found.action == ("block" if more else "allow")
    assert any("not inspected: documents" in each for each in found.why) == bool(more)


@pytest.mark.parametrize("more", [0, 1])
def test_a_message_has_a_bound(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    text = "Revenue: 1,234.5; 2025; 2.40."
    monkeypatch.setattr(grounded, "TEXT_MAX", len(text) - more)
    found = outcome(judging("{use: grounded}"), "chat", with_documents(REPORT), whole("chat", text))
    assert any("not inspected: size" in each for each in found.why) == bool(more)


def test_the_record_has_the_share_and_the_threshold_whole_and_streamed() -> None:
    text = "Revenue: 1,234.5; staff: 17,000; dividend: 9.99; “we are very happy with this” (2025)."
    for duplex in (False, True):
        with played(plan("", "{use: grounded, action: block}"), duplex=duplex) as exchange:
            exchange.asks(json.dumps({**with_documents(REPORT), "model": "chat"}).encode())
            exchange.replies(*((chunks(text[:30], text[30:]), SSE) if duplex else (answered(text),)))
            found = exchange.record()["findings"]
        assert [(each["kind"], each["count"], each["score"], each["threshold"]) for each in found] == [
            ("quote", 1, 0.6, 0.5),
            ("number", 2, 0.6, 0.5),
        ]
