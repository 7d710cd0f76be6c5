import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc import aio

from extproc.protocol.errors import ServeError
from extproc.server import tls as module
from extproc.server.health import PROCESS
from extproc.server.tls import PEM_MAX, TlsContent, TlsFiles, read
from extproc.server.worker import running_worker
from tests.server.support import Decider, headers, kind, plan


class Pki:
    """An authority, a server certificate for localhost, and the files of both."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.authority = trustme.CA()
        self.ca = self.authority.cert_pem.bytes()
        self.server = self.authority.issue_cert("localhost")
        self.files = TlsFiles(str(folder / "cert"), str(folder / "key"), str(folder / "ca"))
        Path(self.files.cert).write_bytes(b"".join(blob.bytes() for blob in self.server.cert_chain_pems))
        Path(self.files.key).write_bytes(self.server.private_key_pem.bytes())
        self.authority.cert_pem.write_to_path(str(folder / "ca"))

    def client(self, authority: trustme.CA | None = None) -> Any:
        """A client's credentials, its own certificate signed by `authority`."""
        if authority is None:
            return grpc.ssl_channel_credentials(self.ca)
        cert = authority.issue_cert("client.example")
        return grpc.ssl_channel_credentials(
            self.ca, cert.private_key_pem.bytes(), b"".join(blob.bytes() for blob in cert.cert_chain_pems)
        )


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "pki")


async def _answered(port: int, credentials: Any) -> str | None:
    async with aio.secure_channel(f"localhost:{port}", credentials) as channel:
        call = channel.stream_stream(PROCESS)()
        await call.write(headers("/"))
        return kind(await call.read())


def _served(tls: TlsContent, scene: Callable[[Any, int], Any]) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), running_worker(plan(), "localhost:0", tls=tls, begin=Decider) as worker:
            await scene(worker, int(str(worker.endpoint).rpartition(":")[2]))

    asyncio.run(main())


def test_tls_is_spoken(pki: Pki) -> None:
    async def scene(_: Any, port: int) -> None:
        assert await _answered(port, pki.client()) == "request_headers"

    _served(read(TlsFiles(pki.files.cert, pki.files.key)), scene)


def test_with_authorities_for_clients_only_their_certificates_are_let_in(pki: Pki) -> None:
    async def scene(_: Any, port: int) -> None:
        assert await _answered(port, pki.client(pki.authority)) == "request_headers"
        for credentials in (pki.client(), pki.client(trustme.CA())):
            with pytest.raises(aio.AioRpcError) as caught:
                await _answered(port, credentials)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    _served(read(pki.files), scene)


def test_renewed_certificates_are_used_for_new_connections(pki: Pki, tmp_path: Path) -> None:
    other = Pki(tmp_path / "other")

    async def scene(worker: Any, port: int) -> None:
        assert await _answered(port, pki.client(pki.authority)) == "request_headers"
        worker.swap(plan(), read(other.files))
        assert await _answered(port, other.client(other.authority)) == "request_headers"
        assert await _answered(port, other.client(other.authority)) == "request_headers"

    _served(read(pki.files), scene)


def test_a_certificate_and_the_key_of_another_are_no_pair(pki: Pki, tmp_path: Path) -> None:
    other = Pki(tmp_path / "other")
    with pytest.raises(ServeError, match="no pair"):
        read(TlsFiles(pki.files.cert, other.files.key))


def test_a_file_without_a_certificate_is_refused(pki: Pki, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    with pytest.raises(ServeError, match="authority"):
        read(TlsFiles(pki.files.cert, pki.files.key, str(empty)))
    with pytest.raises(ServeError, match="no pair"):
        read(TlsFiles(str(empty), pki.files.key))


def test_a_missing_file_is_told_with_its_path(pki: Pki, tmp_path: Path) -> None:
    with pytest.raises(ServeError, match=f"{tmp_path / 'missing'} cannot be read: No such file"):
        read(TlsFiles(str(tmp_path / "missing"), pki.files.key))


def test_a_file_as_large_as_allowed_is_read_and_a_larger_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pem"
    path.write_bytes(b"x" * PEM_MAX)
    assert len(module._pem(str(path))) == PEM_MAX
    path.write_bytes(b"x" * (PEM_MAX + 1))
    with pytest.raises(ServeError, match="no PEM file"):
        module._pem(str(path))


def test_a_key_under_a_password_is_refused_and_nobody_is_asked(pki: Pki, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    key = load_pem_private_key(Path(pki.files.key).read_bytes(), None)
    locked = tmp_path / "locked"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(ServeError, match="password"):
        read(TlsFiles(pki.files.cert, str(locked)))


def test_no_key_shows_in_a_rendering(pki: Pki) -> None:
    assert "PRIVATE" not in repr(read(pki.files))
