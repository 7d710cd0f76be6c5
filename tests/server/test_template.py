"""The template of workers: one compilation for all, restarts of itself and of workers, and its end."""

import asyncio
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import cast

import grpc
import pytest
from msgspec.structs import replace

from extproc.policy import PolicyError
from extproc.protocol.errors import ServeError
from extproc.server import forker as module
from extproc.server import template
from extproc.server.log import Log, Sink
from extproc.server.policies import Sealed
from extproc.server.process import _plan
from extproc.server.supervisor import Options, Supervisor
from scripts.benchmarks import cpu
from tests.seams.distributions import install_one
from tests.server.support import POLICY, channel_to, ending, headers, kind, models_at, plan, until
from tests.server.test_supervisor import START_SECONDS, Stage, _again, _pid, play

RULES = """
pipelines:
  - {name: cards, request: [{use: pii, kinds: [credit_card], action: mask}]}
"""

SIGNAL = """
from extproc.ext import Signal
IT = Signal("risk", "int", 1, "a number", compute=lambda view: 1)
"""

GRPC_LIBRARY = "cygrpc"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def _template(supervisor: Supervisor) -> int:
    return supervisor._forker.pid


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _maps(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


async def _another_template(supervisor: Supervisor, before: int) -> None:
    await until(lambda: _template(supervisor) != before and supervisor._forker._up.is_set(), START_SECONDS)


def test_a_policy_is_compiled_once_for_all_workers_and_not_again_for_one_that_was_killed(stage: Stage) -> None:
    stage.policy.write_text(POLICY + RULES)

    async def scene(supervisor: Supervisor) -> None:
        killed = _pid(supervisor)
        os.kill(killed, signal.SIGKILL)
        await _again(supervisor, killed)
        compiling = cpu.seconds([_template(supervisor)])
        for index in range(3):
            assert cpu.seconds([_pid(supervisor, index)]) < compiling / 4

    play(stage, scene, workers=3)


def test_workers_share_the_memory_of_what_the_template_made(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        for index in range(2):
            worker = [_pid(supervisor, index)]
            assert cpu.pss_mib(worker) < cpu.rss_mib(worker) / 1.5

    play(stage, scene, workers=2)


def test_a_worker_compiles_only_what_its_template_did_not() -> None:
    compiled, unreadable = plan(), Sealed(b"this is no pickle", {})
    assert _plan(unreadable, [(Sealed(b"another", {}), plan()), (unreadable, compiled)]) is compiled
    with pytest.raises(pickle.UnpicklingError):
        _plan(unreadable, [(Sealed(b"another", {}), compiled)])


def test_a_template_that_is_killed_is_started_again_and_harms_no_worker(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        template, worker = _template(supervisor), _pid(supervisor)
        async with channel_to(stage.listen) as process:
            call = process()
            await call.write(headers("/elsewhere"))
            assert kind(await call.read()) == "request_headers"
            os.kill(template, signal.SIGKILL)
            await _another_template(supervisor, template)
            await call.done_writing()
            assert (await ending(call))[0] is grpc.StatusCode.OK
        assert _pid(supervisor) == worker
        assert "chat" in await models_at(stage.listen)
        # One worker of the template that has gone, and one of the new: both are missed and replaced.
        os.kill(worker, signal.SIGKILL)
        await _again(supervisor, worker)
        second = _pid(supervisor)
        os.kill(second, signal.SIGKILL)
        await _again(supervisor, second)
        assert "chat" in await models_at(stage.listen)

    play(stage, scene)
    assert [line["exit_code"] for line in stage.events("template_ended")] == [-signal.SIGKILL]
    assert [line["exit_code"] for line in stage.events("worker_ended")] == [None, -signal.SIGKILL]


def test_a_worker_that_ends_while_there_is_no_template_waits_for_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_FIRST", 1.0)

    async def scene(supervisor: Supervisor) -> None:
        template, worker = _template(supervisor), _pid(supervisor)
        os.kill(template, signal.SIGKILL)
        await until(lambda: bool(stage.events("template_ended")))
        os.kill(worker, signal.SIGKILL)
        await _again(supervisor, worker)
        assert _template(supervisor) != template

    play(stage, scene)


def test_a_template_that_cannot_be_started_again_at_once_is_tried_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Exhausted(template.Template):
        left = 1

        def __init__(self, transport: str) -> None:
            if Exhausted.left:
                Exhausted.left -= 1
                raise BlockingIOError("no process is left")
            super().__init__(transport)

    async def scene(supervisor: Supervisor) -> None:
        before = _template(supervisor)
        monkeypatch.setattr(module, "Template", Exhausted)
        os.kill(before, signal.SIGKILL)
        await _another_template(supervisor, before)
        assert await supervisor.reload()

    play(stage, scene)
    assert [line["exit_code"] for line in stage.events("template_ended")] == [-signal.SIGKILL, None]


def test_signals_to_all_processes_of_a_service_leave_the_template_alone(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        template, worker = _template(supervisor), _pid(supervisor)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(template, number)
        os.kill(worker, signal.SIGKILL)
        await _again(supervisor, worker)
        assert _template(supervisor) == template

    play(stage, scene)
    assert stage.events("template_ended") == []


def test_a_killed_worker_has_the_policy_in_force_whatever_was_compiled_last(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        async def model_of_the_next() -> bytes:
            before = _pid(supervisor)
            os.kill(before, signal.SIGKILL)
            await _again(supervisor, before)
            return bytes(await models_at(stage.listen), "utf-8")

        stage.policy.write_text(POLICY.replace("name: chat", "name: fresh"))
        assert await supervisor.reload()
        compiling = cpu.seconds([_template(supervisor)])
        assert b"fresh" in await model_of_the_next()
        assert cpu.seconds([_pid(supervisor)]) < compiling / 4
        stage.policy.write_text(POLICY.replace("backend: local", "backend: nowhere"))
        assert not await supervisor.reload()
        assert b"fresh" in await model_of_the_next()
        os.kill(template := _template(supervisor), signal.SIGKILL)
        await _another_template(supervisor, template)
        assert b"fresh" in await model_of_the_next()

    play(stage, scene)


def test_a_template_has_one_thread_and_no_grpc_when_it_forks(stage: Stage) -> None:
    async def scene(supervisor: Supervisor) -> None:
        await supervisor.reload()
        template, worker = _template(supervisor), _pid(supervisor)
        assert _threads(template) == 1
        assert GRPC_LIBRARY not in _maps(template)
        assert GRPC_LIBRARY in _maps(worker)
        assert "chat" in await models_at(stage.listen)

    options = stage.options
    stage.options = lambda workers=1: replace(options(workers), transport="grpcio")  # type: ignore[method-assign]
    play(stage, scene)


def test_a_template_that_does_not_answer_fails_the_reload_and_is_replaced(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(supervisor: Supervisor) -> None:
        template = _template(supervisor)
        os.kill(template, signal.SIGSTOP)
        with monkeypatch.context() as patched:
            patched.setattr(module, "ANSWER_TIMEOUT", 0.2)
            assert not await supervisor.reload()
        await _another_template(supervisor, template)
        assert await supervisor.reload()

    play(stage, scene)
    (problem,) = stage.events("reload_problem")
    assert "could not be compiled" in str(problem["problem"])


def _made(options: Options) -> Supervisor:
    async def made() -> Supervisor:
        return Supervisor(options, Log(Sink("none")))

    return asyncio.run(made())


def test_a_supervisor_that_never_runs_leaves_no_template(stage: Stage) -> None:
    supervisor = _made(stage.options())
    template = _template(supervisor)
    assert not _gone(template)
    del supervisor
    gc.collect()
    assert not Path(f"/proc/{template}").exists()


def test_a_template_that_cannot_start_is_a_problem_with_a_name(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "MODULE", "extproc.server.no_such_module")
    with pytest.raises(ServeError, match="could not be compiled"):
        _made(stage.options())


def test_rules_that_cannot_be_compiled_are_told_with_their_line(stage: Stage) -> None:
    stage.policy.write_text(
        POLICY + "pipelines: [{name: one, request: [{use: pattern, regex: '(?=x)', action: mask}]}]\n"
    )
    with pytest.raises(PolicyError) as raised:
        _made(stage.options())
    assert f"{stage.policy}:" in raised.value.render()


def test_nothing_outlives_a_killed_supervisor(stage: Stage) -> None:
    command = [sys.executable, "-m", "extproc", "serve", "-c", str(stage.policy), "--listen", stage.listen]
    command += ["--workers", "2", "--admin", "none", "--log", str(stage.log)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as serving:
        try:
            asyncio.run(until(lambda: stage.log.exists() and bool(stage.events("ready")), START_SECONDS))
            processes = cpu.with_children(serving.pid)
            assert len(processes) == 4, "the supervisor, the template and two workers"
        finally:
            serving.kill()
        asyncio.run(until(lambda: all(map(_gone, processes)), START_SECONDS))


def test_a_worker_that_is_busy_ends_when_its_supervisor_has_gone() -> None:
    program = (
        "import sys, threading, time; from extproc.server import process; process.ORPHANED = 0.1;"
        "threading.Thread(target=process.end_without, args=(int(sys.argv[1]),), daemon=True).start();"
        "print('busy', flush=True); time.sleep(600)"
    )
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-c", program, str(theirs.fileno())]
        with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[theirs.fileno()]) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"busy\n"
            assert worker.poll() is None
            ours.close()
            assert worker.wait(START_SECONDS) == 1


def test_a_plug_in_that_breaks_while_serving_harms_no_worker_and_is_told_when_one_starts(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = tmp_path / "modules"
    install_one(modules, "acme-it", SIGNAL)
    monkeypatch.setenv("PYTHONPATH", str(modules))
    said = f"plug-in acme-it 1.0: entry point it: RuntimeError while acme_it:IT was imported ({modules}/"

    async def scene(supervisor: Supervisor) -> None:
        assert (await supervisor.status())["plugins"] == ["acme-it 1.0: signal risk"]
        (child,) = supervisor._children
        (modules / "acme_it.py").write_text("raise RuntimeError")
        before, worker = _template(supervisor), _pid(supervisor)
        os.kill(before, signal.SIGKILL)
        await _another_template(supervisor, before)
        assert _pid(supervisor) == worker
        assert "chat" in await models_at(stage.listen)
        assert not await supervisor.reload()
        reload = cast("dict[str, list[str]]", (await supervisor.status())["last_reload"])
        assert [each.startswith(said) for each in reload["problems"]] == [True]
        os.kill(worker, signal.SIGKILL)
        await until(lambda: child.problem is not None, START_SECONDS)
        (modules / "acme_it.py").write_text(SIGNAL)
        before = _template(supervisor)
        os.kill(before, signal.SIGKILL)
        await _another_template(supervisor, before)
        await _again(supervisor, worker)

    play(stage, scene)
    told = [str(line["problem"]) for line in stage.events("worker_ended") if line["problem"]]
    assert told
    assert all(each.startswith(said) for each in told)
