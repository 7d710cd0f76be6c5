"""Images, sounds, files and sealed parts of an event: told and named as in a whole body."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct

from extproc.apis.events.event import Scope
from extproc.apis.events.leaves import Leaf, TooComplexError
from extproc.payload.document import read_json
from extproc.payload.names import carries
from extproc.payload.passage import Holder, Reason, TextLimitError
from extproc.protocol.errors import ClientError

_URL = re.compile(rb'"(?:[\x00-\x20]|\\)*+[dD\\]')
"""Strings that may be data URLs: a control character or an escape may stand in them anywhere."""


class Carriers(Struct, frozen=True):
    """The strings of an event that are named as not inspected, by their paths; `binary` are those that are no text."""

    named: Mapping[Scope, Reason]
    binary: AbstractSet[Scope]


def carriers(data: bytes, strings: Sequence[Leaf]) -> Carriers | None:
    """Look for strings that carry something else than text; None if no string may. Costs a second reading if one may.

    Raises:
        TooComplexError: a whole body of this kind could not be read.
    """
    if not any(_may_carry(data, leaf) for leaf in strings):
        return None
    try:
        document = read_json(data)
    except TextLimitError:
        raise TooComplexError from None
    except ClientError:
        return None
    named = {_path((each.within, each.key)): each.reason for each in document.uninspected}
    if not named:
        return None
    read = {_path((each.within, each.key)) for each in document.passages if each.source == 0}
    read |= {_path((each.outer.within, each.outer.key)) for each in document.sources if each.outer is not None}
    return Carriers(named, named.keys() - read)


def _may_carry(data: bytes, leaf: Leaf) -> bool:
    if leaf.kind != "string" or leaf.end - leaf.start <= len('""'):
        return False
    names = [step for step in leaf.path[-2:] if isinstance(step, str)]
    return bool(names and carries(names[-1])) or _URL.match(data, leaf.start) is not None


def _path(place: Holder) -> Scope:
    """A place as a path; a document in a string is a step of its own."""
    steps: list[str | int] = []
    while isinstance(place, tuple):
        place, key = place
        if key is not None or place is not None:  # the body itself is no step
            steps.append("#" if key is None else key)
    return tuple(reversed(steps))
