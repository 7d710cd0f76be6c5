"""Whole responses that two readers read as two: a name given twice where the text of a model stands."""

import json

from extproc.llm.streams.leaves import TooComplexError, document, leaves
from extproc.llm.streams.reading import Source
from extproc.llm.streams.recognition import Recognition, recognised
from extproc.llm.streams.repeats import differ


def twofold(body: bytes) -> bool:
    """True if readers that take the first and the last of members with the same name have other texts of a model.

    A stream in which it is so is uninspected, as nobody can say what its events come to. Cost: a parse of the body.
    """
    if not _repeats(body):
        return False
    try:
        return _differs(body)
    except TooComplexError:
        return False  # whoever reads it says so


def _differs(body: bytes) -> bool:
    _, value = document(body)
    source = Source(body, value, leaves(body))
    if isinstance(value, dict) and recognised(value):
        return Recognition("").read(source)[1] == "malformed"
    return differ(source)


class _TwiceError(Exception):
    """A name was given twice."""


def _repeats(body: bytes) -> bool:
    try:
        _SCANNER.decode(body.decode("utf-8-sig"))
    except _TwiceError:
        return True
    except (ValueError, RecursionError):
        pass
    return False


def _once(pairs: list[tuple[str, object]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) < len(pairs):
        raise _TwiceError


_SCANNER = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str)
