"""The registry of detectors that plug-ins bring: for each word of `use`, its options and how they make a detector.

The built-in processors are not in it: `pii`, `secrets` and `pattern` are rules that `inspection.ruleset` makes, and
`size` looks at no text.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct

from extproc.detectors.replies import Detector
from extproc.policy.names import RESERVED_PROCESSORS, is_short_name
from extproc.policy.processors import USES, Maskable
from extproc.policy.step import Step, Windowed, word
from extproc.policy.uses import plug

DetectorOptions = Step
"""The base of a plug-in's options: fields of its own beside those of every processor."""

WindowedOptions = Windowed
"""The same for detectors that compute scores or ask others: they may judge streamed responses in windows."""

MaskableOptions = Maskable
"""The same for rules, whose findings may be allowed by the policy, and masked in several formats."""


class DetectorKind(Struct, frozen=True):
    """A word of `use`. `options` is the model of its fields in the policy; `make` returns the detector that has them.

    `make` is called when a policy is compiled, in every process, once for each processor that uses it. Whatever it
    raises makes the policy wrong; the message of a DetectorError is shown to the operator.
    """

    use: str
    options: type[Step]
    make: Callable[[Any], Detector]


def built_in(options: type[Step], make: Callable[[Any], Detector]) -> DetectorKind:
    """Return a kind of detector of this program, whose word the policy has."""
    return DetectorKind(word(options), options, make)


class DetectorRegistrationError(Exception):
    """Raised when a kind of detector cannot be registered."""


class DetectorRegistry:
    """Kinds of detectors by their words. Immutable. Raises DetectorRegistrationError."""

    __slots__ = ("_kinds",)

    def __init__(self, kinds: tuple[DetectorKind, ...] = ()) -> None:
        self._kinds: Mapping[str, DetectorKind] = {each.use: each for each in kinds}
        if len(self._kinds) < len(kinds):
            raise DetectorRegistrationError("two detectors have the same word in `use`")
        for each in kinds:
            _check(each)

    def adding(self, kind: DetectorKind) -> "DetectorRegistry":
        """Return a registry with one more kind. Raises DetectorRegistrationError."""
        return DetectorRegistry((*self._kinds.values(), kind))

    def named(self, use: str) -> DetectorKind | None:
        """Return the kind of that word."""
        return self._kinds.get(use)

    @property
    def options(self) -> dict[str, type[Step]]:
        """The model of each word's options."""
        return {use: each.options for use, each in self._kinds.items()}

    def __repr__(self) -> str:
        return f"DetectorRegistry({', '.join(self._kinds)})"


def _check(kind: DetectorKind) -> None:
    if not is_short_name(kind.use) or kind.use in RESERVED_PROCESSORS:
        raise DetectorRegistrationError(f"{kind.use[:64]!r} cannot be a word of `use`: write it like prompt-guard")
    if kind.use in USES:
        raise DetectorRegistrationError(f"use {kind.use} is built in")
    options: object = kind.options  # a plug-in's
    if not (isinstance(options, type) and issubclass(options, Step)):
        raise DetectorRegistrationError(f"the options of {kind.use} are no DetectorOptions")


_NONE: Final = DetectorRegistry()
_current = _NONE


def current() -> DetectorRegistry:
    """Return the registry of this process."""
    return _current


def register(kind: DetectorKind) -> None:
    """Add a kind of detector, for the policies that are loaded and compiled from now on.

    For plug-ins, which are loaded before the first policy, in each process. Nothing that a client sends leads here.

    Raises:
        DetectorRegistrationError: its word is taken or is none, or its options are no model of options.
    """
    _set(_current.adding(kind))


@contextmanager
def registered(*kinds: DetectorKind) -> Iterator[DetectorRegistry]:
    """Register kinds for the length of a `with` block, as tests of a plug-in do."""
    before = _current
    try:
        for kind in kinds:
            register(kind)
        yield _current
    finally:
        _set(before)


def _set(registry: DetectorRegistry) -> None:
    global _current
    _current = registry
    plug(registry.options)
