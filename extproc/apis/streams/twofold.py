"""Whole responses that two readers read as two: a name given twice where the text of a model stands."""

import json

from extproc.apis.events.leaves import TooComplexError, document, leaves
from extproc.apis.events.source import EventSource
from extproc.apis.registry import current
from extproc.apis.streams.recognition import Recognition, miscased, recognised
from extproc.apis.streams.repeats import differ
from extproc.payload.sse_lines import BOM


def twofold(body: bytes) -> bool:
    """True for a body that would be malformed as the data of an event: some reader has other texts of a model, or none.

    It begins with a byte order mark, has members with the same name, of which readers take the first or the last, or a
    name in another case, which some readers take for the API's. Cost: a parse of the body.
    """
    if body.startswith(BOM):
        return True
    if not _repeats(body):
        return False
    try:
        return _differs(body)
    except TooComplexError:
        return False  # whoever reads it says so


def _differs(body: bytes) -> bool:
    _, value = document(body)
    source = EventSource(body, value, leaves(body))
    if isinstance(value, dict) and recognised(current().shaped, value):
        return Recognition("").read(source)[1] == "malformed"
    return differ(source)


class _TwiceError(Exception):
    """A name was given twice, or in another case."""


def _repeats(body: bytes) -> bool:
    try:
        _SCANNER.decode(body.decode())
    except _TwiceError:
        return True
    except (ValueError, RecursionError):
        pass
    return False


def _once(pairs: list[tuple[str, object]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) < len(pairs) or any(map(miscased, names)):
        raise _TwiceError


_SCANNER = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str)
