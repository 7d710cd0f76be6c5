"""A guard over gRPC: our own contract, in Python by grpcio, and in another language as the documentation shows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
import pytest
import trustme
from grpc import aio

from extproc.detectors.contract import DETECTIONS_MAX, Detection, GuardDetector
from extproc.detectors.guards.grpc_texts import METHOD
from extproc.policy import PolicyError
from extproc.protocol.messages import Side
from extproc.server.guards.asking import Guards
from extproc.server.guards.failures import GuardFailedError
from extproc.wire.pb.inspector_pb2 import InspectFinding, InspectText
from tests.guards.asking import ask, guard, play, work
from tests.guards.native import EXAMPLE, example

MARKER: Final = "PLANTED-4012888888881881"

Serving = Callable[[list[InspectText], Any], Awaitable[list[InspectFinding]]]


@asynccontextmanager
async def inspector(serving: Serving, credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[int]:
    """A running guard; gives its port."""

    async def inspect(requests: AsyncIterator[InspectText], context: Any) -> AsyncIterator[InspectFinding]:
        for found in await serving([each async for each in requests], context):
            yield found

    handler = grpc.stream_stream_rpc_method_handler(
        inspect, request_deserializer=InspectText.FromString, response_serializer=InspectFinding.SerializeToString
    )
    service, method = METHOD[1:].split("/")
    server = aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    address = "localhost:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def at(port: int, more: str = "", scheme: str = "http", **secrets: bytes) -> GuardDetector:
    held = {f"pipelines/p/request/grpc/guard/{name}": value for name, value in secrets.items()}
    host = "localhost" if scheme == "https" else "127.0.0.1"
    return guard(f"{{use: grpc, kinds: [jailbreak], url: '{scheme}://{host}:{port}'{more}}}", secrets=held)


def judged(serving: Serving, *texts: str, more: str = "") -> list[Detection]:
    async def scene(guards: Guards) -> list[Detection]:
        async with inspector(serving) as port:
            return (await ask(guards, work(at(port, more), *texts))).found

    return play(scene)


def test_texts_go_with_their_roles_and_findings_come_with_their_places() -> None:
    heard: list[InspectText] = []
    fields: dict[str, str] = {}

    async def serving(texts: list[InspectText], context: Any) -> list[InspectFinding]:
        heard.extend(texts)
        fields.update(context.invocation_metadata())
        return [
            InspectFinding(kind="jailbreak", number=1, start=2, end=4, score=0.5, instead="x"),
            InspectFinding(kind="jailbreak", number=0, rejects=True),
        ]

    async def scene(guards: Guards) -> list[Detection]:
        async with inspector(serving) as port:
            detector = at(port, ", credential: {header: x-api-key, env: KEY}", credential=b"sesame")
            return (await ask(guards, work(detector, "a\ud83d", "hello"))).found

    found = play(scene)
    assert found == [
        Detection("jailbreak", 1, 2, 4, 0.5, instead="x"),
        Detection("jailbreak", 0, 0, None, rejects=True),
    ]
    assert [(each.side, each.number, each.role, each.text) for each in heard] == [
        ("request", 0, "user", "a\ufffd"),
        ("request", 1, "user", "hello"),
    ]
    assert fields["x-api-key"] == "sesame"


async def passing(_: list[InspectText], __: Any) -> list[InspectFinding]:
    return []


def finding(**more: Any) -> InspectFinding:
    return InspectFinding(**{"kind": "jailbreak", **more})


def giving(*found: InspectFinding) -> Serving:
    async def serving(_: list[InspectText], __: Any) -> list[InspectFinding]:
        return list(found)

    return serving


async def refusing(_: list[InspectText], context: Any) -> list[InspectFinding]:
    await context.abort(grpc.StatusCode.PERMISSION_DENIED, MARKER)
    return []


def failure(serving: Serving, more: str = "") -> str:
    with pytest.raises(GuardFailedError) as failed:
        judged(serving, MARKER, more=more)
    assert MARKER not in str(failed.value)
    return str(failed.value.fault)


@pytest.mark.parametrize(
    ("serving", "reason"),
    [
        (refusing, "status"),
        (giving(finding(number=1)), "malformed"),
        (giving(*[finding()] * (DETECTIONS_MAX + 2)), "too_large"),
        (giving(finding(instead="x" * 2000)), "too_large"),
    ],
)
def test_each_wrong_response_has_its_reason(serving: Serving, reason: str) -> None:
    assert failure(serving, ", max_reply: 1KiB" if reason == "too_large" else "") == reason


@pytest.mark.parametrize(
    "wrong", [finding(kind="other"), finding(start=5, end=4), finding(end=10**6), finding(score=2)]
)
def test_what_no_detector_may_find_is_a_failure(wrong: InspectFinding) -> None:
    with pytest.raises((ValueError, GuardFailedError)):
        judged(giving(wrong), "hello")


def test_nobody_listens() -> None:
    async def scene(guards: Guards) -> None:
        async with inspector(passing) as port:
            pass
        await ask(guards, work(at(port), MARKER))

    with pytest.raises(GuardFailedError, match="unreachable"):
        play(scene)


def test_it_is_asked_over_tls_if_its_certificate_is_trusted() -> None:
    authority, other = trustme.CA(), trustme.CA()
    server = authority.issue_cert("localhost", "guard.test")
    pair = (server.private_key_pem.bytes(), b"".join(each.bytes() for each in server.cert_chain_pems))

    async def scene(guards: Guards) -> list[str]:
        async with inspector(passing, grpc.ssl_server_credentials([pair])) as port:
            outcomes = []
            for ca in (authority, other):
                detector = at(port, ", tls: {ca: x, sni: guard.test}", "https", ca=ca.cert_pem.bytes())
                try:
                    await ask(guards, work(detector, "hi"))
                    outcomes.append("answered")
                except GuardFailedError as error:
                    outcomes.append(str(error.fault))
            return outcomes

    assert play(scene) == ["answered", "tls"]


def test_a_path_in_the_url_is_refused() -> None:
    with pytest.raises(PolicyError) as caught:
        guard("{use: grpc, url: 'http://127.0.0.1:1/v1'}")
    assert caught.value.problems[0].message == "a gRPC service has no path"


def test_the_documentations_guard_in_another_language_runs() -> None:
    long = "x" * 30_000

    async def scene(guards: Guards) -> list[Detection]:
        detector = at(port)
        assert (await ask(guards, work(detector, "all is well", long))).found == []
        return (await ask(guards, work(detector, "hello", f"\U0001f600 a JailBreak, {long} jailbreak"))).found

    with example() as port:
        found = play(scene)
    assert found == [
        Detection("jailbreak", 1, 4, 13),
        Detection("jailbreak", 1, 16 + len(long), 25 + len(long)),
    ]


def test_the_example_is_short() -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 43


def test_it_judges_responses_too() -> None:
    written = "{use: grpc, kinds: [jailbreak], url: 'http://127.0.0.1:1'}"
    (query,) = work(guard(written, Side.RESPONSE), "hi", side=Side.RESPONSE).queries()
    assert b'"side":"response","number":0,"role":"assistant"' in query.body
