"""Texts that come in pieces and may be JSON or base64: the limits of what is kept until it is known."""

import json

import pytest

from extproc.payload import Kind, read_json
from extproc.payload.document import read_string
from extproc.payload.json.growing import MAX_BARE, MAX_BLANK
from extproc.payload.json.growing_name import MAX_NAME
from extproc.payload.json.growing_string import MAX_CARRIED, GrowingString
from extproc.payload.json.hints import Told
from extproc.payload.json.prefix import STRETCH, VALUES_A_STRETCH
from extproc.payload.limits import MAX_DEPTH, MAX_OPENED, MAX_PREFIXES
from extproc.payload.parts import Keys, Part, Readers, Segment
from extproc.payload.passage import TextLimitError


class Taken:
    """A reader that passes all it gets, at once."""

    held = pending = 0

    def __init__(self) -> None:
        self.text = ""

    def feed(self, text: str) -> list[Segment]:
        self.text += text
        return [(text, None)]

    def finish(self) -> list[Segment]:
        return []

    def settled(self) -> "Taken":
        return self

    def copied(self, readers: Readers) -> "Taken":
        raise NotImplementedError

    def given(self, *, torn: bool = False) -> None:
        raise NotImplementedError


class Room:
    """Readers that note what they read."""

    def __init__(self) -> None:
        self.taken: list[tuple[Kind, str, Taken]] = []
        self.carriers: list[tuple[str, bool]] = []
        self.reasons: list[str] = []

    def plain(self, name: str, kind: Kind = "text") -> Part:
        self.taken.append((kind, name, Taken()))
        return self.taken[-1][2]

    def whole(self, text: str, name: str, kind: Kind = "text") -> list[Segment]:
        return self.plain(name, kind).feed(text)

    def string(self, keys: Keys, name: str, level: int) -> Part:
        return GrowingString(self, keys, name, level)

    def carried(self, text: str, keys: Keys, level: int, *, whole: bool) -> list[Segment]:  # noqa: ARG002
        self.carriers.append((keys[0], whole))
        return [(text, None)]

    def told(self, text: str, keys: Keys, level: int, before: Told) -> None:
        """Nothing is known of any."""

    def unread(self, reason: str) -> None:
        self.reasons.append(reason)

    @property
    def texts(self) -> list[tuple[Kind, str, str]]:
        return [(kind, name, each.text) for kind, name, each in self.taken]


def read(text: str, key: str = "content", step: int = 1000) -> Room:
    room = Room()
    part = GrowingString(room, Keys(key, ""), key)
    out = [piece for at in range(0, len(text), step) for piece in part.feed(text[at : at + step])] + part.finish()
    assert "".join(piece for piece, _ in out) == text
    return room


@pytest.mark.parametrize("step", [1, 2, 1000])
def test_every_text_is_read_with_its_kind_and_the_name_of_its_member(step: int) -> None:
    text = json.dumps({"nhs": ["a", {"note": "b", "text": 12345678}], "created": 12345678, "k": '["c\\u0040"]'})
    assert read(text, step=step).texts == [
        ("name", "", "nhs"),
        ("text", "nhs", "a"),
        ("name", "", "note"),
        ("text", "note", "b"),
        ("number", "text", "12345678"),
        ("number", "created", "12345678"),
        ("name", "", "k"),
        ("text", "k", "c@"),
    ]


@pytest.mark.parametrize(("size", "kept"), [(MAX_NAME, True), (MAX_NAME + 1, False)])
def test_a_name_waits_for_its_end_up_to_the_limit(size: int, kept: bool) -> None:
    part = GrowingString(Room())
    out = part.feed('{"' + "a" * size)
    assert ("a" * size not in "".join(text for text, _ in out)) is kept


@pytest.mark.parametrize(("size", "number"), [(MAX_BARE, True), (MAX_BARE + 1, False)])
def test_a_number_at_the_limit_is_a_number_and_one_past_it_is_text(size: int, number: bool) -> None:
    assert read("[" + "1" * size + "]").texts == (
        [("number", "content", "1" * size)] if number else [("text", "content", "[" + "1" * size + "]")]
    )


@pytest.mark.parametrize("blanks", [MAX_BLANK, MAX_BLANK + 1])
def test_blanks_hide_no_json_and_no_number(blanks: int) -> None:
    assert read(" " * blanks + '["a"]', step=7).texts == [("text", "content", "a")]
    assert read("[1" + " " * blanks + ', "a"]').texts == [("text", "content", "a")]


@pytest.mark.parametrize(("depth", "reasons"), [(MAX_OPENED, []), (MAX_OPENED + 1, ["complexity"])])
def test_documents_as_deep_as_the_limit_are_read_and_one_deeper_is_named(depth: int, reasons: list[str]) -> None:
    text = "x"
    for _ in range(depth):
        text = json.dumps([text])
    assert read(text).reasons == reasons


@pytest.mark.parametrize(("depth", "reasons"), [(MAX_DEPTH, []), (MAX_DEPTH + 1, ["complexity"])])
def test_brackets_as_deep_as_the_limit_are_read_and_one_deeper_is_named(depth: int, reasons: list[str]) -> None:
    assert read("[" * depth + "]" * depth).reasons == reasons


@pytest.mark.parametrize(("size", "whole"), [(MAX_CARRIED, True), (MAX_CARRIED + 4, False)])
def test_base64_is_read_up_to_the_limit_and_named_past_it(size: int, whole: bool) -> None:
    assert read("A" * size, "data", 4096).carriers == [("data", whole)]


def test_text_under_a_carriers_name_is_read_once_it_is_no_base64() -> None:
    part = GrowingString(room := Room(), Keys("url", ""))
    assert part.feed("https") == []
    assert part.feed("://a") == [("https://a", None)]
    assert room.carriers == []


@pytest.mark.parametrize(("size", "opened"), [(MAX_PREFIXES, True), (MAX_PREFIXES + 1, False)])
def test_json_that_does_not_end_as_such_is_read_up_to_the_limit(size: int, opened: bool) -> None:
    text = '["a"' + " " * (size - 4)
    found = [each.text for each in read_json(json.dumps({"content": text}).encode()).passages]
    assert found == (["a"] if opened else [text])


@pytest.mark.parametrize("text", ["data:text/plain,a%40b", "plain", '{"a": "b"}'])
def test_white_space_in_front_does_not_wait_and_what_follows_is_read_as_what_it_is(text: str) -> None:
    room = Room()
    part = GrowingString(room, Keys("content", ""), "content")
    for _ in range(100):
        part.feed("  \n")
        assert part.held <= MAX_BLANK
    out = part.feed(text) + part.finish()
    assert "".join(piece for piece, _ in out).lstrip() == text
    bare = read(text)
    assert [(kind, name, said.strip()) for kind, name, said in room.texts] == bare.texts
    assert room.carriers == bare.carriers


@pytest.mark.parametrize(
    ("size", "values", "read"),
    [
        (STRETCH, VALUES_A_STRETCH, True),
        (STRETCH + 1, VALUES_A_STRETCH, False),
        (STRETCH, VALUES_A_STRETCH - 1, False),
    ],
)
def test_json_that_does_not_end_as_such_counts_by_its_length(size: int, values: int, read: bool) -> None:
    """It takes microseconds a character, so that work between two messages may not read much of it."""
    text = ("[" + "1," * size)[:size]
    if read:
        assert [each.text for each in read_string(text, limit=values).passages] == [text]
        return
    with pytest.raises(TextLimitError) as failed:
        read_string(text, limit=values)
    assert failed.value.limit == "values"
