"""The model's own words in the bytes of a response, found by the names of their members, without parsing the JSON."""

import re
from typing import Final

import msgspec

_STRING: Final = re.compile(rb'[^"\\]*+(?:\\(?:u[0-9a-fA-F]{4}|[^u])[^"\\]*+)*+', re.DOTALL)
"""The inside of a JSON string, as far as it has come: an escape that is cut is no part of it."""

_BACKSLASH: Final = b"\\"[0]
_SPACED: Final = (b'"%b":"', b'"%b": "')
"""The ways in which encoders write a name before a string."""

_text: Final = msgspec.json.Decoder(str).decode


def pieces(raw: bytes, names: tuple[bytes, ...]) -> list[bytes]:
    """Return the strings that are values of such members, as they are escaped; those that are empty are left out.

    One that is cut at the end is taken as far as it goes. Costs about 1 µs for an event of 300 bytes.
    """
    found: list[bytes] = []
    for name in names:
        for form in _SPACED:
            lead = form % name
            if lead in raw:
                found += [inside for part in raw.split(lead)[1:] if (inside := _inside(part))]
    return found


def joined(found: list[bytes]) -> str:
    """Return the text of strings together: what is escaped in parts over several of them, too."""
    said = b"".join(found)
    if b"\\" not in said:
        return said.decode("utf-8", "replace")
    try:
        return _text(b'"%b"' % said)
    except (ValueError, UnicodeDecodeError):  # half a surrogate pair, or bytes that are no UTF-8
        return said.replace(b"\\n", b"\n").decode("utf-8", "replace")


def _inside(part: bytes) -> bytes:
    end = part.find(b'"')
    if end > 0 and part[end - 1] != _BACKSLASH:
        return part[:end]
    if end == 0:
        return b""
    whole = _STRING.match(part)
    assert whole is not None, "it matches no bytes, too"
    return whole[0]
