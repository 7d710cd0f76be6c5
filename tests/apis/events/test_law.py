import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apis.events.client import replaced, seen
from tests.apis.events.room import Room
from tests.apis.events.samples import STREAMS
from tests.conftest import PROFILE
from tests.gathered import gathered

WORD = 'bob@x"é\\😀.com'
TEXTS = (
    ("Hello ", 'bob@x"', "é\\😀.c", "om", " and", " bye bo"),
    ("bo", "b@", "x", '"', "é", "\\", "😀", ".com"),
    ('bob@x"é\\😀.combob@x"é\\😀.com', "b", "", "bob@y", "line\nbreak"),
    ("nothing here", " at all", "\u2028\x00"),
    (),
)
NAMES = list(STREAMS)


def whole(name: str, pieces: tuple[str, ...]) -> tuple[str, bytes]:
    dialect, make = STREAMS[name]
    return dialect, b"".join(make(pieces))


@gathered("name", NAMES)
@gathered("pieces", TEXTS)
def test_a_word_cut_over_events_is_masked_in_every_text_and_nothing_else_is_changed(
    name: str, pieces: tuple[str, ...]
) -> None:
    dialect, stream = whole(name, pieces)
    masked = Room(dialect, WORD).run([stream])
    # In arguments, which are JSON text, the word stands escaped.
    expected = replaced(seen(dialect, stream), WORD, "[MASKED]")
    expected = replaced(expected, json.dumps(WORD)[1:-1], "[MASKED]")
    got = seen(dialect, masked)
    numbers = expected.pop("numbers", None), got.pop("numbers", None)
    assert got == expected
    if numbers[1] is not None:
        assert numbers[1] == list(range(len(numbers[1]))), "no number is missing or given twice"


@pytest.mark.parametrize("name", NAMES)
def test_events_in_which_nothing_starts_leave_byte_for_byte(name: str) -> None:
    dialect, stream = whole(name, ("Hello", " wörld", ' "quoted" \\ and 😀\n'))
    for step in (1, 7, len(stream)):
        room = Room(dialect, "\x7fnever")
        assert room.run(stream[at : at + step] for at in range(0, len(stream), step)) == stream


CUTS = 50 if PROFILE == "fast" else 100
"""Places in a stream where it is cut in two; it is also cut behind each byte at once."""


@gathered("name", NAMES, parts=3)
@gathered("end", ["\n", "\r\n", "\r"])
def test_a_cut_anywhere_gives_what_the_whole_gives(name: str, end: str) -> None:
    dialect, stream = whole(name, ('x bob@x"é', "\\😀.com y"))
    stream = stream.replace(b"\n", end.encode())
    once = Room(dialect, WORD)
    expected = once.run([stream])
    assert WORD.encode() not in expected
    for cut in range(0, len(stream), 1 + len(stream) // CUTS):
        room = Room(dialect, WORD)
        assert room.run([stream[:cut], stream[cut:]]) == expected
        assert room.events == once.events
    by_byte = Room(dialect, WORD)
    assert by_byte.run(stream[at : at + 1] for at in range(len(stream))) == expected


SAID = st.lists(
    st.sampled_from(["b", "bo", "bob", "@", "ob@", "é", '"', "\\", "😀", "x", " ", "\n", "@é"]), min_size=1, max_size=8
)


@given(st.sampled_from(NAMES), SAID, st.sampled_from(["bob@é", "b", "😀x", "x\n", "@"]), st.data())
def test_any_text_is_masked_whatever_it_is_cut_into(name: str, said: list[str], word: str, data: st.DataObject) -> None:
    dialect, make = STREAMS[name]
    stream = b"".join(make(said))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    got = Room(dialect, word, "[M]").run(chunks)
    assert Room(dialect, word, "[M]").run([stream]) == got
    at_once = b"".join(make(["".join(said).replace(word, "[M]")]))
    assert lean(seen(dialect, got)) == lean(seen(dialect, at_once))


def lean(answer: Any) -> Any:
    """The answer without what depends on the number of its events: counts, and places for texts that are empty."""
    if not isinstance(answer, dict):
        return answer
    kept = {name: lean(value) for name, value in answer.items() if name not in {"numbers", "usage"}}
    return {name: value for name, value in kept.items() if value not in ("", {})}
