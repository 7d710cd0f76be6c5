import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import grpc
import pytest

from extproc.policy import PolicyError
from extproc.protocol.errors import ServeError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers, Side
from extproc.server import supervisor as module
from extproc.server.child import Child, WorkerState
from extproc.server.listen import parse
from extproc.server.log import Log, Sink
from extproc.server.reloads import life
from extproc.server.supervisor import WORKERS_MAX, Options, Supervisor
from extproc.telemetry import Snapshot, exposition
from tests.server.support import MARKER, POLICY, body, channel_to, ending, headers, kind, lines, models_at, until
from tests.wire.requests import payload

START_SECONDS = 30.0
"""For a worker to start on a machine that does much else at the time."""


class Stage:
    """A policy file, a log, and options for a supervisor of them."""

    def __init__(self, folder: Path) -> None:
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY)
        self.log = folder / "log"
        self.listen = f"unix:{folder / 's'}"

    def options(self, workers: int = 1) -> Options:
        return Options(self.policy, parse(self.listen), workers, log=str(self.log))

    def events(self, name: str) -> list[dict[str, object]]:
        return [line for line in lines(self.log) if line["event"] == name]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@asynccontextmanager
async def _running(stage: Stage, workers: int) -> AsyncIterator[Supervisor]:
    log = Log(Sink(str(stage.log)))
    supervisor = Supervisor(stage.options(workers), log)
    ready = asyncio.Event()
    running = asyncio.ensure_future(supervisor.run(lambda _: ready.set()))
    try:
        await until(lambda: ready.is_set() or running.done(), START_SECONDS)
        if not running.done():
            yield supervisor
    finally:
        supervisor.stop()
        supervisor.stop()
        try:
            await running
        finally:
            log.close()


def play(stage: Stage, scene: Callable[[Supervisor], Awaitable[None]], workers: int = 1) -> None:
    async def main() -> None:
        async with asyncio.timeout(2 * START_SECONDS), _running(stage, workers) as supervisor:
            await scene(supervisor)

    asyncio.run(main())


def _count(snapshot: Snapshot, family: str) -> float:
    return sum(value for _, value in snapshot.counters.get(family, []))


def _pid(supervisor: Supervisor, index: int = 0) -> int:
    pid = supervisor._children[index].pid
    assert pid is not None
    return pid


async def _again(supervisor: Supervisor, before: int, index: int = 0) -> None:
    """Waits until another process serves in the place of `before`."""
    child = supervisor._children[index]
    await until(lambda: child.pid not in {None, before} and child.state is WorkerState.READY, START_SECONDS)


def test_each_worker_serves_at_an_address_of_its_own_and_all_are_counted_as_one(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        assert supervisor.endpoints == (stage.listen, f"{stage.listen}.1")
        for endpoint in supervisor.endpoints:
            assert "chat" in await models_at(endpoint)
        snapshot = await supervisor.collect()
        assert _count(snapshot, "exchanges_total") == 2
        assert dict(snapshot.gauges["workers"])["ready",] == 2
        assert "extproc_exchanges_total{" in exposition.text(snapshot).decode()

    play(stage, scene, workers=2)
    assert len({line["worker"] for line in stage.events("exchange")}) == 2
    assert len(stage.events("ready")) == 1


async def _learn(address: str) -> None:
    """Shows a worker that Envoy could not connect to the backend of the model `chat`."""
    details = {"response.code_details": "no_healthy_upstream"}
    async with channel_to(address) as process:
        call = process()
        await call.write(headers("/v1/chat/completions"))
        await call.read()
        await call.write(body(b'{"model": "chat"}'))
        await call.read()
        answer = Headers(Side.RESPONSE, HeaderMap([(":status", b"503")]), True, details)
        await call.write(payload(answer))
        await call.read()
        await call.done_writing()
        await ending(call)


async def _refuses(address: str) -> bool:
    """True if the worker takes the backend of `chat` for down."""
    async with channel_to(address) as process:
        call = process()
        await call.write(headers("/v1/chat/completions"))
        await call.read()
        await call.write(body(b'{"model": "chat"}'))
        answered = kind(await call.read())
        await call.done_writing()
        await ending(call)
        return answered == "immediate_response"


async def _soon_refuses(address: str) -> bool:
    """True if it does within two seconds."""
    end = asyncio.get_running_loop().time() + 2.0
    while asyncio.get_running_loop().time() < end:
        if await _refuses(address):
            return True
    return False


def test_what_one_worker_learns_of_a_backend_all_know_and_so_does_one_that_starts_later(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        first, second = supervisor.endpoints
        assert not await _refuses(second)
        await _learn(first)
        assert await _soon_refuses(second)
        status = await supervisor.status()
        assert status["backends"] == {"local": {"0": "down", "1": "down"}}
        (found,) = cast("list[dict[str, object]]", status["health"])
        assert (found["backend"], found["model"], found["why"]) == ("local", None, "unreachable")
        killed = _pid(supervisor, 1)
        os.kill(killed, signal.SIGKILL)
        await _again(supervisor, killed, 1)
        assert await _soon_refuses(second)
        assert await supervisor.reload()
        assert await _refuses(second), "the backend is where it was"
        stage.policy.write_text(POLICY.replace("9001", "9002"))
        assert await supervisor.reload()
        assert not await _refuses(second), "another address is another backend"

    stage.policy.write_text(POLICY + "health: {cooldown: 1h}\n")
    play(stage, scene, workers=2)


def test_a_worker_that_is_killed_is_started_again_at_its_address_and_no_count_goes_back(stage: Stage) -> None:
    stage.listen = "127.0.0.1:0"

    async def scene(supervisor: Supervisor) -> None:
        (address,) = supervisor.endpoints
        assert address != stage.listen
        await models_at(address)
        assert _count(await supervisor.collect(), "exchanges_total") == 1
        killed = _pid(supervisor)
        os.kill(killed, signal.SIGKILL)
        await _again(supervisor, killed)
        assert supervisor.endpoints == (address,)
        assert _count(await supervisor.collect(), "exchanges_total") == 1
        assert "chat" in await models_at(address)
        snapshot = await supervisor.collect()
        assert _count(snapshot, "exchanges_total") == 2
        assert _count(snapshot, "worker_restarts_total") == 1

    play(stage, scene)
    (ended,) = stage.events("worker_ended")
    assert (ended["worker"], ended["exit_code"]) == (0, -signal.SIGKILL)


def test_a_frozen_worker_is_found_and_replaced(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_EVERY", 0.1)
    monkeypatch.setattr(module, "FROZEN_AFTER", 1.0)
    monkeypatch.setattr(life, "ASK_TIMEOUT", 0.2)

    async def scene(supervisor: Supervisor) -> None:
        await supervisor.collect()
        frozen = _pid(supervisor)
        os.kill(frozen, signal.SIGSTOP)
        async with asyncio.timeout(0.9):
            assert _count(await supervisor.collect(), "messages_total") == 0
        await _again(supervisor, frozen)
        assert "chat" in await models_at(stage.listen)

    play(stage, scene)
    assert stage.events("worker_frozen")[0]["worker"] == 0


def test_a_worker_that_is_terminated_finishes_its_work_and_the_others_go_on(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        async with channel_to(stage.listen) as process:
            call = process()
            await call.write(headers("/elsewhere"))
            assert kind(await call.read()) == "request_headers"
            terminated = _pid(supervisor)
            os.kill(terminated, signal.SIGTERM)
            await until(lambda: supervisor._children[0].state is WorkerState.DRAINING)
            assert supervisor.unready is None
            assert "chat" in await models_at(f"{stage.listen}.1")
            await call.done_writing()
            assert (await ending(call))[0] is grpc.StatusCode.OK
        await _again(supervisor, terminated)
        assert "chat" in await models_at(stage.listen)
        assert _count(await supervisor.collect(), "exchanges_total") == 3

    play(stage, scene, workers=2)
    assert next(line["worker"] for line in stage.events("drain")) == 0


def test_a_reload_puts_a_right_policy_in_force_everywhere_and_a_wrong_one_nowhere(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        stage.policy.write_text(POLICY.replace("name: chat", "name: fresh"))
        before = (await supervisor.status())["policy"]
        assert await supervisor.reload()
        for endpoint in supervisor.endpoints:
            assert "fresh" in await models_at(endpoint)
        after = (await supervisor.status())["policy"]
        assert before != after
        stage.policy.write_text(
            POLICY.replace("backend: local", "backend: nowhere").replace("version: 1", "version: 2")
        )
        assert not await supervisor.reload()
        for endpoint in supervisor.endpoints:
            assert "fresh" in await models_at(endpoint)
        assert (await supervisor.status())["policy"] == after
        reloads = dict((await supervisor.collect()).counters["reloads_total"])
        assert reloads == {("ok",): 1, ("failed",): 1}

    play(stage, scene, workers=2)
    problems = [str(line["problem"]) for line in stage.events("reload_problem")]
    assert len(problems) == 2
    assert all(f"{stage.policy}:" in problem for problem in problems)


def test_an_exchange_that_is_open_keeps_its_policy_over_a_reload(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        async with channel_to(stage.listen) as process:
            call = process()
            await call.write(headers("/elsewhere"))
            assert kind(await call.read()) == "request_headers"
            stage.policy.write_text(POLICY.replace("name: chat", "name: fresh"))
            assert await supervisor.reload()
            await call.done_writing()
            assert (await ending(call))[0] is grpc.StatusCode.OK

    play(stage, scene)


def test_a_changed_credential_is_read_by_a_reload_and_a_missing_one_stops_it(stage: Stage, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(f"{MARKER}\n")
    stage.policy.write_text(POLICY.replace("api: openai", f"api: openai, credential: {{bearer: {{file: {key}}}}}"))

    async def scene(supervisor: Supervisor) -> None:
        key.write_text("another")
        assert await supervisor.reload()
        assert supervisor.life.config.sealed.secrets == {"local": b"another"}
        key.unlink()
        assert not await supervisor.reload()
        assert supervisor.life.config.sealed.secrets == {"local": b"another"}
        status = await supervisor.status()
        assert "another" not in repr((status, supervisor.life.config, supervisor.life.loaded.sealed))
        (problem,) = status["last_reload"]["problems"]  # type: ignore[index]  # the shape of a document
        assert "backends[0].credential" in problem

    play(stage, scene)
    assert MARKER not in stage.log.read_text()


def test_a_log_that_was_rotated_away_is_opened_anew_by_a_reload(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        stage.log.rename(stage.log.with_name("old"))
        assert await supervisor.reload()
        await models_at(stage.listen)

    play(stage, scene)
    assert len(stage.events("exchange")) == 1


def test_status_tells_how_all_stands(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        async with channel_to(stage.listen) as process:
            call = process()
            await call.write(headers("/elsewhere"))
            await call.read()
            status = await supervisor.status()
            await call.done_writing()
            await ending(call)
        assert status["ready"] is True
        assert status["workers"] == [
            {
                "worker": 0,
                "pid": _pid(supervisor),
                "endpoint": stage.listen,
                "state": "ready",
                "open_exchanges": 1,
                "overloaded": None,
                "restarts": 0,
            }
        ]
        assert status["backends"] == {"local": {"0": "up"}}

    play(stage, scene)


def _told_of(child: Child, state: WorkerState) -> asyncio.Event:
    """What is set once the worker is in a state, which may last too short a time to be seen by looking."""
    told, become = asyncio.Event(), child._become

    def noted(new: WorkerState) -> None:
        become(new)
        if new is state:
            told.set()

    child._become = noted  # type: ignore[assignment]
    return told


def test_a_worker_without_its_supervisor_ends_and_the_next_has_what_was_reloaded_meanwhile(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        orphan = _pid(supervisor)
        child = supervisor._children[0]
        assert child._channel is not None
        starting = _told_of(child, WorkerState.STARTING)
        child._channel.close()
        await asyncio.wait_for(starting.wait(), START_SECONDS)
        stage.policy.write_text(POLICY.replace("name: chat", "name: fresh"))
        assert await supervisor.reload()
        await _again(supervisor, orphan)
        assert "fresh" in await models_at(stage.listen)

    play(stage, scene)
    assert len(stage.events("worker_ready")) == 2


def test_where_nobody_can_listen_nothing_starts(stage: Stage) -> None:
    Path(stage.listen.removeprefix("unix:")).write_text("in the way")

    async def scene(_: Supervisor) -> None:
        raise AssertionError("it started")

    with pytest.raises(ServeError, match="no socket"):
        play(stage, scene)


async def _made(options: Options) -> Supervisor:
    return Supervisor(options, Log(Sink("none")))


@pytest.mark.parametrize("workers", [0, WORKERS_MAX + 1])
def test_a_number_of_workers_beyond_reason_is_refused(stage: Stage, workers: int) -> None:
    with pytest.raises(ServeError, match=f"1 to {WORKERS_MAX}"):
        asyncio.run(_made(stage.options(workers)))
    asyncio.run(_made(stage.options(WORKERS_MAX)))


def test_a_wrong_policy_or_a_missing_credential_starts_nothing(stage: Stage) -> None:
    stage.policy.write_text("version: 7")
    with pytest.raises(PolicyError):
        asyncio.run(_made(stage.options()))
    stage.policy.write_text(POLICY.replace("api: openai", "api: openai, credential: {bearer: {env: NOT_SET_ANYWHERE}}"))
    with pytest.raises(PolicyError) as raised:
        asyncio.run(_made(stage.options()))
    assert "NOT_SET_ANYWHERE" in raised.value.render()


def test_files_that_change_are_taken_by_all_workers_and_a_wrong_one_as_soon_as_it_is_right(stage: Stage) -> None:
    key = stage.policy.with_name("key")
    key.write_text("one")
    credential = f"api: openai, credential: {{bearer: {{file: {key}}}}}"
    stage.policy.write_text(POLICY.replace("api: openai", credential))

    async def scene(supervisor: Supervisor) -> None:
        watching = asyncio.ensure_future(supervisor.life.watch())
        digest = supervisor.life.loaded.digest
        key.write_text("another")
        await until(lambda: supervisor.life.config.sealed.secrets == {"local": b"another"}, START_SECONDS)
        assert supervisor.life.loaded.digest == digest
        stage.policy.write_text("version: 9")
        await until(lambda: bool(supervisor.life.last and supervisor.life.last["result"] == "failed"), START_SECONDS)
        status = await supervisor.status()
        assert status["ready"] is True
        assert status["policy"]["digest"] == digest  # type: ignore[index]  # the shape of a document
        gauges = (await supervisor.collect()).gauges
        assert dict(gauges["policy_last_reload_successful"]) == {(): 0.0}
        assert dict(gauges["policy_info"]) == {(digest, supervisor.life.loaded.fingerprint): 1.0}
        other = stage.policy.with_name("other")
        other.write_text(POLICY.replace("name: chat", "name: fresh"))
        other.rename(stage.policy)
        await until(lambda: supervisor.life.loaded.digest != digest, START_SECONDS)
        for endpoint in supervisor.endpoints:
            assert "fresh" in await models_at(endpoint)
        gauges = (await supervisor.collect()).gauges
        assert dict(gauges["policy_last_reload_successful"]) == {(): 1.0}
        assert dict(gauges["policy_loaded_timestamp_seconds"]) == {(): supervisor.life.loaded.at}
        watching.cancel()

    play(stage, scene, workers=2)
    assert {str(line["cause"]) for line in stage.events("reload")} == {"file"}


def test_a_policy_that_waits_for_another_envoy_is_taken_once_that_is_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "ASK_AGAIN", 0.1)

    async def nobody_is_asked() -> None:
        return None

    async def nobody_answers(within: float) -> bool:  # noqa: ARG001  - a worker's own word would take the place of ours
        return True

    async def scene(supervisor: Supervisor) -> None:
        kept, (child,) = supervisor.life, supervisor._children
        monkeypatch.setattr(kept, "ask_workers", nobody_is_asked)
        monkeypatch.setattr(child, "ask", nobody_answers)
        child.envoys = {kept.loaded.fingerprint: 0.0}
        watching = asyncio.ensure_future(kept.watch())
        stage.policy.write_text(POLICY.replace(":9001", ":9002"))
        await until(lambda: kept.awaits is not None, START_SECONDS)
        assert (await supervisor.status())["policy"]["awaits_envoy"] == kept.awaits  # type: ignore[index]  # as above
        child.envoys = {kept.awaits or "": 0.0}
        await until(lambda: kept.last is not None and kept.last["cause"] == "envoy", START_SECONDS)
        assert kept.last is not None
        assert (kept.last["result"], kept.awaits, kept.loaded.fingerprint) == ("ok", None, next(iter(child.envoys)))
        watching.cancel()

    play(stage, scene)
