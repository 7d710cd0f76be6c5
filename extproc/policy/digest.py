"""The digest of a policy: the short name by which records, status and tools say which policy was in force."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import PurePath
from typing import Final

import msgspec

from extproc.policy.model import Policy
from extproc.policy.secrets import is_public

DIGEST_CHARACTERS: Final = 16
"""Hexadecimal digits of a digest, 64 bits: enough to tell one's own policies apart."""


def digest_of(policy: Policy, read: Mapping[str, bytes]) -> str:
    """Return the digest of a policy; `read` is what was read for it from outside (see `read_secrets`).

    It covers the policy as it is understood, so that comments, order of fields and defaults written out change nothing,
    and the content of the files of rules, pins and prices. It does not cover credentials, keys and certificates: a
    digest stands in logs, and a short secret could be guessed from it.
    """
    told = {
        "policy": policy.model_dump(),
        "files": {name: sha256(text).hexdigest() for name, text in read.items() if is_public(name)},
    }
    plain = msgspec.json.encode(told, order="sorted", enc_hook=_spelt)
    return sha256(plain).hexdigest()[:DIGEST_CHARACTERS]


def _spelt(value: object) -> str:
    """A value that is no plain data: a condition by its text, a path as it is written."""
    return str(getattr(value, "text", None) or (value if isinstance(value, PurePath) else type(value).__qualname__))
