"""The processor killed, frozen, drained, reloaded: a client sees nothing of it, or an error in its dialect."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, End, Ending, ScriptStep, Until, When
from tests.e2e.bodies import chat, said
from tests.e2e.gateway import Gateway, Patch, Version, ext_proc, gateway, post, site, tagged
from tests.e2e.policies import DIRECT, KEYLESS

pytestmark = pytest.mark.envoy

STREAM = said("a b c d e f g h", "grow", stream=True)


# Each test starts a gateway of its own. The other profile is for `deep` where neither the stage that an exchange is in
# nor Envoy's own patience is what is tested.
EITHER = pytest.mark.parametrize("profile", ["full-duplex", pytest.param("buffered", marks=pytest.mark.deep)])
VERSION = pytest.mark.parametrize("version", ["http1", pytest.param("http2", marks=pytest.mark.deep)])


@contextmanager
def running(
    transport: str, profile: Profile, workers: int = 1, patch: Patch = id, policy: str = DIRECT
) -> Iterator[Gateway]:
    """A gateway that a test may break."""
    with site(policy, transport, workers=workers) as before, gateway(before, profile, patch) as started:
        yield started


def did(act: Callable[[], object]) -> When:
    """A step that does something once."""

    def once() -> bool:
        act()
        return True

    return When(once)


def kill(gateway: Gateway, worker: int, number: signal.Signals = signal.SIGKILL) -> None:
    os.kill(gateway.processor.pids[worker], number)


def worker_of(gateway: Gateway) -> int:
    """The worker that has the one open exchange."""
    busy = [w["worker"] for w in gateway.processor.status()["workers"] if w["open_exchanges"]]
    return int(busy[0]) if len(busy) == 1 else -1


def assert_unavailable(answer: ClientResponse) -> None:
    assert (answer.status, answer.complete, answer.json()["error"]["code"]) == (503, True, "unavailable")


def test_a_killed_processor_is_503_until_it_is_back(transport: str, profile: Profile, version: Version) -> None:
    with running(transport, profile) as gateway:
        gateway.ask(said("x"), version)
        pid = gateway.processor.pids[0]
        kill(gateway, 0)
        answer = gateway.send(post(said("x")), version)
        if answer.status != 200:
            assert_unavailable(answer)
        else:
            gateway.site.expected += 1
        assert eventually(lambda: gateway.processor.pids[0] not in {None, pid}, 10)
        assert eventually(lambda: gateway.processor.status()["ready"], 10)

        def serves() -> bool:
            answered = gateway.send(post(said("x")), version)
            gateway.site.expected += answered.status == 200
            return answered.status == 200

        assert eventually(serves, 10)
        gateway.check()


@pytest.mark.parametrize("size", [pytest.param(1000, marks=pytest.mark.deep), 400_000])
def test_a_processor_that_is_killed_while_it_reads_is_503(
    transport: str, profile: Profile, version: Version, size: int
) -> None:
    with running(transport, profile) as gateway:
        body = chat(size)
        steps: list[ScriptStep] = [
            body[: size // 2],
            When(lambda: gateway.site.open == 1),
            did(lambda: kill(gateway, 0)),
        ]
        answer = gateway.send(post([*steps, body[size // 2 :], End()]), version)
        assert_unavailable(answer)
        assert gateway.site.received == 0
        gateway.check()


@VERSION
def test_a_stream_outlives_the_processor_that_routed_it(transport: str, version: Version) -> None:
    """In full duplex Envoy 1.40 ends the exchange when the request is routed and nobody reads the response."""
    with running(transport, "full-duplex", policy=KEYLESS) as gateway:
        steps: list[ScriptStep] = [STREAM, End(), Until(100), did(lambda: kill(gateway, 0))]
        answer, seen = gateway.ask(steps, version, do="gap-30ms")
        assert answer.body == gateway.straight(seen, "north").body
        gateway.check()


@VERSION
def test_a_stream_whose_processor_dies_is_no_clean_end(transport: str, version: Version) -> None:
    """In buffered mode Envoy 1.40 keeps the exchange open until the answer's end, though nobody reads it."""
    with running(transport, "buffered") as gateway:
        tag = tagged()
        steps: list[ScriptStep] = [STREAM, End(), Until(100), did(lambda: kill(gateway, 0))]
        answer = gateway.send(post(steps, tag=tag, do="gap-30ms"), version)
        seen = gateway.forwarded(tag, "north")
        assert (answer.status, answer.ending in {Ending.TRUNCATED, Ending.RESET}) == (200, True)
        assert gateway.straight(seen, "north").body.startswith(answer.body)
        gateway.check()


@EITHER
def test_no_request_fails_when_one_of_two_workers_is_killed(transport: str, profile: Profile) -> None:
    with running(transport, profile, workers=2) as gateway:
        pids = gateway.processor.pids
        gateway.ask(said("x"))
        kill(gateway, 0)
        for number in range(60):
            gateway.ask(chat(1_000 + 300 * number, "grow"))
        assert eventually(lambda: gateway.processor.pids[0] not in {None, pids[0]}, 10)
        assert gateway.processor.pids[1] == pids[1]
        assert eventually(lambda: gateway.processor.status()["workers"][0]["state"] == "ready", 10)
        for _ in range(10):
            gateway.ask(said("x"))
        gateway.check()


def test_a_worker_that_is_killed_with_requests_open_takes_no_other_down(transport: str, profile: Profile) -> None:
    with running(transport, profile, workers=2) as gateway, ThreadPoolExecutor(8) as pool:
        killed = threading.Event()
        body = said("x", "grow")

        def one() -> ClientResponse:
            # Held in the middle of its body until the worker is dead.
            steps: list[ScriptStep] = [body[:20], When(killed.is_set), body[20:], End()]
            return gateway.send(post(steps, tag="open"))

        answers: list[Future[ClientResponse]] = [pool.submit(one) for _ in range(8)]
        assert eventually(lambda: gateway.site.open == 8, 10)
        opened = [w["open_exchanges"] for w in gateway.processor.status()["workers"]]
        kill(gateway, 0)
        killed.set()
        statuses = sorted(answer.result(20).status for answer in answers)
        # Those of the dead worker are 503, or were offered to the other one, which Envoy does while it holds all.
        assert set(statuses) <= {200, 503}
        assert statuses.count(200) >= opened[1]
        gateway.site.expected += statuses.count(200)
        gateway.check()


@pytest.mark.parametrize("profile", ["buffered"])
def test_a_frozen_worker_is_left_for_the_other(transport: str, profile: Profile, version: Version) -> None:
    with running(transport, profile, workers=2) as gateway:
        kill(gateway, 0, signal.SIGSTOP)

        def passed_over() -> bool:
            """Envoy's health check has missed an answer."""
            answer = gateway.envoy.ask("/clusters?format=json").decode()
            return "failed_active_health_check" in answer

        assert eventually(passed_over, 10)
        for _ in range(20):
            gateway.ask(said("x", "grow"), version)
        kill(gateway, 0, signal.SIGCONT)
        gateway.check()


@EITHER
def test_requests_to_a_frozen_processor_do_not_hang(transport: str, profile: Profile, version: Version) -> None:
    """In full duplex Envoy has no timeout for it; the connection's keepalive, 5 s after 5 s, is what ends it."""
    with running(transport, profile, patch=quick_keepalive) as gateway:
        gateway.ask(said("x"), version)
        frozen = gateway.processor.pids[0]
        os.kill(frozen, signal.SIGSTOP)
        answer = gateway.send(post(said("x")), version, within=20)
        assert answer.complete
        assert (answer.status, answer.json()["error"]["type"]) in {(503, "server_error"), (504, "timeout_error")}
        # It is killed by its supervisor after 10 s; not waited for here.
        os.kill(frozen, signal.SIGCONT)
        assert gateway.site.received == 1
        gateway.check()


def quick_keepalive(whole: Json) -> None:
    """The same configuration, with its keepalive and message timeout shortened: a test need not wait for 10 s."""
    options = whole["static_resources"]["clusters"][0]["typed_extension_protocol_options"]
    (protocol,) = options.values()
    protocol["explicit_http_config"]["http2_protocol_options"]["connection_keepalive"] = {
        "interval": "0.5s",
        "timeout": "0.5s",
    }
    ext_proc(whole)["message_timeout"] = "1s"


# -- drain


@EITHER
def test_a_drain_lets_a_stream_finish(transport: str, profile: Profile, version: Version) -> None:
    with running(transport, profile) as gateway:
        processor = gateway.processor
        steps: list[ScriptStep] = [STREAM, End(), Until(100), did(lambda: processor.signal(signal.SIGTERM))]
        answer, seen = gateway.ask(steps, version, do="gap-50ms")
        assert answer.body == gateway.straight(seen, "north").body
        assert processor.wait() == 0
        assert eventually(lambda: "stopped" in processor.log)
        assert_unavailable(gateway.send(post(said("x")), version))


@EITHER
def test_a_drain_lets_a_request_finish_that_is_being_read(transport: str, profile: Profile, version: Version) -> None:
    with running(transport, profile) as gateway:
        processor, body = gateway.processor, said("x", "grow")
        steps: list[ScriptStep] = [
            body[:10],
            When(lambda: gateway.site.open == 1),
            did(lambda: processor.signal(signal.SIGTERM)),
            When(lambda: '"drain"' in processor.log),
            body[10:],
            End(),
        ]
        _, seen = gateway.ask(steps, version)
        assert seen.body == body.replace(b'"grow"', b'"a-name-much-longer-than-grow"')
        assert processor.wait() == 0


@EITHER
def test_while_a_worker_drains_the_other_serves(transport: str, profile: Profile) -> None:
    with running(transport, profile, workers=2) as gateway, ThreadPoolExecutor(1) as pool:
        release = threading.Event()
        body = said("x", "grow")
        steps: list[ScriptStep] = [body[:10], When(release.is_set), body[10:], End()]
        held = pool.submit(lambda: gateway.ask(steps))
        assert eventually(lambda: worker_of(gateway) >= 0, 5)
        draining = worker_of(gateway)
        kill(gateway, draining, signal.SIGTERM)
        assert eventually(lambda: gateway.processor.status()["workers"][draining]["state"] != "ready", 5)
        for _ in range(30):
            gateway.ask(said("y", "grow"))
        release.set()
        answer, _ = held.result(20)
        assert answer.status == 200
        gateway.check()


@EITHER
def test_what_does_not_finish_within_the_drain_timeout_is_ended_as_an_error(transport: str, profile: Profile) -> None:
    policy = DIRECT.replace("drain_timeout: 5s", "drain_timeout: 300ms")
    with site(policy, transport) as before, gateway(before, profile) as started:
        processor, body = started.processor, said("x")
        steps: list[ScriptStep] = [
            body[:10],
            When(lambda: started.site.open == 1),
            did(lambda: processor.signal(signal.SIGTERM)),
            When(lambda: processor.exit_code is not None),
            body[10:],
            End(),
        ]
        assert_unavailable(started.send(post(steps)))
        processor.wait()
        (line,) = processor.lines()
        assert (line["decision"], line["reason"], line["abort"]) == ("failed", "drain_timeout", "UNAVAILABLE")
        assert processor.wait() == 0


# -- reload


def reload(gateway: Gateway, text: str) -> str:
    """Puts another policy in place; what the log says about it."""
    processor = gateway.processor
    before = len(processor.lines("reload"))
    processor.policy.write_text(text)
    processor.signal(signal.SIGHUP)
    assert eventually(lambda: len(processor.lines("reload")) > before, 10)
    return str(processor.lines("reload")[-1]["result"])


@EITHER
def test_a_reload_changes_the_requests_to_come_and_not_a_stream_that_flows(
    transport: str, profile: Profile, version: Version
) -> None:
    with running(transport, profile, workers=2) as gateway:
        text = gateway.processor.policy.read_text()
        renamed = text.replace("a-name-much-longer-than-grow", "new-name")
        results: list[str] = []
        steps: list[ScriptStep] = [STREAM, End(), Until(100), did(lambda: results.append(reload(gateway, renamed)))]
        answer, seen = gateway.ask(steps, version, do="gap-30ms")
        assert answer.body == gateway.straight(seen, "north").body
        assert results == ["ok"]
        for _ in range(6):
            _, later = gateway.ask(said("x", "grow"), version)
            assert later.json()["model"] == "new-name"
        gateway.check()


@EITHER
def test_a_request_keeps_the_policy_that_it_started_with(transport: str, profile: Profile) -> None:
    with running(transport, profile) as gateway:
        body = said("x", "grow")
        text = gateway.processor.policy.read_text().replace("a-name-much-longer-than-grow", "new-name")
        steps: list[ScriptStep] = [
            body[:10],
            When(lambda: gateway.site.open == 1),
            did(lambda: reload(gateway, text)),
            body[10:],
            End(),
        ]
        _, seen = gateway.ask(steps)
        assert seen.json()["model"] == "a-name-much-longer-than-grow"
        gateway.check()


@EITHER
def test_a_wrong_policy_changes_nothing(transport: str, profile: Profile, version: Version) -> None:
    with running(transport, profile) as gateway:
        text = gateway.processor.policy.read_text()
        results: list[str] = []
        steps: list[ScriptStep] = [
            STREAM,
            End(),
            Until(100),
            did(lambda: results.append(reload(gateway, "version: 2\n"))),
        ]
        gateway.ask(steps, version, do="gap-30ms")
        assert results == ["failed"]
        assert gateway.processor.lines("reload_problem")
        _, seen = gateway.ask(said("x", "grow"), version)
        assert seen.json()["model"] == "a-name-much-longer-than-grow"
        assert reload(gateway, text) == "ok"
        assert gateway.processor.status()["last_reload"]["result"] == "ok"
        gateway.check()


@EITHER
def test_a_credential_that_changed_is_used_after_a_reload(transport: str, profile: Profile) -> None:
    with running(transport, profile) as gateway:
        key = gateway.processor.policy.parent / "key"
        key.write_text("first")
        text = gateway.processor.policy.read_text().replace("{env: NORTH_KEY}", f"{{file: {key}}}")
        assert reload(gateway, text) == "ok"
        assert gateway.ask(said("x"))[1].getall("authorization") == ["Bearer first"]
        key.write_text("second")
        assert reload(gateway, text) == "ok"
        assert gateway.ask(said("x"))[1].getall("authorization") == ["Bearer second"]
        gateway.check()
