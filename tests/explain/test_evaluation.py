"""Precision, recall and thresholds from judged lines."""

import json
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from extproc.explain.evaluation import JudgedSide, Threshold, best_threshold, evaluate
from extproc.explain.labelled import LABELS_MOST, NAME_MOST, Expected, read_labelled
from extproc.explain.lines import body_of
from extproc.protocol.record import ProcessorScore


def line(
    number: int, expect: str, found: Mapping[str, str] | None = None, *scores: tuple[str, float], side: str = "request"
) -> JudgedSide:
    """A line; `scores` are those of `injection` by level, with its default thresholds."""
    kinds = {name: frozenset(kind.split()) for name, kind in (found or {}).items()}
    told = [
        ProcessorScore("injection", side, "injection", score, 0.95 if level else 0.9, "scorer", 0, 0, None, level)
        for level, score in scores
    ]
    return JudgedSide(number, side, frozenset(expect.split()), kinds, told)


def test_lines_are_counted_by_label_and_told_by_number() -> None:
    lines = [
        line(1, "injection", {"injection": "jailbreak"}),
        line(2, "injection"),
        line(4, "", {"injection": "jailbreak"}),
        line(5, ""),
        line(7, "injection", {"injection": "exfiltration"}),
    ]
    (found,) = evaluate(lines)
    assert (found.label, found.expected, found.found, found.missed, found.wrong) == ("injection", 3, 2, 1, 1)
    assert (found.precision, found.recall, found.best) == (2 / 3, 2 / 3, ())
    assert (found.missed_lines, found.wrong_lines) == ([2], [4])


def test_a_kind_and_its_processor_count_for_each_other() -> None:
    lines = [line(1, "email", {"pii": "email"}), line(2, "pii", {"pii": "email"}), line(3, "", {"pii": "email phone"})]
    found = {each.label: each for each in evaluate(lines)}
    assert {name: (each.found, each.missed, each.wrong_lines) for name, each in found.items()} == {
        "email": (1, 0, [3]),
        "pii": (1, 0, [3]),
    }


def test_a_kind_that_nobody_expected_is_told() -> None:
    (found,) = evaluate([line(1, ""), line(2, "", {"pii": "phone"})])
    assert (found.label, found.wrong_lines, found.precision, found.recall) == ("phone", [2], 0.0, None)


SCORED = [(0.9, True), (0.8, True), (0.8, False), (0.6, True), (0.3, False), (0.2, False), (0.1, True)]


def test_the_best_threshold_has_the_greatest_f1_and_lies_between_two_scores() -> None:
    assert best_threshold(SCORED) == Threshold("threshold", (0.6 + 0.3) / 2, 3 / 4, 3 / 4, 1 / 3)
    assert best_threshold([(0.5, True), (0.4, False), (0.3, True)]) == Threshold("threshold", 0.15, 2 / 3, 1.0, 1.0)
    assert best_threshold([(0.5, False)]) is None
    assert best_threshold([(0.0, True), (0.0, False)]) is None


@pytest.mark.parametrize(
    ("most", "threshold"), [(0.0, 0.85), (0.32, 0.85), (1 / 3, 0.45), (0.66, 0.45), (0.99, 0.25), (1.0, 0.05)]
)
def test_with_a_rate_the_threshold_is_the_lowest_that_keeps_to_it(most: float, threshold: float) -> None:
    found = best_threshold(SCORED, most)
    assert found is not None
    assert found.threshold == pytest.approx(threshold)
    assert found.false_positive_rate <= most


def test_a_rate_that_even_the_highest_score_exceeds_has_no_threshold() -> None:
    assert best_threshold([(0.9, False), (0.5, True)], 0.5) is None


def test_a_line_without_a_score_has_none_of_it() -> None:
    lines = [line(1, "injection", None, ("", 0.7)), line(2, "")]
    (found,) = evaluate(lines)
    assert found.best == (Threshold("threshold", 0.35, 1.0, 1.0, 0.0),)


def test_each_threshold_of_a_processor_has_a_best_value_by_the_lines_that_were_compared_with_it() -> None:
    lines = [
        line(1, "injection", None, ("", 0.8)),
        line(2, "", None, ("", 0.4)),
        line(3, "injection", None, ("documents", 0.5), ("", 0.3)),  # the document is what comes nearest
        line(4, "", None, ("documents", 0.1), ("", 0.6)),
    ]
    (found,) = evaluate(lines)
    users, documents = found.best
    assert (documents.setting, documents.recall, documents.false_positive_rate) == ("documents.threshold", 1.0, 0.0)
    assert (users.setting, users.recall, users.false_positive_rate) == ("threshold", 1.0, 0.0)
    assert [each.threshold for each in found.best] == pytest.approx([0.7, 0.3])


def test_requests_and_responses_are_counted_apart() -> None:
    lines = [line(1, "email", {"pii": "email"}), line(1, "", {"pii": "email"}, side="response"), line(2, "email")]
    assert [(each.side, each.label, each.found, each.missed, each.wrong) for each in evaluate(lines)] == [
        ("request", "email", 1, 1, 0),
        ("response", "email", 0, 0, 1),
    ]


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("", {"role": "user", "content": "né \ud800"}),
        ("user", {"role": "user", "content": "né \ud800"}),
        ("tool", {"role": "tool", "tool_call_id": "call_1", "content": "né \ud800"}),
        ("document", {"role": "user", "content": [{"type": "document", "text": "né \ud800"}]}),
    ],
)
def test_a_bare_text_stands_where_its_role_has_it(role: str, message: object) -> None:
    member = f'"role": "{role}", ' if role else ""
    line = f'{{"expect": ["a"], {member}"text": "né \\ud800"}}'
    text = read_labelled(line.encode(), "chat")
    assert text.expect == Expected(request=frozenset({"a"}))
    assert json.loads(body_of(text.request.body)) == {"model": "chat", "messages": [message]}
    assert "né" not in repr(text)


def test_what_an_assistant_says_is_a_response_and_a_request_is_taken_as_it_is() -> None:
    text = read_labelled('{"expect": ["a"], "role": "assistant", "text": "né"}'.encode(), "chat")
    assert (text.expect, text.request.response is not None) == (Expected(response=frozenset({"a"})), True)
    assert text.request.response is not None
    assert json.loads(body_of(text.request.response.body))["choices"][0]["message"]["content"] == "né"
    asked = read_labelled(b'{"path": "/v1/embeddings", "body": {"input": "x"}, "expect": []}', "chat")
    assert (asked.request.path, bytes(asked.request.body), asked.expect) == (
        "/v1/embeddings",
        b'{"input": "x"}',
        Expected(either=frozenset()),
    )
    sided = read_labelled(b'{"path": "/v1/embeddings", "body": {}, "expect": {"response": ["a"]}}', "chat")
    assert sided.expect == Expected(response=frozenset({"a"}))


@pytest.mark.parametrize(
    "wrong",
    [
        '{"text": "secret"}',
        '{"text": ["secret"], "expect": []}',
        '{"text": "secret", "body": {}, "expect": []}',
        '{"text": "secret", "expect": "injection"}',
        '{"text": "secret", "expect": [""]}',
        '{"text": "secret", "expect": ["x"], "other": 1}',
        json.dumps({"text": "secret", "expect": ["x"] * (LABELS_MOST + 1)}),
        json.dumps({"text": "secret", "expect": ["x" * (NAME_MOST + 1)]}),
        '["secret"]',
        '{"text": "secret", "expect": [',
        '{"text": "secret", "role": "secret", "expect": []}',
        '{"text": "secret", "role": 1, "expect": []}',
        '{"path": "/", "role": "user", "body": "secret", "expect": []}',
        '{"text": "secret", "response": {}, "expect": []}',
        '{"text": "secret", "expect": {"request": []}}',
        '{"path": "/", "body": "secret", "expect": {}}',
        '{"path": "/", "body": "secret", "expect": {"secret": []}}',
    ],
)
def test_another_line_is_refused_and_not_quoted(wrong: str) -> None:
    with pytest.raises(ValueError) as error:
        read_labelled(wrong.encode(), "chat")
    assert "secret" not in str(error.value)


def test_as_many_names_as_allowed_may_be_expected() -> None:
    said = json.dumps({"text": "x", "expect": [f"{at}".rjust(NAME_MOST, "k") for at in range(LABELS_MOST)]})
    assert len(read_labelled(said.encode(), "chat").expect.request or ()) == LABELS_MOST


def test_lines_without_a_verdict_count_for_nothing() -> None:
    lines = [line(1, "guard"), line(2, "guard", {"guard": "toxic"}), line(3, "guard")]
    lines[0] = replace(lines[0], unjudged=frozenset({"guard", "toxic"}))
    (found,) = evaluate(lines)
    assert (found.expected, found.missed_lines, found.recall, found.unjudged) == (2, [3], 0.5, 1)
