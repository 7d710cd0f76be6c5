"""A contribution of a plug-in: what it may be, how it is checked, and how it gets into the registry of its kind."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias, get_args

from msgspec import Struct
from pydantic import BaseModel

from extproc import apis, detectors, pipe
from extproc.apis import Api, ApiEvents, ApiFamily, RegistrationError
from extproc.detectors import DetectorError, DetectorKind, DetectorRegistrationError
from extproc.ext import trial
from extproc.ext.trial import ContributionError
from extproc.pipe import AnswerStageType, StageError
from extproc.policy.signals import SignalError
from extproc.signals import registry as signals
from extproc.signals.signal import Signal

CONTRACT: Final = 1
"""Version of this contract. It grows by one whenever a plug-in that worked might no longer work."""

GROUP: Final = f"extproc.plugins.v{CONTRACT}"
"""The group of the entry points. The version is in it, so that a plug-in for another one is not even imported."""

Contribution: TypeAlias = DetectorKind | Signal | Api | AnswerStageType
"""Everything that an entry point may name."""

_FUNCTIONS: Final[dict[type, tuple[str, ...]]] = {
    Api: ("read_request", "scribe", "usage", "role_of", "asked"),
    ApiEvents: ("known", "read"),
    ApiFamily: ("error_type", "error", "error_event", "model_list", "model_card"),
    DetectorKind: ("make",),
    Signal: ("compute",),
    AnswerStageType: ("open",),
}
"""Fields that are called, all of them during a request or while a policy is compiled."""


EXPLAINED: Final = (ContributionError, DetectorError, SignalError, StageError)
"""Errors whose text is a sentence for the operator. That of any other may hold what a plug-in read somewhere."""


class Described(Struct, frozen=True):
    """The kind of a contribution and its name among those of its kind."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def described(contribution: Contribution) -> Described:
    """Return the kind and the name by which a policy, or a client's path, finds a contribution."""
    match contribution:
        case DetectorKind():
            return Described("detector", contribution.use)
        case Signal():
            return Described("signal", contribution.name)
        case Api():
            return Described("API", contribution.name)
        case AnswerStageType():
            return Described("answer stage", contribution.name)


def register(contribution: object) -> Contribution:
    """Add a contribution, for the policies that are loaded from now on, and return it.

    Raises:
        ContributionError: it is none, it is broken, or its name is taken.
    """
    if not isinstance(contribution, Contribution):
        shown = type(contribution).__name__
        found = f"the class {contribution.__name__}" if isinstance(contribution, type) else f"a value of type {shown}"
        known = ", ".join(each.__name__ for each in get_args(Contribution))
        raise ContributionError(f"{found[:64]} is no value of {known}")
    _check_functions(contribution)
    try:
        match contribution:
            case DetectorKind():
                _check_options(contribution.options)
                detectors.register(contribution)
            case Signal():
                trial.try_signal(contribution)
                signals.register(contribution)
            case Api():
                _check_api(contribution)
                trial.try_api(contribution)
                apis.register(contribution)
            case AnswerStageType():
                _check_options(contribution.options)
                pipe.register(contribution)
    except (DetectorRegistrationError, RegistrationError, SignalError, StageError) as error:
        raise ContributionError(str(error)) from None
    return contribution


@contextmanager
def registered(*contributions: Contribution) -> Iterator[None]:
    """Register contributions for the length of a `with` block, as tests of a plug-in do. Raises ContributionError."""
    # Entered empty, each registry goes back at the end to what it was at the beginning.
    with detectors.registered(), signals.registered(), apis.registered(), pipe.registered():
        for each in contributions:
            register(each)
        yield


def _check_functions(value: Contribution | ApiEvents | ApiFamily) -> None:
    """Refuse a field that would be called in the middle of a request and is no function."""
    for kind, names in _FUNCTIONS.items():
        for name in names if isinstance(value, kind) else ():
            if not callable(getattr(value, name)):
                raise ContributionError(f"`{name}` of {type(value).__name__} is no function")


def _check_api(api: Api) -> None:
    if api.events is not None and not isinstance(api.events, ApiEvents):
        raise ContributionError("`events` of Api is no ApiEvents")
    if not isinstance(api.family, ApiFamily):
        raise ContributionError("`family` of Api is no ApiFamily")
    for part in (api.family, *((api.events,) if api.events is not None else ())):
        _check_functions(part)
    for name, kind in (("paths", str), ("usage_marks", bytes)):
        found: object = getattr(api, name)
        if not (isinstance(found, tuple) and all(isinstance(each, kind) for each in found)):
            raise ContributionError(f"`{name}` of Api is no tuple of {kind.__name__}")


def _check_options(options: object) -> None:
    """Refuse a model that no other process could find: policies are pickled on their way to the workers."""
    if not (isinstance(options, type) and issubclass(options, BaseModel)):
        raise ContributionError("the options are no class of DetectorOptions or StageOptions")
    found: object = sys.modules.get(options.__module__)
    for name in options.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not options:
        raise ContributionError(f"the options {options.__name__} must be a class of a module, under its own name")
