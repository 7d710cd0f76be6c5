"""JSON as places: children that are taken out leave valid JSON, and every other byte as it came."""

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.events.leaves import MAX_DEPTH, MAX_TOKENS, TooComplexError
from extproc.apis.seals.tree import JsonNode, Removal, applied, opened, removed, tree
from extproc.payload.json.members import items

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)
SPACED = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n ", "\t: ")])


def dumped(value: Any, separators: tuple[str, str]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=separators).encode("utf-8", "surrogatepass")


def rebuilt(data: bytes, node: JsonNode) -> Any:
    """The value that a tree stands for."""
    match node.kind:
        case "object":
            return {name: rebuilt(data, child) for name, _, child in node.members}
        case "array":
            return [rebuilt(data, child) for child in node.items]
    return json.loads(data[node.start : node.end])


@given(JSONS, SPACED)
def test_a_tree_has_every_value_at_its_place(value: Any, separators: tuple[str, str]) -> None:
    data = dumped(value, separators)
    assert rebuilt(data, tree(data)) == value
    if isinstance(value, list):
        spans = list(items(data, (0, len(data))))
        assert [json.loads(data[start:end]) for start, end in spans] == value
        assert [(each.start, each.end) for each in tree(data).items] == spans


@given(JSONS, SPACED, st.randoms(use_true_random=False))
def test_children_that_are_removed_are_gone_and_nothing_else_is(
    value: Any, separators: tuple[str, str], draw: random.Random
) -> None:
    data = dumped(value, separators)
    removals: list[Removal] = []

    def wanted(node: JsonNode, value: Any) -> Any:
        if node.kind == "object":
            kept = {}
            for index, (name, _, child) in enumerate(node.members):
                if draw.random() < 0.3:
                    removals.append(Removal(node, index))
                else:
                    kept[name] = wanted(child, value[name])
            return kept
        if node.kind == "array":
            items = []
            for index, child in enumerate(node.items):
                if draw.random() < 0.3:
                    removals.append(Removal(node, index))
                else:
                    items.append(wanted(child, value[index]))
            return items
        return value

    expected = wanted(tree(data), value)
    assert json.loads(applied(data, removed(removals))) == expected


def test_what_is_emptied_goes_whole_if_it_says_so() -> None:
    data = b'{"messages": [{"content": [1, 2]}, {"content": [3]}, 4]}'
    messages = tree(data).get("messages")
    assert messages is not None
    removals = []
    for number in (0, 1):
        content = messages.items[number].get("content")
        assert content is not None
        removals.append(Removal(content, 0, Removal(messages, number)))
    assert applied(data, removed(removals)) == b'{"messages": [{"content": [2]}, 4]}'


def test_only_what_holds_a_mark_is_taken_apart() -> None:
    data = b'{"other": [1], "input": [{"a": 1}, {"mark": 2}], "plain": "mark", "none": []}'
    found = opened(data, re.compile(b"mark"), ("input", "none", "absent"))
    assert found.keys() == {"input"}
    assert [each.kind for each in found["input"].items] == ["closed", "object"]


@pytest.mark.parametrize(
    "data",
    [b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), b"[" + b"1," * MAX_TOKENS + b"1]"],
    ids=["depth", "tokens"],
)
def test_a_tree_has_bounds(data: bytes) -> None:
    tree(data[1:-1] if data[1:2] == b"[" else data[:2] + b"]")
    with pytest.raises(TooComplexError):
        tree(data)
