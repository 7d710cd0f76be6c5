"""Streamed responses that guards from elsewhere judge in windows: asked, sampled, masked, and failing."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.streams import StreamReader
from extproc.inspection.held_writer import HeldWriter
from extproc.inspection.offloaded import GuardWork
from extproc.inspection.scored import DetectorFindings
from extproc.inspection.windowed_texts import WindowedTexts
from extproc.inspection.windowing import Windows
from extproc.protocol.effects import Chunk, Inspect
from extproc.protocol.messages import Inspected, Side
from extproc.server.guards.asking import Guards
from tests.guards.asking import Outcomes, ask, play
from tests.guards.conftest import FAULTS, Faults
from tests.guards.standin import PASS, REJECT, Standin, standin
from tests.guards.test_exchanges import does, webhook
from tests.seams.playing import SSE, Played, answered, plan, played, said, streamed

EVERY: Final = ", every: 200 characters"
PIECE: Final = "x" * 99 + " "
NAME: Final = "Zoë Müller"
MAIL: Final = "jane.doe@example.com"


@pytest.fixture
def service() -> Iterator[Standin]:
    with standin() as running:
        yield running


def out(exchange: Played) -> bytes:
    """The bytes that went to the client since the last time."""
    found = b"".join(each.data for each in exchange.effects if isinstance(each, Chunk) and each.side is Side.RESPONSE)
    exchange.effects.clear()
    return found


def events(*texts: str) -> list[bytes]:
    return [each + b"\n\n" for each in streamed(*texts).split(b"\n\n")[:-1]]


def begun(exchange: Played) -> Played:
    """An exchange whose streamed response has begun."""
    return exchange.asks(said("hello", stream=True)).replies(b"", SSE, end=False)


def text_of(body: bytes) -> str:
    """The text of a stream of chat completions."""
    found = [json.loads(each[6:]) for each in body.split(b"\n\n") if each.startswith(b"data: {")]
    return "".join(each["choices"][0]["delta"].get("content", "") for each in found if each.get("choices"))


# -- asked as it comes


def test_a_guard_is_asked_about_each_window_of_a_stream_and_its_block_ends_it(service: Standin) -> None:
    service.answers = lambda asked: REJECT if b"forbidden" in asked.body else PASS
    first, second, third, fourth, *_ = events(PIECE, PIECE, PIECE, "forbidden" + PIECE)
    with played(plan("", webhook(service, EVERY)), duplex=True) as exchange:
        begun(exchange).goes_on(first + second, end=False)
        assert exchange.orders["webhook"].kind == "remote"
        assert out(does(exchange)) == b""  # the next window shows it again, and may mask it
        exchange.goes_on(third + fourth, end=False)
        ended = out(does(exchange))
        record = exchange.record()
    assert b"content_filter" in ended
    assert b"xxx" not in ended
    assert record["blocked_by"] == "webhook"
    shown = [each.json["body"]["choices"][0]["message"]["content"] for each in service.asked]
    assert shown == [PIECE * 2, PIECE * 3 + "forbidden" + PIECE]


@pytest.mark.parametrize("release", ["", ", release: at_once"], ids=["held", "at_once"])
def test_a_stream_that_a_guard_lets_pass_goes_on_byte_for_byte(service: Standin, release: str) -> None:
    sent = events(*[PIECE] * 9)
    with played(plan("", webhook(service, f"{EVERY}, action: block{release}")), duplex=True) as exchange:
        begun(exchange)
        went = b""
        for number, each in enumerate(sent):
            went += out(exchange.goes_on(each, end=number == len(sent) - 1))
            while exchange.orders:
                went += out(does(exchange))
        assert went == b"".join(sent)
    assert len(service.asked) == 5


def test_text_that_rules_block_is_shown_to_no_guard(service: Standin) -> None:
    response = f"{{use: pii, kinds: [email], action: block}}, {webhook(service, EVERY)}"
    with played(plan("", response), duplex=True) as exchange:
        begun(exchange).goes_on(b"".join(events(PIECE, f"{MAIL} ", PIECE)), end=True)
        went = out(does(exchange))
        record = exchange.record()
    assert b"content_filter" in went
    assert record["blocked_by"] == "pii"
    assert not any(b"jane" in each.body for each in service.asked)


@pytest.mark.parametrize(("chance", "asked"), [(0.0, 2), (0.9, 1)], ids=["drawn", "left out"])
def test_a_share_of_the_streams_is_drawn_and_not_of_their_windows(service: Standin, chance: float, asked: int) -> None:
    chances = iter([chance])  # a second draw would fail
    outcomes = Outcomes()

    async def scene(guards: Guards) -> None:
        with played(plan("", webhook(service, f"{EVERY}, sample: 50%")), duplex=True) as exchange:
            begun(exchange).goes_on(b"".join(events(*[PIECE] * 20)), end=True)
            for _ in range(asked):
                await answers(exchange, guards)
            assert not exchange.orders
            assert text_of(out(exchange)) == PIECE * 20

    async def answers(exchange: Played, guards: Guards) -> None:
        order = exchange.orders.pop("webhook")
        assert isinstance(order.work, GuardWork)
        result = await ask(guards, order.work, outcomes)
        exchange._took(exchange._envoy.sends(Inspected(order.ticket, result)).effects)

    play(scene, chance=lambda: next(chances))
    assert outcomes == (["answered"] * asked if chance == 0.0 else ["unsampled"])


# -- masked while it is held


def hides(text: str) -> str:
    """What the guard makes of a text."""
    return text.replace(NAME, "<name>")


def hiding(exchange: Played, change: Callable[[str], str] = hides) -> Played:
    """The webhook answers by a function of the texts."""
    order: Inspect = exchange.orders.pop("webhook")
    work = order.work
    assert isinstance(work, GuardWork)
    heard = []
    for query in work.queries():
        choices = json.loads(query.body)["body"]["choices"]
        masked = [{"message": {**each["message"], "content": change(each["message"]["content"])}} for each in choices]
        heard.append((query, work.read(query, json.dumps({"action": {"body": {"choices": masked}}}).encode())))
    result: DetectorFindings = work.findings(heard)
    return exchange._took(exchange._envoy.sends(Inspected(order.ticket, result)).effects)


HIDDEN: Final = (
    "{use: pii, kinds: [email], action: mask}, {use: webhook, url: 'http://127.0.0.1:9/', every: 200 characters}"
)
WORDS: Final = st.lists(
    st.sampled_from(["lorem ipsum dolor ", "x" * 40 + " ", f"{NAME} ", f"{NAME}s ", f"{MAIL} ", "[note] ", "😀 "]),
    min_size=1,
    max_size=40,
)


def went(pieces: list[bytes], processors: str = HIDDEN) -> tuple[bytes, dict[str, Any]]:
    """What goes to the client of a stream, and the record."""
    with played(plan("", processors), duplex=True) as exchange:
        begun(exchange)
        body = b""
        for number, each in enumerate(pieces):
            body += out(exchange.goes_on(each, end=number == len(pieces) - 1))
            while exchange.orders:
                (name,) = exchange.orders  # the guard, or a thread that rules need for a piece
                body += out(hiding(exchange) if name == "webhook" else exchange.does(name))
        return body, exchange.record()


@given(
    words=WORDS, cuts=st.lists(st.integers(0, 2_000), max_size=60), ends=st.lists(st.integers(0, 20_000), max_size=8)
)
def test_what_is_masked_in_windows_is_what_is_masked_in_the_whole(
    words: list[str], cuts: list[int], ends: list[int]
) -> None:
    text = "".join(words)
    texts = cut(text, cuts)
    body = streamed(*texts)
    streamed_, record = went(cut(body, ends))
    with played(plan("", HIDDEN)) as exchange:
        whole = hiding(exchange.asks(said("hello")).replies(answered(text)))
        expected = json.loads(whole.body(Side.RESPONSE, answered(text)))["choices"][0]["message"]["content"]
        told = exchange.record()
    assert text_of(streamed_) == expected
    assert streamed_.endswith(b"data: [DONE]\n\n")
    assert counted(record) == counted(told)
    assert record["masked"] == told["masked"]


def test_an_event_into_which_rules_put_the_words_of_the_next_waits_for_that_one() -> None:
    reader = StreamReader("openai_chat")
    first, second, third = [
        event for each in events("jane", "@b.de w999 and", " more")[:3] for event in reader.feed(each)
    ]
    channel = first.deltas[0].channel
    texts = WindowedTexts(Windows(200, tokens=False, holds=True))
    writer = HeldWriter("openai_chat", texts, None)
    writer.write(first, {channel: "[EMAIL_1] w999 and"})
    texts.judged()
    assert writer.release(everything=False) == b""
    writer.write(second, {channel: ""})
    writer.write(third)
    assert writer.release(everything=False) == b""  # nobody was shown the second one
    texts.judged()
    assert text_of(writer.release(everything=False)) == "[EMAIL_1] w999 and more"
    assert writer.waiting == 0


@pytest.mark.parametrize("action", ["mask", "block"])
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=60), mails=st.lists(st.integers(0, 150), max_size=20))
def test_no_word_leaves_before_the_guard_was_shown_it(action: str, sizes: list[int], mails: list[int]) -> None:
    words = [f"w{number:03}" for number in range(150)]
    for at in mails:
        words.insert(at, MAIL)
    text = " ".join(words)
    texts, at = list[str](), 0
    for size in sizes:
        texts.append(text[at : at + size])
        at += size
    texts.append(text[at:])
    shown = ""
    with played(plan("", HIDDEN.replace("characters}", f"characters, action: {action}}}")), duplex=True) as exchange:
        begun(exchange)
        left = b""
        for each in events(*texts):
            exchange.goes_on(each, end=False)
            while True:
                left += out(exchange)
                assert all(word in shown for word in re.findall(r"w[0-9]{3}", text_of(left)))
                if not exchange.orders:
                    break
                (name,) = exchange.orders
                if name == "webhook":
                    work = exchange.orders[name].work
                    assert isinstance(work, GuardWork)
                    shown += "".join(statement.text for statement in work.conversation.statements)
                    hiding(exchange, str)
                else:
                    exchange.does(name)


def counted(record: dict[str, Any]) -> dict[str, int]:
    return {each["kind"]: each["count"] for each in record.get("findings", ())}


def cut(whole: Any, at: list[int]) -> list[Any]:
    places = sorted({0, len(whole), *(each for each in at if each < len(whole))})
    return [whole[start:end] for start, end in pairwise(places)] or [whole]


def test_a_text_that_later_events_repeat_is_masked_there_as_it_was_streamed() -> None:
    text = f"{PIECE}{NAME} writes to {MAIL}, {PIECE}and {NAME} waits. {PIECE}"
    base = {"item_id": "m", "output_index": 0, "content_index": 0}
    parts: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "r", "output": []}},
        *({"type": "response.output_text.delta", **base, "delta": text[at : at + 7]} for at in range(0, len(text), 7)),
        {"type": "response.output_text.done", **base, "text": text},
        {
            "type": "response.completed",
            "response": {
                "id": "r",
                "output": [
                    {
                        "type": "message",
                        "id": "m",
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": text}],
                    }
                ],
            },
        },
    ]
    sent = b"".join(b"event: %s\ndata: %s\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in parts)
    with played(plan("", HIDDEN), duplex=True) as exchange:
        body = json.dumps({"model": "chat", "input": "hello", "stream": True}).encode()
        exchange.asks(body, path="/v1/responses").replies(b"", SSE, end=False)
        back = out(exchange.goes_on(sent, end=True))
        while exchange.orders:
            back += out(hiding(exchange))
    found = [json.loads(line[6:]) for line in back.split(b"\n") if line.startswith(b"data: ")]
    expected = hides(text).replace(MAIL, "[EMAIL_1]")
    assert "".join(each["delta"] for each in found if "delta" in each) == expected
    assert found[-2]["text"] == expected
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == expected


# -- failures in mid-stream

OUTCOMES: Final = {"block": b"inspection_failed", "allow": None, "spare": b"content_filter"}
"""`on_failure` -> how the stream ends, if it does; the stand-in objects to the text."""
SPARE: Final = "{use: pattern, name: spare, literals: [Titan], action: block}"
MASKING: Final = "{use: pii, kinds: [email], action: mask}"
LATER: Final = f"Titan writes to {MAIL} "


def failing(on_failure: str, fields: str) -> str:
    """A guard that judges windows, with rules beside it, and the stand-in if it is named."""
    processors = f"{{use: webhook, every: 800 characters, on_failure: {on_failure}, {fields}}}, {MASKING}"
    return f"{processors}, {SPARE}" if on_failure == "spare" else processors


def in_mid_stream(exchange: Played) -> bytes:
    """The guard has let a window pass, and is asked about the next one; what has left."""
    begun(exchange)
    for each in events(*[PIECE] * 8)[:8]:
        exchange.goes_on(each, end=False)
    hiding(exchange)
    for each in events(LATER, *[PIECE] * 8)[:9]:
        exchange.goes_on(each, end=False)
    assert "webhook" in exchange.orders
    return out(exchange)


def ended(exchange: Played, went: bytes, on_failure: str) -> None:
    """It has failed: what goes on is what `on_failure` says."""
    went += out(exchange)
    went += out(exchange.goes_on(b"".join(events(*[PIECE] * 20)), end=True))
    while exchange.orders:
        went += out(hiding(exchange))
    ends = OUTCOMES[on_failure]
    assert (b"Titan" in went) == (ends is None)
    if ends is None:
        assert text_of(went) == PIECE * 8 + LATER.replace(MAIL, "[EMAIL_1]") + PIECE * 28
    else:
        assert ends in went
    assert MAIL.encode() not in went


@pytest.mark.parametrize("fault", FAULTS)
def test_each_failure_in_mid_stream_has_what_on_failure_says(faults: Faults, fault: str) -> None:
    fields, reason = faults[fault]
    for on_failure in OUTCOMES:
        with played(plan("", failing(on_failure, fields)), duplex=True) as exchange:
            went = in_mid_stream(exchange)
            ended(does(exchange), went, on_failure)
            record = exchange.record()
        assert record["failures"] == [{"processor": "webhook", "reason": reason, "allowed": on_failure != "block"}]
        assert "Titan" not in json.dumps(record)


@pytest.mark.parametrize("on_failure", OUTCOMES)
def test_a_window_that_nobody_could_be_asked_about_is_such_a_failure(on_failure: str) -> None:
    for reason in ("circuit_open", "overloaded", "error"):
        with played(plan("", failing(on_failure, "url: 'http://127.0.0.1:1'")), duplex=True) as exchange:
            went = in_mid_stream(exchange)
            ended(exchange.fails("webhook", reason), went, on_failure)


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
def test_a_stand_in_judges_the_window_that_the_guard_failed_in_and_all_that_follow(mode: str) -> None:
    spare = SPARE.replace("action: block", "action: mask")
    processors = f"{{use: webhook, every: 800 characters, on_failure: spare, mode: {mode}, url: 'http://127.0.0.1:1'}}"
    with played(plan("", f"{processors}, {spare}"), duplex=True) as exchange:
        went = in_mid_stream(exchange) + out(exchange.fails("webhook"))
        went += out(exchange.goes_on(b"".join(events(*[PIECE] * 20, "Titan waits")), end=True))
        assert not exchange.orders  # nobody is asked any more
        record = exchange.record()
    text = PIECE * 8 + LATER + PIECE * 28 + "Titan waits"
    assert text_of(went) == (text if mode == "shadow" else text.replace("Titan", "[SPARE_1]"))
    assert record["failures"] == [{"processor": "webhook", "reason": "timeout", "allowed": True}]


def test_a_guard_that_stands_in_is_asked_about_the_windows(service: Standin) -> None:
    service.answers = lambda asked: REJECT if b"Titan" in asked.body else PASS
    fields = "every: 800 characters, on_failure: spare, url: 'http://127.0.0.1:1'"
    with played(plan("", f"{{use: webhook, {fields}}}, {webhook(service, ', name: spare')}"), duplex=True) as exchange:
        went = in_mid_stream(exchange)
        exchange.fails("webhook")
        went += out(does(exchange, "spare"))
    assert b"content_filter" in went
    assert b"Titan" not in went
