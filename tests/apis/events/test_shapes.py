import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.events import StreamEvent, StreamReader, reader
from extproc.apis.events.shapes import MAX_REMEMBERED, MAX_SHAPE
from extproc.payload.limits import SHORT
from tests.apis.events.samples import STREAMS, choice, chunk, event

PIECES = st.lists(st.text(max_size=12), min_size=1, max_size=4)


def alone(dialect: str, raw: bytes) -> StreamEvent:
    """The event as a reader sees it that has seen no other."""
    first = StreamReader(dialect)
    first.feed(b": first\n\n")
    (one,) = first.feed(raw) or first.close()
    return one


@given(st.sampled_from(sorted(STREAMS)), PIECES)
def test_what_is_remembered_of_one_event_changes_nothing_in_how_another_is_read(name: str, pieces: list[str]) -> None:
    dialect, make = STREAMS[name]
    remembering = StreamReader(dialect)
    for raw in make(pieces):
        assert remembering.feed(raw) == [alone(dialect, raw)]


HOSTILE = (
    *(b'"', b'\\"', b"\\", b'","content":"', b'"},"x":{"y":"', b"\\u0022", b"\\ud83d", b"\xff", b"\n", b"\r", b"\n\n"),
    *(b"\x00", b"\xed\xa0\x80", b'"}]}\n\ndata: {"choices":[{"delta":{"content":"', b"0", b"-1", b"1e5", b"007", b"x"),
)


@given(st.sampled_from(["chat", "choices", "responses", "messages", "tools"]), st.data())
def test_an_event_that_only_looks_like_one_before_is_read_by_what_it_says(name: str, data: st.DataObject) -> None:
    dialect, make = STREAMS[name]
    events = make(["Hello", "you"])
    remembering = StreamReader(dialect)
    for raw in events:
        remembering.feed(raw)
    raw = data.draw(st.sampled_from(events))
    at = data.draw(st.integers(0, len(raw)))
    changed = raw[:at] + data.draw(st.sampled_from(HOSTILE)) + raw[data.draw(st.integers(at, min(at + 3, len(raw)))) :]
    fresh = StreamReader(dialect)
    fresh.feed(b": first\n\n")
    assert remembering.feed(changed) + remembering.close() == fresh.feed(changed) + fresh.close()


def test_an_event_like_one_before_is_read_without_walking_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = {name: StreamReader(dialect) for name, (dialect, _) in STREAMS.items() if name != "mcp"}
    for name, known in readers.items():
        for raw in STREAMS[name][1](["some ", "text"]):
            known.feed(raw)

    def fail(_: bytes) -> Any:
        pytest.fail("it was walked through")

    monkeypatch.setattr(reader, "leaves", fail)
    for name, known in readers.items():
        made = STREAMS[name][1](["other", '\n"wörds" 😀'])
        grown = [raw for raw in made if b"other" in raw and not re.search(rb"\.done|completed|annotations", raw)]
        assert grown
        said = [each.text for raw in grown for one in known.feed(raw) for each in one.deltas]
        assert sum("other" in text for text in said) == len(grown)


def test_sequence_numbers_and_padding_may_differ_and_are_found_again() -> None:
    known = StreamReader("openai.responses")
    for number, pad in ((9, "aB"), (10, ""), (123456, "x1Y2z3")):
        document = {"type": "response.output_text.delta", "sequence_number": number, "delta": "a", "obfuscation": pad}
        (one,) = known.feed(event(document))
        assert one.number is not None
        assert one.raw[slice(*one.number)] == str(number).encode()
        assert [each.text for each in one.deltas] == ["a"]


@pytest.mark.parametrize(("digits", "told"), [(SHORT, []), (SHORT + 1, ["1234567"])])
def test_a_count_that_grows_too_long_to_be_one_is_told(digits: int, told: list[str]) -> None:
    known = StreamReader("openai.chat")
    known.feed(chunk([choice({"content": "a"})], usage={"cached_tokens": 1}))
    (one,) = known.feed(chunk([choice({"content": "a"})], usage={"cached_tokens": int("123456789"[:digits])}))
    assert [each.text for each in one.deltas] == ["a", *told]


def test_padding_that_is_text_is_told() -> None:
    known = StreamReader("openai.chat")
    known.feed(chunk([choice({"content": "a"})], obfuscation="aB1"))
    (one,) = known.feed(chunk([choice({"content": "a"})], obfuscation="bob@x.com"))
    assert [each.text for each in one.deltas] == ["a", "bob@x.com"]


def test_no_more_is_remembered_than_the_bounds_say() -> None:
    known, most = StreamReader("openai.chat"), 0
    for at in range(40):
        known.feed(event({"pad": at, "x" * 20 * at: 1, "choices": [{"index": at, "delta": {"content": "a"}}]}))
        most = max(most, len(known._shapes))
        assert sum(each.size for each in known._shapes) <= MAX_REMEMBERED
    assert most > 4


@pytest.mark.parametrize(("extra", "remembered"), [(0, 1), (1, 0)])
def test_a_shape_at_the_limit_is_remembered_and_one_past_it_is_not(extra: int, remembered: int) -> None:
    known = StreamReader("openai.chat")
    raw = event({"choices": [{"index": 0, "delta": {"content": ""}}], "n": 0.5})
    digits = b"0.5" + b"5" * (MAX_SHAPE - len(raw) + extra)
    known.feed(raw.replace(b"0.5", digits).replace(b'"content": "', b'"content": "abc'))
    assert len(known._shapes) == remembered


def test_what_is_remembered_holds_no_text_of_the_answer() -> None:
    known = StreamReader("openai.chat")
    known.feed(chunk([choice({"content": "marker77", "other": "marker77"})], note="marker77"))
    assert known._shapes
    shown = json.dumps([[part.decode() for part in (each.head, each.tail, *each.between)] for each in known._shapes])
    assert "marker77" not in shown
