"""Our bytes as a real Envoy takes them, and Envoy's bytes as we read them."""

import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from extproc.protocol.effects import (
    Chunk,
    Effect,
    HeaderMutation,
    Metadata,
    Override,
    Phase,
    Proceed,
    Reject,
    StreamBody,
    StreamHeaders,
    StreamTrailers,
)
from extproc.protocol.messages import Body, Headers, Message, Side, Trailers
from extproc.protocol.modes import BodyMode, ModeOverride, ProtocolConfig, SendMode
from tests.wire.gateway import Gateway

pytestmark = pytest.mark.envoy

SEND = {"request_header_mode": "SEND", "response_header_mode": "SEND"}
TRAILERS = {"request_trailer_mode": "SEND", "response_trailer_mode": "SEND"}
BUFFERED = {**SEND, "request_body_mode": "BUFFERED", "response_body_mode": "BUFFERED"}
STREAMED = {**SEND, "request_body_mode": "STREAMED", "response_body_mode": "STREAMED"}
DUPLEX = {
    **SEND,
    **TRAILERS,
    "request_body_mode": "FULL_DUPLEX_STREAMED",
    "response_body_mode": "FULL_DUPLEX_STREAMED",
}
NONE = {**SEND, "request_body_mode": "NONE", "response_body_mode": "NONE"}


def phase(message: Message) -> Proceed:
    match message:
        case Headers():
            return Proceed(message.side, Phase.HEADERS)
        case Body():
            return Proceed(message.side, Phase.BODY)
        case Trailers():
            return Proceed(message.side, Phase.TRAILERS)
        case _:
            raise AssertionError(f"Envoy said {message}")


def passing(message: Message) -> Iterable[Effect]:
    yield phase(message)


def echoing(message: Message) -> Iterable[Effect]:
    """As full-duplex mode wants it: bodies are given back, everything else goes on."""
    yield Chunk(message.side, message.data, message.end) if isinstance(message, Body) else phase(message)


@pytest.mark.parametrize("modes", [BUFFERED, STREAMED], ids=["buffered", "streamed"])
def test_the_shortest_answers_let_everything_pass(modes: dict[str, str], tmp_path: Path) -> None:
    with Gateway(tmp_path, passing, modes) as gateway:
        answer, body = gateway.post(b"hello")
        assert (answer.status, body) == (200, b"from backend")
        assert [seen.body for seen in gateway.seen] == [b"hello"]
        assert gateway.stat("spurious_msgs_received") == 0
        assert {(type(heard), heard.side) for heard in gateway.heard if isinstance(heard, Headers | Body)} == {
            (kind, side) for kind in (Headers, Body) for side in Side
        }


def test_the_shortest_answer_lets_trailers_pass(tmp_path: Path) -> None:
    with Gateway(tmp_path, passing, {**BUFFERED, **TRAILERS}) as gateway:
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
            head = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            client.sendall(head + b"5\r\nhello\r\n0\r\nx-last: word\r\n\r\n")
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        trailers = [heard for heard in gateway.heard if isinstance(heard, Trailers)]
        assert [(heard.side, list(heard.fields)) for heard in trailers] == [(Side.REQUEST, [("x-last", b"word")])]
        assert gateway.stat("spurious_msgs_received") == 0


def test_the_first_message_tells_the_modes_and_the_attributes(tmp_path: Path) -> None:
    with Gateway(tmp_path, echoing, DUPLEX, attributes=["xds.route_name", "request.size", "request.path"]) as gateway:
        gateway.post(b"hello")
        first = gateway.heard[0]
        assert isinstance(first, Headers)
        assert first.config == ProtocolConfig(BodyMode.FULL_DUPLEX_STREAMED, BodyMode.FULL_DUPLEX_STREAMED)
        assert first.attributes == {
            "xds.route_name": "start",
            "request.size": "5",
            "request.path": "/v1/chat/completions",
        }
        assert first.fields.get("x-api-key") == b"client's"
        assert all(heard.config is None for heard in gateway.heard[1:] if isinstance(heard, Headers | Body | Trailers))


def test_a_routing_answer_changes_headers_body_route_and_metadata(tmp_path: Path) -> None:
    new_body = b'{"model": "llama"}' * 100
    headers = HeaderMutation(
        set=(
            ("x-extproc-cluster", b"backend"),
            ("content-length", b"%d" % len(new_body)),
            ("x-twice", b"2"),
            (":path", b"/llm"),
        ),
        remove=("x-api-key", "not-there"),
    )
    facts: Metadata = {"extproc": {"decision": "rerouted", "tokens": 12, "cached": True}}

    def routing(message: Message) -> Iterable[Effect]:
        if isinstance(message, Body) and message.side is Side.REQUEST:
            yield Proceed(message.side, Phase.BODY, headers, new_body, clear_route=True, metadata=facts)
        else:
            yield phase(message)

    with Gateway(tmp_path, routing, BUFFERED) as gateway:
        answer, _ = gateway.post(b'{"model": "chat"}')
        (seen,) = gateway.seen
        assert (seen.path, seen.body) == ("/llm", new_body)
        forwarded = dict(seen.headers)
        assert "x-api-key" not in forwarded
        assert [value for name, value in seen.headers if name == "x-twice"] == ["2"]
        assert [answer.getheader(name) for name in ("x-decision", "x-tokens", "x-cached")] == ["rerouted", "12", "true"]
        assert gateway.details() == "steered via_upstream\n"
        assert gateway.stat("spurious_msgs_received") == 0


def test_a_body_of_nothing_is_cleared(tmp_path: Path) -> None:
    def clearing(message: Message) -> Iterable[Effect]:
        if isinstance(message, Body):
            yield Proceed(message.side, Phase.BODY, HeaderMutation(set=(("content-length", b"0"),)), b"")
        else:
            yield phase(message)

    with Gateway(tmp_path, clearing, {**BUFFERED, "response_body_mode": "NONE"}) as gateway:
        assert gateway.post(b"hello")[0].status == 200
        assert [seen.body for seen in gateway.seen] == [b""]


def test_a_headers_answer_can_replace_the_whole_request(tmp_path: Path) -> None:
    def replacing(message: Message) -> Iterable[Effect]:
        if isinstance(message, Headers) and message.side is Side.REQUEST:
            yield Proceed(message.side, Phase.HEADERS, body=b"all new", replace=True)
        else:
            yield phase(message)

    with Gateway(tmp_path, replacing, NONE) as gateway:
        assert gateway.post(b"hello")[0].status == 200
        assert [seen.body for seen in gateway.seen] == [b"all new"]


def test_chunks_need_not_match_the_messages(tmp_path: Path) -> None:
    def splitting(message: Message) -> Iterable[Effect]:
        if isinstance(message, Body):
            for byte in message.data:
                yield Chunk(message.side, bytes([byte]))
            if message.end:
                yield Chunk(message.side, b"!" * 3000, end=True)
        else:
            yield phase(message)

    with Gateway(tmp_path, splitting, DUPLEX) as gateway:
        answer, body = gateway.post(b"hello")
        assert (answer.status, body) == (200, b"from backend" + b"!" * 3000)
        assert [seen.body for seen in gateway.seen] == [b"hello" + b"!" * 3000]
        assert gateway.stat("spurious_msgs_received") == 0


def test_an_override_alone_moves_an_exchange_to_full_duplex(tmp_path: Path) -> None:
    duplex = ModeOverride(
        BodyMode.FULL_DUPLEX_STREAMED, BodyMode.NONE, request_trailers=SendMode.SEND, response_headers=SendMode.SKIP
    )

    def overriding(message: Message) -> Iterable[Effect]:
        if isinstance(message, Headers):
            yield Override(duplex)
            # Nobody takes the length away when the mode comes by an override.
            yield Proceed(message.side, Phase.HEADERS, HeaderMutation(remove=("content-length",)))
        elif isinstance(message, Body):
            yield Chunk(message.side, message.data.upper(), message.end)

    with Gateway(tmp_path, overriding, NONE) as gateway:
        assert gateway.post(b"hello")[0].status == 200
        assert [seen.body for seen in gateway.seen] == [b"HELLO"]
        assert gateway.stat("spurious_msgs_received") == 0


def test_a_headers_answer_can_choose_the_mode_of_the_response(tmp_path: Path) -> None:
    def choosing(message: Message) -> Iterable[Effect]:
        if isinstance(message, Headers) and message.side is Side.RESPONSE:
            modes = ModeOverride(BodyMode.NONE, BodyMode.BUFFERED)
            yield Proceed(message.side, Phase.HEADERS, modes=modes)
        else:
            yield phase(message)

    with Gateway(tmp_path, choosing, NONE) as gateway:
        assert gateway.post(b"hello")[1] == b"from backend"
        assert [heard.data for heard in gateway.heard if isinstance(heard, Body)] == [b"from backend"]
        assert gateway.stat("spurious_msgs_received") == 0


def test_a_rejection_reaches_the_client_and_its_details_the_log(tmp_path: Path) -> None:
    fields = (("content-type", b"application/json"), ("retry-after", b"3"))

    def rejecting(_: Message) -> Iterable[Effect]:
        facts = {"extproc": {"decision": "rejected"}}
        yield Reject(451, b'{"error":{}}', fields, "extproc_rejected", facts)

    with Gateway(tmp_path, rejecting, BUFFERED) as gateway:
        answer, body = gateway.post(b"hello")
        assert (answer.status, body) == (451, b'{"error":{}}')
        assert [answer.getheader(name) for name, _ in fields] == ["application/json", "3"]
        assert answer.getheader("x-decision") == "rejected"
        assert gateway.seen == []
        assert "extproc_rejected" in gateway.details()


@pytest.mark.parametrize("trailers", [False, True])
def test_an_answer_of_our_own_can_be_streamed(trailers: bool, tmp_path: Path) -> None:
    def streaming(_: Message) -> Iterable[Effect]:
        yield StreamHeaders(429, (("content-type", b"text/event-stream"),))
        yield StreamBody(b"data: 1\n\n")
        yield StreamBody(b"data: 2\n\n", end=not trailers)
        if trailers:
            yield StreamTrailers((("x-last", b"word"),))

    with Gateway(tmp_path, streaming, NONE) as gateway:
        answer, body = gateway.post(b"hello")
        assert (answer.status, answer.getheader("content-type")) == (429, "text/event-stream")
        assert body == b"data: 1\n\ndata: 2\n\n"
        assert gateway.seen == []
        assert gateway.stat("spurious_msgs_received") == 0
