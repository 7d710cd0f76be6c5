import itertools
import json
import time
import zlib

import pytest

from extproc.testing import eventually
from extproc.testing.clients import ClientRequest, Disconnect, End, Ending, Pause, Until
from extproc.testing.clients.http1 import Http1, http1
from extproc.testing.provider import HEADER, OrderError, running_provider
from tests.testing.asking import CHAT, ask, chat

STREAM = chat("one two three", stream=True)


def test_a_slow_answer_waits_before_its_headers() -> None:
    with running_provider() as provider:
        assert ask(provider.port, chat()).headers_at < 0.2
        assert ask(provider.port, chat(), "slow-250ms").headers_at >= 0.25


def test_a_gap_lies_between_two_events_and_not_before_the_first() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, STREAM, "gap-60ms")
    times = [piece.at for piece in answer.pieces]
    assert len(times) == len(answer.events()) == 7
    assert times[0] - answer.headers_at < 0.05
    assert all(later - earlier > 0.03 for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize(("status", "kind", "retry"), [
    (429, "rate_limit_error", "1"),
    (500, "server_error", None),
    (503, "server_error", "1"),
    (404, "invalid_request_error", None),
])  # fmt: skip
def test_a_failure_has_the_shape_of_openai(status: int, kind: str, retry: str | None) -> None:
    with running_provider() as provider:
        answer = ask(provider.port, STREAM, f"fail-{status}")
    assert (answer.status, answer.header("retry-after")) == (status, retry)
    assert answer.header("content-type") == "application/json"
    assert answer.json()["error"]["type"] == kind


@pytest.mark.parametrize(("status", "kind"), [
    (429, "rate_limit_error"),
    (500, "api_error"),
    (503, "api_error"),
    (529, "overloaded_error"),
    (418, "invalid_request_error"),
])  # fmt: skip
def test_a_failure_has_the_shape_of_anthropic(status: int, kind: str) -> None:
    with running_provider() as provider:
        answer = ask(provider.port, chat(), f"fail-{status}", target="/v1/messages")
    assert answer.status == status
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == kind


def test_a_mirrored_path_fails_when_told_to() -> None:
    with running_provider() as provider:
        assert ask(provider.port, b"x", "fail-500", target="/v1/files").status == 500


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_stream_is_cut_after_so_many_events(count: int) -> None:
    with running_provider() as provider:
        answer = ask(provider.port, STREAM, f"cut-{count}")
    assert (answer.status, answer.ending, len(answer.events())) == (200, Ending.TRUNCATED, count)


def test_a_body_is_cut_after_so_many_bytes() -> None:
    with running_provider() as provider:
        whole = ask(provider.port, chat()).body
        answer = ask(provider.port, chat(), "cut-9")
    assert (answer.ending, answer.body) == (Ending.TRUNCATED, whole[:9])
    assert answer.header("content-length") == str(len(whole))


def test_a_large_body_arrives_up_to_the_cut() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, chat(), "body-6000000+cut-5000000")
    assert (answer.ending, len(answer.body)) == (Ending.TRUNCATED, 5_000_000)


def test_gzip_comes_unasked() -> None:
    with running_provider() as provider:
        plain = ask(provider.port, chat())
        answer = ask(provider.port, chat(), "gzip")
    assert answer.header("content-encoding") == "gzip"
    assert answer.header("content-length") == str(len(answer.body))
    assert zlib.decompress(answer.body, 31) == plain.body


def test_a_gzipped_stream_can_be_read_event_by_event() -> None:
    with running_provider() as provider:
        plain = ask(provider.port, STREAM)
        answer = ask(provider.port, STREAM, "gzip+gap-20ms")
    reader = zlib.decompressobj(31)
    events = [reader.decompress(piece.data) for piece in answer.pieces[:-1]]
    assert [event.removeprefix(b"data: ").strip() for event in events] == plain.events()
    reader.decompress(answer.pieces[-1].data)
    assert reader.eof


def test_a_cut_gzipped_stream_lacks_its_end() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, STREAM, "gzip+cut-2")
    reader = zlib.decompressobj(31)
    assert reader.decompress(answer.body).count(b"data: ") == 2
    assert not reader.eof


def test_an_early_answer_comes_before_the_request_was_sent() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, [chat()[:3], Until(1), Pause(0.05), chat()[3:]], "early-200")
        (seen,) = provider.wait_for(1)
    assert (answer.status, answer.complete, answer.sent) == (200, True, True)
    assert (seen.body, seen.complete) == (chat(), True)


def test_a_model_makes_the_answer_early_as_soon_as_it_was_read() -> None:
    body = chat("x" * 1000, model="gpt@early-503")
    cut = body.index(b"messages")
    with running_provider() as provider:
        answer = ask(provider.port, [body[:cut], Until(1), body[cut:]])
        (seen,) = provider.wait_for(1)
    assert (answer.status, answer.sent, seen.complete) == (503, True, True)
    assert answer.json()["error"]["code"] == "early"


def test_a_connection_goes_on_after_an_early_answer() -> None:
    with running_provider() as provider, Http1(provider.port) as client:
        request = ClientRequest(target=CHAT, headers=((HEADER, "early-200"),), body=[b"abc", Until(1), b"def"])
        assert client.request(request).complete
        assert client.request(request).complete
        assert provider.connections == 1


def test_an_early_answer_may_leave_the_rest_unread() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, [chat()[:3], Until(1), Pause(0.5), b"x" * 100], "early-413-close")
        (seen,) = provider.wait_for(1)
    assert (answer.status, answer.complete, answer.sent) == (413, True, False)
    assert not seen.complete


def test_an_early_answer_on_a_mirrored_path_says_who_gave_it() -> None:
    with running_provider("east") as provider:
        assert ask(provider.port, b"x", "early-200", target="/v1/files").json() == {"provider": "east"}


def test_a_stream_has_as_many_events_of_a_size_as_ordered() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, STREAM, "events-500+size-64")
    texts = [json.loads(event)["choices"][0]["delta"].get("content") for event in answer.events()[1:-2]]
    assert len(texts) == 500
    assert {len(text) for text in texts} == {64}


def test_usage_counts_the_ordered_events() -> None:
    with running_provider() as provider:
        body = chat(stream=True, stream_options={"include_usage": True})
        answer = ask(provider.port, body, "events-50")
    assert json.loads(answer.events()[-2])["usage"]["completion_tokens"] == 50


@pytest.mark.parametrize("size", [1000, 70_000, 6_000_000])
@pytest.mark.parametrize("target", [CHAT, "/v1/messages", "/v1/responses", "/v1/files"])
def test_a_body_is_as_long_as_ordered(target: str, size: int) -> None:
    with running_provider() as provider:
        answer = ask(provider.port, chat(), f"body-{size}", target=target)
    assert len(answer.body) == size
    answer.json()


def test_a_body_is_no_shorter_than_it_must_be() -> None:
    with running_provider() as provider:
        assert ask(provider.port, chat(), "body-3").body == ask(provider.port, chat()).body


def test_a_body_without_text_is_filled_with_blanks() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, {"model": "e", "input": "x"}, "body-9000", target="/v1/embeddings")
    assert len(answer.body) == 9000
    assert answer.json()["object"] == "list"


def test_a_stream_is_written_in_pieces_without_regard_to_events() -> None:
    with running_provider() as provider:
        whole = ask(provider.port, chat("é", stream=True))
        answer = ask(provider.port, chat("é", stream=True), "split-7")
    assert answer.body == whole.body
    assert {len(piece.data) for piece in answer.pieces[:-1]} == {7}


def test_events_may_end_their_lines_with_cr_lf() -> None:
    with running_provider() as provider:
        plain = ask(provider.port, STREAM, target="/v1/messages")
        answer = ask(provider.port, STREAM, "crlf", target="/v1/messages")
    assert answer.body == plain.body.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("body", [chat(), STREAM])
def test_an_answer_may_have_trailers(body: bytes) -> None:
    with running_provider() as provider:
        answer = ask(provider.port, body, "trailers")
    assert (answer.complete, answer.trailers) == (True, (("x-provider-trailer", "end"),))
    assert answer.header("trailer") == "x-provider-trailer"


def test_a_body_may_come_without_its_length() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, chat(), "chunked")
    assert (answer.header("content-length"), answer.header("transfer-encoding")) == (None, "chunked")
    assert answer.json()["provider"] == "provider"


def test_a_connection_is_closed_when_that_is_ordered() -> None:
    with running_provider() as provider, Http1(provider.port) as client:
        answer = client.request(ClientRequest(target=CHAT, headers=((HEADER, "close"),), body=chat()))
        assert (answer.complete, answer.header("connection")) == (True, "close")
        assert client.request(ClientRequest(target=CHAT, body=chat())).status == 0


def test_a_client_that_says_close_is_closed() -> None:
    with running_provider() as provider, Http1(provider.port) as client:
        assert client.request(ClientRequest(target=CHAT, headers=(("connection", "Close"),), body=chat())).complete
        assert client.request(ClientRequest(target=CHAT, body=chat())).status == 0


def test_a_dropped_request_gets_no_answer_and_is_recorded() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, chat(), "drop")
        assert (answer.status, answer.ending) == (0, Ending.TRUNCATED)
        assert provider.records[0].complete


def test_a_hanging_answer_ends_when_the_client_goes() -> None:
    with running_provider() as provider:
        answer = http1(provider.port, ClientRequest(target=CHAT, headers=((HEADER, "hang"),), body=chat()), within=0.2)
        assert answer.ending is Ending.TIMEOUT
        assert eventually(lambda: provider.open_connections == 0)
        assert provider.gone == 1


@pytest.mark.parametrize("do", ["hang", "slow-1000s", "gap-1000s"])
def test_a_provider_that_waits_stops_at_once(do: str) -> None:
    started = time.monotonic()
    with running_provider() as provider:
        client = Http1(provider.port, within=0.2)
        client.request(ClientRequest(target=CHAT, headers=((HEADER, do),), body=STREAM))
    client.close()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("leave", [Disconnect("reset"), Disconnect("close")])
def test_a_client_that_leaves_a_stream_is_noticed(leave: Disconnect) -> None:
    with running_provider() as provider:
        answer = ask(provider.port, [STREAM, End(), Until(1), leave], "gap-20ms+events-1000")
        assert (answer.status, answer.ending) == (200, Ending.ABORTED)
        assert eventually(lambda: provider.open_connections == 0)
        assert provider.gone == 1


def test_the_header_wins_over_the_model_and_the_model_over_the_start() -> None:
    with running_provider(do="fail-500+gzip") as provider:
        assert ask(provider.port, chat()).status == 500
        assert ask(provider.port, chat(model="fail-429")).status == 429
        answer = ask(provider.port, chat(model="fail-429"), "fail-503")
        assert (answer.status, answer.header("content-encoding")) == (503, "gzip")


def test_a_running_provider_takes_new_orders() -> None:
    with running_provider(do="fail-503") as provider:
        provider.order("")
        assert ask(provider.port, chat()).status == 200


def test_wrong_orders_in_the_header_are_told_in_the_dialect() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, chat(), "explode", target="/v1/messages")
    assert answer.status == 400
    assert "slow-500ms" in answer.json()["error"]["message"]


def test_wrong_orders_at_the_start_are_an_error() -> None:
    with pytest.raises(OrderError), running_provider(do="explode"):
        pass


def test_a_client_that_waits_to_continue_is_told_to() -> None:
    with running_provider() as provider:
        request = ClientRequest(target=CHAT, headers=(("expect", "100-continue"),), body=[Pause(0.1), chat()])
        answer = http1(provider.port, request)
    assert (answer.interim, answer.status) == ((100,), 200)


def test_an_early_answer_does_not_ask_for_the_rest() -> None:
    headers = (("expect", "100-continue"), (HEADER, "early-413"))
    with running_provider() as provider:
        answer = http1(provider.port, ClientRequest(target=CHAT, headers=headers, body=[Until(1), chat()]))
    assert (answer.interim, answer.status) == ((), 413)
