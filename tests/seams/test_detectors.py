"""Detectors that plug-ins bring, in exchanges: each handed out by itself, and merged by one judgement."""

import json
from typing import Final

import pytest

from extproc.protocol.effects import Inspect
from extproc.protocol.messages import Side
from extproc.transaction.responses.pending import INLINE_BYTES
from tests.seams.playing import JSON, SSE, answered, plan, played, said, streamed

LOUD: Final = "THIS IS SHOUTED"
SCORER: Final = "{use: shouting, timeout: 50ms, on_failure: allow}"
PII: Final = "{use: pii, kinds: [email], action: block}"
MASKING: Final = "{use: pii, kinds: [email], action: mask}"
GUARD: Final = "{use: toy-guard, timeout: 300ms}"
LARGE: Final = "word " * (INLINE_BYTES // 5 + 1)
BOTH: Final = pytest.mark.parametrize("duplex", [False, True], ids=["buffered", "full-duplex"])


def content(body: bytes) -> str:
    """What the user says in a request, or the model in an answer."""
    value = json.loads(body)
    message = value["messages"][0] if "messages" in value else value["choices"][0]["message"]
    text: str = message["content"]
    return text


@BOTH
def test_a_scorer_blocks_what_reaches_its_threshold_and_lets_the_rest_go_on(duplex: bool) -> None:
    with played(plan(SCORER), duplex=duplex) as exchange:
        assert exchange.asks(said(LOUD)).orders["shouting"].kind == "scored"
        assert exchange.effects == [] or not duplex
        assert exchange.does("shouting").refused == 403
        record = exchange.record()
    found = {"processor": "shouting", "kind": "shouting", "action": "block", "side": "request", "shadow": False}
    assert record["findings"] == [found | {"count": 1, "score": 1.0, "threshold": 0.8}]
    with played(plan(SCORER), duplex=duplex) as exchange:
        body = said("quietly said")
        assert exchange.asks(body).does("shouting").body(Side.REQUEST, body) == body
        assert "findings" not in exchange.record()


def test_every_detector_has_a_ticket_and_a_deadline_of_its_own() -> None:
    own = plan(f"{SCORER}, {GUARD}, {{use: toy-guard, name: second, timeout: 2s}}, {MASKING}")
    with played(own) as exchange:
        exchange.asks(said("hello"))
        assert exchange.deadlines == {"shouting": 0.05, "toy-guard": 0.3, "second": 2.0}
        assert len({order.ticket for order in exchange.orders.values()}) == 3
        assert [order.kind for order in exchange.orders.values()] == ["scored", "remote", "remote"]
        for name in ("second", "shouting", "toy-guard"):
            assert not any(each.side is Side.REQUEST for each in exchange.effects[1:])  # type: ignore[union-attr]
            exchange.does(name)
        assert exchange.refused is None


def test_a_rule_that_blocks_stands_and_the_scorer_is_not_even_asked() -> None:
    with played(plan(f"{SCORER}, {PII}")) as exchange:
        assert exchange.asks(said("I am a@b.de")).orders == {}
        assert exchange.refused == 403


@pytest.mark.parametrize("reason", ["timeout", "overloaded", "error"])
def test_a_scorer_that_may_fail_does_no_harm_to_the_rules_beside_it(reason: str) -> None:
    with played(plan(f"{SCORER}, {MASKING}")) as exchange:
        body = said("I am a@b.de")
        exchange.asks(body).fails("shouting", reason)
        assert content(exchange.body(Side.REQUEST, body)) == "I am [EMAIL_1]"
        record = exchange.record()
    assert record["failures"] == [{"processor": "shouting", "reason": reason, "allowed": True}]


def test_a_detector_that_must_not_fail_blocks_and_stops_the_others() -> None:
    with played(plan(f"{SCORER}, {GUARD}, {MASKING}")) as exchange:
        exchange.asks(said("I am a@b.de")).fails("toy-guard")
        assert exchange.refused == 503
        assert exchange.withdrawn == ["shouting"]
        record = exchange.record()
    assert (record["blocked_by"], record["blocked_for"]) == ("toy-guard", "failure")
    assert record["failures"] == [{"processor": "toy-guard", "reason": "timeout", "allowed": False}]


def test_one_that_blocks_need_not_wait_for_the_others_and_stops_them() -> None:
    with played(plan(f"{GUARD}, {SCORER}")) as exchange:
        exchange.asks(said(LOUD)).does("shouting")
        assert (exchange.refused, exchange.withdrawn) == (403, ["toy-guard"])
        assert exchange.record()["blocked_by"] == "shouting"


def test_masks_of_rules_and_of_a_guard_are_written_at_once_when_all_are_in() -> None:
    own = plan(f"{MASKING}, {{use: toy-guard, action: mask, words: [titan]}}, {SCORER}")
    with played(own, detailed=True) as exchange:
        body = said("a@b.de knows titan, and titan.")
        exchange.asks(body).does("toy-guard")
        assert not exchange.withdrawn
        exchange.does("shouting")
        sent = exchange.body(Side.REQUEST, body)
        assert content(sent) == "[EMAIL_1] knows [OBJECTION_1], and [OBJECTION_1]."
        record = exchange.record()
    assert [(each["processor"], each["count"]) for each in record["findings"]] == [("pii", 1), ("toy-guard", 2)]
    assert record["decision"] == "masked"


def test_a_scorer_masks_the_whole_text() -> None:
    with played(plan("{use: shouting, action: mask}")) as exchange:
        body = said(LOUD)
        assert content(exchange.asks(body).does("shouting").body(Side.REQUEST, body)) == "[SHOUTING_1]"


@pytest.mark.parametrize("processor", ["{use: shouting, mode: shadow}", "{use: shouting, action: report}"])
def test_what_only_reports_changes_nothing(processor: str) -> None:
    with played(plan(processor)) as exchange:
        body = said(LOUD)
        assert exchange.asks(body).does("shouting").body(Side.REQUEST, body) == body
        assert exchange.record()["findings"][0]["count"] == 1


def test_a_large_body_is_read_in_a_thread_then_judged_by_each_and_edited_in_a_thread() -> None:
    with played(plan(f"{MASKING}, {GUARD}")) as exchange:
        body = said(LARGE + "a@b.de")
        exchange.asks(body)
        assert [order.kind for order in exchange.orders.values()] == ["rules"]
        exchange.does("p")
        assert list(exchange.orders) == ["toy-guard"]
        exchange.does("toy-guard")
        assert [order.kind for order in exchange.orders.values()] == ["rules"]
        assert content(exchange.does("p").body(Side.REQUEST, body)).endswith("[EMAIL_1]")


@pytest.mark.parametrize(("word", "status"), [("block", 503), ("allow", None)])
def test_edits_that_are_not_made_in_time_are_failures_of_who_masks(word: str, status: int | None) -> None:
    masking = f"{{use: pii, kinds: [email], action: mask, on_failure: {word}}}"
    with played(plan(f"{masking}, {GUARD}")) as exchange:
        body = said(LARGE + "a@b.de")
        exchange.asks(body).does("p").does("toy-guard").fails("p")
        assert exchange.refused == status
        record = exchange.record()
    assert record["failures"] == [{"processor": "pii", "reason": "timeout", "allowed": word == "allow"}]
    assert not record.get("masked", False)


def test_rules_that_fail_for_the_time_leave_the_detectors_of_their_own_to_judge() -> None:
    masking = "{use: pii, kinds: [email], action: mask, on_failure: allow}"
    with played(plan(f"{masking}, {{use: toy-guard, words: [titan]}}")) as exchange:
        exchange.asks(said(LARGE + "a@b.de titan")).fails("p").does("p")
        assert exchange.does("toy-guard").refused == 403
        record = exchange.record()
    assert record["failures"] == [{"processor": "pii", "reason": "timeout", "allowed": True}]


def test_a_body_that_cannot_even_be_read_in_time_fails_every_detector_of_it() -> None:
    with played(plan(f"{SCORER}, {GUARD}")) as exchange:
        exchange.asks(said(LARGE)).fails("p", "overloaded")
        assert exchange.refused == 503
        failures = {each["processor"]: each["allowed"] for each in exchange.record()["failures"]}
    assert failures == {"shouting": True, "toy-guard": False}


@pytest.mark.parametrize(
    ("stand_in", "left"),
    [("{use: pattern, name: other, regex: titan}", []), ("{use: shouting, threshold: 0.5, name: other}", ["other"])],
)
def test_a_stand_in_judges_in_the_place_of_a_guard_alone(stand_in: str, left: list[str]) -> None:
    with played(plan(f"{{use: toy-guard, on_failure: other}}, {stand_in}, {MASKING}")) as exchange:
        exchange.asks(said("THE titan IS LOUD"))
        assert list(exchange.orders) == ["toy-guard"]
        exchange.fails("toy-guard")
        assert list(exchange.orders) == left
        for name in left:
            exchange.does(name)
        assert exchange.refused == 403
        record = exchange.record()
    assert record["blocked_by"] == "other"
    assert record["failures"] == [{"processor": "toy-guard", "reason": "timeout", "allowed": True}]


def test_a_stand_in_that_fails_as_well_blocks() -> None:
    with played(plan("{use: toy-guard, on_failure: other}, {use: shouting, name: other}")) as exchange:
        assert exchange.asks(said("x")).fails("toy-guard").fails("other").refused == 503


def test_a_condition_about_findings_waits_for_them_and_saves_the_question() -> None:
    own = plan(f"{{use: pii, kinds: [email], action: report}}, {GUARD[:-1]}, when: 'findings.size() > 0'}}")
    for text, orders in (("a@b.de", ["toy-guard"]), ("nobody", [])):
        with played(own) as exchange:
            assert list(exchange.asks(said(text)).orders) == orders
            if orders:
                exchange.does("toy-guard")


def test_a_condition_about_the_findings_of_a_detector_waits_for_its_result() -> None:
    pattern = "{use: pattern, name: w, regex: titan, when: 'findings.size() > 0'}"
    own = plan("{use: shouting, threshold: 0.6, action: report}, " + pattern)
    for text, status in ((f"{LOUD} titan", 403), ("quiet titan", None)):
        with played(own) as exchange:
            assert exchange.asks(said(text)).does("shouting").refused == status


def test_nobody_is_asked_about_a_body_that_is_blocked_for_what_cannot_be_read() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": parts}]}).encode()
    with played(plan(GUARD, more=", on_uninspected: block")) as exchange:
        assert exchange.asks(body).orders == {}
        assert exchange.refused == 403


def test_a_detector_is_told_whose_words_they_are() -> None:
    body = json.dumps(
        {
            "model": "chat",
            "messages": [{"role": "system", "content": "be nice"}, {"role": "user", "content": "hello there"}],
        }
    ).encode()
    with played(plan(GUARD)) as exchange:
        told = exchange.asks(body).orders["toy-guard"].work.conversation  # type: ignore[union-attr]
        roles = {statement.text: statement.role for statement in told.statements}
        exchange.does("toy-guard")
    assert told.side is Side.REQUEST
    assert (roles["be nice"], roles["hello there"]) == ("system", "user")


@BOTH
def test_a_whole_answer_is_judged_by_each_as_well(duplex: bool) -> None:
    own = plan(response=f"{{use: toy-guard, action: mask, words: [titan]}}, {SCORER}, {MASKING}")
    for text, onward in (("titan and a@b.de", "[OBJECTION_1] and [EMAIL_1]"), (LOUD, None)):
        with played(own, duplex=duplex) as exchange:
            exchange.asks(said("hello"))
            body = answered(text)
            exchange.replies(body)
            assert sorted(exchange.orders) == ["shouting", "toy-guard"]
            exchange.does("toy-guard").does("shouting")
            if onward is None:
                assert exchange.refused == 403
            else:
                assert content(exchange.body(Side.RESPONSE, body)) == onward


def test_an_answer_that_is_only_watched_passes_and_waits_with_its_last_piece_for_the_record() -> None:
    with played(plan(response="{use: shouting, action: report}"), duplex=True) as exchange:
        body = answered(LOUD)
        exchange.asks(said("hello")).replies(body)
        assert list(exchange.orders) == ["shouting"]
        assert exchange.does("shouting").body(Side.RESPONSE, body) == body
        assert exchange.record()["findings"][0]["processor"] == "shouting"


def test_rules_of_a_plug_in_are_rules_like_others() -> None:
    own = plan("{use: badge, prefix: X, action: mask, format: partial, allow: {values: [X-000000]}}")
    with played(own) as exchange:
        body = said("X-123456 and X-000000 and B-123456")
        sent = exchange.asks(body).body(Side.REQUEST, body)
        assert exchange.orders == {}
    assert content(sent) == "****56 and X-000000 and B-123456"


def test_what_is_handed_out_shows_nothing_that_was_said() -> None:
    with played(plan(f"{SCORER}, {GUARD}")) as exchange:
        exchange.asks(said("planted-marker"))
        for order in exchange.orders.values():
            assert isinstance(order, Inspect)
            assert "planted-marker" not in repr(order) + repr(order.work)
        exchange.does("shouting").does("toy-guard")


# -- streamed responses, which are held


def spoken(stream: bytes) -> str:
    """What a stream says."""
    events = [json.loads(line[6:]) for line in stream.decode().splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content", "") for each in events for choice in each.get("choices", ()))


@BOTH
def test_a_stream_is_held_for_a_detector_which_gets_its_texts_whole(duplex: bool) -> None:
    with played(plan(response=f"{SCORER}, {MASKING}"), duplex=duplex) as exchange:
        stream = streamed("is it ", "a@b", ".de?")
        exchange.asks(said("hello")).replies(stream, SSE)
        told = exchange.orders["shouting"].work.conversation  # type: ignore[union-attr]
        assert [(each.text, each.role) for each in told.statements if "@" in each.text] == [
            ("is it a@b.de?", "assistant")
        ]
        assert spoken(exchange.does("shouting").body(Side.RESPONSE, stream)) == "is it [EMAIL_1]?"
        record = exchange.record()
    assert record["masked"]
    assert [each["processor"] for each in record["findings"]] == ["pii"]


def test_a_stream_that_a_detector_lets_pass_goes_on_as_it_came() -> None:
    with played(plan(response=SCORER)) as exchange:
        stream = streamed("qui", "et")
        exchange.asks(said("hello")).replies(stream, SSE)
        assert exchange.does("shouting").body(Side.RESPONSE, stream) == stream


@pytest.mark.parametrize(
    ("processor", "name", "failing", "status"),
    [
        ("{use: shouting, action: block}", "shouting", False, 403),
        ("{use: shouting, action: mask}", "shouting", False, 403),
        ("{use: shouting, on_failure: block}", "shouting", True, 503),
        ("{use: shouting, on_failure: other}, {use: pattern, name: other, regex: nowhere}", "shouting", True, None),
        ("{use: shouting, on_failure: other}, {use: pattern, name: other, regex: LOUD}", "shouting", True, 403),
        ("{use: shouting, on_failure: allow}", "shouting", True, None),
        ("{use: shouting, action: report}", "shouting", False, None),
    ],
)
def test_a_held_stream_is_blocked_where_a_whole_body_might_be_edited(
    processor: str, name: str, failing: bool, status: int | None
) -> None:
    with played(plan(response=processor), duplex=True) as exchange:
        stream = streamed("THIS IS ", "LOUD")
        exchange.asks(said("hello")).replies(stream, SSE)
        if failing:
            exchange.fails(name)
        else:
            exchange.does(name)
        assert exchange.refused == status
        if status is None:
            assert exchange.body(Side.RESPONSE, stream) == stream
        else:
            assert exchange.record()["blocked_by"] == ("other" if "other" in processor else name)


def test_a_stream_that_rules_block_is_shown_to_no_detector() -> None:
    with played(plan(response=f"{SCORER}, {PII}")) as exchange:
        exchange.asks(said("hello")).replies(streamed("a@b", ".de"), SSE)
        assert (exchange.orders, exchange.refused) == ({}, 403)


def of_responses(*events: dict[str, object]) -> bytes:
    """A stream of OpenAI's responses API."""
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (str(each["type"]).encode(), json.dumps(each).encode()) for each in events
    )


def of_output(kind: str, **text: str) -> dict[str, object]:
    """An event with a piece of the one text, or with all of it."""
    return {"type": f"response.output_text.{kind}", "item_id": "m", "output_index": 0, "content_index": 0, **text}


def completed(text: str) -> dict[str, object]:
    """The last event, which has the whole response in it."""
    content = [{"type": "output_text", "text": text}]
    output = [{"type": "message", "id": "m", "role": "assistant", "content": content}]
    return {"type": "response.completed", "response": {"id": "r", "object": "response", "output": output}}


@pytest.mark.parametrize(
    "events",
    [
        [completed("THIS IS LOUD")],
        [of_output("done", text="THIS IS LOUD")],
        [of_output("delta", delta="quiet"), of_output("done", text="THIS IS LOUD"), completed("THIS IS LOUD")],
        [of_output("delta", delta="quiet"), of_output("done", text="quiet"), completed("THIS IS LOUD")],
    ],
    ids=["end alone", "done alone", "another than was streamed", "another at the end"],
)
def test_a_text_that_only_an_event_which_repeats_has_is_given_to_detectors(events: list[dict[str, object]]) -> None:
    with played(plan(response="{use: shouting, action: block}")) as exchange:
        exchange.asks(said("hello")).replies(of_responses(*events), SSE)
        assert exchange.does("shouting").refused == 403


def test_a_text_that_is_repeated_is_given_to_detectors_once() -> None:
    with played(plan(response=SCORER)) as exchange:
        events = [of_output("delta", delta="a "), of_output("delta", delta="word"), of_output("done", text="a word")]
        exchange.asks(said("hello")).replies(of_responses(*events, completed("a word")), SSE)
        told = exchange.orders["shouting"].work.conversation  # type: ignore[union-attr]
        assert [each.text for each in told.statements].count("a word") == 1
        exchange.does("shouting")


@pytest.mark.parametrize("kind", [b"application/json", b"application/x-ndjson", b"text/event-stream"])
def test_a_stream_under_another_name_is_given_to_detectors_as_well(kind: bytes) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "JAIL"}}]}
    more = {"choices": [{"index": 0, "delta": {"content": "BREAK"}}]}
    body = b"data: %s\n\ndata: %s\n\n" % (json.dumps(chunk).encode(), json.dumps(more).encode())
    own = plan(response="{use: toy-guard, words: [JAILBREAK]}", more=", content_types: [application/x-ndjson]")
    with played(own) as exchange:
        exchange.asks(said("hello")).replies(body, ("content-type", kind))
        assert exchange.does("toy-guard").refused == 403


@pytest.mark.parametrize(("word", "status"), [("allow", None), ("block", 503)])
@pytest.mark.parametrize("kind", [JSON, SSE], ids=["whole", "held"])
def test_a_detector_whose_condition_cannot_be_told_has_failed_once(
    word: str, status: int | None, kind: tuple[str, bytes]
) -> None:
    number = 'headers["x-number"]'
    condition = f"when: '{number} == \"\" || int({number}) > 1'"
    own = plan(response=f"{{use: shouting, on_failure: {word}, {condition}}}, {{use: toy-guard, on_failure: allow}}")
    with played(own) as exchange:
        body = answered("hello") if kind is JSON else streamed("hel", "lo")
        exchange.asks(said("hello"), ("x-number", b"many")).replies(body, kind)
        if status is None:
            assert exchange.does("toy-guard").body(Side.RESPONSE, body) == body
        assert (exchange.refused, exchange.orders) == (status, {})
        record = exchange.record()
    assert record["failures"] == [{"processor": "shouting", "reason": "condition", "allowed": status is None}]


@pytest.mark.parametrize("duplex", [False, True])
def test_a_follower_ends_a_reply_that_repeats_what_the_request_has_told_it(duplex: bool) -> None:
    system = {"messages": [{"role": "system", "content": "You are Ferdinand.\nBe kind."}]}
    with played(plan("", "{use: echo}"), duplex=duplex) as exchange:
        exchange.asks(said("hi", **system))
        if duplex:
            exchange.replies(streamed("I was told: You are ", "Ferdi", "nand. And", " more"), SSE)
            body = exchange.body(Side.RESPONSE, b"").decode()
            assert "Ferdi" in body
            assert "nand" not in body
        else:
            exchange.replies(answered("I was told: You are Ferdinand."))
            assert exchange.refused == 403
        assert [each["kind"] for each in exchange.record()["findings"]] == ["echo"]
