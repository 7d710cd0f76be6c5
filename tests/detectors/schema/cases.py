"""Schemas, documents that fit them, and documents that a change has made wrong."""

import copy
import json
from random import Random
from typing import Any, Final

WORDS: Final = ("red", "green", "blue", "reddish", "Grün", 'a"b', "", "😀", "tab\tbed")


class Maker:
    """Makes schemas and values; everything follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def schema(self, depth: int = 3) -> dict[str, Any]:
        """A schema of one of the usual forms."""
        kinds = ["string", "integer", "number", "boolean", "enum", "const", "null", "pattern"]
        if depth:
            kinds += ["object"] * 6 + ["array"] * 3 + ["nullable", "any_of", "ref", "tuple", "open", "free", "types"]
        made: dict[str, Any] = getattr(self, f"_{self.random.choice(kinds)}")(depth)
        return made

    def root(self) -> dict[str, Any]:
        """A whole schema: usually an object."""
        made = self._object(3) if self.random.random() < 0.8 else self.schema()
        if self.random.random() < 0.2:
            made = {"$defs": {"part": self._object(1)}, **made}
            if "properties" in made:
                made["properties"]["part"] = {"$ref": "#/$defs/part"}
        return made

    def _string(self, _: int) -> dict[str, Any]:
        return self.random.choice([{"type": "string"}, {"type": "string", "minLength": 1, "maxLength": 12}])

    def _pattern(self, _: int) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}

    def _integer(self, _: int) -> dict[str, Any]:
        return self.random.choice([{"type": "integer"}, {"type": "integer", "minimum": -3, "maximum": 1000}])

    def _number(self, _: int) -> dict[str, Any]:
        return self.random.choice([{"type": "number"}, {"type": "number", "exclusiveMinimum": 0}])

    def _boolean(self, _: int) -> dict[str, Any]:
        return {"type": "boolean"}

    def _null(self, _: int) -> dict[str, Any]:
        return {"type": "null"}

    def _enum(self, _: int) -> dict[str, Any]:
        return {"enum": self.random.sample([*WORDS, 1, 2.5, None, True], self.random.randint(1, 6))}

    def _const(self, _: int) -> dict[str, Any]:
        return {"const": self.random.choice([*WORDS, 7, False])}

    def _types(self, _: int) -> dict[str, Any]:
        return {"type": self.random.sample(["string", "integer", "boolean", "null", "number"], 2)}

    def _nullable(self, depth: int) -> dict[str, Any]:
        return {"anyOf": [self.schema(depth - 1), {"type": "null"}]}

    def _any_of(self, depth: int) -> dict[str, Any]:
        return {
            self.random.choice(["anyOf", "oneOf"]): [self._object(depth - 1), {"type": "string"}, {"type": "array"}]
        }

    def _ref(self, depth: int) -> dict[str, Any]:
        return {"type": "object", "properties": {"inner": self.schema(depth - 1)}, "required": ["inner"]}

    def _free(self, _: int) -> dict[str, Any]:
        return {}

    def _open(self, depth: int) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.schema(depth - 1)}

    def _tuple(self, depth: int) -> dict[str, Any]:
        return {
            "type": "array",
            "prefixItems": [self.schema(depth - 1), {"type": "integer"}],
            "items": {"type": "string"},
        }

    def _array(self, depth: int) -> dict[str, Any]:
        more: dict[str, Any] = self.random.choice([{}, {"minItems": 1, "maxItems": 4}, {"uniqueItems": True}])
        return {"type": "array", "items": self.schema(depth - 1), **more}

    def _object(self, depth: int) -> dict[str, Any]:
        names = self.random.sample(
            ["id", "name", "naïve", "a/b", "til~de", "x", "xy", "list", "😀"], self.random.randint(1, 5)
        )
        own = {name: self.schema(max(depth - 1, 0)) for name in names}
        closed = {} if self.random.random() < 0.3 else {"additionalProperties": False}
        required = [name for name in names if self.random.random() < 0.7]
        return {"type": "object", "properties": own, "required": required, **closed}

    def value(self, schema: Any, root: Any) -> Any:
        """A value that fits, as a rule; the library has the last word."""
        if "$ref" in schema:
            return self.value(root["$defs"]["part"], root)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        for name in ("anyOf", "oneOf"):
            if name in schema:
                return self.value(self.random.choice(schema[name]), root)
        kind = schema.get("type", "free")
        kind = self.random.choice(kind) if isinstance(kind, list) else kind
        return getattr(self, f"_a_{kind}")(schema, root)

    def _a_free(self, _: Any, __: Any) -> Any:
        return self.random.choice([None, {"deep": [1, {"er": "x"}]}, "text", 1e9, [[]], {}])

    def _a_null(self, _: Any, __: Any) -> Any:
        return None

    def _a_boolean(self, _: Any, __: Any) -> Any:
        return self.random.random() < 0.5

    def _a_integer(self, schema: Any, _: Any) -> Any:
        return self.random.choice([0, 1, 42, 999, -2, 7.0] if "minimum" in schema else [0, -17, 10**20, 5, 3.0])

    def _a_number(self, _: Any, __: Any) -> Any:
        return self.random.choice([1, 0.5, 2.75e10, 1e-7, 12345.678])

    def _a_string(self, schema: Any, _: Any) -> Any:
        if "pattern" in schema:
            return f"AB-{self.random.randint(0, 99)}"
        return self.random.choice(["a", "word", "héllo", "😀😀", 'qu"ote', "back\\slash", "line\nbreak", "\u2028"])

    def _a_array(self, schema: Any, root: Any) -> Any:
        first = [self.value(each, root) for each in schema.get("prefixItems", ())]
        items = schema.get("items")
        if items is None:
            return [1, "two"]
        least, most = max(0, schema.get("minItems", 0) - len(first)), schema.get("maxItems", 5) - len(first)
        return [*first, *(self.value(items, root) for _ in range(self.random.randint(least, max(least, most))))]

    def _a_object(self, schema: Any, root: Any) -> Any:
        required = schema.get("required", ())
        names = [name for name in schema.get("properties", ()) if name in required or self.random.random() < 0.6]
        self.random.shuffle(names)
        made = {name: self.value(schema["properties"][name], root) for name in names}
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            made |= {f"more{at}": self.value(more, root) for at in range(self.random.randint(0, 3))}
        elif more is None and self.random.random() < 0.3:
            made["unasked"] = [1, {"two": None}]
        return made

    def written(self, value: Any) -> str:
        """A value as JSON, in one of the ways in which models write it."""
        ways: list[dict[str, Any]] = [{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}]
        text = json.dumps(value, **self.random.choice(ways))
        return self.random.choice(["", "", "\n", "  "]) + text + self.random.choice(["", "", "\n"])

    def cuts(self, text: str) -> list[str]:
        """A text in pieces of random lengths."""
        most = self.random.choice([1, 3, 8, 40, 10_000])
        pieces: list[str] = []
        while text:
            size = self.random.randint(1, most)
            pieces.append(text[:size])
            text = text[size:]
        return pieces

    # -- changes

    def spoiled(self, value: Any) -> Any:
        """A value with a change in one place."""
        value = copy.deepcopy(value)
        places = list(_places(value))
        holder, key = self.random.choice(places) if places else (None, None)
        if holder is None:
            return self._other(value)
        old = holder[key]
        what = self.random.randint(0, 5)
        if what == 0 and isinstance(holder, dict):
            del holder[key]
        elif what == 1 and isinstance(holder, dict):
            holder[self.random.choice(["unknown", "xyz", "Name", ""])] = old
        elif what == 2 and isinstance(old, list):
            old.extend([self._other(None)] * 5)
        elif what == 3 and isinstance(old, str):
            holder[key] = old + "x" * 20
        else:
            holder[key] = self._other(old)
        return value

    def _other(self, old: Any) -> Any:
        others = [None, True, -99999, 0.25, "other", [], {}, ["x"], {"y": 1}, 1e300]
        return self.random.choice([each for each in others if type(each) is not type(old)])

    def broken(self, text: str) -> str:
        """A text with a change in one place, which is hardly ever JSON."""
        at = self.random.randrange(len(text))
        what = self.random.randint(0, 5)
        if what == 0:
            return text[:at]
        if what == 1:
            return text[:at] + text[at + 1 :]
        if what == 2:
            return text[:at] + self.random.choice('{}[]",:x\\0-\x01') + text[at:]
        if what == 3:
            return text + self.random.choice(["}", "]", " x", ",", "{}"])
        if what == 4:
            return text.replace('"', "'", 2)
        return text.replace(":", "=", 1) if ":" in text else text + "?"


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    due = [value]
    while due:
        each = due.pop()
        inner = (
            list(each.items()) if isinstance(each, dict) else list(enumerate(each)) if isinstance(each, list) else []
        )
        for key, child in inner:
            found.append((each, key))
            due.append(child)
    return found
