"""Plug-ins: found by the entry points of installed distributions, and registered once in each process.

Nothing that a policy or a client names is imported: only what was installed beside this program. A plug-in that cannot
be used is a problem of the whole program, because a gateway that starts without a guard guards nothing.
"""

import importlib
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from extproc.policy import PolicyError, Problem

if TYPE_CHECKING:  # nobody who has no plug-ins waits for their contracts
    from extproc.ext.contribution import Described

FILE: Final = "entry_points.txt"
OURS: Final = "extproc."
"""The beginning of all groups of entry points that are for this program."""

_VERSIONED: Final = re.compile(r"extproc\.plugins\.v([0-9]{1,9})")

SAID_MAX: Final = 512
"""Characters of a plug-in's own sentence that are shown: a line or two of a terminal."""

_PROGRAM: Final = Path(__file__).parents[1]
_IMPORTING: Final = frozenset(str(each.__file__) for each in (importlib, metadata))
"""Files that stand in each traceback of a plug-in's mistake, and say nothing about it."""

_TELL: Final = "tell the plug-in's author, or uninstall it"
_AGAIN: Final = "install the plug-in again, or uninstall it"
_MISSING: Final = "install that module, or uninstall the plug-in"


class Plugin(Struct, frozen=True):
    """A contribution that was registered: the distribution that brings it, and what it is."""

    distribution: str
    version: str
    provides: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}: {self.provides}"


class Plugins(Struct, frozen=True):
    """The plug-ins of this process, in a fixed order, and what is wrong with others."""

    found: tuple[Plugin, ...] = ()
    problems: tuple[Problem, ...] = ()


class PluginError(PolicyError):
    """Raised when there are plug-ins that cannot be used, whatever the policy says."""


class _UnusableError(Exception):
    """An entry point cannot be used: what is wrong, and what to do about it."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend


def loaded() -> tuple[Plugin, ...]:
    """Return the plug-ins of this process; the first call imports and registers them.

    To be called before a policy is read, wherever that is done. Raises PluginError with every problem.
    """
    plugins = looked()
    if plugins.problems:
        raise PluginError(plugins.problems)
    return plugins.found


@cache
def looked() -> Plugins:
    """Import and register the plug-ins, once in this process and those that are forked from it. Raises nothing."""
    return load(distributions())


def load(installed: Iterable[Distribution]) -> Plugins:
    """Import and register the plug-ins of these distributions. Raises nothing."""
    found: list[Plugin] = []
    problems: list[Problem] = []
    owners: dict[Described, str] = {}
    for each in sorted(_ours(installed, problems), key=_title):
        points = (point for point in each.entry_points if point.group.startswith(OURS))
        for point in sorted(points, key=lambda point: (point.group, point.name, point.value)):
            try:
                described = _registered(point, owners)
            except _UnusableError as error:
                problems.append(_problem(each, point.name, error.message, error.mend))
            else:
                owners[described] = f"{_title(each)}, entry point {point.name}"
                found.append(Plugin(_name(each), _version(each), str(described)))
    return Plugins(tuple(found), tuple(problems))


def _ours(installed: Iterable[Distribution], problems: list[Problem]) -> Iterator[Distribution]:
    """Yield the distributions with entry points for this program, each once: the first of a name on the path."""
    seen: set[str] = set()
    for each in installed:
        text = _text(each)
        if text is None or OURS not in text:
            continue
        name = _normal(_name(each))
        if name in seen or _shadowed(each, text):
            continue
        seen.add(name)
        try:
            groups = {point.group for point in each.entry_points}
        except Exception:  # noqa: BLE001  - the file may hold anything
            if f"[{OURS}" in text:
                problems.append(_problem(each, "", f"its {FILE} cannot be read", _AGAIN))
            continue
        if any(group.startswith(OURS) for group in groups):
            yield each


def _text(installed: Distribution) -> str | None:
    """Return the entry points as they are written. None if there are none, or nobody can read them."""
    try:
        return installed.read_text(FILE)
    except (OSError, UnicodeDecodeError):
        return None


def _shadowed(installed: Distribution, text: str) -> bool:
    """True if another distribution of the same name comes first on the path: that one would be imported."""
    with suppress(PackageNotFoundError, OSError, UnicodeDecodeError, ValueError):
        return distribution(_name(installed)).read_text(FILE) != text
    return False


def _registered(point: EntryPoint, owners: "dict[Described, str]") -> "Described":
    from extproc.ext import ContributionError  # noqa: PLC0415  - see above
    from extproc.ext import contribution as ext  # noqa: PLC0415  - see above

    if point.group != ext.GROUP:
        raise _of_another_group(point.group, ext.CONTRACT)
    named = _imported(point, ext.EXPLAINED)
    try:
        if isinstance(named, ext.Contribution):
            _refuse_twice(ext.described(named), owners)
        return ext.described(ext.register(named))
    except _UnusableError:
        raise
    except ContributionError as error:
        raise _UnusableError(f"{error}{_place(error.__cause__)}", _TELL) from None
    except Exception as error:  # noqa: BLE001  - a plug-in's value may hold anything
        raise _UnusableError(f"{type(error).__name__} while it was registered{_place(error)}", _TELL) from None


def _refuse_twice(described: "Described", owners: "dict[Described, str]") -> None:
    if described in owners:
        raise _UnusableError(f"the {described} is also that of {owners[described]}", "uninstall one of them")


def _of_another_group(group: str, contract: int) -> _UnusableError:
    version = _VERSIONED.fullmatch(group)
    if version is None:
        return _UnusableError(
            f"there is no group of entry points {group[:64]}", f"its author writes extproc.plugins.v{contract}"
        )
    number = int(version[1])
    if number > contract:
        mend = "install an older version of it, or a newer one of envoy-extproc"
    else:
        mend = "install a newer version of it"
    return _UnusableError(f"it is for version {number} of extproc.ext, and this is version {contract}", mend)


def _imported(point: EntryPoint, explained: tuple[type[Exception], ...]) -> object:
    """Return what an entry point names. Workers are forked, so that nobody may have started a thread by then.

    `explained` are the errors whose text is for the operator.
    """
    threads = threading.active_count()
    try:
        named: object = point.load()
    except ModuleNotFoundError as error:
        missing = str(error.name)[:128]
        raise _UnusableError(f"the module {missing} is not installed{_place(error)}", _MISSING) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  - a plug-in may raise anything
        unexplained = f"{type(error).__name__} while {point.value[:128]} was imported"
        message = str(error)[:SAID_MAX] if isinstance(error, explained) else unexplained
        raise _UnusableError(message + _place(error), _TELL) from None
    if threading.active_count() > threads:
        raise _UnusableError(
            f"importing {point.value[:128]} starts a thread, which workers would not have",
            "its author starts threads when the first request needs them",
        )
    return named


def _place(error: BaseException | None) -> str:
    """Return where an exception was raised, if that is known and not in Python's own import system."""
    if error is None:
        return ""
    import traceback  # noqa: PLC0415  - only mistakes need it

    frames = traceback.extract_tb(error.__traceback__)
    foreign = [each for each in frames if not (each.filename.startswith("<") or _near(each.filename))]
    return f" ({foreign[-1].filename}, line {foreign[-1].lineno})" if foreign else ""


def _near(file: str) -> bool:
    return file in _IMPORTING or _PROGRAM in Path(file).parents


def _problem(installed: Distribution, point: str, message: str, mend: str) -> Problem:
    return Problem(f"plug-in {_title(installed)}", 0, 0, f"entry point {point}" if point else "", message, mend)


def _title(installed: Distribution) -> str:
    return f"{_name(installed)} {_version(installed)}"


def _name(installed: Distribution) -> str:
    with suppress(Exception):  # metadata may hold anything, or be missing
        return str(installed.metadata["Name"] or "unnamed")
    return "unnamed"


def _version(installed: Distribution) -> str:
    with suppress(Exception):  # see `_name`
        return str(installed.version or "0")
    return "0"


def _normal(name: str) -> str:
    """The name as package installers compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
