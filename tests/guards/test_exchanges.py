"""Exchanges that a guard judges: its verdicts on requests and responses, and its failures, for each `on_failure`."""

import json
from collections.abc import Iterator
from typing import Final, Literal

import pytest

from extproc.policy.processors import ELSEWHERE_USES
from extproc.protocol.effects import Chunk, Inspect
from extproc.protocol.messages import Failed, Inspected, Side
from tests.guards.asking import handed
from tests.guards.conftest import FAULTS, Faults
from tests.guards.standin import PASS, REJECT, Asked, Reply, Standin, standin
from tests.seams.playing import JSON, SSE, Played, answered, plan, played, said, streamed

MAIL: Final = "jane.doe@example.com"
MASKING: Final = "{use: pii, kinds: [email], action: mask}"
Shape = Literal["request", "whole", "streamed"]
SHAPES: Final = pytest.mark.parametrize("shape", ["request", "whole", "streamed"])


@pytest.fixture
def service() -> Iterator[Standin]:
    with standin() as running:
        yield running


def webhook(service: Standin, more: str = "") -> str:
    return f"{{use: webhook, url: '{service.url}'{more}}}"


def does(exchange: Played, name: str = "webhook") -> Played:
    """A worker's pool does the work of a guard."""
    order: Inspect = exchange.orders.pop(name)
    return exchange._took(exchange._envoy.sends(handed(order)).effects)


def judged(exchange: Played, shape: Shape, text: str) -> Played:
    """A request with a text, or its response with it, up to the guard's question."""
    if shape == "request":
        return exchange.asks(said(text))
    exchange.asks(said("hello", stream=shape == "streamed"))
    if shape == "whole":
        return exchange.replies(answered(text), JSON)
    return exchange.replies(streamed(*text.partition(" ")), SSE)


def sides(processors: str, shape: Shape) -> tuple[str, str]:
    return (processors, "") if shape == "request" else ("", processors)


def onward(exchange: Played, shape: Shape, text: str) -> str:
    """The text that goes on."""
    if shape == "request":
        return str(json.loads(exchange.body(Side.REQUEST, said(text)))["messages"][0]["content"])
    if shape == "whole":
        return str(json.loads(exchange.body(Side.RESPONSE, answered(text)))["choices"][0]["message"]["content"])
    body = exchange.body(Side.RESPONSE, streamed(*text.partition(" ")))
    events = [json.loads(line[6:]) for line in body.split(b"\n\n") if line.startswith(b"data: {")]
    return "".join(each["choices"][0]["delta"].get("content", "") for each in events)


# -- verdicts


@SHAPES
def test_what_passes_goes_on_as_it_came(service: Standin, shape: Shape) -> None:
    with played(plan(*sides(webhook(service), shape))) as exchange:
        assert onward(does(judged(exchange, shape, "all is well")), shape, "all is well") == "all is well"
        assert "findings" not in exchange.record()
    (asked,) = service.asked
    texts = asked.json["body"]
    contents = texts["messages"] if shape == "request" else [each["message"] for each in texts["choices"]]
    assert [each["content"] for each in contents] == ["all is well"]


@SHAPES
@pytest.mark.parametrize("action", ["mask", "block", "report"])
def test_a_rejection_blocks_unless_it_is_only_reported(service: Standin, shape: Shape, action: str) -> None:
    service.answers = lambda _: REJECT
    with played(plan(*sides(webhook(service, f", action: {action}"), shape))) as exchange:
        does(judged(exchange, shape, "how bad"))
        assert exchange.refused == (None if action == "report" else 403)
        record = exchange.record()
    (finding,) = record["findings"]
    assert (finding["processor"], finding["kind"], finding["count"]) == ("webhook", "rejected", 1)
    assert record.get("blocked_by") == (None if action == "report" else "webhook")


def masking(asked: Asked) -> Reply:
    """Replaces a name and an address."""
    body = json.loads(asked.body.replace(b"Titan", b"<project>").replace(MAIL.encode(), b"<mail>"))
    return Reply.json({"action": body})


@pytest.mark.parametrize("shape", ["request", "whole"])
def test_what_the_guard_changed_goes_on_as_it_wrote_it(service: Standin, shape: Shape) -> None:
    service.answers = masking
    text = f"Titan writes to {MAIL}, and Titan waits"
    with played(plan(*sides(webhook(service), shape)), detailed=True) as exchange:
        found = onward(does(judged(exchange, shape, text)), shape, text)
        assert found == "<project> writes to <mail>, and <project> waits"
        record = exchange.record()
    assert [(each["kind"], each["count"]) for each in record["findings"]] == [("masked", 3)]
    assert MAIL not in json.dumps(record)


def test_a_mask_of_a_stream_blocks_it(service: Standin) -> None:
    service.answers = masking
    with played(plan("", webhook(service))) as exchange:
        assert does(judged(exchange, "streamed", "Titan waits")).refused == 403


@pytest.mark.parametrize("more", [", action: report", ", mode: shadow"])
def test_a_mask_that_is_only_reported_changes_nothing(service: Standin, more: str) -> None:
    service.answers = masking
    with played(plan(webhook(service, more))) as exchange:
        assert onward(does(judged(exchange, "request", "Titan waits")), "request", "Titan waits") == "Titan waits"
        assert exchange.record()["findings"][0]["count"] == 1


def test_what_rules_mask_beside_the_guards_changes_is_masked_as_well(service: Standin) -> None:
    service.answers = lambda asked: Reply.json({"action": json.loads(asked.body.replace(b"Titan", b"<project>"))})
    text = f"Titan writes to {MAIL}"
    with played(plan(f"{webhook(service)}, {MASKING}")) as exchange:
        found = onward(does(judged(exchange, "request", text)), "request", text)
        assert found == "<project> writes to [EMAIL_1]"


def test_a_guard_cannot_repeat_what_another_processor_masks(service: Standin) -> None:
    # It calls all of the text changed, and repeats the address in it.
    text = f"aaa {MAIL} bbb"
    longest = " ".join(["x"] * 300)

    def repeating(asked: Asked) -> Reply:
        return Reply.json({"action": json.loads(asked.body.replace(text.encode(), f"ccc {longest} {MAIL}".encode()))})

    service.answers = repeating
    with played(plan(f"{webhook(service)}, {MASKING}")) as exchange:
        assert MAIL not in onward(does(judged(exchange, "request", text)), "request", text)


def test_placeholders_that_a_guard_writes_are_never_turned_into_values(service: Standin) -> None:
    service.answers = lambda asked: Reply.json({"action": json.loads(asked.body.replace(b"Titan", b"[EMAIL_1]"))})
    restoring = "{use: pii, kinds: [email], action: mask, restore: true}"
    text = f"Titan, {MAIL}"
    with played(plan(f"{webhook(service)}, {restoring}")) as exchange:
        assert onward(does(judged(exchange, "request", text)), "request", text) == "[EMAIL_1], [EMAIL_2]"
        exchange.replies(answered("say [EMAIL_1] to [EMAIL_2]"))
        assert onward(exchange, "whole", "") == f"say [EMAIL_1] to {MAIL}"


@SHAPES
def test_the_record_has_the_best_score_and_the_threshold_and_no_text(service: Standin, shape: Shape) -> None:
    def entity(start: int, score: float) -> dict[str, object]:
        return {"entity_type": "PERSON", "start": start, "end": start + 4, "score": score}

    service.answers = lambda _: Reply.json([entity(0, 0.6), entity(9, 0.85), entity(0, 0.4)])
    processor = f"{{use: presidio, url: '{service.url}', action: report}}"
    with played(plan(*sides(processor, shape)), detailed=True) as exchange:
        does(judged(exchange, shape, "Jane and Mary"), "presidio")
        findings = exchange._envoy.transaction.findings
        assert findings is not None
        assert [(each.score, each.threshold) for each in findings.details or ()] == [(0.6, 0.5), (0.85, 0.5)]
        (found,) = exchange.record()["findings"]
    assert (found["kind"], found["count"], found["score"], found["threshold"]) == ("person", 2, 0.85, 0.5)


@pytest.mark.parametrize("shape", ["request", "whole"])
def test_names_are_masked_where_presidio_sees_them(service: Standin, shape: Shape) -> None:
    # As `check` and docs/guards.md advise for `use: names`.
    known = {"PERSON": "Zoë Müller", "LOCATION": "München", "ORGANIZATION": "Initech GmbH"}

    def analyzer(asked: Asked) -> Reply:
        text = asked.json["text"]
        entities = [(each, text.find(known[each]), known[each]) for each in asked.json["entities"]]
        return Reply.json(
            [
                {"entity_type": entity, "start": at, "end": at + len(name), "score": 0.85, "analysis_explanation": None}
                for entity, at, name in entities
                if at >= 0
            ]
        )

    service.answers = analyzer
    processor = ELSEWHERE_USES["names"][1].removeprefix("ask a guard: ").replace("http://127.0.0.1:5002", service.url)
    text = "🙂 Zoë Müller of Initech GmbH is in München"
    with played(plan(*sides(processor, shape))) as exchange:
        found = onward(does(judged(exchange, shape, text), "presidio"), shape, text)
        assert found == "🙂 [PERSON_1] of [ORGANIZATION_1] is in [LOCATION_1]"
        record = exchange.record()
    assert sorted((each["kind"], each["count"]) for each in record["findings"]) == [
        ("location", 1),
        ("organization", 1),
        ("person", 1),
    ]
    assert "Zoë" not in json.dumps(record, ensure_ascii=False)


# -- failures


OUTCOMES: Final = {"block": 503, "allow": None, "spare": 403}
"""`on_failure` -> the status that the client gets; the stand-in objects to the text."""
SPARE: Final = "{use: pattern, name: spare, literals: [Titan], action: block}"


@SHAPES
@pytest.mark.parametrize("on_failure", OUTCOMES)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_failure_has_what_on_failure_says_and_rules_beside_it_do_their_work(
    faults: Faults, fault: str, on_failure: str, shape: Shape
) -> None:
    fields, reason = faults[fault]
    processors = f"{{use: webhook, on_failure: {on_failure}, {fields}}}, {MASKING}"
    if on_failure == "spare":
        processors += f", {SPARE}"
    text = f"Titan writes to {MAIL}"
    with played(plan(*sides(processors, shape))) as exchange:
        does(judged(exchange, shape, text))
        expected = OUTCOMES[on_failure]
        assert exchange.refused == expected
        if expected is None:
            assert onward(exchange, shape, text) == "Titan writes to [EMAIL_1]"
        record = exchange.record()
    assert record["failures"] == [{"processor": "webhook", "reason": reason, "allowed": on_failure != "block"}]
    assert "Titan" not in json.dumps(record)


@SHAPES
@pytest.mark.parametrize("on_failure", OUTCOMES)
@pytest.mark.parametrize("reason", ["circuit_open", "overloaded", "error", "not_asked"])
def test_a_question_that_is_not_even_sent_is_such_a_failure(on_failure: str, shape: Shape, reason: str) -> None:
    processors = f"{{use: webhook, on_failure: {on_failure}, url: 'http://127.0.0.1:1'}}, {MASKING}, {SPARE}"
    if on_failure != "spare":
        processors = processors.removesuffix(f", {SPARE}")
    with played(plan(*sides(processors, shape))) as exchange:
        judged(exchange, shape, "Titan waits").fails("webhook", reason)
        assert exchange.refused == OUTCOMES[on_failure]


def test_a_stream_goes_on_as_rules_left_it_where_the_stand_in_has_no_objection() -> None:
    processors = f"{{use: webhook, on_failure: spare, url: 'http://127.0.0.1:1'}}, {MASKING}, {SPARE}"
    text = f"I am {MAIL}"
    with played(plan("", processors)) as exchange:
        judged(exchange, "streamed", text).fails("webhook", "timeout")
        assert exchange.refused is None
        assert onward(exchange, "streamed", text) == "I am [EMAIL_1]"
        record = exchange.record()
    assert record["failures"] == [{"processor": "webhook", "reason": "timeout", "allowed": True}]
    assert [each["processor"] for each in record["findings"]] == ["pii"]


def test_a_stream_that_a_stand_in_would_mask_is_blocked() -> None:
    spare = SPARE.replace("action: block", "action: mask")
    with played(plan("", f"{{use: webhook, on_failure: spare, url: 'http://127.0.0.1:1'}}, {spare}")) as exchange:
        judged(exchange, "streamed", "Titan waits").fails("webhook", "timeout")
        assert exchange.refused == 403


@SHAPES
@pytest.mark.parametrize("verdict", [PASS, REJECT, Reply(status=500)], ids=["passes", "rejects", "fails"])
def test_a_guard_stands_in_for_another(service: Standin, shape: Shape, verdict: Reply) -> None:
    service.answers = lambda _: verdict
    spare = webhook(service, ", name: spare")
    processors = f"{{use: webhook, on_failure: spare, url: 'http://127.0.0.1:1'}}, {spare}, {MASKING}"
    text = f"I am {MAIL}"
    with played(plan(*sides(processors, shape))) as exchange:
        judged(exchange, shape, text).fails("webhook", "timeout")
        does(exchange, "spare")
        assert exchange.refused == {PASS.body: None, REJECT.body: 403}.get(verdict.body, 503)
        if verdict is PASS:
            assert onward(exchange, shape, text) == "I am [EMAIL_1]"
        failures = [each["processor"] for each in exchange.record()["failures"]]
    assert failures == ["webhook", "spare"][: 2 if verdict.status == 500 else 1]


def test_what_rules_block_is_sent_to_no_guard(service: Standin) -> None:
    with played(plan(f"{webhook(service)}, {{use: pii, kinds: [email], action: block}}")) as exchange:
        assert exchange.asks(said(MAIL)).orders == {}
        assert exchange.refused == 403


def test_a_streamed_response_is_shown_to_the_client_only_once_the_guard_has_spoken(service: Standin) -> None:
    with played(plan("", webhook(service))) as exchange:
        judged(exchange, "streamed", "all is well")
        assert not any(isinstance(each, Chunk) and each.data for each in exchange.effects)
        assert isinstance(handed(exchange.orders["webhook"]), Inspected | Failed)
        assert onward(does(exchange), "streamed", "all is well") == "all is well"
