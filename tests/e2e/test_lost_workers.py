"""Through the real Envoy: workers that are killed under load, or compute forever, lose their own exchanges, closed."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from extproc.ext import AnswerFacts, AnswerStage, AnswerStageType, StageOptions, StreamEvent, registered
from extproc.gateway.bootstrap import Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, Ending
from tests.e2e.gateway import gateway, post, site, tagged
from tests.seams.distributions import install_one

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("transport", ["h2"])]

POLICY: Final = """\
version: 1
backends: [{name: north, url: $north/v1, api: openai}]
models: [{name: m, targets: [{backend: north}]}]
health: {failures: 10000}
limits: {drain_timeout: 1s}
pipelines:
  - name: p
    request: [{use: pattern, name: names, regex: Titan, action: mask}]
    response: [{use: pii, kinds: [email], action: mask}]
"""
MAIL: Final = b"jane.doe@example.com"
END: Final = b"data: [DONE]"


def asked(text: str, *, stream: bool) -> bytes:
    said = f'"messages":[{{"role":"user","content":"{text}"}}]'
    return f'{{"model":"m","stream":{str(stream).lower()},{said}}}'.encode()


def sound(answer: ClientResponse, *, stream: bool) -> None:
    """Nothing of an answer went past inspection, and no part of one looks like the whole."""
    assert MAIL not in answer.body
    if answer.status == 200 and answer.ending is Ending.COMPLETE:
        assert b"[EMAIL_1]" in answer.body
        assert not stream or END in answer.body
    elif answer.status != 200:
        assert answer.status == 503


@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
def test_a_worker_that_is_killed_under_load_harms_no_exchange_of_the_other(transport: str, profile: Profile) -> None:
    with site(POLICY, transport, workers=2) as before, gateway(before, profile) as running:
        pids, until = running.processor.pids, time.monotonic() + 4
        answers: list[ClientResponse] = []

        def client(number: int) -> None:
            stream = bool(number % 2)
            while time.monotonic() < until:
                body = asked(f"Titan says {MAIL.decode()} a b c d e f", stream=stream)
                answer = running.send(post(body, tag=tagged(), do="gap-20ms" if stream else "slow-50ms"))
                sound(answer, stream=stream)
                answers.append(answer)

        with ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(client, number) for number in range(8)]
            assert eventually(lambda: len(answers) > 20, 3)
            os.kill(pids[0], signal.SIGKILL)
            for each in clients:
                each.result(60)
        whole = [each for each in answers if each.status == 200 and each.ending is Ending.COMPLETE]
        # Eight at a time, half of them with the dead worker: no more are lost, and a few on their way to it.
        assert len(answers) - len(whole) <= 8
        assert len(whole) > 40
        assert not any(b"Titan" in each.body for each in running.providers["north"].records)
        assert eventually(lambda: running.processor.pids[0] not in {None, pids[0]}, 10)
        assert running.processor.pids[1] == pids[1]


BUSY: Final = """
from extproc.ext import AnswerStage, AnswerStageType, StageOptions

class Busy(AnswerStage):
    def event(self, event):
        while b"for ever" in event.raw:
            pass
        return (event,)

IT = AnswerStageType(name="busy", options=StageOptions, open=lambda options, facts: Busy())
"""


class Idle(AnswerStage):
    """Stands for the one of the distribution where the test reads the policy."""

    def event(self, event: StreamEvent) -> Sequence[StreamEvent]:
        """See `AnswerStage.event`."""
        return (event,)


def _idle(options: StageOptions, facts: AnswerFacts) -> Idle:  # noqa: ARG001
    return Idle()


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[Path]:
    install_one(tmp_path, "busy-stage", BUSY)
    with registered(AnswerStageType(name="busy", options=StageOptions, open=_idle)):
        yield tmp_path


@pytest.mark.parametrize("profile", ["full-duplex"])
def test_a_worker_that_computes_for_ever_is_replaced_and_its_client_is_told(
    transport: str, profile: Profile, modules: Path
) -> None:
    """A stage of a plug-in runs between two messages: nothing else of its worker goes on."""
    policy = POLICY + "answer_stages: [{use: busy}]\n"
    environ = {"PYTHONPATH": str(modules)}
    with site(policy, transport, workers=2, environ=environ) as before, gateway(before, profile) as running:
        running.ask(asked("x", stream=True))
        pids, began = running.processor.pids, time.monotonic()
        waits: list[float] = []
        with ThreadPoolExecutor(9) as pool:
            stuck = pool.submit(lambda: running.send(post(asked("for ever", stream=False), tag="stuck"), within=60))
            assert eventually(lambda: bool(running.site.found("stuck")), 10)

            def client() -> None:
                while not stuck.done():
                    begun = time.monotonic()
                    text = f"to {MAIL.decode()}"
                    answer = running.send(post(asked(text, stream=True), tag=tagged()), within=60)
                    sound(answer, stream=True)
                    if answer.status == 200:
                        waits.append(time.monotonic() - begun)

            for each in [pool.submit(client) for _ in range(8)]:
                each.result(60)
            answer = stuck.result(60)
        assert time.monotonic() - began < 20
        assert (answer.status, answer.ending) != (200, Ending.COMPLETE)
        # Those that were on their way to it wait for Envoy's keepalive; its health check keeps all others away.
        assert sum(each > 2 for each in waits) <= 8
        assert len(waits) >= 8
        assert eventually(lambda: len(set(running.processor.pids) - {None} - set(pids)) == 1, 30)
        assert running.processor.lines("worker_frozen")
