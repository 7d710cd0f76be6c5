"""The cost of schemas: whoever sends one does not choose how long a worker is busy, or how much memory it takes."""

import json
from typing import Any, Final

import pytest

from extproc.apis.events.leaves import TooComplexError
from extproc.detectors.schema.cost import EXPLAINED_MAX, MATCHED_MAX, VISITS_MAX, SchemaCost
from extproc.detectors.schema.library import PATTERNS_MAX, KnownSchema, known


def read(schema: Any) -> KnownSchema | None:
    return known(json.dumps(schema).encode())


def judged(schema: Any, document: Any) -> str:
    """The verdict on a document, or why there is none."""
    found = read(schema)
    if found is None:
        return "unknown schema"
    try:
        fault = found.fault(json.dumps(document))
    except TooComplexError:
        return "too complex"
    return "right" if fault is None else fault[0]


def chain(length: int, link: Any, last: Any) -> dict[str, Any]:
    """Definitions each of which is made of two of the next one."""
    defs = {f"d{at}": link({"$ref": f"#/$defs/d{at + 1}"}) for at in range(length)}
    return {"$defs": {**defs, f"d{length}": last}, "$ref": "#/$defs/d0"}


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else 1


TEXT: Final = {"type": "string"}
TREE: Final = {
    "$defs": {
        "node": {
            "anyOf": [
                {"properties": {"a": {"$ref": "#/$defs/node"}}, "required": ["a"], "type": "object"},
                {"properties": {"a": {"$ref": "#/$defs/node"}}, "type": "object", "minProperties": 1},
                {"const": 0},
            ]
        }
    },
    "$ref": "#/$defs/node",
}
HOSTILE: Final[dict[str, tuple[Any, Any, str]]] = {
    "any of two": (chain(60, lambda each: {"anyOf": [each, each]}, TEXT), 1, "unknown schema"),
    "all of two": (chain(60, lambda each: {"allOf": [each, each]}, TEXT), 1, "unknown schema"),
    "one and not": (chain(60, lambda each: {"oneOf": [each], "not": each}, TEXT), 1, "unknown schema"),
    "if and else": (chain(60, lambda each: {"if": each, "else": each}, TEXT), 1, "unknown schema"),
    "levels": (
        chain(40, lambda each: {"anyOf": [{"properties": {"a": each}}, {"properties": {"a": each}}]}, TEXT),
        nested(40),
        "unknown schema",
    ),
    "recursion": (TREE, nested(60), "schema"),
    "names elsewhere": (
        {"$defs": {"a": {"$anchor": "x", "$ref": "#x"}}, "$ref": "#/$defs/a"},
        1,
        "unknown schema",
    ),
    "alternatives": ({"items": {"anyOf": [{"const": at} for at in range(4000)]}}, [3999] * 300, "too complex"),
    "words": ({"items": {"enum": [[at] for at in range(20000)]}}, [[19999]] * 200, "too complex"),
    "names": (
        {"items": {"properties": {f"p{at}": {} for at in range(9000)}}},
        [{}] * 500,
        "too complex",
    ),
    "factor": ({"items": {"multipleOf": 1e-300}}, [1e300] * 2000, "too complex"),
    "patterns": ({"allOf": [{"pattern": f"a{at}"} for at in range(100)]}, "a" * 2000, "too complex"),
    "a large pattern": ({"pattern": "(.*a.{99}){99}b$"}, "a", "unknown schema"),
    "large patterns": ({"anyOf": [{"pattern": f"(.*a.{{40}}){{9}}{at}"} for at in range(90)]}, "", "unknown schema"),
    "a circle": ({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, 1, "unknown schema"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_schema_ends_at_once(name: str) -> None:
    schema, document, verdict = HOSTILE[name]
    assert judged(schema, document) == verdict


def test_usual_schemas_are_far_from_the_bounds() -> None:
    node = {
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "kind": {"const": f"k{at}"},
                    "id": TEXT,
                    "children": {"items": {"$ref": "#/$defs/node"}},
                },
                "required": ["kind"],
                "additionalProperties": False,
            }
            for at in range(8)
        ]
    }
    schema = {"$id": "https://example.com/x", "$defs": {"node": node}, "items": {"$ref": "#/$defs/node"}}
    document = [{"kind": "k7", "id": "x", "children": [{"kind": "k3", "children": []}] * 20}] * 20
    assert judged(schema, document) == "right"
    assert judged(schema, [*document, {"kind": "k8"}]) == "schema"
    flat = {"properties": {f"p{at}": TEXT for at in range(5000)}, "additionalProperties": False}
    assert judged(flat, {f"p{at}": "x" for at in range(5000)}) == "right"
    ident = {
        "type": "object",
        "properties": {"id": {"pattern": "^[0-9a-f]{8}-[0-9a-f]{4}$"}, "when": {"pattern": r"^\d{4}-\d\d$"}},
    }
    assert judged({"items": ident}, [{"id": "0123abcd-0123", "when": "2026-12"}] * 500) == "right"


@pytest.mark.parametrize("more", [0, 1])
def test_the_bounds(more: int) -> None:
    text = "[" + "," * 8
    assert SchemaCost(visits=VISITS_MAX // 10 + more).bears(text) is not bool(more)
    assert SchemaCost(lookups=VISITS_MAX - 2 + more).bears("{") is not bool(more)
    assert SchemaCost(matches=MATCHED_MAX // 16).bears(" " * (16 + more)) is not bool(more)
    assert SchemaCost(visits=EXPLAINED_MAX // 10 + more).explains(text) is not bool(more)
    assert not SchemaCost(branches=True).explains(text)
    patterns: dict[str, Any] = {f"^{at}": {} for at in range(PATTERNS_MAX + more)}
    assert (read({"patternProperties": patterns}) is None) is bool(more)
