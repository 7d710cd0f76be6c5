"""A marker planted anywhere in the bodies that APIs know is found once, there, and masked without another change."""

import json

from extproc.payload import Document
from tests.gathered import gathered
from tests.payload.shapes import SHAPES, Value, joined, leaves, objects, plain, planted

MARKER = "Zm-4711-mZ"
SPELLINGS = {
    "compact": lambda value: json.dumps(plain(value), separators=(",", ":")).encode(),
    "spaced": lambda value: json.dumps(plain(value)).encode(),
    "indented": lambda value: json.dumps(plain(value, 2), indent=2, ensure_ascii=False).encode(),
}

EVERY = [(name, pointer) for name, value in SHAPES.items() for pointer, _ in leaves(value)]
OBJECTS = [(name, pointer) for name, value in SHAPES.items() for pointer in objects(value)]


def found_once(body: bytes, pointer: str, kind: str) -> None:
    document = Document.read(body)
    [index] = [index for index, passage in enumerate(document.passages) if MARKER in passage.text]
    passage = document.passages[index]
    assert (passage.pointer, passage.kind) == (pointer, kind)
    start = passage.text.index(MARKER)
    masked = document.edit({index: [(start, start + len(MARKER), "[X]")]})
    assert masked == body.replace(MARKER.encode(), b"[X]")


@gathered("spelling", SPELLINGS)
@gathered("name", SHAPES)
def test_a_marker_in_any_string_of_a_shape_is_found_once_and_masked_alone(name: str, spelling: str) -> None:
    for pointer, text in leaves(SHAPES[name]):
        for marked in (MARKER, f'"é\n{MARKER}\\ {text[:20]}'):
            found_once(SPELLINGS[spelling](planted(SHAPES[name], pointer, marked)), pointer, "text")


@gathered("name", SHAPES)
def test_a_marker_in_an_unknown_name_is_found_once_and_masked_alone(name: str) -> None:
    for pointer in objects(SHAPES[name]):
        body = SPELLINGS["spaced"](joined(SHAPES[name], pointer, MARKER))
        found_once(body, f"{pointer}/{MARKER}", "name")


@gathered("name", SHAPES)
def test_markers_in_all_the_strings_at_once_are_found_each_in_its_own_place_and_order(name: str) -> None:
    value: Value = SHAPES[name]
    want: list[tuple[str, str]] = []
    for number, (pointer, text) in enumerate(leaves(value)):
        # What says what a thing is stays, so that the rest is taken for what it is.
        marked = text if pointer.endswith("type") else f"marker {number}"
        value = planted(value, pointer, marked)
        want.append((pointer, marked))
    passages = Document.read(SPELLINGS["compact"](value)).passages
    assert [(passage.pointer, passage.text) for passage in passages if passage.kind == "text"] == want


@gathered("name", SHAPES)
def test_a_shape_has_its_strings_as_passages_save_those_named_as_uninspected(name: str) -> None:
    document = Document.read(SPELLINGS["compact"](SHAPES[name]))
    found = {(passage.pointer, passage.text) for passage in document.passages if passage.kind == "text"}
    missing = {pointer for pointer, text in leaves(SHAPES[name]) if (pointer, text) not in found}
    assert missing <= {uninspected.pointer for uninspected in document.uninspected}
    assert len(found) + len(missing) == len(list(leaves(SHAPES[name])))


def test_there_are_twenty_shapes_with_hundreds_of_places() -> None:
    assert len(SHAPES) >= 20
    assert len(EVERY) > 400
    assert len(OBJECTS) > 200
