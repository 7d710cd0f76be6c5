"""The cost of a schema, known before the library looks at any document: how often it may look at one value.

The library remembers what it has compared with schemas that hold themselves. Others it follows wherever they are used:
a chain of forty definitions that name the next one twice has a trillion ways. Whoever sends the schema must not choose
how long a worker is busy.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from msgspec import Struct

from extproc.detectors.schema.pointers import leads_elsewhere, objects, within

VISITS_MAX: Final = 1_000_000
"""Looks at values for one document: some 20 ms. A usual schema takes 3 to 50 for a value, and a document
of 4 KiB has 300."""

EXPLAINED_MAX: Final = 20_000
"""The same for telling which keyword a document breaks, which takes the library a microsecond and more for each."""

MATCHED_MAX: Final = 128 * 1024
"""Characters of a document for each pattern that a value may have to match: 2 µs each for the worst patterns."""

_STEPS_MAX: Final = 50_000
"""Steps of counting: some 10 ms."""

_USUAL_FACTOR: Final = 1e-15
_ODD_FACTOR: Final = 2_000
"""Looks that a `multipleOf` takes which is smaller, or larger than its inverse: 40 µs."""

_NAMING: Final = ("properties", "required", "patternProperties", "dependentRequired", "dependentSchemas")
_REFERRING: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})

_MANY: Final = 1 << 40

_Weight: TypeAlias = Callable[[Mapping[str, Any]], int]


class CostlySchemaError(ValueError):
    """A schema would take too long for any document, or it cannot be said how long."""


class SchemaCost(Struct, frozen=True):
    """The most looks at one value. `lookups`: of names in one object. `matches`: expressions for one string.

    `branches`: a schema that holds itself does so more than once for one value, as trees of several kinds of nodes do.
    """

    visits: int = 1
    lookups: int = 0
    matches: int = 0
    branches: bool = False

    def of(self, text: str) -> int:
        """Return the most looks that a document takes."""
        objects = text.count("{")
        return self.visits * (1 + objects + text.count("[") + text.count(",")) + self.lookups * objects

    def bears(self, text: str) -> bool:
        """True if a document can be checked in bounded time."""
        size = len(text)
        if self.matches * size > MATCHED_MAX:
            return False
        # No text has more values than characters: most need not be counted.
        return (self.visits + self.lookups) * (1 + size) <= VISITS_MAX or self.of(text) <= VISITS_MAX

    def explains(self, text: str) -> bool:
        """True if the keyword that a document breaks can be told in bounded time."""
        return not self.branches and self.of(text) <= EXPLAINED_MAX


def cost(schema: object) -> SchemaCost:
    """Return the cost of a schema. Raises CostlySchemaError."""
    if leads_elsewhere(schema) and any(_REFERRING & each.keys() for each in objects(schema)):
        raise CostlySchemaError
    looks = _Counter(schema, _visits, 1)
    visits, branches = looks.most(), False
    if looks.held():
        again = _Counter(schema, lambda _: 0, 1)
        again.most()
        branches = any(each > 1 for each in again.held())
    matches = _Counter(schema, patterns, 0).most() if any(map(patterns, objects(schema))) else 0
    counted = SchemaCost(visits, _Counter(schema, _lookups, 0).most(), matches, branches)
    if max(counted.visits, counted.lookups) > VISITS_MAX:
        raise CostlySchemaError
    return counted


def _visits(schema: Mapping[str, Any]) -> int:
    chosen = schema.get("enum")
    factor = schema.get("multipleOf", 1)
    odd = isinstance(factor, float) and not _USUAL_FACTOR <= factor <= 1 / _USUAL_FACTOR
    return len(schema) + (len(chosen) if isinstance(chosen, list) else 0) + _ODD_FACTOR * odd


def _lookups(schema: Mapping[str, Any]) -> int:
    return sum(len(listed) for name in _NAMING if (listed := schema.get(name)).__class__ in {dict, list})


def patterns(schema: Mapping[str, Any]) -> int:
    """Return how many expressions a schema has itself."""
    named = schema.get("patternProperties")
    return ("pattern" in schema) + (len(named) if isinstance(named, dict) else 0)


class _Count:
    """Counts for one schema: its own at one value, those of the values in it, by name and for any, and the most."""

    __slots__ = ("inner", "most", "named", "own")

    def __init__(self) -> None:
        self.own = 0
        self.inner = 0
        self.named: dict[str, int] = {}
        self.most = 0

    def add(self, other: "_Count") -> None:
        """Add those of another schema for the same value."""
        self.own = min(_MANY, self.own + other.own)
        self.inner = min(_MANY, self.inner + other.inner)
        for name, count in other.named.items():
            self.named[name] = min(_MANY, self.named.get(name, 0) + count)


_NONE: Final = _Count()


class _Counter:
    """Counts with one weight. `again`: the count of a schema that holds itself, where it does."""

    def __init__(self, root: object, weight: _Weight, again: int) -> None:
        self._root = root
        self._weight = weight
        self._again = again
        self._steps = _STEPS_MAX
        self._known: dict[int, _Count | None] = {}  # by the identity of the schema; None while it is counted
        self._held: set[int] = set()  # the schemas that hold themselves

    def most(self) -> int:
        """Return the most for one value of a document. Raises CostlySchemaError."""
        try:
            most = self._most(self._root)
        except RecursionError:
            raise CostlySchemaError from None
        # The library looks at a value once for each of these, and at what they have beside it.
        return min(_MANY, most + sum(self.held()))

    def held(self) -> list[int]:
        """Return the counts of schemas that hold themselves."""
        return [known.most for key in self._held if (known := self._known.get(key)) is not None]

    def _most(self, schema: object) -> int:
        if not isinstance(schema, dict):
            return 0
        return self._weight(schema) if _HOLDING.isdisjoint(schema) else self._count(schema).most

    def _count(self, schema: object) -> _Count:
        if not isinstance(schema, dict):
            return _NONE
        known = self._known.get(id(schema), _NONE)
        if known is None:
            self._held.add(id(schema))
            known = _Count()
            known.own = known.inner = known.most = self._again
        if known is not _NONE:
            return known
        self._known[id(schema)] = None
        found = self._known[id(schema)] = self._counted(schema)
        return found

    def _counted(self, schema: Mapping[str, Any]) -> _Count:
        found = _Count()
        found.own = self._weight(schema)
        for each in _in_place(schema, self._root):
            other = self._count(each)
            self._spend(1 + len(other.named))
            found.add(other)
        named = schema.get("properties")
        if isinstance(named, dict):
            self._spend(len(named))
            for name, each in named.items():
                found.named[name] = found.named.get(name, 0) + self._most(each)
        found.inner = min(_MANY, found.inner + sum(map(self._most, _inner(schema))))
        if not _UNEVALUATED.isdisjoint(schema):
            found.add(found)  # what has been looked at is found out anew
        found.most = min(_MANY, max(found.own, found.inner + max(found.named.values(), default=0)))
        return found

    def _spend(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise CostlySchemaError


_SAME: Final = ("anyOf", "oneOf", "allOf")
_SAME_ONE: Final = ("not", "if", "then", "else")
_SAME_NAMED: Final = ("dependentSchemas", "dependencies")
_UNEVALUATED: Final = frozenset({"unevaluatedProperties", "unevaluatedItems"})
_INNER: Final = ("additionalProperties", "propertyNames", "additionalItems", "contains", *_UNEVALUATED)
_HOLDING: Final = frozenset(
    {*_SAME, *_SAME_ONE, *_SAME_NAMED, *_INNER, "$ref", "properties", "patternProperties", "items", "prefixItems"}
)
"""Keywords of schemas that hold others."""


def _in_place(schema: Mapping[str, Any], root: object) -> Iterator[object]:
    """Yield the schemas for the same value. Raises CostlySchemaError for a reference that leads nowhere."""
    for name in _SAME:
        listed = schema.get(name)
        yield from listed if isinstance(listed, list) else ()
    yield from (schema[name] for name in _SAME_ONE if name in schema)
    for name in _SAME_NAMED:
        listed = schema.get(name)
        yield from listed.values() if isinstance(listed, dict) else ()
    if isinstance(ref := schema.get("$ref"), str):
        found = within(root, ref[1:]) if ref.startswith("#") else None
        if found is None:
            raise CostlySchemaError
        yield found


def _inner(schema: Mapping[str, Any]) -> Iterator[object]:
    """Yield the schemas for any values in this one, beside those for members by their names."""
    listed = schema.get("patternProperties")
    yield from listed.values() if isinstance(listed, dict) else ()
    for name in ("items", "prefixItems"):
        each = schema.get(name)
        yield from each if isinstance(each, list) else (each,)
    yield from (schema[name] for name in _INNER if name in schema)
