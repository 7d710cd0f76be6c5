"""Signs of life in silent streams: between events alone, as the API's libraries skip them, and never forever."""

import json
from typing import Any, cast

import pytest

from extproc.protocol.effects import Chunk, Effect, Inspect
from extproc.protocol.messages import Deadline, Inspected
from extproc.protocol.meter import Meter
from extproc.protocol.modes import BodyMode
from extproc.protocol.work import Work
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan, Shared, Transaction
from extproc.transaction.responses.keepalive import SILENCE
from tests.apis.events.samples import chat, messages
from tests.gathered import gathered
from tests.records import logged
from tests.transaction.plans import plan

JSON = ("content-type", b"application/json")
SSE = ("content-type", b"text/event-stream")
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
MASKING = "pipelines: [{name: p, keepalive: 15s, response: [{use: pii, kinds: [email], action: mask}]}]"
SIGNS = {CHAT: b": keep-alive\n\n", MESSAGES: b'event: ping\ndata: {"type": "ping"}\n\n'}
MADE = {CHAT: chat, MESSAGES: messages}
PIECES = ("Hello ", "there ", "you.")


class Streaming:
    """An exchange whose response's headers have come at 0."""

    def __init__(self, policy: Plan, mode: BodyMode, path: str = CHAT, *, known: bool = True) -> None:
        self.envoy = Playbook(policy, request=mode, response=mode)
        shared = Shared(0.0)
        if known:
            shared.overridden.add(b"")
        self.transaction = self.envoy.transaction = Transaction(policy, shared, 0.0)
        self.envoy.sends(request_headers(path, JSON))
        body: dict[str, Any] = {"model": "claude" if path == MESSAGES else "plain", "messages": [], "max_tokens": 5}
        self.envoy.sends(request_body(json.dumps(body).encode()))
        self.takes(response_headers(200, SSE), 0.0)

    def takes(self, message: Any, now: float) -> bytes:
        return said(self.transaction.receive(message, now))

    def comes(self, data: bytes, now: float, *, end: bool = False) -> bytes:
        return self.takes(response_body(data, end=end), now)

    def looks(self, now: float) -> bytes:
        """The sweep's look at the deadline."""
        return self.takes(Deadline(), now) if self.transaction.deadline <= now else b""


def said(effects: tuple[Effect, ...]) -> bytes:
    return b"".join(each.data for each in effects if isinstance(each, Chunk))


@gathered("path", sorted(SIGNS))
@gathered("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
def test_a_silent_stream_gets_a_sign_each_time_that_the_time_is_over(mode: BodyMode, path: str) -> None:
    stream = Streaming(plan(MASKING), mode, path)
    pieces = MADE[path](PIECES)
    assert stream.looks(14.9) == b""
    assert stream.looks(15.0) == SIGNS[path]
    assert stream.looks(20.0) == b""
    assert stream.looks(30.0) == SIGNS[path]
    assert stream.comes(pieces[0], 31.0) == pieces[0]
    assert stream.looks(45.0) == b""  # something went out meanwhile
    assert stream.looks(46.0) == SIGNS[path]
    whole = b"".join(stream.comes(each, 47.0) for each in pieces[1:]) + stream.comes(b"", 47.0, end=True)
    assert whole == b"".join(pieces[1:])
    assert stream.looks(100.0) == b""
    assert stream.transaction.deadline > 1000
    assert logged(stream.envoy.leaves())["decision"] == "allowed"


def test_nothing_is_sent_where_the_policy_does_not_ask_for_it() -> None:
    stream = Streaming(plan(MASKING.replace("keepalive: 15s, ", "")), BodyMode.FULL_DUPLEX_STREAMED)
    assert stream.transaction.deadline > 1000
    assert stream.looks(100.0) == b""


def test_nothing_is_sent_before_an_envoy_has_shown_that_it_takes_overrides() -> None:
    stream = Streaming(plan(MASKING), BodyMode.BUFFERED, known=False)
    assert [stream.looks(now) for now in (15.0, 30.0)] == [b"", b""]
    pieces = chat(PIECES)
    stream.comes(pieces[0], 31.0)
    stream.comes(pieces[1], 32.0)
    assert stream.looks(46.0) == b""
    assert stream.looks(47.0) == SIGNS[CHAT]


def test_nothing_is_sent_within_an_event_that_is_half_out() -> None:
    """What cannot be read goes on as it comes, in the middle of events and of characters."""
    policy = plan(
        "pipelines: [{name: p, keepalive: 15s, on_uninspected: allow,"
        " response: [{use: pii, kinds: [email], action: mask}]}]"
    )
    stream = Streaming(policy, BodyMode.FULL_DUPLEX_STREAMED)
    pieces = chat(PIECES)
    stream.comes(pieces[0], 1.0)
    effects = stream.transaction.receive(response_body(b":\n" * 100_001 + b"\ndata: \xc3", end=False), 2.0)
    (order,) = (each for each in effects if isinstance(each, Inspect))  # more lines than are read
    assert stream.takes(Inspected(order.ticket, cast("Work", order.work).run(Meter())), 2.0).endswith(b"\ndata: \xc3")
    assert stream.looks(17.0) == b""
    assert stream.comes(b"\xa4\n\n", 18.0) == b"\xa4\n\n"
    assert stream.looks(33.0) == SIGNS[CHAT]


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
def test_a_backend_that_says_nothing_more_ends_the_stream_in_an_error(mode: BodyMode) -> None:
    stream = Streaming(plan(MASKING), mode)
    stream.comes(chat(PIECES)[0], 0.0)
    stream.comes(chat(PIECES)[1], 0.0)
    now, sent = 0.0, b""
    while now < SILENCE - 15:
        now += 15.0
        sent += stream.looks(now)
    assert sent == SIGNS[CHAT] * int(now / 15)
    effects = stream.transaction.receive(Deadline(), SILENCE)
    assert b"response_silent" in said(effects)
    assert isinstance(effects[-1], Chunk)
    assert effects[-1].end
    record = logged(stream.envoy.leaves())
    assert (record["decision"], record["reason"]) == ("cut", "response_silent")


def test_a_stream_that_shows_no_api_gets_none() -> None:
    stream = Streaming(plan(MASKING + "\ndefault_backend: local"), BodyMode.FULL_DUPLEX_STREAMED, "/v1beta/x:stream")
    assert stream.looks(15.0) == b""
