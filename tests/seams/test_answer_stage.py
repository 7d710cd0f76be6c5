"""An answer stage of a plug-in: added by one registration, and used with and without a pipeline."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.ext import registered
from extproc.gateway.bootstrap import Json, Profile, SocketAddress, bootstrap
from extproc.policy import loads
from extproc.protocol.effects import Chunk, Effect, Inspect, Proceed
from extproc.protocol.messages import Inspected, Message, Side
from extproc.protocol.modes import BodyMode
from extproc.server.worker import running_worker
from extproc.testing.clients import ClientRequest, ClientResponse
from extproc.testing.clients.http1 import http1
from extproc.testing.envoy import assert_clean, real_envoy
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan
from tests.e2e.canned import Canned, canned
from tests.e2e.gateway import ext_proc
from tests.records import logged
from tests.seams.acme.notice import NOTICE
from tests.seams.playing import played

PATH: Final = "/v1/chat/completions"
ASKED: Final = b'{"model":"chat","messages":[]}'
ADDRESS: Final = "jane.doe@example.com"
STAGE: Final = f"answer_stages: [{{use: notice, text: 'ask {ADDRESS} ', drop: secret-word}}]\n"
MASKING: Final = "pipelines: [{name: p, response: [{use: pii, kinds: [email], action: mask}]}]\n"
PIPELINES: Final = pytest.mark.parametrize("pipeline", ["", MASKING], ids=["no-pipeline", "pipeline"])
PROFILES: Final = pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])


def policy(more: str, port: int = 9001) -> str:
    return f"""\
version: 1
backends: [{{name: local, url: "http://127.0.0.1:{port}/v1", api: openai}}]
models: [{{name: chat, targets: [{{backend: local}}]}}]
{more}"""


@pytest.fixture(autouse=True)
def plugged() -> Iterator[None]:
    with registered(NOTICE):
        yield


def plan(more: str) -> Plan:
    return Plan.compile(loads(policy(more)), {})


def chunk(text: str, **more: Any) -> bytes:
    # Not as the program would write it: what nobody changes keeps its blanks.
    value = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}
    return b"data:  %b\n\n" % json.dumps({**value, **more}, separators=(" ,", ": ")).encode()


def noticed(notice: str) -> bytes:
    """The event that the stage makes of the first."""
    value = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": notice}}]}
    return b"data: %b\n\n" % json.dumps(value).encode()


USAGE: Final = {"prompt_tokens": 20, "completion_tokens": 30}
FIRST, SECRET, LAST = chunk("Hello "), chunk("a secret-word"), chunk("there", usage=USAGE)
END: Final = b"data: [DONE]\n\n"
STREAM: Final = b"".join((b": hi\n\n", FIRST, SECRET, LAST, END))


def passed(notice: str) -> bytes:
    """The stream once the stage has passed it."""
    return passed_with(f"ask {notice} ")


def passed_with(notice: str) -> bytes:
    return b"".join((b": hi\n\n", noticed(notice), FIRST, LAST, END))


def answer(text: str) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": {"content": text}}], "usage": USAGE}).encode()


class Exchange:
    """One exchange played through; work that is handed out is done at once."""

    def __init__(
        self, compiled: Plan, mode: BodyMode, kind: bytes, *fields: tuple[str, bytes], path: str = PATH
    ) -> None:
        self.book = Playbook(compiled, request=mode)
        self.effects: list[Effect] = []
        self.handed_out = 0
        self.sends(request_headers(path, ("content-type", b"application/json")))
        self.sends(request_body(ASKED))
        self.effects.clear()
        self.sends(response_headers(200, ("content-type", kind), *fields))

    def sends(self, message: Message) -> None:
        for effect in self.book.sends(message).effects:
            if isinstance(effect, Inspect):
                self.handed_out += 1
                self.sends(Inspected(effect.ticket, effect.work.run()))  # type: ignore[union-attr]
            else:
                self.effects.append(effect)

    def takes(self, pieces: Sequence[bytes]) -> "Exchange":
        for piece in pieces:
            self.sends(response_body(piece, end=False))
        self.sends(response_body(b""))
        return self

    @property
    def body(self) -> bytes:
        """What goes on of a stream, or of a body that the processor changes."""
        chunks = [each.data for each in self.effects if isinstance(each, Chunk)]
        bodies = [each.body for each in self.effects if isinstance(each, Proceed) and each.body is not None]
        return b"".join([*chunks, *bodies])


def streamed(compiled: Plan, pieces: Sequence[bytes], mode: BodyMode = BodyMode.FULL_DUPLEX_STREAMED) -> Exchange:
    return Exchange(compiled, mode, b"text/event-stream").takes(pieces)


@PIPELINES
@PROFILES
def test_one_event_becomes_two_and_one_is_dropped_and_what_is_added_is_inspected(mode: BodyMode, pipeline: str) -> None:
    notice = "[EMAIL_1]" if pipeline else ADDRESS
    assert streamed(plan(STAGE + pipeline), [STREAM], mode).body == passed(notice)


@PIPELINES
@PROFILES
def test_a_json_response_is_a_stream_of_one_event(mode: BodyMode, pipeline: str) -> None:
    exchange = Exchange(plan(STAGE + pipeline), mode, b"application/json")
    exchange.sends(response_body(answer("Hello")))
    notice = "[EMAIL_1]" if pipeline else ADDRESS
    assert exchange.body == answer("Hello").replace(b"Hello", f"ask {notice} Hello".encode())
    line = logged(exchange.book.leaves())
    assert (line["input_tokens"], line["output_tokens"]) == (20, 30)


@PIPELINES
def test_a_json_response_too_large_to_wait_for_passes_in_a_thread(pipeline: str) -> None:
    text = "word " * 100_000
    exchange = Exchange(plan(STAGE + pipeline), BodyMode.BUFFERED, b"application/json")
    exchange.sends(response_body(answer(text)))
    assert exchange.handed_out == 1
    assert json.loads(exchange.body)["choices"][0]["message"]["content"].endswith(f" {text}")


@PIPELINES
def test_the_meter_reads_what_the_provider_sent(pipeline: str) -> None:
    dropped = f"answer_stages: [{{use: notice, text: x, drop: there}}]\n{pipeline}"
    exchange = streamed(plan(dropped), [STREAM])
    assert b"usage" not in exchange.body
    line = logged(exchange.book.leaves())
    assert (line["input_tokens"], line["output_tokens"]) == (20, 30)
    assert line.get("pipeline") == ("p" if pipeline else None)


@PIPELINES
def test_an_encoded_stream_is_decoded_for_the_stage(pipeline: str) -> None:
    fields = ("content-encoding", b"gzip")
    exchange = Exchange(plan(STAGE + pipeline), BodyMode.BUFFERED, b"text/event-stream", fields)
    headers = exchange.effects[0]
    assert isinstance(headers, Proceed)
    assert headers.headers is not None
    assert "content-encoding" in headers.headers.remove
    assert exchange.takes([gzip.compress(STREAM)]).body == passed("[EMAIL_1]" if pipeline else ADDRESS)


@PIPELINES
def test_a_stream_under_another_type_passes_as_a_stream(pipeline: str) -> None:
    chunks = [json.loads(each.removeprefix(b"data:")) for each in (FIRST, SECRET, LAST)]
    exchange = Exchange(plan(STAGE + pipeline), BodyMode.BUFFERED, b"application/json")
    exchange.sends(response_body(json.dumps(chunks).encode()))
    notice = "[EMAIL_1]" if pipeline else ADDRESS
    made = json.loads(noticed(f"ask {notice} ").removeprefix(b"data:"))
    assert json.loads(exchange.body) == [made, chunks[0], chunks[2]]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 200])
@PIPELINES
def test_pieces_of_any_size_give_the_same_bytes(size: int, pipeline: str) -> None:
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert streamed(plan(STAGE + pipeline), pieces).body == passed("[EMAIL_1]" if pipeline else ADDRESS)


@cache
def compiled(more: str) -> Plan:
    return plan(more)


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12), pipeline=st.sampled_from(["", MASKING]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cuts_give_the_same_bytes(cuts: list[int], pipeline: str) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(places)]
    assert streamed(compiled(STAGE + pipeline), pieces).body == passed("[EMAIL_1]" if pipeline else ADDRESS)


def test_a_policy_without_stages_asks_envoy_for_nothing_more() -> None:
    none, staged, masking = (
        plan(f"usage: {{from: none, metadata: null}}\n{more}") for more in ("", STAGE, STAGE + MASKING)
    )
    assert (none.needs.response_headers, none.needs.response_body) == (False, False)
    assert staged.needs.response_headers
    assert staged.needs.response_body
    assert staged.needs.answer_buffer == masking.needs.answer_buffer == 2 * 1024 * 1024
    assert len({none.fingerprint, staged.fingerprint}) == 2


def test_only_responses_of_apis_pass_the_stage() -> None:
    compiled = plan(f"default_backend: local\n{STAGE}")
    exchange = Exchange(compiled, BodyMode.FULL_DUPLEX_STREAMED, b"text/event-stream", path="/elsewhere")
    assert exchange.takes([STREAM]).body == STREAM


@pytest.mark.parametrize("kind", [b"application/json", b"text/event-stream"])
@pytest.mark.parametrize(("notice", "loud"), [("AND NOW A LOUD NOTICE ", True), ("and now a quiet one ", False)])
def test_a_detector_of_its_own_is_shown_what_the_stage_adds(kind: bytes, notice: str, loud: bool) -> None:
    judging = "pipelines: [{name: p, response: [{use: shouting, action: block, threshold: 0.5}]}]\n"
    stage = f"answer_stages: [{{use: notice, text: '{notice}', drop: secret-word}}]\n"
    streams = kind == b"text/event-stream"
    body = STREAM if streams else answer("ok")
    with played(plan(stage + judging)) as exchange:
        exchange.asks(ASKED).replies(body, ("content-type", kind)).does("shouting")
        assert exchange.refused == (403 if loud else None)
        if not loud:
            out = exchange.body(Side.RESPONSE, body)
            assert out == (passed_with(notice) if streams else body.replace(b'"ok', b'"' + notice.encode() + b"ok"))
        line = exchange.record()
    assert (line["input_tokens"], line["output_tokens"]) == (20, 30)


# -- through a real Envoy


@contextmanager
def running(compiled: Plan) -> Iterator[str]:
    """A worker under a plan, in a thread of its own; gives its endpoint."""
    started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with running_worker(compiled) as worker:
            started.set_result((str(worker.endpoint), asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    endpoint, loop, stop = started.result(30)
    try:
        yield endpoint
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


def unseen(made: Json) -> None:
    """Has Envoy show the processor nothing of responses."""
    modes = ext_proc(made)["processing_mode"]
    modes |= {"response_header_mode": "SKIP", "response_body_mode": "NONE", "response_trailer_mode": "SKIP"}


def asked(backend: Canned, more: str, profile: Profile, patch: Callable[[Json], object] = id) -> ClientResponse:
    """What a client gets of the backend's response through Envoy; `patch` alters the generated configuration."""
    written = loads(policy(more, backend.port))
    compiled = Plan.compile(written, {})
    with running(compiled) as endpoint:
        listen = SocketAddress("127.0.0.1", 0)
        made = bootstrap(written, needs=compiled.needs, endpoints=[endpoint], listen=listen, profile=profile)
        patch(made)
        with real_envoy(made, log_level="warning") as envoy:
            request = ClientRequest("POST", PATH, (("content-type", "application/json"),), ASKED)
            answered = http1(envoy.port("extproc"), request, within=30)
            assert_clean(envoy)
            return answered


@pytest.mark.envoy
@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
@PIPELINES
def test_streams_and_json_pass_the_stage_through_envoy(profile: Profile, pipeline: str) -> None:
    notice = "[EMAIL_1]" if pipeline else ADDRESS
    with canned() as backend:
        backend.pieces = [STREAM[at : at + 100] for at in range(0, len(STREAM), 100)]
        answered = asked(backend, STAGE + pipeline, profile)
        assert (answered.status, answered.body) == (200, passed(notice))
        backend.content_type, backend.pieces = "application/json", [answer("Hello")]
        answered = asked(backend, STAGE + pipeline, profile)
        expected = answer("Hello").replace(b"Hello", f"ask {notice} Hello".encode())
        assert (answered.status, answered.body) == (200, expected)


@pytest.mark.envoy
@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
@pytest.mark.parametrize(("on_failure", "status"), [("block", 503), ("allow", 200)])
def test_where_envoy_shows_no_response_only_a_stage_that_may_fail_is_passed_by(
    profile: Profile, on_failure: str, status: int
) -> None:
    with canned() as backend:
        backend.pieces = [STREAM]
        stage = f"answer_stages: [{{use: notice, text: x, on_failure: {on_failure}}}]\n"
        answered = asked(backend, stage, profile, unseen)
    assert answered.status == status
    assert (answered.body == STREAM) is (status == 200)
    assert (b"misconfigured" in answered.body) is (status == 503)
