import json
from typing import Any

import pytest
from msgspec.structs import replace

from extproc.inspection.stage import Active
from extproc.inspection.verdict import Blocked, Finding
from extproc.matching.rule import Rule
from extproc.protocol.messages import Side
from tests.apis.events.client import documents, replaced
from tests.apis.events.samples import STREAMS, chat, choice, chunk, event
from tests.inspection.answering import EMAIL, SSN, answer, cut, masking, processor, run, said, stage

SECRET = "536-22-1847"
PIECES = ("My num", "ber, ssn 536-", "22-18", "47, is", " secret", " now")
NAMES = [name for name in STREAMS if name != "mcp"]


@pytest.mark.parametrize("name", [*NAMES, "mcp"])
def test_a_find_that_is_blocked_ends_the_answer_the_same_way_for_any_cut(name: str) -> None:
    dialect, make = STREAMS[name]
    stream = b"".join(make(PIECES))
    whole = answer(masking(), dialect)
    expected = run(whole, [stream])
    assert whole.blocked == Blocked("p1", "finding")
    assert b"536" not in expected
    for at in range(0, len(stream), 1 + len(stream) // 80):
        again = answer(masking(), dialect)
        assert run(again, cut(stream, [at])) == expected
        assert again.counts == whole.counts == {("p1", "us_ssn", "block", Side.RESPONSE, False): 1}


@pytest.mark.parametrize(
    "raws",
    [
        [chunk([choice({"content": f"ssn {SECRET}"}, 0, "stop")])],
        [chunk([choice({"content": "ssn 536-22"})]), chunk([choice({"content": "-1847"}, 0, "stop")])],
        [chunk([choice({"content": f"ssn {SECRET}"})]), chunk([choice({}, 0, "stop")])],
        [event({"choices": [{"index": 0, "message": {"content": f"ssn {SECRET}"}, "finish_reason": "stop"}]})],
    ],
    ids=["at once", "cut", "before it", "in a message"],
)
def test_a_find_that_is_blocked_because_the_text_ends_is_counted(raws: list[bytes]) -> None:
    stream = answer(masking(), "openai.chat")
    out = run(stream, raws)
    assert stream.blocked == Blocked("p1", "finding")
    assert stream.counts == {("p1", "us_ssn", "block", Side.RESPONSE, False): 1}
    assert b"1847" not in out


def test_nothing_follows_a_blocked_answer() -> None:
    raws = chat(PIECES)
    stream = answer(masking(), "openai.chat")
    told: list[bytes] = []
    for raw in raws:
        told.append(stream.feed(raw))
        if stream.ended:
            break
    assert b"content_filter" in told[-1]
    assert stream.feed(raws[-2]) == stream.feed(raws[-1]) == stream.close() == b""
    assert stream.held == 0


def test_what_was_said_before_the_event_of_a_blocked_find_has_left() -> None:
    out = run(answer(masking(), "openai.chat"), chat(PIECES))
    said = "".join(
        each["choices"][0]["delta"].get("content", "")
        for each in documents(out)
        if isinstance(each, dict) and each.get("choices")
    )
    # The find takes the events with it in which it begins and ends; what came before has left.
    assert said == "My num"


def test_a_blocked_chat_ends_every_choice_with_its_reason_then_the_error_then_done() -> None:
    raws = [chunk([choice({"role": "assistant", "content": "Hi "}, at)]) for at in range(3)]
    raws.append(chunk([choice({}, 2, "stop")]))
    raws.append(chunk([choice({"content": f"ssn {SECRET} and"}, 1)]))
    last = documents(run(answer(masking(), "openai.chat"), raws))[-4:]
    assert [each["choices"][0]["index"] for each in last[:2]] == [0, 1]
    assert {each["choices"][0]["finish_reason"] for each in last[:2]} == {"content_filter"}
    assert last[2]["error"]["code"] == "content_filter"
    assert last[3] == "[DONE]"


def test_a_blocked_message_stops_its_block_and_itself() -> None:
    dialect, make = STREAMS["messages"]
    kinds = [each["type"] for each in documents(run(answer(masking(), dialect), make(PIECES)))]
    assert kinds[-4:] == ["content_block_stop", "message_delta", "error", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop")


def test_a_blocked_response_ends_incomplete_with_numbers_in_a_row() -> None:
    dialect, make = STREAMS["responses"]
    events = documents(run(answer(masking(), dialect), make(PIECES)))
    assert [each["type"] for each in events[-2:]] == ["error", "response.incomplete"]
    assert events[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert [each["sequence_number"] for each in events] == list(range(len(events)))


def test_a_blocked_result_of_a_tool_becomes_an_error_of_its_request() -> None:
    raw = event({"jsonrpc": "2.0", "id": 9, "result": {"content": [{"type": "text", "text": f"ssn {SECRET}"}]}})
    (said,) = documents(run(answer(masking(), "mcp"), [raw]))
    assert (said["id"], said["error"]["data"]) == (9, {"code": "content_filter"})


def test_a_find_at_the_very_end_of_a_broken_off_answer_is_blocked() -> None:
    stream = answer(masking(), "openai.chat")
    out = run(stream, chat(("ssn ", SECRET))[:3])
    assert stream.ended
    assert b"1847" not in out
    assert b"content_filter" in out


@pytest.mark.parametrize("name", NAMES)
def test_a_find_that_ends_with_the_answer_is_blocked_in_the_event_that_ends_it(name: str) -> None:
    dialect, make = STREAMS[name]
    stream = answer(masking(), dialect)
    out = run(stream, make(("my ssn ", SECRET)))
    assert stream.blocked == Blocked("p1", "finding")
    assert b"1847" not in out


def test_in_the_event_of_a_blocked_find_nothing_else_is_told() -> None:
    both = chunk([choice({"content": "all right "}, 0), choice({"content": f"ssn {SECRET} x"}, 1)])
    out = run(answer(masking(), "openai.chat"), [both])
    assert b"all right" not in out


def test_held_back_text_is_not_told_when_another_text_is_blocked() -> None:
    raws = [chunk([choice({"content": "waiting"}, 0)]), chunk([choice({"content": f"ssn {SECRET} x"}, 1)])]
    assert b"waiting" not in run(answer(masking(), "openai.chat"), raws)


@pytest.mark.parametrize("more", [{"shadow": True}, {"action": "report"}])
def test_who_only_looks_on_stops_nothing_holds_nothing_and_counts_all(more: dict[str, Any]) -> None:
    given = {"action": "block", "shadow": False, **more}
    of = stage((processor(0, **given), (*SSN, *EMAIL)))
    for dialect, make in STREAMS.values():
        raws = make(("ssn ", SECRET, " bob@exa", "mple.com"))
        stream = answer(of, dialect)
        for raw in raws:
            assert stream.feed(raw) == raw
            assert stream.held == 0 or dialect != "openai.chat"
        assert stream.close() == b""
        counted = {(kind, action, shadow) for _, kind, action, _, shadow in stream.counts}
        assert counted == {(kind, given["action"], given["shadow"]) for kind in ("us_ssn", "email")}
        assert not stream.masked


def test_a_mask_and_a_report_of_one_value_are_both_counted() -> None:
    of = stage((processor(0, action="report"), EMAIL), (processor(1), EMAIL))
    stream = answer(of, "openai.chat")
    out = run(stream, chat(("to a@b.de ",)))
    assert b"[EMAIL_1]" in out
    assert {name: number for (name, *_), number in stream.counts.items()} == {"p0": 1, "p1": 1}


def test_finds_of_processors_that_are_not_at_work_are_nothing() -> None:
    raws = chat(("ssn ", SECRET, " a@b.de "))
    stream = answer(masking(), "openai.chat", active=Active((True, False)))
    out = run(stream, raws)
    assert said("openai.chat", out) == replaced(said("openai.chat", b"".join(raws)), "a@b.de", "[EMAIL_1]")
    assert {kind for _, kind, *_ in stream.counts} == {"email"}


def test_where_nobody_is_at_work_everything_passes_as_it_comes() -> None:
    raws = chat(("ssn ", SECRET, " a@b.de "))
    stream = answer(masking(), "openai.chat", active=Active((False, False)))
    assert [stream.feed(raw) for raw in raws] == raws
    assert not stream.counts


def test_what_is_told_of_an_answer_holds_no_text() -> None:
    details: list[Finding] = []
    stream = answer(masking(), "openai.chat", details=details)
    run(stream, chat(("mail a@b.de and ssn ", SECRET, " ok")))
    assert [(each.kind, each.where, each.start, each.end) for each in details] == [
        ("email", "/choices/0/message/content", 5, 11),
        ("us_ssn", "/choices/0/message/content", 20, 31),
    ]
    shown = json.dumps([repr(each) for each in (details, stream.counts, stream.blocked, stream)])
    assert "a@b" not in shown
    assert "1847" not in shown


def test_a_value_that_two_rules_of_one_kind_find_is_counted_once() -> None:
    rules = [Rule(kind="x", name=name, pattern=pattern) for name, pattern in (("a", "ab1"), ("b", "b1"), ("c", "ab1"))]
    rules = [replace(rule, before="", after="") for rule in rules]
    stream = answer(stage((processor(0), rules)), "openai.chat")
    run(stream, chat(("see a", "b1 and", " ab1 ")))
    assert sum(stream.counts.values()) == 2
