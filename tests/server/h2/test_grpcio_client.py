"""grpc-core as the client: an implementation that nobody here wrote."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc import aio

from extproc.server.h2.limits import MIB, ConnectionLimits
from extproc.server.h2.listener import H2Transport
from extproc.server.health import CHECK, PROCESS, WATCH
from extproc.wire.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse
from extproc.wire.pb.processor_pb2 import ProcessingResponse
from tests.server.h2.serving import play, serving
from tests.server.support import body, ending, headers, kind, until

LOOPS = pytest.mark.parametrize("uvloop", [True, False], ids=["uvloop", "asyncio"])
Scene = Callable[[H2Transport, Any], Awaitable[None]]


@asynccontextmanager
async def channel_to(transport: H2Transport, *options: tuple[str, int]) -> AsyncIterator[Any]:
    unbounded = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with aio.insecure_channel(str(transport.endpoint), options=[*unbounded, *options]) as channel:
        yield channel


def act(scene: Scene, *, uvloop: bool = True, policy: str = "", options: tuple[tuple[str, int], ...] = ()) -> None:
    async def main() -> None:
        async with serving(policy=policy) as transport, channel_to(transport, *options) as channel:
            await scene(transport, channel)

    play(main, uvloop=uvloop)


def asked(service: str) -> bytes:
    return HealthCheckRequest(service=service).SerializeToString()


def told(payload: bytes) -> int:
    return HealthCheckResponse.FromString(payload).status


# Health.


@LOOPS
@pytest.mark.parametrize("service", ["", "liveness", "readiness", "envoy.service.ext_proc.v3.ExternalProcessor"])
def test_check_tells_of_every_service_there_is(uvloop: bool, service: str) -> None:
    async def scene(_: H2Transport, channel: Any) -> None:
        assert told(await channel.unary_unary(CHECK)(asked(service))) == HealthCheckResponse.SERVING

    act(scene, uvloop=uvloop)


def test_check_follows_the_drain() -> None:
    async def scene(transport: H2Transport, channel: Any) -> None:
        transport.runtime.health.drain()
        assert told(await channel.unary_unary(CHECK)(asked(""))) == HealthCheckResponse.NOT_SERVING
        assert told(await channel.unary_unary(CHECK)(asked("liveness"))) == HealthCheckResponse.SERVING

    act(scene)


@pytest.mark.parametrize(
    ("method", "payload", "code"),
    [
        (CHECK, asked("nobody"), grpc.StatusCode.NOT_FOUND),
        (CHECK, b"\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (CHECK.replace("Check", "List"), b"", grpc.StatusCode.UNIMPLEMENTED),
        ("/nobody/Knows", b"", grpc.StatusCode.UNIMPLEMENTED),
    ],
)
def test_a_question_without_an_answer_ends_with_a_status(method: str, payload: bytes, code: grpc.StatusCode) -> None:
    async def scene(_: H2Transport, channel: Any) -> None:
        with pytest.raises(aio.AioRpcError) as caught:
            await channel.unary_unary(method)(payload)
        assert caught.value.code() is code

    act(scene)


@pytest.mark.parametrize("method", [CHECK, WATCH])
@pytest.mark.parametrize("messages", [[], [asked(""), asked("")]])
def test_a_unary_call_has_one_message(method: str, messages: list[bytes]) -> None:
    async def scene(_: H2Transport, channel: Any) -> None:
        call = channel.stream_stream(method)()
        for message in messages:
            await call.write(message)
        await call.done_writing()
        assert (await ending(call))[0] is grpc.StatusCode.INTERNAL

    act(scene)


@LOOPS
def test_watch_tells_at_once_and_again_when_it_changes(uvloop: bool) -> None:
    async def scene(transport: H2Transport, channel: Any) -> None:
        call = channel.unary_stream(WATCH)(asked(""))
        alive = channel.unary_stream(WATCH)(asked("liveness"))
        assert told(await call.read()) == HealthCheckResponse.SERVING
        assert told(await alive.read()) == HealthCheckResponse.SERVING
        transport.runtime.health.drain()
        assert told(await call.read()) == HealthCheckResponse.NOT_SERVING
        unchanged = asyncio.ensure_future(alive.read())
        await asyncio.wait([unchanged], timeout=0.1)
        assert not unchanged.done()
        unchanged.cancel()
        call.cancel()
        alive.cancel()
        await until(lambda: not transport.runtime.health._watchers)

    act(scene, uvloop=uvloop)


def test_watch_of_an_unknown_service_waits_for_it() -> None:
    async def scene(_: H2Transport, channel: Any) -> None:
        assert told(await channel.unary_stream(WATCH)(asked("nobody")).read()) == HealthCheckResponse.SERVICE_UNKNOWN

    act(scene)


def test_watch_of_what_is_no_question_is_an_error() -> None:
    async def scene(_: H2Transport, channel: Any) -> None:
        call = channel.unary_stream(WATCH)(b"\xff")
        assert (await ending(call))[0] is grpc.StatusCode.INVALID_ARGUMENT

    act(scene)


def test_too_many_watchers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extproc.server.health.WATCHERS_MAX", 1)

    async def scene(_: H2Transport, channel: Any) -> None:
        first = channel.unary_stream(WATCH)(asked(""))
        await first.read()
        second = channel.unary_stream(WATCH)(asked(""))
        assert (await ending(second))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED

    act(scene)


# Process.


@LOOPS
def test_an_exchange_goes_to_and_fro(uvloop: bool) -> None:
    async def scene(transport: H2Transport, channel: Any) -> None:
        call = channel.stream_stream(PROCESS)()
        for payload, answer in ((headers("/"), "request_headers"), (body(b"x"), "request_body")):
            await call.write(payload)
            assert kind(await call.read()) == answer
        await call.done_writing()
        assert await ending(call) == (grpc.StatusCode.OK, "")
        assert transport.runtime.open == 0

    act(scene, uvloop=uvloop)


@LOOPS
@pytest.mark.parametrize("size", [0, 1, 16_379, 16_380, 16_384, 300_000, 40_000_000])
def test_messages_of_any_size_are_echoed(uvloop: bool, size: int) -> None:
    async def scene(_: H2Transport, channel: Any) -> None:
        call = channel.stream_stream(PROCESS)()
        await call.write(headers("/"))
        await call.read()
        sent = bytes(range(256)) * (size // 256) + bytes(size % 256)
        await call.write(body(sent))
        got = ProcessingResponse.FromString(await call.read())
        assert got.request_body.response.body_mutation.body == sent

    act(scene, uvloop=uvloop, policy="request_body: 40MiB")


@LOOPS
def test_a_cancelled_call_is_gone(uvloop: bool) -> None:
    async def scene(transport: H2Transport, channel: Any) -> None:
        call = channel.stream_stream(PROCESS)()
        await call.write(headers("/"))
        await call.read()
        assert transport.runtime.open == 1
        call.cancel()
        await until(lambda: transport.runtime.open == 0)

    act(scene, uvloop=uvloop)


@LOOPS
def test_a_deadline_that_passes_ends_the_call_on_both_sides(uvloop: bool) -> None:
    async def scene(transport: H2Transport, channel: Any) -> None:
        call = channel.stream_stream(PROCESS)(timeout=0.2)
        await call.write(headers("/"))
        assert (await ending(call))[0] is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: transport.runtime.open == 0)

    act(scene, uvloop=uvloop)


@LOOPS
@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_a_client_that_compresses_is_told_that_we_do_not(uvloop: bool, compression: grpc.Compression) -> None:
    async def main() -> None:
        async with (
            serving() as transport,
            aio.insecure_channel(str(transport.endpoint), compression=compression) as channel,
        ):
            call = channel.stream_stream(PROCESS)()
            await call.write(headers("/" + "a" * 1000))
            code, details = await ending(call)
            assert code is grpc.StatusCode.UNIMPLEMENTED
            assert details == "compressed messages are not supported"

    play(main, uvloop=uvloop)


@LOOPS
def test_hundreds_of_exchanges_share_a_connection(uvloop: bool) -> None:
    async def one(channel: Any) -> list[str | None]:
        call = channel.stream_stream(PROCESS)()
        answers = []
        for payload in (headers("/"), body(b"x")):
            await call.write(payload)
            answers.append(kind(await call.read()))
        await call.done_writing()
        assert (await ending(call))[0] is grpc.StatusCode.OK
        return answers

    async def scene(transport: H2Transport, channel: Any) -> None:
        answers = await asyncio.gather(*(one(channel) for _ in range(200)))
        assert answers == [["request_headers", "request_body"]] * 200
        assert len(transport._shells) == 1

    act(scene, uvloop=uvloop)


@LOOPS
def test_keepalive_pings_are_answered(uvloop: bool) -> None:
    """A client that pings often, and takes a connection for dead that does not answer within 100 ms."""

    async def scene(transport: H2Transport, channel: Any) -> None:
        call = channel.stream_stream(PROCESS)()
        await call.write(headers("/"))
        await call.read()
        (shell,) = transport._shells
        pings = shell._calls._connection.core.pings
        await until(lambda: pings._left <= ConnectionLimits().pings.burst - 2)
        await call.write(body(b"x"))
        assert kind(await call.read()) == "request_body"

    often = (
        ("grpc.keepalive_time_ms", 100),
        ("grpc.keepalive_timeout_ms", 100),
        ("grpc.http2.max_pings_without_data", 0),
    )
    act(scene, uvloop=uvloop, options=often)


@LOOPS
def test_after_a_drain_the_call_ends_well_and_the_client_goes_elsewhere(uvloop: bool) -> None:
    async def scene(transport: H2Transport, channel: Any) -> None:
        call = channel.stream_stream(PROCESS)()
        await call.write(headers("/"))
        await call.read()
        await transport.drain()
        await call.write(body(b"x"))
        assert kind(await call.read()) == "request_body"
        await until(lambda: all(shell._calls._connection.core.draining == 1 for shell in transport._shells))
        late = channel.stream_stream(PROCESS)()
        assert (await ending(late))[0] is grpc.StatusCode.UNAVAILABLE
        await call.done_writing()
        assert await ending(call) == (grpc.StatusCode.OK, "")
        await until(lambda: not transport._shells)

    act(scene, uvloop=uvloop)


@LOOPS
def test_a_hard_close_is_unavailable_and_never_ok(uvloop: bool) -> None:
    async def scene(transport: H2Transport, channel: Any) -> None:
        call = channel.stream_stream(PROCESS)()
        await call.write(headers("/"))
        await call.read()
        await transport.close()
        assert (await ending(call))[0] is grpc.StatusCode.UNAVAILABLE

    act(scene, uvloop=uvloop)


def test_a_policy_for_very_large_bodies_widens_the_limits() -> None:
    async def scene(transport: H2Transport, _: Any) -> None:
        assert transport.limits.message > 100 * MIB
        assert transport.limits.assembling >= 4 * transport.limits.message

    act(scene, policy="request_body: 100MiB")
