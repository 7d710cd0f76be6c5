"""Questions to a guard over real connections: pooled, bounded, remembered, and each way in which they fail."""

import asyncio
import gzip
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme

from extproc.detectors.contract import Detection, GuardDetector
from extproc.server.guards.asking import Guards
from extproc.server.guards.failures import GuardFailedError
from extproc.server.tasks import spawn
from tests.guards.asking import Outcomes, ask, guard, play, work
from tests.guards.standin import PASS, REJECT, Asked, Reply, Standin, standin

MARKER = "PLANTED-4012888888881881"


@pytest.fixture
def service() -> Iterator[Standin]:
    with standin() as running:
        yield running


def at(service: Standin, more: str = "") -> GuardDetector:
    return guard(f"{{use: webhook, url: '{service.url}/v1'{more}}}")


def failure(detector: GuardDetector, times: int = 1) -> list[str]:
    """The reasons for which questions failed, one after the other."""

    async def scene(guards: Guards) -> list[str]:
        reasons = []
        for _ in range(times):
            with pytest.raises(GuardFailedError) as failed:
                await ask(guards, work(detector, MARKER))
            assert MARKER not in str(failed.value)
            assert failed.value.__cause__ is None
            reasons.append(str(failed.value.fault))
        return reasons

    return play(scene)


def test_a_question_goes_below_the_prefix_of_the_url_and_its_connection_is_kept(service: Standin) -> None:
    async def scene(guards: Guards) -> None:
        for _ in range(5):
            assert (await ask(guards, work(at(service), "hi"))).found == []
        service.answers = lambda _: REJECT
        assert (await ask(guards, work(at(service), "hi"))).found == [Detection("rejected", 0, 0, 0, rejects=True)]

    play(scene)
    assert {each.path for each in service.asked} == {"/v1/request"}
    assert service.connections == 1
    assert service.asked[0].json["body"]["messages"] == [{"role": "user", "content": "hi"}]


def test_nothing_but_the_policys_fields_is_sent(service: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    service.answers = lambda _: Reply.json({"action": {}}, fields={"set-cookie": "a=b"})
    written = f"{{use: webhook, url: '{service.url}', credential: {{header: x-api-key, env: KEY}}}}"
    detector = guard(written, secrets={"pipelines/p/request/webhook/guard/credential": b"sesame"})
    assert "sesame" not in repr(detector)

    async def scene(guards: Guards) -> None:
        for _ in range(2):
            await ask(guards, work(detector, "hi"))

    play(scene)
    expected = {"host", "accept", "accept-encoding", "user-agent", "x-api-key", "content-type", "content-length"}
    assert [each.fields.keys() for each in service.asked] == [expected, expected]
    assert service.asked[0].fields["x-api-key"] == "sesame"


NESTED = b'{"action":{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(status=500), "status"),
        (Reply(status=204, body=b""), "status"),
        (Reply(status=302, fields={"location": "/elsewhere"}), "status"),
        (Reply(PASS.body, kind="text/html"), "content_type"),
        (Reply(PASS.body, kind=""), "content_type"),
        (Reply(gzip.compress(PASS.body), fields={"content-encoding": "gzip"}), "content_type"),
        (Reply(b"nonsense"), "malformed"),
        (Reply(b""), "malformed"),
        (Reply(NESTED), "malformed"),
        (Reply(b" " * 2000), "too_large"),
        (Reply(hangs_up=True), "unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_wrong_response_has_its_reason(service: Standin, reply: Reply, reason: str) -> None:
    service.answers = lambda _: reply
    limit = ", max_reply: 1MiB" if reply.body is NESTED else ", max_reply: 1999"
    assert failure(at(service, limit)) == [reason]
    assert {each.path for each in service.asked} == {"/v1/request"}


def test_a_response_of_exactly_the_limit_is_read_whether_or_not_its_length_is_told(service: Standin) -> None:
    service.answers = lambda _: Reply(PASS.body)
    size = len(PASS.body)

    async def scene(guards: Guards) -> None:
        assert (await ask(guards, work(at(service, f", max_reply: {size}"), "hi"))).found == []

    play(scene)
    assert failure(at(service, f", max_reply: {size - 1}")) == ["too_large"]


def test_nobody_listens() -> None:
    with standin() as gone:
        pass
    assert failure(at(gone)) == ["unreachable"]


def test_a_connection_that_the_service_closed_in_the_meantime_is_no_failure(service: Standin) -> None:
    service.answers = lambda _: Reply(hangs_up=True) if len(service.asked) == 2 else PASS

    async def scene(guards: Guards) -> Outcomes:
        outcomes = Outcomes()
        for _ in range(2):
            await ask(guards, work(at(service), "hi"), outcomes)
        return outcomes

    assert play(scene) == ["answered", "answered"]
    assert len(service.asked) == 3


def test_after_failures_in_a_row_it_is_left_alone_and_tried_once_when_the_cooldown_is_over(service: Standin) -> None:
    service.answers = lambda _: Reply(status=500)
    now = [0.0]
    detector = at(service, ", breaker: {failures: 2, cooldown: 10s}")

    async def scene(guards: Guards) -> list[str]:
        outcomes = Outcomes()
        for moment, status in ((0.0, 500), (0.0, 500), (0.0, 200), (9.9, 200), (10.0, 500), (11.0, 200), (20.0, 200)):
            now[0] = moment
            service.answers = lambda _, status=status: Reply(PASS.body, status)  # type: ignore[misc]
            try:
                await ask(guards, work(detector, "hi"), outcomes)
            except GuardFailedError as error:
                assert error.fault == outcomes[-1]  # noqa: PT017
            assert guards.circuits() == {
                service.url[7:]: float("circuit_open" in outcomes[-1] or (status == 500 and len(outcomes) > 1))
            }
        return outcomes

    failing = ["status", "status", "circuit_open", "circuit_open", "status", "circuit_open", "answered"]
    assert play(scene, clock=lambda: now[0]) == failing
    assert len(service.asked) == 4


def test_of_many_bodies_at_once_one_tries_a_service_that_was_left_alone(service: Standin) -> None:
    now = [0.0]
    detector = at(service, ", breaker: {failures: 1, cooldown: 10s}, connections: 64, timeout: 60s")

    async def scene(guards: Guards) -> Outcomes:
        outcomes = Outcomes()
        service.answers = lambda asked: Reply(status=500) if b"bad" in asked.body else Reply(PASS.body, delay=1)
        old = spawn(ask(guards, work(detector, "from before")))
        with pytest.raises(GuardFailedError):
            await ask(guards, work(detector, "bad"))
        now[0] = 10.0
        service.answers = lambda _: Reply(PASS.body, delay=0.1)
        asked = [spawn(ask(guards, work(detector, f"{number}"), outcomes)) for number in range(25)]
        await asyncio.sleep(0)
        old.cancel()  # its client has left; that says nothing of the probe
        await asyncio.gather(old, return_exceptions=True)
        asked += [spawn(ask(guards, work(detector, f"{number}"), outcomes)) for number in range(25, 50)]
        await asyncio.gather(*asked, return_exceptions=True)
        return outcomes

    assert sorted(play(scene, clock=lambda: now[0])) == ["answered", *["circuit_open"] * 49]
    assert (
        sum(not each.json["body"]["messages"][0]["content"].startswith(("from", "bad")) for each in service.asked) == 1
    )


def test_a_service_is_tried_by_the_first_of_several_questions_about_a_body(service: Standin) -> None:
    """The others, asked beside it, would fail at once and withdraw it: it would be left alone for ever."""
    now = [0.0]
    detector = guard(f"{{use: presidio, url: '{service.url}', breaker: {{failures: 1, cooldown: 10s}}}}")

    async def scene(guards: Guards) -> Outcomes:
        outcomes = Outcomes()
        service.answers = lambda _: Reply(status=500)
        with pytest.raises(GuardFailedError):
            await ask(guards, work(detector, "one"))
        service.answers = lambda _: Reply(b"[]")
        now[0] = 10.0
        await ask(guards, work(detector, "one", "two", "three"), outcomes)
        return outcomes

    assert play(scene, clock=lambda: now[0]) == ["answered"] * 3


@pytest.mark.parametrize("score", [7, -1])
def test_findings_that_no_detector_may_have_are_failures_and_are_not_remembered(service: Standin, score: int) -> None:
    wrong = [{"entity_type": "PERSON", "start": 0, "end": 1, "score": score}]
    service.answers = lambda _: Reply.json(wrong)
    detector = guard(f"{{use: presidio, url: '{service.url}', breaker: {{failures: 2}}, cache: {{ttl: 1m}}}}")
    assert failure(detector, 3) == ["malformed", "malformed", "circuit_open"]


def test_questions_beyond_the_connections_wait_and_beyond_those_that_may_wait_fail(service: Standin) -> None:
    service.answers = lambda _: Reply(PASS.body, delay=0.2)
    detector = at(service, ", connections: 2, waiting: 3")

    async def scene(guards: Guards) -> Outcomes:
        outcomes = Outcomes()
        asked = [ask(guards, work(detector, f"{number}"), outcomes) for number in range(6)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert [str(each.fault) for each in results if isinstance(each, GuardFailedError)] == ["overloaded"]
        return outcomes

    assert sorted(play(scene)) == ["answered"] * 5 + ["overloaded"]
    assert service.most == 2


@pytest.mark.parametrize("waiting", [False, True], ids=["asking", "waiting"])
def test_a_question_that_nobody_waits_for_leaves_its_place(service: Standin, waiting: bool) -> None:
    detector = at(service, ", connections: 1, waiting: 1, breaker: {failures: 1}")
    service.answers = lambda _: Reply(PASS.body, delay=0.3)

    async def scene(guards: Guards) -> Outcomes:
        outcomes = Outcomes()
        first = asyncio.ensure_future(ask(guards, work(detector, "0"), outcomes))
        await asyncio.sleep(0.05)
        second = asyncio.ensure_future(ask(guards, work(detector, "1"), outcomes))
        await asyncio.sleep(0.05)
        (second if waiting else first).cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        await ask(guards, work(detector, "2"), outcomes)
        return outcomes

    assert play(scene) == ["withdrawn", "answered", "answered"]


def test_a_guard_that_is_too_slow_again_and_again_is_left_alone(service: Standin) -> None:
    service.answers = lambda _: Reply(PASS.body, delay=0.2)
    detector = at(service, ", timeout: 50ms, breaker: {failures: 2}")

    async def scene(guards: Guards) -> Outcomes:
        outcomes = Outcomes()
        for _ in range(3):
            with pytest.raises((TimeoutError, GuardFailedError)):
                # A little more than the guard has, for what goes before its question.
                async with asyncio.timeout(0.1):
                    await ask(guards, work(detector, "hi"), outcomes)
        return outcomes

    assert play(scene) == ["timeout", "timeout", "circuit_open"]


def test_a_verdict_is_remembered_and_another_version_of_the_guard_is_asked_anew(service: Standin) -> None:
    service.answers = lambda _: REJECT

    async def scene(guards: Guards) -> Outcomes:
        outcomes = Outcomes()
        for version in ("1", "1", "2"):
            detector = at(service, f", cache: {{version: '{version}'}}")
            assert len((await ask(guards, work(detector, "hi"), outcomes)).found) == 1
        return outcomes

    assert play(scene) == ["answered", "remembered", "answered"]
    assert len(service.asked) == 2


def test_failures_and_masks_are_not_remembered(service: Standin) -> None:
    masked = Reply.json({"action": {"body": {"messages": [{"role": "user", "content": "[X]"}]}}})
    replies = [Reply(status=500), masked, masked]
    service.answers = lambda _: replies.pop(0)

    async def scene(guards: Guards) -> Outcomes:
        outcomes, detector = Outcomes(), at(service, ", cache: {}")
        with pytest.raises(GuardFailedError):
            await ask(guards, work(detector, "hi"), outcomes)
        for _ in range(2):
            assert (await ask(guards, work(detector, "hi"), outcomes)).found[0].instead == "[X]"
        return outcomes

    assert play(scene) == ["status", "answered", "answered"]


def test_a_sample_of_the_bodies_is_asked_about(service: Standin) -> None:
    chances = iter([0.0, 0.099, 0.1, 0.99])

    async def scene(guards: Guards) -> Outcomes:
        outcomes = Outcomes()
        for _ in range(4):
            await ask(guards, work(at(service, ", sample: 10%"), "hi"), outcomes)
        return outcomes

    assert play(scene, chance=lambda: next(chances)) == ["answered", "answered", "unsampled", "unsampled"]


def test_a_service_that_the_policy_leaves_out_is_closed_once_its_questions_are_answered(service: Standin) -> None:
    service.answers = lambda _: Reply(PASS.body, delay=0.2)

    async def scene(guards: Guards) -> None:
        asked = asyncio.ensure_future(ask(guards, work(at(service), "hi")))
        await asyncio.sleep(0.1)
        guards.keep([at(service, ", timeout: 2s")])
        assert list(guards.circuits()) == [service.url[7:]]
        guards.keep([])
        assert guards.circuits() == {}
        assert (await asked).found == []
        guards.keep([at(service)])
        await ask(guards, work(at(service), "again"))
        assert list(guards.circuits()) == [service.url[7:]]

    play(scene)


# -- TLS


class Pki:
    """An authority, a service that it knows, and a client that it knows."""

    def __init__(self) -> None:
        self.authority = trustme.CA()
        self.server = self.authority.issue_cert("localhost", "guard.test")
        self.client = self.authority.issue_cert("client.test")

    @contextmanager
    def running(self, *, mutual: bool = False, name: str = "") -> Iterator[Standin]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (self.authority.issue_cert(name) if name else self.server).configure_cert(context)
        if mutual:
            self.authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        with standin(context) as running:
            yield running

    def secrets(self, *what: str) -> dict[str, bytes]:
        held = {
            "ca": self.authority.cert_pem.bytes(),
            "cert": b"".join(each.bytes() for each in self.client.cert_chain_pems),
            "key": self.client.private_key_pem.bytes(),
        }
        return {f"pipelines/p/request/webhook/guard/{each}": held[each] for each in what}


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki()


def over_tls(service: Standin, secrets: dict[str, bytes], tls: str = "{ca: x}") -> GuardDetector:
    return guard(f"{{use: webhook, url: '{service.url}', tls: {tls}}}", secrets=secrets)


def passes(detector: GuardDetector) -> None:
    async def scene(guards: Guards) -> Any:
        return (await ask(guards, work(detector, "hi"))).found

    assert play(scene) == []


def test_a_guard_whose_certificate_the_named_authority_signed_is_asked(pki: Pki) -> None:
    with pki.running() as service:
        passes(over_tls(service, pki.secrets("ca")))


def test_a_guard_with_another_name_is_asked_under_its_sni(pki: Pki) -> None:
    with pki.running(name="guard.elsewhere") as service:
        passes(over_tls(service, pki.secrets("ca"), "{ca: x, sni: guard.elsewhere}"))
        assert failure(over_tls(service, pki.secrets("ca"))) == ["tls"]
    assert len(service.asked) == 1


def test_a_certificate_of_an_unknown_authority_is_refused_and_no_text_is_sent(pki: Pki) -> None:
    with pki.running() as service:
        assert failure(over_tls(service, {}, "{}")) == ["tls"]
        assert failure(over_tls(service, Pki().secrets("ca"))) == ["tls"]
    assert service.asked == []


def test_a_service_that_speaks_no_tls_is_refused(pki: Pki) -> None:
    with standin() as service:
        plain = Standin(service.port, secure=True)
        assert failure(over_tls(plain, pki.secrets("ca"))) == ["tls"]
    assert service.asked == []


def test_a_guard_that_wants_a_certificate_is_shown_one(pki: Pki) -> None:
    with pki.running(mutual=True) as service:
        passes(over_tls(service, pki.secrets("ca", "cert", "key"), "{ca: x, cert: y, key: z}"))
        assert failure(over_tls(service, pki.secrets("ca"))) in (["tls"], ["unreachable"])


@pytest.mark.parametrize("wrong", ["ca", "cert", "key"])
def test_files_that_are_no_certificates_are_a_failure_of_the_guard_alone(pki: Pki, wrong: str) -> None:
    secrets = {**pki.secrets("ca", "cert", "key"), f"pipelines/p/request/webhook/guard/{wrong}": b"-----BEGIN X-----"}
    with pki.running() as service:
        assert failure(over_tls(service, secrets, "{ca: x, cert: y, key: z}")) == ["tls"]


def test_a_question_says_nothing_of_its_texts_in_renderings(service: Standin) -> None:
    asked = work(at(service), MARKER)
    (query,) = asked.queries()
    assert MARKER in json.dumps(json.loads(query.body))
    for each in (asked, query, asked.detector, asked.conversation, Asked("", {}, b"", 0).path):
        assert MARKER not in repr(each)
