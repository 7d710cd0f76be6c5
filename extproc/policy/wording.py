"""pydantic's errors, said to an operator: what is wrong in the words of the file, and what to write instead."""

import re
from collections.abc import Mapping
from typing import Any, Final, get_args

from extproc.policy.base import Loc, Value, listed, meant
from extproc.policy.budgets import HeaderSubject
from extproc.policy.credentials import Bearer, Header
from extproc.policy.document import Position
from extproc.policy.model import Policy
from extproc.policy.processors import PLUGGED, USES
from extproc.policy.units import written_duration, written_size
from extproc.policy.uses import plugged, tag

UNSUPPORTED_FIELDS: Final = frozenset({"cache"})
"""Sections of the format that are not built yet. Ignored, they would leave traffic unguarded without a word."""
UNSUPPORTED_APIS: Final = frozenset({"gemini", "bedrock", "azure-openai"})
"""Dialects of the format that are not built yet."""

_FORMS: Final[dict[str, type[Value] | None]] = {
    "(bearer)": Bearer,
    "(header)": Header,
    "(word)": None,
    "(subject)": HeaderSubject,
    **{tag(use): form for use, form in USES.items()},
    PLUGGED: None,
    "(unknown)": None,
    "[key]": None,
}
"""pydantic's parts of a place that tell forms apart, of a credential, of a processor, and a key from its value."""

_SECRET: Final = frozenset({"credential", "key"})
"""Fields at which someone may have written what must not be shown."""

_EXAMPLES: Final = {
    "version": "version: 1",
    "backends": "backends: [{name: openai, url: https://api.openai.com/v1, api: openai}]",
    "url": "url: https://api.openai.com/v1",
    "api": "api: openai",
    "targets": "targets: [{backend: NAME, model: NAME}]",
    "to": "to: [{backend: NAME, model: NAME}]",
    "when": "when: 'tools > 0'",
    "regions": "regions: [eu]",
    "header": "header: x-api-key",
}
_BOUNDS: Final = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_WANTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_sub_type": "text",
    "tuple_type": "a list",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
}
_SHAPES: Final = {
    "a list": "write each item on a line of its own, after a dash",
    "a mapping": "write `name: value` lines, indented",
    "a whole number": "write digits, without quotes",
    "a number": "write digits, without quotes",
    "text": "write a word",
    "true or false": "write true or false, without quotes",
}


def _forms() -> Mapping[str, type[Value] | None]:
    return _FORMS | {tag(use): form for use, form in plugged().items()}


def without_forms(loc: Loc, places: Mapping[Loc, Position]) -> Loc:
    """A place as the operator sees it: pydantic's tags taken out."""
    clean: Loc = ()
    forms = _forms()
    for step in loc:
        if step not in forms or (*clean, step) in places:
            clean = (*clean, step)
    return clean


def worded(error: Mapping[str, Any], place: Position | None) -> tuple[str, str]:
    """The message and the mend of one of pydantic's errors. Nothing written at a credential is quoted."""
    kind, loc, context, value = error["type"], error["loc"], error.get("ctx", {}), error.get("input")
    name = str(loc[-1]) if loc else ""
    if kind == "refused":
        return context["problem"], context["mend"]
    if kind == "missing":
        return f"{name} is missing", f"add `{_EXAMPLES.get(name, f'{name}: ...')}`"
    if kind == "extra_forbidden":
        return _unknown_field(loc, name)
    if kind == "literal_error":
        return _not_one_of(context["expected"], value, name)
    if kind in _BOUNDS:
        return _out_of_bounds(kind, context, value)
    if kind == "too_long":
        return f"at most {context['max_length']} entries may stand here", "write fewer"
    if kind in _WANTED:
        if value is None:
            return _nothing(_WANTED[kind], loc)
        return _wrong_type(_WANTED[kind], value, None if _SECRET.intersection(loc) else place)
    return f"this is not valid: {error['msg']}", "see the policy reference for this field"


def _unknown_field(loc: Loc, name: str) -> tuple[str, str]:
    owner = _owner(loc[:-1])
    if owner in {"Policy", "VirtualModel"} and name in UNSUPPORTED_FIELDS:
        return f"{name} is not supported by this version", "delete it: nothing in it would be done"
    if owner == "Tls" and name.startswith(("insecure", "skip", "verify")):
        return "a certificate is always checked", "delete it, and name the authority to trust in `ca`"
    return f"there is no field {listed([name])} here", meant(name, _fields(loc[:-1]))


def _class_at(loc: Loc) -> type[Value] | None:
    """The model that stands at a place, found by walking the types from the root."""
    found: type[Value] | None = Policy
    forms = _forms()
    for step in loc:
        if isinstance(step, int):
            continue
        if step in forms:
            found = forms[step]
        elif found is not None:
            field = found.model_fields.get(step)
            found = _model_in(field.annotation) if field else None
    return found


def _model_in(annotation: Any) -> type[Value] | None:
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


def _owner(loc: Loc) -> str:
    model = _class_at(loc)
    return model.__name__ if model else ""


def _fields(loc: Loc) -> list[str]:
    model = _class_at(loc)
    return list(model.model_fields) if model else []


def _not_one_of(expected: str, value: object, name: str) -> tuple[str, str]:
    words = re.findall(r"'([^']*)'", expected)
    if name == "api" and value in UNSUPPORTED_APIS:
        return f"api {value} is not supported by this version", f"write {' or '.join(words)}"
    if not words:
        return f"this is not {expected}", f"write {expected}"
    near = meant(value, words) if isinstance(value, str) else ""
    return f"this is none of: {', '.join(words)}", near if near.startswith("did") else f"write {' or '.join(words)}"


def _out_of_bounds(kind: str, context: Mapping[str, Any], value: object) -> tuple[str, str]:
    key, words = _BOUNDS[kind]
    limit = context[key]
    if isinstance(value, str):  # written with a unit, so the bound is told with one
        shown = written_duration(limit) if value.endswith(("s", "m", "h", "d")) else written_size(int(limit))
    else:
        shown = f"{limit:g}" if isinstance(limit, float) else str(limit)
    return f"this has to be {words} {shown}", f"write a value that is {words} {shown}"


def _nothing(wanted: str, loc: Loc) -> tuple[str, str]:
    model = _class_at(loc[:-1]) if loc and isinstance(loc[-1], str) else None
    field = model.model_fields.get(str(loc[-1])) if model else None
    or_not = ", or delete the key" if field is not None and not field.is_required() else ""
    return f"{wanted} belongs here, but there is nothing", f"{_SHAPES[wanted]}{or_not}"


def _wrong_type(wanted: str, value: object, place: Position | None) -> tuple[str, str]:
    found = _named(value)
    written = place.written if place else None
    if wanted == "text" and written is not None and len(written) <= 64:
        return f"{wanted} belongs here, but YAML reads {written} as {found}", f'write it in quotes: "{written}"'
    return f"{wanted} belongs here, not {found}", _SHAPES[wanted]


def _named(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return "a number"
        case float():
            return "a fraction"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case _:
            return "a mapping"
