"""The verdict on a whole document, by the library, and the schemas that were read for it."""

import json
from functools import cache, lru_cache
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from extproc.apis.events.leaves import TooComplexError, document
from extproc.detectors.schema.cost import CostlySchemaError, SchemaCost, cost, patterns
from extproc.detectors.schema.nodes import ANY, SchemaNode, nodes
from extproc.detectors.schema.pointers import objects

SCHEMAS_KEPT: Final = 256
"""Schemas that are kept: applications use a few, and send them with every request. A usual one takes 0.1 ms to read."""

SMALL_BYTES: Final = 16 * 1024
"""Bytes of a schema up to which it is one of these: 1 ms to read, and some 100 KiB as it is kept."""

LARGE_KEPT: Final = 8
"""Larger schemas that are kept: up to 2 MiB each, and 10 ms to read."""

PATTERNS_MAX: Final = 500
"""Patterns of a schema."""

PATTERN_BYTES: Final = 1024 * 1024
"""Bytes that all of them may take as they are compiled, and again while they match. `[a-z]{1,64}` takes some 3,000."""

_RANGES: Final = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        *("minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems", "contains"),
        *("minContains", "maxContains"),
    }
)

_KINDS: Final = {
    "type": "type",
    "required": "required",
    "dependentRequired": "required",
    "additionalProperties": "unknown_member",
    "unevaluatedProperties": "unknown_member",
    "propertyNames": "unknown_member",
    "enum": "enum",
    "const": "enum",
    "pattern": "pattern",
    **dict.fromkeys(_RANGES, "range"),
}
"""Kinds of findings by the keyword; those of any other are `schema`."""


class _Validator(Protocol):
    """The part of the library's validators that is used."""

    def is_valid(self, instance: Any) -> bool: ...

    def iter_errors(self, instance: Any) -> Any: ...


class KnownSchema(Struct, frozen=True, eq=False):
    """A schema that was read: its early rules, and the library's validator, None if any JSON will do; and its cost."""

    root: SchemaNode = ANY
    validator: _Validator | None = None
    cost: SchemaCost = SchemaCost()

    def fault(self, text: str) -> tuple[str, str] | None:
        """Return the kind of the first fault of a whole document, and the place of the keyword; None if it is right.

        Raises:
            TooComplexError: it is nested too deeply, or checking it may take too long.
            ValueError: a value is none that the library knows, such as a number beyond all floats.
        """
        try:
            data = text.encode()
        except UnicodeEncodeError:
            data = _whole_pairs(text).encode()
        is_json, value = document(data)
        if not is_json:
            return "not_json", ""
        validator = self.validator
        if validator is None:
            return None
        if not self.cost.bears(text):
            raise TooComplexError
        try:
            fits = validator.is_valid(value)
        except UnicodeEncodeError:
            value = _paired(value)
            fits = validator.is_valid(value)
        if fits:
            return None
        if not self.cost.explains(text):
            return "schema", ""
        error = next(iter(validator.iter_errors(value)))
        path = [str(each).replace("~", "~0").replace("/", "~1") for each in error.schema_path]
        keyword = next((each for each in reversed(error.schema_path) if isinstance(each, str)), "")
        return _KINDS.get(keyword, "schema"), "".join(f"/{each}" for each in path)


ANY_JSON: Final = KnownSchema()


def known(schema: bytes) -> KnownSchema | None:
    """Return a schema that was read; None if it cannot be understood.

    That is so if it is no JSON Schema, is nested too deeply, refers to something outside of itself, or has a pattern
    that cannot be matched in linear time. Nothing is ever fetched. `format` is a note, as the standard says.
    """
    return _small(schema) if len(schema) <= SMALL_BYTES else _large(schema)


def _known(schema: bytes) -> KnownSchema | None:
    try:
        value = msgspec.json.decode(schema)
        return KnownSchema(nodes(value), cost=cost(value), validator=_validator(value))
    except (ValueError, RecursionError):
        return None


_small = lru_cache(SCHEMAS_KEPT)(_known)
_large = lru_cache(LARGE_KEPT)(_known)


def _validator(schema: Any) -> _Validator:
    """Return the library's validator. Raises ValueError."""
    library = _library()
    count = sum(patterns(each) for each in objects(schema))
    if count > PATTERNS_MAX:
        raise CostlySchemaError
    most = PATTERN_BYTES // max(1, count)
    options = library.RegexOptions(size_limit=most, dfa_size_limit=most)
    made: _Validator = library.validator_for(schema, pattern_options=options, offline=True, validate_formats=False)
    return made


@cache
def _library() -> Any:
    """Load the library: 15 MB, and only for policies that use it."""
    import jsonschema_rs  # noqa: PLC0415

    return jsonschema_rs


def _paired(value: Any) -> Any:
    """Return a value in which halves of surrogate pairs are U+FFFD, as parsers in other languages have them."""
    return json.loads(_whole_pairs(json.dumps(value, ensure_ascii=False)))


def _whole_pairs(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def load() -> None:
    """Load the library, when a policy is compiled: workers share its memory then."""
    _library()
