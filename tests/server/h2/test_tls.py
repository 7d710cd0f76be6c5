"""HTTP/2 over TLS: ALPN, client certificates, renewal."""

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc import aio

from extproc.server.h2 import frames
from extproc.server.h2.certificates import context
from extproc.server.h2.listener import TELL_EVERY, Handshakes
from extproc.server.health import PROCESS
from extproc.server.log import Log, Sink
from extproc.server.tls import TlsContent
from tests.server.h2.serving import play, raw, serving
from tests.server.support import headers, kind, until

LOOPS = pytest.mark.parametrize("uvloop", [True, False], ids=["uvloop", "asyncio"])
AUTHORITY = trustme.CA()


def certificate(authority: trustme.CA = AUTHORITY, *, clients: trustme.CA | None = None) -> TlsContent:
    issued = authority.issue_cert("localhost")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return TlsContent(chain, issued.private_key_pem.bytes(), clients.cert_pem.bytes() if clients else None)


def credentials(trusted: trustme.CA = AUTHORITY, own: trustme.CA | None = None) -> Any:
    if own is None:
        return grpc.ssl_channel_credentials(trusted.cert_pem.bytes())
    issued = own.issue_cert("client.example")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return grpc.ssl_channel_credentials(trusted.cert_pem.bytes(), issued.private_key_pem.bytes(), chain)


async def answered(transport: Any, given: Any) -> str | None:
    async with aio.secure_channel(f"localhost:{transport.endpoint.port}", given) as channel:
        call = channel.stream_stream(PROCESS)()
        await call.write(headers("/"))
        return kind(await call.read())


def client_context(*protocols: str, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=AUTHORITY.cert_pem.bytes().decode())
    made.maximum_version = version
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made


@LOOPS
def test_a_client_that_trusts_the_server_is_served(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving(listen="localhost:0", tls=certificate()) as transport:
            assert await answered(transport, credentials()) == "request_headers"

    play(scene, uvloop=uvloop)


@LOOPS
def test_with_a_client_authority_only_clients_of_it_are_served(uvloop: bool) -> None:
    clients = trustme.CA()

    async def scene() -> None:
        async with serving(listen="localhost:0", tls=certificate(clients=clients)) as transport:
            assert await answered(transport, credentials(own=clients)) == "request_headers"
            for stranger in (credentials(), credentials(own=trustme.CA())):
                with pytest.raises(aio.AioRpcError) as caught:
                    await answered(transport, stranger)
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    play(scene, uvloop=uvloop)


@LOOPS
def test_renewed_certificates_are_used_for_the_connections_to_come(uvloop: bool) -> None:
    other = trustme.CA()

    async def scene() -> None:
        async with (
            serving(listen="localhost:0", tls=certificate()) as transport,
            raw(transport, tls=client_context("h2")) as before,
        ):
            await before.until(frames.SETTINGS)
            transport.renew(certificate(other))
            assert await answered(transport, credentials(other)) == "request_headers"
            with pytest.raises(aio.AioRpcError):
                await answered(transport, credentials(AUTHORITY))
            before.send(frames.ping(bytes(8), ack=False))
            await before.until(frames.PING)

    play(scene, uvloop=uvloop)


@LOOPS
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_3_2_a_client_that_negotiates_h2_is_served(uvloop: bool, version: ssl.TLSVersion) -> None:
    async def scene() -> None:
        async with (
            serving(listen="localhost:0", tls=certificate()) as transport,
            raw(transport, tls=client_context("http/1.1", "h2", version=version)) as client,
        ):
            assert (await client.frame()).kind == frames.SETTINGS

    play(scene, uvloop=uvloop)


@LOOPS
@pytest.mark.parametrize("protocols", [[], ["http/1.1"]])
def test_3_2_a_client_that_does_not_negotiate_h2_is_turned_away(uvloop: bool, protocols: list[str]) -> None:
    async def scene() -> None:
        async with serving(listen="localhost:0", tls=certificate()) as transport:
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                async with raw(transport, tls=client_context(*protocols), window=None) as client:
                    await client.frame()

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_client_that_speaks_plain_text_is_turned_away(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving(listen="localhost:0", tls=certificate()) as transport, raw(transport) as client:
            assert not [each for each in await client.rest() if each.kind == frames.SETTINGS and not each.stream_id]

    play(scene, uvloop=uvloop)


@LOOPS
def test_closing_does_not_wait_for_a_handshake_that_hangs(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving(listen="localhost:0", tls=certificate()) as transport, raw(transport, window=None) as client:
            await until(lambda: len(transport._handshakes) == 1)
            await transport.close()
            assert not transport._handshakes
            assert await client.rest() == []

    play(scene, uvloop=uvloop)


def test_9_2_no_version_below_1_2_and_no_cipher_that_http2_forbids() -> None:
    made = context(certificate())
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2
    for cipher in made.get_ciphers():
        assert cipher["aead"]
        assert cipher["protocol"] == "TLSv1.3" or "ECDHE" in cipher["name"]


def test_a_key_is_not_left_open() -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    context(certificate(clients=AUTHORITY))
    assert descriptors() == before


@LOOPS
def test_a_handshake_that_fails_is_logged_without_a_flood(uvloop: bool, tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def scene() -> None:
        log = Log(Sink(str(path)))
        clients = trustme.CA()
        async with serving(listen="localhost:0", tls=certificate(clients=clients), log=log) as transport:
            for given in (credentials(), credentials(own=trustme.CA()), credentials()):
                with pytest.raises(aio.AioRpcError):
                    await answered(transport, given)
            assert await answered(transport, credentials(own=clients)) == "request_headers"
            await until(lambda: path.exists() and "tls_handshake_failed" in path.read_text())

    play(scene, uvloop=uvloop)
    failed = [
        line for line in map(json.loads, path.read_text().splitlines()) if line["event"] == "tls_handshake_failed"
    ]
    assert len(failed) <= 3
    assert failed[0]["peer"] in {"127.0.0.1", "::1"}
    assert failed[0]["reason"]


def test_handshakes_that_fail_at_the_same_time_are_one_line_and_then_counted(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(Sink(str(path)))
    told = Handshakes(log)
    error = ssl.SSLError(1, "x")
    for now in (0.0, 0.1, TELL_EVERY - 0.01, TELL_EVERY, TELL_EVERY + 0.5):
        told.tell(now, "10.0.0.1", error)
    log.close()
    assert [line["untold"] for line in map(json.loads, path.read_text().splitlines())] == [0, 2]
