"""Credentials in a request's query: found by their names, and taken out without touching another byte."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

QUERY_KEYS: Final = frozenset(
    {
        *(b"key", b"api_key", b"api-key", b"apikey", b"x-api-key", b"x-goog-api-key", b"openai-api-key"),
        *(b"access_token", b"auth_token", b"api_token", b"id_token", b"session_token", b"token", b"jwt"),
        *(b"subscription-key", b"ocp-apim-subscription-key", b"access_key", b"auth_key", b"secret_key", b"private_key"),
        *(b"authorization", b"client_secret", b"anthropic-api-key", b"password"),
        *(b"sig", b"signature", b"x-amz-signature", b"x-amz-credential", b"x-amz-security-token"),
        *(b"x-goog-signature", b"x-goog-credential"),
    }
)
"""Parameters in which APIs take a client's key: Google's, Azure's, AWS's, those of RFC 6750 and of many others. Readers
differ in hyphens and underscores, and in capitals."""

_BARE: Final = bytes.maketrans(b"", b"")
_MARKS: Final = b"-_"
_NAMES: Final = frozenset(name.translate(_BARE, _MARKS) for name in QUERY_KEYS)
_INDEX: Final = re.compile(rb"\[[^\]]*\]\Z")
"""The brackets behind a name that PHP and its relatives read as a list: `key[]`."""

_MAYBE: Final = re.compile(rb"\?.*(?:key|token|sig|cred|auth|secr|jwt|pass|%)", re.DOTALL | re.IGNORECASE)
_PARAMETERS: Final = re.compile(rb"[&;]")


def without_keys(target: bytes) -> bytes:
    """A request target without the parameters of `QUERY_KEYS`; the very same object where it has none."""
    if _MAYBE.search(target) is None:
        return target
    path, _, query = target.partition(b"?")
    parts = query.split(b"&")
    kept = [part for part in parts if not any(map(_is_key, _PARAMETERS.split(part)))]
    if len(kept) == len(parts):
        return target
    return path + b"?" + b"&".join(kept) if kept else path


def _is_key(parameter: bytes) -> bool:
    name = parameter.partition(b"=")[0]
    bare = _INDEX.sub(b"", unquote_to_bytes(name).strip())
    return bare.lower().translate(_BARE, _MARKS) in _NAMES
