"""Loading: the text of a file in; a policy, or every problem of the file, out."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from extproc.policy.advice import advice
from extproc.policy.base import Loc, part
from extproc.policy.checks import contradictions
from extproc.policy.document import Fault, PolicyDocument, Position, UnreadableError, decode, read
from extproc.policy.groups import Places, unfolded
from extproc.policy.model import Policy
from extproc.policy.parts import Parts, parts_of, salvaged
from extproc.policy.problems import PolicyError, Problem, Unusable
from extproc.policy.signals import Vocabulary, vocabulary
from extproc.policy.wording import without_forms, worded

PROBLEMS_MAX: Final = 200
"""Problems told at once. More come from one mistake repeated, and a screen holds less."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy, and what is allowed in it but looks like a mistake. `name` stands for the file."""

    policy: Policy
    notes: tuple[Problem, ...]
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy file as far as it could be read: `policy` is None if there are `faults`.

    `parts` are the backends and processors that are right by their form, whatever else is wrong.
    """

    policy: Policy | None
    parts: Parts
    faults: tuple[Fault, ...]
    name: str
    places: Mapping[Loc, Position] = field(repr=False)

    def refusal(self, unusable: Iterable[Unusable] = ()) -> PolicyError:
        """The error with every fault, and with what cannot be put to use."""
        return PolicyError(_ordered(self.name, [*self.faults, *self._faults(unusable)]))

    def located(self, unusable: Iterable[Unusable]) -> tuple[Problem, ...]:
        """Return what cannot be put to use, as problems with their lines, in the order of the file."""
        return _ordered(self.name, self._faults(unusable))

    def loaded(self) -> LoadedPolicy:
        """The policy, and notes on it. Raises PolicyError with every fault."""
        if self.policy is None:
            raise self.refusal()
        notes = (_located(self.places, loc, message, mend) for loc, message, mend in advice(self.policy))
        return LoadedPolicy(self.policy, _ordered(self.name, notes), self.name)

    def _faults(self, unusable: Iterable[Unusable]) -> Iterator[Fault]:
        for each in unusable:
            loc = each.where if self.policy is None else _numbered(self.policy, each.where)
            yield _located(self.places, loc, each.message, each.mend)


def loads(text: str, name: str = "policy", folder: Path | None = None, signals: Vocabulary | None = None) -> Policy:
    """Return the policy in a text. `name` stands for it in errors, relative paths start at `folder`.

    `signals` are those that its expressions may ask for: those of this process unless told. Raises PolicyError.
    """
    return drafted(text, name, folder, signals).loaded().policy


def drafted(
    content: str | bytes, name: str = "policy", folder: Path | None = None, signals: Vocabulary | None = None
) -> Draft:
    """Return what a text, or the bytes of a file, says; see `loads`. Raises PolicyError if it is no YAML."""
    try:
        document = unfolded(read(decode(content) if isinstance(content, bytes) else content))
    except UnreadableError as error:
        raise PolicyError((_problem(name, error.fault),)) from None
    context = {"folder": folder, "signals": signals or vocabulary()}
    policy, faults = _validated(document, context)
    parts = salvaged(document.data, context) if policy is None else parts_of(policy)
    return Draft(policy, parts, tuple(faults), name, document.places)


def _validated(document: PolicyDocument, context: dict[str, Any]) -> tuple[Policy | None, list[Fault]]:
    policy: Policy | None = None
    faults = list(document.faults)
    try:
        policy = Policy.model_validate(document.data, context=context)
    except ValidationError as error:
        # What crosses the fields is looked at even where a field is wrong: one run tells all.
        faults += [*_field_faults(document, error), *_cross_faults(document)]
    return (None if faults else policy), faults


def _field_faults(document: PolicyDocument, error: ValidationError) -> Iterator[Fault]:
    told = {fault.loc for fault in document.faults}
    for detail in islice(error.errors(include_url=False), PROBLEMS_MAX + 1):
        loc = without_forms(detail["loc"], document.places)
        if (
            _original(document.places, loc) not in told or detail["input"] is not None
        ):  # None stands for what was refused already
            yield _located(document.places, loc, *worded(detail, document.places.get(loc)), key=_at_key(detail))


def _cross_faults(document: PolicyDocument) -> Iterator[Fault]:
    for loc, refused in islice(contradictions(document.data), PROBLEMS_MAX + 1):
        context: dict[str, Any] = refused.context or {}
        yield _located(document.places, loc, context["problem"], context["mend"])


def _numbered(policy: Policy, where: Loc) -> Loc:
    """A place with positions where it has names; as far as the policy has it."""
    found: Any = policy
    loc: Loc = ()
    for step in where:
        if isinstance(found, tuple):
            index = next((at for at, item in enumerate(found) if step in {at, part(item, "name")}), None)
            if index is None:
                break
            found, loc = found[index], (*loc, index)
        else:
            found, loc = part(found, str(step)), (*loc, step)
    return loc


def _at_key(detail: ErrorDetails) -> bool:
    return detail["type"] == "extra_forbidden" or detail["loc"][-1:] == ("[key]",)


def _located(places: Mapping[Loc, Position], loc: Loc, message: str, mend: str, key: bool = False) -> Fault:
    place = _nearest(places, loc)
    loc = _original(places, loc)
    line, column = (place.key_line, place.key_column) if key else (place.line, place.column)
    return Fault(loc, line, column, message, mend)


def _original(places: Mapping[Loc, Position], loc: Loc) -> Loc:
    """Return the place of a part as the text has it."""
    return places.original(loc) if isinstance(places, Places) else loc


def _nearest(places: Mapping[Loc, Position], loc: Loc) -> Position:
    """The place of a part, or of the smallest part around it that is in the file."""
    while loc and loc not in places:
        loc = loc[:-1]
    return places[loc]


def _ordered(name: str, faults: Iterable[Fault]) -> tuple[Problem, ...]:
    """Each problem once, in the order of the file, and no more than a person reads."""
    unique = sorted(dict.fromkeys(faults), key=lambda fault: (fault.line, fault.column))
    problems = [_problem(name, fault) for fault in unique[:PROBLEMS_MAX]]
    if len(unique) > PROBLEMS_MAX:
        message = f"there are more than {PROBLEMS_MAX} problems"
        problems.append(Problem(name, problems[-1].line, problems[-1].column, "", message, "mend these first"))
    return tuple(problems)


def _problem(name: str, fault: Fault) -> Problem:
    return Problem(name, fault.line, fault.column, written(fault.loc), fault.message, fault.mend)


def written(loc: Loc) -> str:
    """A place the way people write it: `models[0].targets[1].backend`."""
    text = ""
    for step in loc:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step[:64]!r}]"
    return text
