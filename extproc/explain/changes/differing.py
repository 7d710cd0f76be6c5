"""The differences of two policies, of whatever sections they have."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from extproc.policy import Policy

Kind: TypeAlias = Literal["added", "removed", "changed", "moved"]

_NAMED: Final = ("name", "header")
"""Members by which the entries of a list are known, whatever their place."""


class PolicyChange(Struct, frozen=True):
    """One difference. `path`: the members that lead there, entries of lists by their names.

    `before` and `after`: plain data; None for what is not there. `whole`: the entry of a list that is there or not.
    """

    path: tuple[str, ...]
    kind: Kind
    before: Any = None
    after: Any = None
    whole: bool = False

    def __repr__(self) -> str:
        return f"PolicyChange({'.'.join(self.path)}, {self.kind})"


def plain(policy: Policy) -> dict[str, Any]:
    """Return a policy as plain data, by the names that operators write."""
    found = policy.model_dump(by_alias=True)
    return {name: _plain(value) for name, value in found.items()}


def policy_changes(before: Policy, after: Policy) -> list[PolicyChange]:
    """Return all differences, in the order of the sections."""
    return list(_members((), plain(before), plain(after)))


def _members(path: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[PolicyChange]:
    for name in dict.fromkeys([*before, *after]):
        yield from _values((*path, name), before.get(name), after.get(name))


def _values(path: tuple[str, ...], before: Any, after: Any) -> Iterator[PolicyChange]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _members(path, before, after)
    elif isinstance(before, list) and isinstance(after, list) and _named(before, after):
        yield from _entries(path, before, after)
    elif before is None or before == []:
        yield PolicyChange(path, "added", before, after)
    elif after is None or after == []:
        yield PolicyChange(path, "removed", before, after)
    else:
        yield PolicyChange(path, "changed", before, after)


def _entries(path: tuple[str, ...], before: Sequence[Any], after: Sequence[Any]) -> Iterator[PolicyChange]:
    """Compare two lists of entries that have names."""
    old, new = ({_name(each) or "": each for each in entries} for entries in (before, after))
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            yield PolicyChange((*path, name), "removed", old[name], whole=True)
        elif name not in old:
            yield PolicyChange((*path, name), "added", None, new[name], whole=True)
        else:
            yield from _values((*path, name), old[name], new[name])
    kept = [[name for name in entries if name in old and name in new] for entries in (old, new)]
    if kept[0] != kept[1]:
        yield PolicyChange(path, "moved", kept[0], kept[1])


def _named(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """True if all entries of both lists have names, each its own."""
    for entries in (before, after):
        names = [_name(each) for each in entries]
        if None in names or len(set(names)) != len(names):
            return False
    return bool(before or after)


def _name(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return None
    name = next((entry[each] for each in _NAMED if isinstance(entry.get(each), str)), None)
    return name if name is None or entry.get("use") in {None, name} else f"{entry['use']} {name}"


def _plain(value: Any) -> Any:
    """Return what pydantic gives as JSON has it: conditions and paths by their text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(getattr(value, "text", None) or value)
