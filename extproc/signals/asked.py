"""Values that are asked for by name, each found out when it is."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

Named: TypeAlias = str | bool | float
"""A value of one name."""


class AskedValues(Mapping[str, Named]):
    """The values of a signal of the type `named`, for names of the policy. It holds those that were asked for so far.

    Each is found out once, so that it is the same for all of an exchange, and in its record.
    """

    __slots__ = ("_of", "_seen")

    def __init__(self, of: Callable[[str], Named]) -> None:
        self._of = of
        self._seen: dict[str, Named] = {}

    def __getitem__(self, name: str) -> Named:
        if name not in self._seen:
            self._seen[name] = self._of(name)
        return self._seen[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def __len__(self) -> int:
        return len(self._seen)

    def recorded(self, signal: str) -> dict[str, Named]:
        """Return what was asked for as conditions spell it."""
        return {f'{signal}["{name}"]': value for name, value in self._seen.items()}

    def __repr__(self) -> str:
        return f"AskedValues({len(self)})"
