"""Files that list the endpoints of a pool."""

from pathlib import Path
from typing import Final

from extproc.policy.endpoints import ENDPOINTS_MAX, endpoint_of
from extproc.server.files import read_file

FILE_MAX: Final = 256 * 1024
"""Bytes of a list: 1,024 endpoints with a comment of 200 characters each."""


class ListingError(Exception):
    """Raised if a list cannot be taken; its text says why, and names the line."""


def read_listing(path: Path) -> tuple[str, ...]:
    """Return the endpoints in a file. Raises ListingError."""
    try:
        raw = read_file(path, FILE_MAX + 1)
    except OSError as error:
        raise ListingError(error.strerror or type(error).__name__) from None
    if len(raw) > FILE_MAX:
        raise ListingError(f"it is larger than {FILE_MAX} bytes")
    return listed_in(raw.decode("utf-8", "replace"))


def listed_in(text: str) -> tuple[str, ...]:
    """Return the endpoints in the text of a list. Raises ListingError."""
    found: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        written = line.partition("#")[0].strip()
        if not written:
            continue
        endpoint = endpoint_of(written)
        if endpoint is None:
            raise ListingError(f"line {number} is no endpoint: write an IP address and a port")
        found[endpoint] = None
    if len(found) > ENDPOINTS_MAX:
        raise ListingError(f"it has more than {ENDPOINTS_MAX} endpoints")
    return tuple(found)
