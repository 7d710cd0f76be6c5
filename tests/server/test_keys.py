"""A worker reads the file of virtual keys again when it changes, and keeps what it knew if the file is wrong."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from extproc.policy import loads
from extproc.policy.secrets import KEY_FILE
from extproc.policy.virtual_keys import KEY_FILE_MAX, KeyRing, VirtualKey, hash_of, written
from extproc.server import keys as module
from extproc.server.keys import KeyWatch, look
from extproc.server.listen import parse
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.server.transport import SOCKET_MODE, Binding
from extproc.server.worker import Worker, start_worker
from extproc.transaction import Plan
from tests.server.support import lines, until

POLICY = """\
version: 1
backends: [{name: a, url: "http://127.0.0.1:1/v1", api: openai}]
tenants: {from: %s}
"""


def keys(*names: str) -> bytes:
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    return written(VirtualKey(id=name, hash=hash_of(name), tenant="acme", created=moment) for name in names)


def compiled(source: str, text: bytes = b"") -> Plan:
    return Plan.compile(loads(POLICY % source), {KEY_FILE: text})


def ids(ring: KeyRing | None) -> list[str] | None:
    return None if ring is None else [each.id for each in ring.keys]


def play(plan: Plan, scene: Callable[[Worker], Awaitable[None]], log: Path) -> None:
    async def main() -> None:
        sink = Log(Sink(str(log)))
        binding = Binding(parse("127.0.0.1:0"), None, SOCKET_MODE)
        worker = await start_worker(Runtime(plan, sink), binding)
        async with asyncio.timeout(20):
            await scene(worker)
        await worker.close()
        sink.close()

    asyncio.run(main())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.01)


def test_a_new_worker_has_the_keys_of_now_and_not_those_of_an_older_plan(tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    file.write_bytes(keys("new"))

    async def scene(worker: Worker) -> None:
        assert ids(worker.runtime.shared.ring) == ["new"]

    play(compiled(f"{{keys: {file}}}", keys("old")), scene, tmp_path / "log")


def test_a_change_is_in_force_soon_and_a_wrong_file_changes_nothing(tmp_path: Path) -> None:
    file, log = tmp_path / "keys.jsonl", tmp_path / "log"
    file.write_bytes(keys("a", "b"))

    async def scene(worker: Worker) -> None:
        shared = worker.runtime.shared
        (tmp_path / "other").write_bytes(keys("a"))
        (tmp_path / "other").replace(file)
        await until(lambda: ids(shared.ring) == ["a"])
        file.write_bytes(b"{planted")
        await until(lambda: bool(log.exists() and "keys_unusable" in log.read_text()))
        file.unlink()
        await until(lambda: log.read_text().count("keys_unusable") == 2)
        await asyncio.sleep(0.1)
        assert ids(shared.ring) == ["a"]
        file.write_bytes(b"")
        await until(lambda: ids(shared.ring) == [])
        file.write_bytes(keys("c"))
        await until(lambda: ids(shared.ring) == ["c"])

    play(compiled(f"{{keys: {file}}}"), scene, log)
    told = [line for line in lines(log) if line["event"].startswith("keys_")]
    assert [line.get("keys", line.get("problem")) for line in told] == [
        1, "line 1: it is not JSON in UTF-8", "it cannot be read: No such file or directory", 0, 1,
    ]  # fmt: skip
    assert "planted" not in log.read_text()


def test_another_policy_may_have_another_file_or_none(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(keys("a"))
    second.write_bytes(keys("b"))

    async def scene(worker: Worker) -> None:
        shared = worker.runtime.shared
        assert shared.ring is None
        worker.swap(compiled(f"{{keys: {first}}}", keys("a")))
        await until(lambda: ids(shared.ring) == ["a"])
        worker.swap(compiled(f"{{keys: {second}}}", keys("b")))
        assert shared.ring is None
        await until(lambda: ids(shared.ring) == ["b"])
        worker.swap(compiled(f"{{keys: {second}}}", keys("other")))
        assert ids(shared.ring) == ["b"]
        worker.swap(compiled("{header: x-tenant-id}"))
        assert shared.ring is None
        await asyncio.sleep(0.05)
        assert shared.ring is None

    play(compiled("{header: x-tenant-id}"), scene, tmp_path / "log")


def test_a_file_is_read_only_if_it_changed_and_only_up_to_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys.jsonl"
    file.write_bytes(keys("a"))
    found = look(file, None)
    assert found is not None
    assert look(file, found[0]) is None
    monkeypatch.setattr(module, "KEY_FILE_MAX", file.stat().st_size)
    assert look(file, None) is not None
    monkeypatch.setattr(module, "KEY_FILE_MAX", file.stat().st_size - 1)
    over = look(file, None)
    assert over is not None
    assert (over[1], over[2]) == (None, "it is larger than 0 MiB")
    assert KEY_FILE_MAX == 64 << 20


def test_a_watch_that_has_no_file_does_nothing() -> None:
    async def main() -> None:
        watch = KeyWatch(Runtime(compiled("{header: x-a}"), Log(Sink("none"))))
        watch.keep(None)
        await watch.close()

    asyncio.run(main())


def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    os.mkfifo(file)
    found = look(file, None)
    assert found is not None
    assert found[1:] == (None, "it is a pipe")
