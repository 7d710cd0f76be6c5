"""Certificates: read and checked before anything listens, so that a mistake is told with its mend."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

from msgspec import Struct

from extproc.protocol.errors import ServeError

PEM_MAX: Final = 1024 * 1024
"""Bytes of a PEM file; a bundle of all public authorities has 200 KB."""


class TlsFiles(Struct, frozen=True):
    """Paths of PEM files. With `client_ca`, clients must show a certificate that one of its authorities signed."""

    cert: str
    key: str
    client_ca: str | None = None


class TlsContent(Struct, frozen=True):
    """The content of those files."""

    cert: bytes
    key: bytes
    client_ca: bytes | None = None

    def __repr__(self) -> str:
        return f"TlsContent(client_ca={self.client_ca is not None})"


def read(files: TlsFiles) -> TlsContent:
    """Reads and checks `files`. Raises ServeError."""
    cert, key = _pem(files.cert), _pem(files.key)
    client_ca = None if files.client_ca is None else _pem(files.client_ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.cert, files.key, password=_locked)
    except ssl.SSLError as error:
        raise ServeError(f"{files.cert} and {files.key} are no pair of certificate and key: {error.reason}") from error
    if client_ca is not None:
        _check_authorities(context, str(files.client_ca))
    return TlsContent(cert, key, client_ca)


def _check_authorities(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise ServeError(f"{path} holds no certificate of an authority: {error.reason}") from error


def _locked() -> NoReturn:
    # Without this the library would ask at the terminal.
    raise ServeError("the key of the certificate is protected by a password; write one without")


@contextmanager
def readable(content: bytes) -> Iterator[str]:
    """A path to read `content` from: ssl takes files only, but a key is not to touch a disk, which may be read-only."""
    descriptor = os.memfd_create("pem")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _pem(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(PEM_MAX + 1)
    except OSError as error:
        raise ServeError(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from error
    if len(content) > PEM_MAX:
        raise ServeError(f"{path} has more than {PEM_MAX} bytes and is no PEM file of ours")
    return content
