"""Base classes of the policy: frozen values that take no unknown field, and refusals that carry a suggested fix."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Loc = tuple[str | int, ...]
"""A place in the policy: keys and list positions from the root, as pydantic has them."""

SHOWN_MAX: Final = 128
"""Characters of a name in a message."""
COMPARED_MAX: Final = 200
"""Names looked through for the nearest: a few milliseconds for each wrong one."""


@dataclass(frozen=True, slots=True)
class Written:
    """The written form of a kind of value; stands in annotations, and the policy reference shows it."""

    kind: str
    example: str


class Value(BaseModel):
    """A part of the policy: frozen, and no field passes unread.

    Errors do not show their input: it may be a credential that was written where it does not belong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def refusal(message: str, mend: str) -> PydanticCustomError:
    """An error for a validator to raise: what is wrong, and what to write instead."""
    # The text goes in as context, not as the template: the operator's braces stay what they are.
    return PydanticCustomError("refused", "{problem}", {"problem": message, "mend": mend})


def matching(form: re.Pattern[str], message: str, mend: str) -> AfterValidator:
    """Return the validator of texts that match `form` as a whole."""

    def check(text: str) -> str:
        if form.fullmatch(text) is None:
            raise refusal(message, mend)
        return text

    return AfterValidator(check)


def refusals(title: str, found: Iterable[tuple[Loc, PydanticCustomError]]) -> ValidationError:
    """Several refusals as one error of a model; pydantic puts the model's own place before each."""
    details = [InitErrorDetails(type=error, loc=loc, input=None) for loc, error in found]
    return ValidationError.from_exception_data(title, details, hide_input=True)


def meant(name: str, known: Iterable[str], most: int = 1) -> str:
    """The mend for an unknown name: the nearest known ones, `most` at most, in either case, or all of them."""
    names = list(dict.fromkeys(known))
    near = get_close_matches(name[:SHOWN_MAX], names[:COMPARED_MAX], n=most)
    if not near:
        lowered = {each.lower(): each for each in names[:COMPARED_MAX]}
        near = [lowered[each] for each in get_close_matches(name[:SHOWN_MAX].lower(), lowered, n=most)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known here: {listed(names)}" if names else "define it first"


def listed(names: Iterable[str], limit: int = 8) -> str:
    """Names for a message: the first few, and how many more there are."""
    every = [name[:SHOWN_MAX] for name in names]
    shown = ", ".join(every[:limit])
    return shown if len(every) <= limit else f"{shown} and {len(every) - limit} more"


def part(value: object, name: str) -> Any:
    """A field of a part of the policy, be it a model or still the plain data of a file; None where there is none."""
    if isinstance(value, BaseModel):
        return getattr(value, name, None)
    return value.get(name) if isinstance(value, dict) else None


def states(value: object, name: str) -> bool:
    """True if the operator wrote the field, whatever its default is."""
    if isinstance(value, BaseModel):
        return name in value.model_fields_set
    return isinstance(value, dict) and name in value


def items(value: object, name: str) -> list[Any]:
    """A list field's items; none where the field is not a list."""
    found = part(value, name)
    return list(found) if isinstance(found, list | tuple) else []
