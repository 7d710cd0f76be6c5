"""Credentials in a request's query: found by their names, and taken out without touching another byte."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

QUERY_KEYS: Final = frozenset(
    {
        *(b"key", b"api_key", b"api-key", b"apikey", b"x-api-key", b"x-goog-api-key", b"openai-api-key"),
        *(b"access_token", b"auth_token", b"token", b"subscription-key"),
        *(b"sig", b"x-amz-signature", b"x-amz-credential", b"x-amz-security-token"),
    }
)
"""Parameters in which APIs take a client's key: Google's, Azure's, AWS's, those of RFC 6750 and of many others."""

_MAYBE: Final = re.compile(rb"\?.*(?:[kK][eE][yY]|[tT][oO][kK][eE][nN]|[sS][iI][gG]|[cC][rR][eE][dD]|%)", re.DOTALL)
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
    return unquote_to_bytes(name).strip().lower() in QUERY_KEYS
