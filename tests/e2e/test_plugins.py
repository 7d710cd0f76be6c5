"""Through the real Envoy: a distribution with a plug-in of each kind, found by its entry points."""

import json
from collections.abc import Iterator
from signal import SIGHUP
from typing import Final

import pytest

from extproc.ext import registered
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, Ending
from tests.e2e.bodies import said
from tests.e2e.canned import Canned, canned
from tests.e2e.gateway import Gateway, gateway, post, site, tagged
from tests.seams.distributions import install_acme
from tests.seams.toys import EVERY

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai}
  - {name: stage, url: "http://127.0.0.1:%d/v1", api: openai}
default_backend: north
models:
  - {name: chat, targets: [{backend: north}]}
  - {name: play, targets: [{backend: stage, model: small/one}]}
limits: {request_timeout: 20s, drain_timeout: 5s}
recorded_signals: [tier]
answer_stages: [{use: notice, text: 'Mind: ', drop: secret-word}]
pipelines:
  - name: default
    request:
      - {use: pii, kinds: [email], action: block, when: 'tier == "free"'}
      - {use: shouting, timeout: 1ms, on_failure: allow}
      - {use: toy-guard, action: mask, words: [titan], timeout: 20s}
      - {use: badge, action: mask}
    response:
      - {use: pii, kinds: [email], action: block}
"""
GOLD: Final = ("x-tier", "gold")
FREE: Final = ("x-tier", "free")
TARGET: Final = "/acme/models/play:play"
MAIL: Final = "jane.doe@example.com"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("h2", "buffered"), marks=pytest.mark.deep),
        ("grpcio", "full-duplex"),
        pytest.param(("h2", "full-duplex"), marks=pytest.mark.deep),
        pytest.param(("grpcio", "buffered"), marks=pytest.mark.deep),
    ],
    ids="-".join,
)
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, Canned]]:
    """A gateway whose processor finds the distribution, and the backend of its API."""
    transport, profile = request.param
    folder = tmp_path_factory.mktemp("modules")
    install_acme(folder)
    with (
        canned() as backend,
        registered(*EVERY),
        site(POLICY % backend.port, transport, workers=2, environ={"PYTHONPATH": str(folder)}) as before,
        gateway(before, profile) as found,
    ):
        yield found, backend


@pytest.fixture
def acme(installed: tuple[Gateway, Canned]) -> Iterator[tuple[Gateway, Canned]]:
    """The same; what must hold after every test is checked."""
    installed[0].site.begin()
    yield installed
    installed[0].check()


def refused(answer: ClientResponse) -> tuple[int, str]:
    """The status of an error of ours, and its code."""
    assert (answer.ending, answer.surplus) == (Ending.COMPLETE, b"")
    return answer.status, json.loads(answer.body)["error"]["code"]


def played(*events: dict[str, str]) -> list[bytes]:
    return [b"data: %s\n\n" % json.dumps(each, separators=(",", ":")).encode() for each in events]


def test_detectors_a_signal_and_a_stage_in_one_exchange(acme: tuple[Gateway, Canned]) -> None:
    gateway, _ = acme
    answer, record = gateway.ask(said("titan has badge B-123456"), "http1", GOLD)
    assert json.loads(record.body)["messages"][0]["content"] == "[OBJECTION_1] has badge [BADGE_1]"
    line = gateway.line(answer)
    assert [(each["processor"], each["count"]) for each in line["findings"]] == [("toy-guard", 1), ("badge", 1)]
    assert line["failures"] == [{"processor": "shouting", "reason": "timeout", "allowed": True}]
    assert line["signals"] == {"tier": "gold"}


def test_a_condition_on_the_signal_blocks_beside_a_scorer_that_fails(acme: tuple[Gateway, Canned]) -> None:
    gateway, _ = acme
    answer = gateway.send(post(said(f"write to {MAIL}"), FREE))
    assert refused(answer) == (403, "content_filter")
    assert gateway.line(answer)["signals"] == {"tier": "free"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_stage_adds_to_a_response(acme: tuple[Gateway, Canned], stream: bool) -> None:
    gateway, _ = acme
    answer, record = gateway.ask(said("all is well", stream=stream), "http1", GOLD)
    straight = gateway.straight(record, "north").body
    assert b"Mind: " not in straight
    assert answer.body.count(b"Mind: ") == 1
    if stream:
        assert answer.body.count(b"data: ") == straight.count(b"data: ") + 1


def test_the_stage_drops_an_event(acme: tuple[Gateway, Canned]) -> None:
    gateway, backend = acme
    chunks = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in ("Well, ", "a secret-word ", "done")]
    backend.pieces = [*(b"data: %s\n\n" % json.dumps(each).encode() for each in chunks), b"data: [DONE]\n\n"]
    answer = gateway.send(post(said("hello", model="play", stream=True), GOLD))
    texts = [json.loads(each)["choices"][0]["delta"]["content"] for each in data(answer)[:-1]]
    assert texts == ["Mind: ", "Well, ", "done"]


def data(answer: ClientResponse) -> list[bytes]:
    """The data of each event of a stream that ended well."""
    assert (answer.status, answer.ending, answer.surplus) == (200, Ending.COMPLETE, b""), answer
    return [each.removeprefix(b"data: ") for each in answer.body.split(b"\n\n") if each]


def test_the_api_is_routed_by_the_model_in_its_path_and_its_stream_is_read(acme: tuple[Gateway, Canned]) -> None:
    gateway, backend = acme
    backend.pieces = played({"play": "Hello, "}, {"play": "world"}, {"play": "", "over": "end"})
    answer = gateway.send(post(b'{"say":"badge B-123456"}', GOLD, target=TARGET))
    assert answer.body == b"".join(backend.pieces)
    line = gateway.line(answer)
    assert (line["dialect"], line["backend"], line["upstream_model"]) == ("acme.play", "stage", "small/one")
    assert [each["processor"] for each in line["findings"]] == ["badge"]


def test_a_blocked_stream_of_the_api_ends_in_its_own_way(acme: tuple[Gateway, Canned]) -> None:
    gateway, backend = acme
    backend.pieces = played({"play": "Write to jane.doe"}, {"play": "@example.com "}, {"play": "", "over": "end"})
    answer = gateway.send(post(b'{"say":"hello"}', GOLD, target=TARGET))
    assert (answer.status, answer.ending) == (200, Ending.COMPLETE)
    assert b"@example.com" not in answer.body
    assert b'data: {"play":"","over":"blocked"}\n\n' in answer.body


def test_an_unknown_model_of_the_api_is_refused(acme: tuple[Gateway, Canned]) -> None:
    gateway, _ = acme
    answer = gateway.send(post(b'{"say":"hello"}', GOLD, target="/acme/models/nobodys:play", tag=tagged()))
    assert refused(answer) == (404, "model_not_found")


def test_status_lists_the_plug_ins_and_a_reload_keeps_them(acme: tuple[Gateway, Canned]) -> None:
    gateway, _ = acme
    processor = gateway.processor
    listed = processor.status()["plugins"]
    assert len(listed) == len(EVERY)
    assert "acme-extproc 1.2.0: signal tier" in listed
    processor.policy.write_text(processor.policy.read_text().replace("Mind: ", "Then: "))
    processor.signal(SIGHUP)
    assert eventually(lambda: processor.status()["last_reload"] is not None, 10)
    assert processor.status()["last_reload"]["problems"] == []
    try:
        for _ in range(4):
            answer, _ = gateway.ask(said("badge B-123456"), "http1", GOLD)
            assert answer.body.count(b"Then: ") == 1
            assert gateway.line(answer)["signals"] == {"tier": "gold"}
    finally:
        at = processor.status()["last_reload"]["at"]
        processor.policy.write_text(processor.policy.read_text().replace("Then: ", "Mind: "))
        processor.signal(SIGHUP)
        assert eventually(lambda: processor.status()["last_reload"]["at"] != at, 10)
    assert processor.status()["plugins"] == listed
