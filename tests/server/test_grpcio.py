import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from extproc.protocol.errors import ServeError
from extproc.server.transport import MESSAGE_SLACK
from extproc.server.worker import Worker, running_worker
from tests.server.support import MARKER, Decider, body, channel_to, ending, headers, kind, lines, plan, playing, until

Process = Callable[[], Any]


def play(scene: Callable[[Worker, Process], Awaitable[None]], limits: str = "", log: Path | None = None) -> None:
    """Runs a scene against a worker of its own."""

    async def main() -> None:
        async with asyncio.timeout(20), playing(limits, log=log) as (worker, process):
            await scene(worker, process)

    asyncio.run(main())


async def _asked(call: Any, *payloads: bytes) -> list[str | None]:
    answers = []
    for payload in payloads:
        await call.write(payload)
        answers.append(kind(await call.read()))
    return answers


def test_an_exchange_goes_to_and_fro_and_ends_well_when_envoy_half_closes(tmp_path: Path) -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = process()
        assert await _asked(call, headers("/"), body(b"x")) == ["request_headers", "request_body"]
        await call.done_writing()
        assert await ending(call) == (grpc.StatusCode.OK, "")
        await until(lambda: worker.runtime.open == 0)

    play(scene, log=tmp_path / "log")
    (line,) = lines(tmp_path / "log")
    assert (line["event"], line["decision"], line["stream"]) == ("exchange", "allowed", True)


def test_several_answers_arrive_in_their_order() -> None:
    async def scene(_: Worker, process: Process) -> None:
        call = process()
        await call.write(headers("/two"))
        assert [kind(await call.read()), kind(await call.read())] == ["request_headers", "request_body"]

    play(scene)


def test_the_stream_stays_open_after_a_rejection_until_envoy_closes_it() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = process()
        assert await _asked(call, headers("/reject")) == ["immediate_response"]
        reading = asyncio.ensure_future(call.read())
        await asyncio.wait([reading], timeout=0.3)
        assert not reading.done()
        assert worker.runtime.open == 1
        await call.done_writing()
        assert await reading is aio.EOF
        assert await call.code() is grpc.StatusCode.OK

    play(scene)


@pytest.mark.parametrize("messages", [[], [headers("/")], [headers("/"), body(b"x", end=False)]])
def test_a_client_that_leaves_at_any_phase_is_a_normal_end(messages: list[bytes], tmp_path: Path) -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = process()
        await _asked(call, *messages)
        await until(lambda: worker.runtime.open == 1)
        call.cancel()
        await until(lambda: worker.runtime.open == 0)

    play(scene, log=tmp_path / "log")
    (line,) = lines(tmp_path / "log")
    assert (line["event"], line["decision"], "abort" in line) == ("exchange", "allowed", False)


def test_a_client_that_leaves_while_it_is_being_answered_is_a_normal_end(tmp_path: Path) -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = process()
        await call.write(headers("/"))
        for _ in range(40):  # answers that nobody reads: the server waits in a write
            await asyncio.wait_for(call.write(body(b"x" * 1_000_000)), 1)
        call.cancel()
        await until(lambda: worker.runtime.open == 0)

    async def stuck(worker: Worker, process: Process) -> None:
        try:
            await scene(worker, process)
        except TimeoutError:
            await until(lambda: worker.runtime.open == 0)

    play(stuck, log=tmp_path / "log")
    (line,) = lines(tmp_path / "log")
    assert (line["event"], "abort" in line) == ("exchange", False)


@pytest.mark.parametrize(
    ("payloads", "code", "details"),
    [
        ([b"\xff\xff\xff"], grpc.StatusCode.INVALID_ARGUMENT, "extproc_protocol_violation"),
        ([b""], grpc.StatusCode.INVALID_ARGUMENT, "extproc_protocol_violation"),
        ([headers("/abort")], grpc.StatusCode.RESOURCE_EXHAUSTED, "extproc_too_much"),
        ([headers("/record")], grpc.StatusCode.INTERNAL, "extproc_internal_error"),
        ([headers("/crash-on-body"), body(MARKER.encode())], grpc.StatusCode.INTERNAL, "extproc_internal_error"),
    ],
)
def test_what_goes_wrong_ends_as_an_error_and_never_as_ok(
    payloads: list[bytes],
    code: grpc.StatusCode,
    details: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def scene(_: Worker, process: Process) -> None:
        call = process()
        for payload in payloads:
            await call.write(payload)
        assert await ending(call) == (code, details)

    play(scene, log=tmp_path / "log")
    assert MARKER not in (tmp_path / "log").read_text()
    assert capfd.readouterr() == ("", "")


def test_an_error_in_one_exchange_leaves_the_others_alone() -> None:
    async def scene(_: Worker, process: Process) -> None:
        well, ill = process(), process()
        assert await _asked(well, headers("/")) == ["request_headers"]
        await ill.write(headers("/record"))
        assert (await ending(ill))[0] is grpc.StatusCode.INTERNAL
        assert await _asked(well, body(b"x")) == ["request_body"]

    play(scene)


def test_a_deadline_is_answered_although_nothing_was_received() -> None:
    async def scene(_: Worker, process: Process) -> None:
        call = process()
        assert await _asked(call, headers("/late-reject")) == ["immediate_response"]
        await call.done_writing()
        assert await ending(call) == (grpc.StatusCode.OK, "")

    play(scene)


def test_a_deadline_ends_a_call_that_waits_for_a_message() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = process()
        await call.write(headers("/late-abort"))
        assert await ending(call) == (grpc.StatusCode.DEADLINE_EXCEEDED, "extproc_exchange_timeout")
        assert worker.runtime.open == 0

    play(scene)


def test_past_twice_the_limit_of_open_exchanges_a_stream_is_sent_elsewhere() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        first, second, third, fourth = (process() for _ in range(4))
        await _asked(first, headers("/"))
        await _asked(second, headers("/"))
        for call in (third, fourth):  # the decider's to refuse in words
            await _asked(call, headers("/"))
        assert worker.runtime.shared.load.refuses
        assert await ending(process()) == (grpc.StatusCode.UNAVAILABLE, "extproc_overloaded")
        for call in (first, third, fourth):
            await call.done_writing()
        await until(lambda: worker.runtime.open == 1 and not worker.runtime.shared.load.refuses)
        assert await _asked(process(), headers("/")) == ["request_headers"]

    play(scene, "open_exchanges: 2")


def test_a_message_of_the_largest_body_passes_and_a_larger_one_ends_as_an_error() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        largest = process()
        assert await _asked(largest, headers("/")) == ["request_headers"]
        assert await _asked(largest, body(b"x" * (64 * 1024))) == ["request_body"]
        larger = process()
        assert await _asked(larger, headers("/")) == ["request_headers"]
        await larger.write(body(b"x" * (64 * 1024 + MESSAGE_SLACK)))
        assert (await ending(larger))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        await largest.done_writing()
        await until(lambda: worker.runtime.open == 0)

    play(scene, "request_body: 64KiB")


def test_hundreds_of_exchanges_share_a_connection() -> None:
    async def one(process: Process) -> list[str | None]:
        call = process()
        answers = await _asked(call, headers("/"), body(b"x"))
        await call.done_writing()
        assert (await ending(call))[0] is grpc.StatusCode.OK
        return answers

    async def scene(_: Worker, process: Process) -> None:
        answers = await asyncio.gather(*(one(process) for _ in range(300)))
        assert answers == [["request_headers", "request_body"]] * 300

    play(scene)


def test_an_unknown_method_is_unimplemented() -> None:
    async def main() -> None:
        async with (
            running_worker(plan(), begin=Decider) as worker,
            aio.insecure_channel(str(worker.endpoint)) as channel,
        ):
            with pytest.raises(aio.AioRpcError) as caught:
                await channel.unary_unary("/envoy.service.ext_proc.v3.ExternalProcessor/Proces")(b"")
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(main())


def test_a_unix_socket_is_served_with_its_mode_and_removed_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def main() -> None:
        async with playing(listen=f"unix:{path}") as (worker, process):
            assert str(worker.endpoint) == f"unix:{path}"
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            assert await _asked(process(), headers("/")) == ["request_headers"]

    asyncio.run(main())
    assert not path.exists()


def test_two_workers_cannot_have_one_address(tmp_path: Path) -> None:
    async def main(listen: str) -> None:
        async with playing(listen=listen) as (worker, process):
            with pytest.raises(ServeError, match="listen"):
                async with running_worker(plan(), str(worker.endpoint)):
                    pass
            assert await _asked(process(), headers("/")) == ["request_headers"]

    asyncio.run(main("127.0.0.1:0"))
    asyncio.run(main(f"unix:{tmp_path / 's'}"))


def test_every_exchange_leaves_one_line_and_no_text_of_a_client(tmp_path: Path) -> None:
    paths = ["/", "/reject", "/abort", "/crash-on-body", "/late-crash", "/late-abort", f"/{MARKER}"]

    async def scene(worker: Worker, process: Process) -> None:
        for path in paths:
            call = process()
            await call.write(headers(path, authorization=MARKER, x_extproc_model=MARKER))
            with suppress(aio.AioRpcError):  # where the headers ended the call, the rest may come too late
                await call.write(body(MARKER.encode()))
                await call.done_writing()
            await ending(call)
        await until(lambda: worker.runtime.open == 0)
        assert MARKER.encode() not in json.dumps(worker.runtime.snapshot().counters).encode()

    play(scene, log=tmp_path / "log")
    assert len([line for line in lines(tmp_path / "log") if line["event"] == "exchange"]) == len(paths)
    assert MARKER not in (tmp_path / "log").read_text()


def test_two_clients_on_their_own_connections_are_served_alike() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        async with channel_to(str(worker.endpoint)) as other:
            assert await _asked(process(), headers("/")) == await _asked(other(), headers("/"))

    play(scene)
