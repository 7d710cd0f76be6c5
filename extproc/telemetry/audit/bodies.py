"""Captured bodies: the request line that `extproc explain` and `replay` read, plain or sealed with a key."""

from collections.abc import Callable
from hashlib import sha256
from importlib import import_module
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from extproc.protocol.trail import CapturedBody
from extproc.telemetry.audit.signing import AuditKeyError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
"""Bytes of the key and of the nonce of AES-256-GCM. A nonce is chosen by chance for each body: at 2**32 bodies under
one key, two are the same with a chance of 1 in 2**33."""

KEY_ID: Final = 16

Randomness = Callable[[int], bytes]
"""Return so many bytes that nobody guesses."""


class RequestLine(Struct, frozen=True):
    """A captured request as `extproc explain --lines` reads it."""

    path: str
    headers: dict[str, str]
    body: Raw | str


class KeptBody(Struct, frozen=True, omit_defaults=True):
    """A line of the file of bodies. `sha256`: of the request line. Either `request` is it, or `sealed` holds it.

    `key`: the id of the key. `nonce` and `sealed` are in hexadecimal and base64.
    """

    id: str
    sha256: str
    request: Raw = Raw()
    key: str | None = None
    nonce: str | None = None
    sealed: bytes | None = None

    def __repr__(self) -> str:
        return f"KeptBody({self.id})"


class SealedBody(Struct, frozen=True):
    """A line with a sealed body, as it is written: see `KeptBody`."""

    id: str
    sha256: str
    key: str
    nonce: str
    sealed: bytes

    def __repr__(self) -> str:
        return f"SealedBody({self.id})"


_encode: Final = msgspec.json.Encoder().encode
_kept: Final = msgspec.json.Decoder(KeptBody).decode


class BodyCipher:
    """Seals bodies with AES-256-GCM. Has no rendering: it holds a key."""

    def __init__(self, key: bytes) -> None:
        aead: Any = import_module("cryptography.hazmat.primitives.ciphers.aead")
        self._cipher = aead.AESGCM(key)
        self.key = sha256(b"extproc audit bodies\x00" + key).hexdigest()[:KEY_ID]

    @classmethod
    def read(cls, text: bytes) -> "BodyCipher":
        """Return the cipher with a key as a file holds it. Raises AuditKeyError."""
        try:
            key = bytes.fromhex(text.strip().decode("ascii"))
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise AuditKeyError(f"this is not a key of {KEY_BYTES} bytes in hexadecimal")
        return cls(key)

    def seal(self, plain: bytes, nonce: bytes, about: bytes) -> bytes:
        """Return a text sealed, together with what it is about."""
        sealed: bytes = self._cipher.encrypt(nonce, plain, about)
        return sealed

    def open(self, sealed: bytes, nonce: bytes, about: bytes) -> bytes:
        """Return what was sealed. Raises AuditKeyError."""
        invalid = import_module("cryptography.exceptions").InvalidTag
        try:
            plain: bytes = self._cipher.decrypt(nonce, sealed, about)
        except (invalid, ValueError):
            raise AuditKeyError("the body was sealed with another key, or it was changed") from None
        return plain

    def __repr__(self) -> str:
        return f"BodyCipher({self.key})"


def request_line(body: CapturedBody) -> bytes | None:
    """Return the request line of a captured body; None for a body that is no text."""
    try:
        said: Raw | str = Raw(body.data) if _is_json(body.data) else body.data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return _encode(RequestLine(body.path, {"content-type": body.content_type} if body.content_type else {}, said))


def kept(line: bytes, request_id: str, cipher: BodyCipher | None, random: Randomness) -> tuple[str, bytes]:
    """Return the hash of a request line, and the line of the file of bodies that holds it."""
    digest = sha256(line).hexdigest()
    if cipher is None:
        return digest, _encode(KeptBody(request_id, digest, Raw(line))) + b"\n"
    nonce = random(NONCE_BYTES)
    sealed = cipher.seal(line, nonce, _about(request_id, digest))
    return digest, _encode(SealedBody(request_id, digest, cipher.key, nonce.hex(), sealed)) + b"\n"


def opened(line: bytes, cipher: BodyCipher | None) -> tuple[KeptBody, bytes]:
    """Return a line of the file of bodies, and its request line. Raises AuditKeyError or ValueError."""
    try:
        found = _kept(line)
    except (msgspec.DecodeError, UnicodeError):
        raise ValueError("this is no line of a file of bodies") from None
    if found.key is None:
        plain = bytes(found.request)
    elif cipher is None:
        raise AuditKeyError("the bodies are encrypted: name the key")
    else:
        about = _about(found.id, found.sha256)
        plain = cipher.open(found.sealed or b"", bytes.fromhex(found.nonce or ""), about)
    if sha256(plain).hexdigest() != found.sha256:
        raise ValueError("the body was changed: its hash is another")
    return found, plain


def _about(request_id: str, digest: str) -> bytes:
    return f"{request_id} {digest}".encode()


def _is_json(data: bytes) -> bool:
    # Line breaks in it would end the line of the file.
    if b"\n" in data or b"\r" in data:
        return False
    try:
        msgspec.json.decode(data, type=Raw)
    except msgspec.DecodeError:
        return False
    return data[:1] == b"{"
