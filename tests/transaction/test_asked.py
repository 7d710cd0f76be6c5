"""What a request asks for is kept for the judges of its response, no longer and no more than is asked for."""

import json
from typing import Any, Final, Literal

from extproc.apis.asked import Asked
from extproc.apis.reply import ReplyPart
from extproc.detectors import (
    Conversation,
    Detection,
    DetectorKind,
    DetectorOptions,
    RemoteDetector,
    ReplyDetector,
    registered,
)
from extproc.detectors.schema import library
from extproc.inspection.offloaded import RemoteWork
from extproc.protocol.effects import Inspect
from extproc.protocol.messages import Inspected, StreamClosed
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Shared, Transaction
from extproc.transaction.held import SMALL_BYTES
from extproc.transaction.requests.opened_body import OpenedBody
from extproc.transaction.requests.opening import Opening
from extproc.transaction.responses.pending import INLINE_BYTES
from tests.seams.playing import CHAT, JSON, SSE, answered, plan, played, said, streamed


class CuriousOptions(DetectorOptions):
    use: Literal["curious"]


async def _judge(conversation: Conversation) -> list[Detection]:
    return [] if conversation.asked is None or conversation.asked.system else [Detection("nothing_asked", 0)]


CURIOUS: Final = DetectorKind(
    "curious",
    CuriousOptions,
    lambda _: RemoteDetector(("nothing_asked",), _judge, asks=frozenset({"system", "format"})),
)
USED: Final = "{use: curious, action: report}"


def asking(**more: Any) -> bytes:
    messages = [{"role": "system", "content": "be kind to a@example.org"}, {"role": "user", "content": "hi"}]
    return json.dumps({"model": "chat", "messages": messages, **more}).encode()


def conversation(order: Inspect) -> Conversation:
    assert isinstance(order.work, RemoteWork)
    return order.work.conversation


def test_a_judge_of_a_response_gets_what_it_asks_for_as_the_request_went_on() -> None:
    mask = "{use: pii, kinds: [email], action: mask, restore: true}"
    with registered(CURIOUS), played(plan(mask, USED)) as exchange:
        exchange.asks(asking(response_format={"type": "json_object"}, tools=[{"function": {"name": "look"}}]))
        exchange.replies(answered("hello"))
        asked = conversation(exchange.orders["curious"]).asked
        assert asked is not None
        assert asked.system == ("be kind to [EMAIL_1]",)
        assert asked.output is not None
        assert asked.tools == ()
        assert all(each["processor"] == "pii" for each in exchange.does("curious").record()["findings"])


def test_a_held_stream_is_judged_by_it_as_well() -> None:
    with registered(CURIOUS), played(plan("", USED), duplex=True) as exchange:
        exchange.asks(asking()).replies(streamed("hel", "lo"), SSE)
        asked = conversation(exchange.orders["curious"]).asked
        assert asked is not None
        assert asked.system == ("be kind to a@example.org",)
        exchange.does("curious")


def test_no_request_is_read_for_judges_that_ask_for_nothing() -> None:
    own = plan("", "{use: pii, kinds: [email], action: mask}")
    envoy = Playbook(own)
    envoy.sends(request_headers(CHAT, JSON))
    envoy.sends(request_body(asking()))
    assert own.pipelines[0].asks == frozenset()
    assert envoy.transaction._memory.asked is not None
    assert envoy.transaction._memory.asked.size == 0


def test_a_body_that_nobody_judged_in_time_asks_for_what_is_not_known() -> None:
    large = said("x" * (INLINE_BYTES + 1))
    with registered(CURIOUS), played(plan("{use: pii, kinds: [email], on_failure: allow}", USED)) as exchange:
        exchange.asks(large)
        (name,) = exchange.orders
        exchange.fails(name).replies(answered("hello"))
        assert conversation(exchange.orders["curious"]).asked is None
        exchange.does("curious")


def test_it_is_held_in_the_room_for_bodies_and_dropped_with_the_exchange() -> None:
    with registered(CURIOUS):
        own = plan("", USED)
    shared = Shared()
    envoy = Playbook(own, shared)
    envoy.transaction = Transaction(own, shared, 0.0)
    envoy.sends(request_headers(CHAT, JSON))
    system = [{"role": "system", "content": "x" * (SMALL_BYTES // 2)}]
    order = envoy.sends(request_body(json.dumps({"model": "chat", "messages": system}).encode())).gets_one(Inspect)
    assert isinstance(order.work, OpenedBody | Opening)
    envoy.sends(Inspected(order.ticket, order.work.run()))
    assert shared.held == SMALL_BYTES // 2
    envoy.transaction.receive(StreamClosed(), 1.0)
    assert shared.held == 0
    assert envoy.transaction._memory.asked is not None
    assert envoy.transaction._memory.asked.system == ()


def test_large_schemas_are_read_with_the_work_on_the_request() -> None:
    members = {f"member_{at}": {"type": "string", "description": "x" * 100} for at in range(200)}
    schema = {"type": "object", "properties": members, "title": "read before"}
    library._large.cache_clear()
    with played(plan("", "{use: json_schema}")) as exchange:
        exchange.asks(asking(response_format={"type": "json_schema", "json_schema": {"schema": schema}}))
        assert library._large.cache_info().misses == 1
        exchange.replies(answered("{}"))
        assert library._large.cache_info().misses == 1
        assert exchange.refused is None


def test_what_prepares_a_judge_may_fail() -> None:
    def fails(_: Asked) -> None:
        raise RuntimeError

    class Silent:
        def take(self, part: ReplyPart) -> tuple[()]:  # noqa: ARG002
            return ()

        def finish(self) -> tuple[()]:
            return ()

    kind = DetectorKind(
        "curious",
        CuriousOptions,
        lambda _: ReplyDetector(("x",), lambda _: Silent(), frozenset({"system"}), fails),
    )
    with registered(kind), played(plan("", "{use: curious}")) as exchange:
        exchange.asks(asking()).replies(answered("hello"))
        assert exchange.refused is None
