"""Ed25519 signatures of the audit record. The package cryptography is imported where they are asked for."""

from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

LIBRARY: Final = "cryptography"

CONTEXT: Final = b"extproc audit 1\x00"
"""Stands before what is signed, so that no signature made for another purpose is one here."""

KEY_ID: Final = 16
"""Hexadecimal digits of a key's id, the beginning of the SHA-256 of the public key: enough to tell keys apart."""


class AuditKeyError(ValueError):
    """A key cannot be used. The text says why, and holds nothing of it."""


def installed() -> bool:
    """True if signatures can be made and checked, and bodies encrypted."""
    return find_spec(LIBRARY) is not None


class Signer:
    """Signs hashes of lines. Has no rendering: it holds a private key."""

    def __init__(self, private: Any) -> None:
        self._private = private
        self.public: bytes = private.public_key().public_bytes_raw()
        self.key = key_id(self.public)

    @classmethod
    def read(cls, pem: bytes) -> "Signer":
        """Return the signer with the private key in a PEM file. Raises AuditKeyError."""
        ed25519, serialization = _modules()
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):  # TypeError: it has a password
            raise AuditKeyError("this is not a private key in PEM without a password") from None
        if not isinstance(private, ed25519.Ed25519PrivateKey):
            raise AuditKeyError("this key is not of the kind Ed25519")
        return cls(private)

    def sign(self, digest: bytes) -> str:
        """Return the signature of a hash, in hexadecimal."""
        made: bytes = self._private.sign(CONTEXT + digest)
        return made.hex()

    def __repr__(self) -> str:
        return f"Signer({self.key})"


class PublicKey:
    """Checks signatures."""

    def __init__(self, public: Any) -> None:
        self._public = public
        self.key = key_id(public.public_bytes_raw())

    @classmethod
    def read(cls, pem: bytes) -> "PublicKey":
        """Return the public key in a PEM file, which may hold a private one. Raises AuditKeyError."""
        if b"PRIVATE KEY" in pem:
            return cls.of(Signer.read(pem).public)
        ed25519, serialization = _modules()
        try:
            public = serialization.load_pem_public_key(pem)
        except ValueError:
            raise AuditKeyError("this is not a public key in PEM") from None
        if not isinstance(public, ed25519.Ed25519PublicKey):
            raise AuditKeyError("this key is not of the kind Ed25519")
        return cls(public)

    @classmethod
    def of(cls, raw: bytes) -> "PublicKey":
        """Return the public key that has these 32 bytes."""
        ed25519, _ = _modules()
        return cls(ed25519.Ed25519PublicKey.from_public_bytes(raw))

    def signed(self, signature: str, digest: bytes) -> bool:
        """True if this is the signature of a hash by the key."""
        invalid = import_module("cryptography.exceptions").InvalidSignature
        try:
            self._public.verify(bytes.fromhex(signature), CONTEXT + digest)
        except (invalid, ValueError):
            return False
        return True


def key_id(public: bytes) -> str:
    """Return the id of a public key."""
    return sha256(public).hexdigest()[:KEY_ID]


def new_key() -> tuple[bytes, bytes]:
    """Return a new private key and its public key, in PEM."""
    ed25519, serialization = _modules()
    private = ed25519.Ed25519PrivateKey.generate()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    public = private.public_key().public_bytes(pem, info)
    return private.private_bytes(pem, pkcs8, serialization.NoEncryption()), public


def _modules() -> tuple[Any, Any]:
    primitives = "cryptography.hazmat.primitives"
    return import_module(f"{primitives}.asymmetric.ed25519"), import_module(f"{primitives}.serialization")
