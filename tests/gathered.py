"""Many cases in one test: a collected test costs 6 ms of the run's time, more than most cases take."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

import pytest

PARAM: Final = type(pytest.param())

NAME_LENGTH: Final = 80
"""Characters of a value that name it, if it has no id of its own."""


@dataclass(frozen=True)
class Case:
    """Arguments of one call, and how a failure names them."""

    name: str
    arguments: Mapping[str, object]

    def __add__(self, other: "Case") -> "Case":
        return Case(f"{self.name}-{other.name}", {**self.arguments, **other.arguments})


@dataclass(frozen=True)
class Folded:
    """A function and the cases that it is called with."""

    check: Callable[..., None]
    cases: Sequence[Case]

    def run(self, part: int, parts: int, fixtures: Mapping[str, object]) -> None:
        """Try each case of a part. All that failed are raised together, each with its name."""
        cases, failed = self.cases[part::parts], list[tuple[str, BaseException]]()
        for case in cases:
            try:
                self.check(**case.arguments, **fixtures)
            except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # raised below
                error.add_note(f"case: {case.name}")
                failed.append((case.name, error))
        if failed:
            names = ", ".join(name for name, _ in failed)
            raise BaseExceptionGroup(
                f"{len(failed)} of {len(cases)} cases failed: {names}", [each for _, each in failed]
            )


def gathered(
    names: str | tuple[str, ...],
    values: Iterable[Any],
    *,
    ids: Callable[[Any], str] | Iterable[str] | None = None,
    parts: int = 1,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Call a test with each of the values, as `pytest.mark.parametrize` does, but in one test or in `parts` tests.

    Several of them above one function give every combination. All cases of a test share its fixtures.
    """
    wanted = (names,) if isinstance(names, str) else names
    listed = iter(ids) if isinstance(ids, Iterable) else None
    naming = ids if callable(ids) else _named
    cases = []
    for value in values:
        one = value if isinstance(value, PARAM) else pytest.param(*(value if isinstance(names, tuple) else (value,)))
        assert not one.marks, "a mark belongs to a whole test"
        name = next(listed) if listed else one.id or "-".join(map(naming, one.values))
        cases.append(Case(str(name), dict(zip(wanted, one.values, strict=True))))
    if len(cases) < parts:
        raise ValueError(f"{len(cases)} cases for {parts} tests: a test without a case cannot fail")

    def fold(check: Callable[..., None]) -> Callable[..., None]:
        inner = getattr(check, "folded", None)
        whole = Folded(inner.check, [a + b for a in cases for b in inner.cases]) if inner else Folded(check, cases)

        @wraps(check)
        def test(part: int = 0, **fixtures: object) -> None:
            whole.run(part, parts, fixtures)

        test.folded = whole  # type: ignore[attr-defined]
        left = [each for name, each in inspect.signature(check).parameters.items() if name not in cases[0].arguments]
        if parts == 1:
            test.__signature__ = inspect.Signature(left)  # type: ignore[attr-defined]
            return test
        part = inspect.Parameter("part", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        test.__signature__ = inspect.Signature([part, *left])  # type: ignore[attr-defined]
        parted: Callable[..., None] = pytest.mark.parametrize("part", range(parts))(test)
        return parted

    return fold


def _named(value: object) -> str:
    return (value if isinstance(value, str) and value.isprintable() else repr(value))[:NAME_LENGTH]
