"""Usage at the end of JSON of which only the last bytes are at hand, or need be decoded."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from extproc.apis.api import Api
from extproc.apis.usage import ReportedUsage

_decode: Final = msgspec.json.Decoder().decode
_WHITE: Final = b" \t\r\n"

_COLON: Final = re.compile(rb"\s*+:")

TRIES: Final = 8
"""Members of a mark's name that are tried, from the last one on: arguments of a tool's call may have some."""


def tail_usage(api: Api, tail: bytes, *, inner: bool = True) -> ReportedUsage | None:
    """Return the usage that stands among the last members of a JSON document; None if none does.

    `inner`: also in an object that is the document's last member, as events hold a response. The last member of a
    response may be the client's own metadata, which comes back: so `inner` is for events alone.

    From a member on, the bytes to the end are an object without its beginning. They are valid JSON with a brace put
    before them only if the member is one of the document itself, or with one brace at the end taken away, if it is one
    of an object in it. So no member deep in the document is taken for the provider's report. A document may be the
    last one of an array.
    """
    text = tail.rstrip(_WHITE)
    if text.endswith(b"]"):
        text = text[:-1].rstrip(_WHITE)
    for mark in api.usage_marks:
        for at in _names(text, mark):
            found = _at(api, text[at:], inner=inner)
            if found is not None:
                return found
    return None


def _names(text: bytes, mark: bytes) -> Iterator[int]:
    """Yield the places of the last members of that name.

    Strings with these letters do not count: clients' metadata, which comes back behind the usage, may hold many.
    """
    at, tries = len(text), 0
    while tries < TRIES and (at := text.rfind(mark, 0, at)) >= 0:
        if _COLON.match(text, at + len(mark)):
            tries += 1
            yield at


def _at(api: Api, members: bytes, *, inner: bool) -> ReportedUsage | None:
    value = _object(members)
    if value is None and inner and members.endswith(b"}"):
        held = _object(members[:-1])
        value = None if held is None else {"response": held, "message": held}
    return None if value is None else api.usage(value)


def _object(members: bytes) -> Mapping[str, object] | None:
    try:
        value = _decode(b"{" + members)
    except (ValueError, RecursionError):  # msgspec's errors are of the former kind
        return None
    return value if type(value) is dict else None
