"""Several conditions, evaluated in one call of the library: each call costs as much as a dozen comparisons in it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from extproc.policy.cel import program
from extproc.policy.conditions import Condition, ConditionError, only_named

if TYPE_CHECKING:
    from cel.cel import Program

GROUP_LEAST: Final = 3
"""Conditions from which on a group costs less than one after the other."""

_NONE: Final = -1


class ConditionGroup:
    """Conditions in their order. The results are exactly those of asking each by itself, and so are the failures."""

    __slots__ = ("_every", "_first", "_named", "_names", "conditions")

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self.conditions = tuple(conditions)
        self._names = tuple(frozenset(name for each in self.conditions for name in each.signals))
        asked = frozenset(signal for each in self.conditions for signal in each.named)
        self._named = {signal: _asked_of(signal, self.conditions) for signal in asked}
        self._first: Program | None = None
        self._every: Program | None = None
        if len(self.conditions) >= GROUP_LEAST:
            texts = [f"({each.written}\n)" for each in self.conditions]  # a comment ends with its line
            self._first = program(f"{' : '.join(f'{text} ? {at}' for at, text in enumerate(texts))} : {_NONE}")
            self._every = program(f"[{', '.join(texts)}]")

    def first(self, signals: Mapping[str, object]) -> int | None:
        """Return the place of the first condition that is true; None if none is.

        Raises:
            UndecidedError: a condition before it cannot be evaluated.
        """
        if self._first is not None and (found := self._together(self._first, signals)) is not None:
            return None if found == _NONE else int(found)
        for at, each in enumerate(self.conditions):
            try:
                if each.holds(signals):
                    return at
            except ConditionError:
                raise UndecidedError(at) from None
        return None

    def every(self, signals: Mapping[str, object]) -> Sequence[bool | None]:
        """Return whether each condition is true; None for one that cannot be evaluated."""
        if self._every is not None and (found := self._together(self._every, signals)) is not None:
            return [bool(each) for each in found]
        return [_holds(each, signals) for each in self.conditions]

    def _together(self, whole: "Program", signals: Mapping[str, object]) -> Any:
        """Return the result of all; None if one may fail, so that each has to be asked by itself."""
        asked = only_named({name: signals[name] for name in self._names}, self._named)
        for value in asked.values():
            if value is None or isinstance(value, tuple):
                return None
        try:
            return whole.execute(asked)
        except Exception:  # noqa: BLE001  - whatever the library raises: it is asked again, for the one that fails
            return None

    def __repr__(self) -> str:
        return f"ConditionGroup({len(self.conditions)})"


def _asked_of(signal: str, conditions: Sequence[Condition]) -> tuple[str, ...]:
    return tuple(frozenset(name for each in conditions for name in each.named.get(signal, ())))


class UndecidedError(Exception):
    """A condition of a group cannot be evaluated. `place`: which one."""

    def __init__(self, place: int) -> None:
        super().__init__(f"condition {place} cannot be evaluated")
        self.place = place


def _holds(condition: Condition, signals: Mapping[str, object]) -> bool | None:
    try:
        return condition.holds(signals)
    except ConditionError:
        return None
