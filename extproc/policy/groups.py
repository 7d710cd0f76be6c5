"""`parallel:` groups of processors in a policy's text: their members take the place of the group.

All that is behind this sees plain lists. Problems are told with the places where their parts really stand.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from extproc.policy.base import Loc, items, part
from extproc.policy.document import Fault, PolicyDocument, Position
from extproc.policy.listing import SIDES
from extproc.policy.processors import USES
from extproc.policy.uses import plugged

GROUP: Final = "parallel"
"""The key of a group."""

_MEND: Final = "write it like {parallel: [{use: webhook, ...}, {use: moderation, ...}]}"


class Places(dict[Loc, Position]):
    """Positions by the places of parts once groups are unfolded. `moved`: the places where processors stood before."""

    def __init__(self, places: Mapping[Loc, Position], moved: Mapping[Loc, Loc]) -> None:
        super().__init__(places)
        self._moved = moved

    def original(self, loc: Loc) -> Loc:
        """Return the place of a part as the text has it."""
        return self._moved[loc[:4]] + loc[4:] if loc[:4] in self._moved else loc


def unfolded(document: PolicyDocument) -> PolicyDocument:
    """Return a document without groups, with the faults of those that it had."""
    faults = list(document.faults)
    moved: dict[Loc, Loc] = {}
    data = document.data
    for index, pipeline in enumerate(items(data, "pipelines")):
        for side in SIDES:
            if any(_is_group(entry) for entry in items(pipeline, side)):
                place: Loc = ("pipelines", index, side)
                entries = list(_entries(document, place, items(pipeline, side), faults))
                moved |= {(*place, number): loc for number, (loc, _) in enumerate(entries)}
                data = _with(data, index, side, [entry for _, entry in entries])
    if data is document.data:
        return document
    return PolicyDocument(data, Places(_replaced(document.places, moved), moved), faults)


def _entries(document: PolicyDocument, place: Loc, listed: list[Any], faults: list[Fault]) -> Iterator[tuple[Loc, Any]]:
    """The processors of a list, each with its place in the text; adds the faults of groups."""
    for position, entry in enumerate(listed):
        loc: Loc = (*place, position)
        if not _is_group(entry):
            yield loc, entry
            continue
        members = entry[GROUP]
        if not isinstance(members, list) or not members:
            faults.append(_fault(document, (*loc, GROUP), "a group is a list of processors", _MEND))
            continue
        if len(entry) > 1:
            other = next(name for name in entry if name != GROUP)
            faults.append(_fault(document, (*loc, other), "a group has no other fields", "write them at its members"))
        for number, member in enumerate(members):
            at: Loc = (*loc, GROUP, number)
            if _is_group(member):
                faults.append(_fault(document, at, "there are no groups in groups", "write its members here"))
                continue
            if _changes(member):
                message = "the processors of a group only read, and this one masks"
                where = (*at, "action") if (*at, "action") in document.places else at
                faults.append(_fault(document, where, message, "write action: block or report, or take it out"))
            yield at, member


def _is_group(entry: object) -> bool:
    return isinstance(entry, dict) and GROUP in entry


def _changes(entry: object) -> bool:
    """True if a processor masks, as far as its text shows that."""
    if not isinstance(entry, dict) or entry.get("mode") == "shadow":
        return False
    use = entry.get("use")
    options = {**USES, **plugged()}.get(use) if isinstance(use, str) else None
    usual = None if options is None else options.model_fields["action"].default
    return bool(entry.get("action", usual) == "mask")


def _fault(document: PolicyDocument, loc: Loc, message: str, mend: str) -> Fault:
    near = loc
    while near and near not in document.places:
        near = near[:-1]
    position = document.places[near]
    return Fault(loc, position.line, position.column, message, mend)


def _with(data: Any, index: int, side: str, entries: list[Any]) -> Any:
    """The same data with another list of processors."""
    pipelines = [dict(each) if number == index else each for number, each in enumerate(part(data, "pipelines"))]
    pipelines[index][side] = entries
    return {**data, "pipelines": pipelines}


def _replaced(places: Mapping[Loc, Position], moved: Mapping[Loc, Loc]) -> dict[Loc, Position]:
    """Positions under the places that parts have now."""
    lists = {each[:3] for each in moved}
    found = {loc: position for loc, position in places.items() if len(loc) < 4 or loc[:3] not in lists}
    sources = {source: target for target, source in moved.items()}
    for loc, position in places.items():
        for length in (4, 6):
            target = sources.get(loc[:length])
            if target is not None and len(loc) >= length:
                found[target + loc[length:]] = position
    return found
