"""A JSON Schema as the early check reads it: what each value must be in any case, whatever else the schema says.

Every rule here follows from the schema, but not every rule of the schema is here: a value that breaks none of these may
still be wrong, which the whole document shows (see `library`). A keyword that is left out makes the check weaker, never
wrong.
"""

from collections.abc import Mapping
from typing import Any, Final

from extproc.detectors.schema.pointers import leads_elsewhere, within

OBJECT, ARRAY, STRING, NUMBER, TRUTH, NULL = 1, 2, 4, 8, 16, 32
ANYTHING: Final = 63
"""Bits of the types of JSON."""

_TYPES: Final[Mapping[str, int]] = {
    "object": OBJECT,
    "array": ARRAY,
    "string": STRING,
    "number": NUMBER,
    "integer": NUMBER,
    "boolean": TRUTH,
    "null": NULL,
}

DEPTH_MAX: Final = 64
"""Levels of a schema. OpenAI takes 10 levels of objects; a level of a value takes two of the schema."""

NODES_MAX: Final = 20_000
"""Subschemas of a schema. OpenAI takes 5,000 properties."""

LENGTH_MAX: Final = 64 * 1024
"""Code points up to which a `maxLength` is counted while the string comes."""

_CURRENT: Final = "https://json-schema.org/draft/2020-12/schema"


class SchemaNode:
    """The rules for one value. `where` is the place of its schema.

    `types`: bits of the types that it may have, and `by` the keyword that says so; `free`: those of scalars of which
    any will do; `integer`: a number has no fraction. Of objects: `members` and `rest`, for the values of known and of
    other names, `closed` if there may be no others, `required`; `names` has those of `members` in order. Of
    arrays: `first`, `items`, and how many. Of strings: `words`, one of which it must be, as the keyword
    `chosen` says, and how long. Of numbers: bounds.
    """

    __slots__ = (
        "by", "chosen", "closed", "first", "free", "integer", "items", "least", "least_items", "least_length",
        "members", "most", "most_items", "most_length", "names", "required", "rest", "types", "where", "words",
    )  # fmt: skip

    def __init__(self, where: str, types: int = ANYTHING) -> None:
        self.where = where
        self.types = types
        self.free = types
        self.by = "/type" if types else ""
        self.chosen = "/enum"
        self.integer = False
        self.members: Mapping[str, SchemaNode] = {}
        self.names: tuple[str, ...] = ()
        self.rest: SchemaNode = self
        self.closed = False
        self.required: frozenset[str] = frozenset()
        self.first: tuple[SchemaNode, ...] = ()
        self.items: SchemaNode = self
        self.least_items = 0
        self.most_items: float | None = None
        self.words: tuple[str, ...] | None = None
        self.least_length = 0
        self.most_length: float | None = None
        self.least: float | None = None
        self.most: float | None = None

    def fits_any(self, size: int) -> bool:
        """True if a string of so many code points, in which pairs may be cut, is long enough and may go on anyhow."""
        return self.words is None and self.most_length is None and size >= 2 * self.least_length

    def __repr__(self) -> str:
        return f"SchemaNode({self.types})"


ANY: Final = SchemaNode("")
"""Nothing is known of the value, nor of what is in it."""


class UnknownSchemaError(ValueError):
    """A schema is beyond the bounds."""


def nodes(schema: object) -> SchemaNode:
    """Return the rules of a schema. Raises UnknownSchemaError."""
    return _NodeReader(schema).node(schema, "", 0)


class _NodeReader:
    def __init__(self, schema: object) -> None:
        self._root = schema
        self._known: dict[int, SchemaNode] = {}  # by the identity of the schema, which is kept meanwhile
        declared = schema.get("$schema", _CURRENT) if isinstance(schema, dict) else _CURRENT
        self._current = isinstance(declared, str) and declared.rstrip("#") == _CURRENT
        self._plain = not leads_elsewhere(schema)

    def node(self, schema: object, where: str, depth: int) -> SchemaNode:
        """Return the rules of a subschema, which may hold itself."""
        if depth > DEPTH_MAX or len(self._known) > NODES_MAX:
            raise UnknownSchemaError
        if schema is False:
            return SchemaNode(where, 0)
        if not isinstance(schema, dict):
            return ANY
        known = self._known.get(id(schema))
        if known is None and "$ref" in schema:
            return self._referred(schema["$ref"], depth + 1)
        if known is None:
            known = self._known[id(schema)] = SchemaNode(where)
            known.rest = known.items = ANY
            self._read(known, schema, where, depth + 1)
        return known

    def _read(self, node: SchemaNode, schema: Mapping[str, Any], where: str, depth: int) -> None:
        self._types(node, schema)
        chosen = self._choices(node, schema, where, depth)
        self._words(node, schema)
        if not chosen:
            self._inside(node, schema, where, depth)
        held = node.words is not None or node.least_length or node.most_length is not None
        bounded = node.integer or node.least is not None or node.most is not None
        node.free = node.types & ~(STRING if held else 0) & ~(NUMBER if bounded else 0)

    def _inside(self, node: SchemaNode, schema: Mapping[str, Any], where: str, depth: int) -> None:
        self._object(node, schema, where, depth)
        self._array(node, schema, where, depth)
        node.least_length, node.most_length = _count(schema, "minLength") or 0, _count(schema, "maxLength")
        if node.most_length is not None and node.most_length > LENGTH_MAX:
            node.most_length = None  # the library counts it, once
        node.least, node.most = _number(schema, "minimum"), _number(schema, "maximum")

    def _referred(self, ref: object, depth: int) -> SchemaNode:
        """Return the rules of what a reference leads to. Keywords beside it count in some drafts only."""
        if not (self._plain and isinstance(ref, str) and ref.startswith("#")):
            return ANY
        found = within(self._root, ref[1:])
        return ANY if found is None else self.node(found, ref[1:], depth)

    def _types(self, node: SchemaNode, schema: Mapping[str, Any]) -> None:
        given = schema.get("type")
        names: list[Any] = given if isinstance(given, list) else [given]
        if given is None or not all(isinstance(each, str) and each in _TYPES for each in names):
            return
        node.types = 0
        for each in names:
            node.types |= _TYPES[each]
        node.integer = "integer" in names and "number" not in names

    def _choices(self, node: SchemaNode, schema: Mapping[str, Any], where: str, depth: int) -> bool:
        """Read `anyOf` and `oneOf`: of several, the types; of one beside null, all of its rules: then return True."""
        chosen = False
        for keyword in ("anyOf", "oneOf"):
            given = schema.get(keyword)
            if not isinstance(given, list) or not given:
                continue
            read = [self.node(each, f"{where}/{keyword}/{place}", depth) for place, each in enumerate(given)]
            types = 0
            for each in read:
                types |= each.types
            rest = [each for each in read if each.types != NULL]
            own = node.types
            if len(rest) == 1 and rest[0] is not ANY and rest[0] is not node:
                _copy(rest[0], node)
                chosen = True
            node.types = own & types
            node.by = f"/{keyword}" if node.types != own and not chosen else node.by
        return chosen

    def _words(self, node: SchemaNode, schema: Mapping[str, Any]) -> None:
        """Read `enum` and `const`: the types of the values, and the strings among them."""
        values = schema.get("enum")
        if "const" in schema and self._current:
            values, node.chosen = [schema["const"]], "/const"
        if not isinstance(values, list) or not values:
            return
        types = 0
        for each in values:
            types |= _type_of(each)
        node.by = node.by if not node.types & ~types else node.chosen
        node.types &= types
        node.words = tuple(sorted(each for each in values if isinstance(each, str)))

    def _object(self, node: SchemaNode, schema: Mapping[str, Any], where: str, depth: int) -> None:
        given, more = schema.get("properties"), schema.get("additionalProperties")
        if isinstance(given, dict):
            node.members = {
                name: self.node(each, f"{where}/properties/{_escaped(name)}", depth) for name, each in given.items()
            }
            node.names = tuple(sorted(given))
        if "patternProperties" not in schema and "additionalProperties" in schema:
            node.closed = more is False
            node.rest = self.node(more, f"{where}/additionalProperties", depth)
        elif "patternProperties" in schema and node.members:
            # A name may fit a pattern as well, which only adds rules.
            node.rest = ANY
        required = schema.get("required")
        if isinstance(required, list):
            node.required = frozenset(each for each in required if isinstance(each, str))

    def _array(self, node: SchemaNode, schema: Mapping[str, Any], where: str, depth: int) -> None:
        first, items = schema.get("prefixItems"), schema.get("items")
        if isinstance(first, list) and self._current:
            node.first = tuple(
                self.node(each, f"{where}/prefixItems/{place}", depth) for place, each in enumerate(first)
            )
        if isinstance(items, dict | bool):
            node.items = self.node(items, f"{where}/items", depth)
        node.least_items, node.most_items = _count(schema, "minItems") or 0, _count(schema, "maxItems")


def _copy(source: SchemaNode, node: SchemaNode) -> None:
    for name in SchemaNode.__slots__:
        setattr(node, name, getattr(source, name))


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _type_of(value: object) -> int:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return TRUTH
    if isinstance(value, str):
        return STRING
    if isinstance(value, int | float):
        return NUMBER
    return OBJECT if isinstance(value, dict) else ARRAY


def _number(schema: Mapping[str, Any], name: str) -> float | None:
    found = schema.get(name)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _count(schema: Mapping[str, Any], name: str) -> int | None:
    found = schema.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
