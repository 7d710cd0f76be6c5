"""A piece of a stream is tried before it is judged: what is costly is told from what is not, and nothing changes."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.inspection.vault import Vault
from extproc.payload.encodings.codings import codings
from extproc.pipe.pipe import HELD_BYTES, SURE_BYTES, TRIED_BYTES
from extproc.protocol.meter import Chained, Meter, SpentError
from tests.apis.events.apis import APIS, events
from tests.gathered import gathered
from tests.inspection.answering import answer, blocking, everything
from tests.matching.test_metered import COSTLY

INLINE = 1000
SLACK = 400
"""Steps that may be spent in one go past the last."""
PIECES = ("Write to maria.gon", "zalez@example-mail.org, ", "call +14155552671 or 4111 ", "1111 1111 1111 ", "soon. ")


def event(text: str, **more: object) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more}
    return b"data: %b\n\n" % json.dumps(delta).encode()


def filled(text: str, size: int = TRIED_BYTES - 200) -> str:
    return (text * (size // len(text) + 1))[:size]


@pytest.mark.parametrize("text", COSTLY)
def test_what_is_afforded_takes_no_more_steps_than_that(text: str) -> None:
    for begun in (False, True):
        stream = answer(everything(), "openai.chat")
        if begun:
            stream.feed(event("Hello "))
        data = event(filled(text))
        left = stream.meter.left
        if stream.affords(data, INLINE):
            stream.feed(data)
            assert left - stream.meter.left <= INLINE + SLACK


@gathered(
    "data",
    [
        event(filled("+14155552671 ")),
        event(filled("4111 ", 1300)).replace(b"4111", rb"\u0034\u0031\u0031\u0031"),
        event(filled("%41", 7800)),
        b"data: " + b'{"x" ' * 1600 + b"\n\n",
        event("[" + "1," * 3900 + "1]"),
        event(filled("4111 ")),
        event("x", id=filled("4111 ")),
        event("x", numbers=[1] * 2600),
        event("x", texts=["a@b.co"] * 700),
        event("x", names={f"name{number}": "" for number in range(450)}),
        event("x", delta=json.dumps([""] * 1300)),
        b"".join([event("+14155552671 " * 10)] * 25),
        event(json.dumps([""] * 1000)),
        b"\n" * TRIED_BYTES,
        b": x\n\n" * (TRIED_BYTES // 5),
        b"data:\n\n" * (TRIED_BYTES // 7),
    ],
    ids=[
        "phones",
        "escaped",
        "percent",
        "line",
        "list",
        "numbers",
        "identifier",
        "array",
        "texts",
        "names",
        "document",
        "many",
        "JSON",
        "blanks",
        "comments",
        "empty",
    ],
)
def test_what_is_costly_is_not_afforded_however_it_is_written(data: bytes) -> None:
    assert len(data) <= TRIED_BYTES
    assert not answer(everything(), "openai.chat").affords(data, INLINE)


@pytest.mark.parametrize(
    "data",
    [
        event("Hello "),
        event(filled("The quick brown fox jumps over the lazy dog. ")),
        b"".join([event("Hello ")] * 70),
        b"data: [DONE]\n\n",
        b": " + b"x" * 4000 + b"\n\n",
    ],
    ids=["word", "prose", "merged", "done", "comment"],
)
def test_what_is_usual_is_afforded(data: bytes) -> None:
    stream = answer(everything(), "openai.chat")
    for end in (False, True):
        assert stream.affords(data, INLINE, end=end)


def test_bytes_that_came_before_count_when_the_event_ends() -> None:
    stream = answer(everything(), "openai.chat")
    data = event(filled("4111 ", 64 * 1024))
    for at in range(0, len(data) - 2, 400):
        piece = data[at : min(at + 400, len(data) - 2)]
        assert stream.affords(piece, INLINE), "no event ends in it"
        assert stream.feed(piece) == b""
    assert not stream.affords(data[-2:], INLINE)
    assert not stream.affords(b"", INLINE, end=True), "the end of a stream ends the event"


def test_what_a_text_holds_back_counts_when_it_may_go() -> None:
    stream = answer(blocking(), "openai.chat")
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n" * 40
    for at in range(0, len(key), 30):
        stream.feed(event(key[at : at + 30]))
    assert stream.held > HELD_BYTES
    assert not stream.affords(event("no"), INLINE)
    assert stream.crowded
    assert stream.waiting >= stream.held


def test_more_is_tried_up_to_a_size_and_then_no_more() -> None:
    stream = answer(everything(), "openai.chat")
    for size, afforded in ((SURE_BYTES, True), (TRIED_BYTES, True), (TRIED_BYTES + 1, False)):
        assert stream.affords(b": " + b"x" * (size - 4) + b"\n\n", INLINE) == afforded


def test_an_encoded_piece_is_not_tried() -> None:
    stream = answer(everything(), "openai.chat", codings=codings("gzip"))
    assert not stream.affords(b"\x1f", INLINE)


@given(
    sizes=st.lists(st.integers(1, 900), max_size=20),
    blank=st.sampled_from([b"\n\n", b"\r\n\r\n"]),
    pending=st.integers(0, 2 * SURE_BYTES),
)
def test_parts_of_a_piece_end_with_events_and_are_small_or_one_event(
    sizes: list[int], blank: bytes, pending: int
) -> None:
    stream = answer(everything(), "openai.chat")
    assert stream.feed(b": " + b"x" * pending) == b""
    data = b"".join(b":" + b"x" * size + blank for size in sizes)[:TRIED_BYTES]
    ends = list(stream.ends(data))
    assert ends == sorted(set(ends))
    assert (ends[-1:] or [0]) == [len(data)]
    before = pending + 2
    for start, to in pairwise([0, *ends]):
        part = data[start:to]
        assert to == len(data) or part.endswith(blank)
        assert before + len(part) <= SURE_BYTES or part.count(blank) <= 1
        before = 0


def test_a_piece_that_is_too_large_to_be_tried_is_one_part() -> None:
    stream = answer(everything(), "openai.chat")
    whole = (event("Hello ") * 100)[:TRIED_BYTES]
    assert len(list(stream.ends(whole))) > 1
    assert list(stream.ends(whole + b":")) == [TRIED_BYTES + 1]


@pytest.mark.parametrize("name", APIS)
@given(cuts=st.lists(st.integers(0, 4000), max_size=12), steps=st.sampled_from([1, 100, INLINE, 1 << 40]))
def test_trying_changes_nothing(name: str, cuts: list[int], steps: int) -> None:
    data = b"".join(events(name, PIECES))
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(places)]
    plain, tried = Vault(), Vault()
    one, other = answer(everything(), "", plain), answer(everything(), "", tried)
    out, same = [], []
    for piece in pieces:
        other.affords(piece, steps)
        other.affords(piece, steps, end=True)
        out.append(one.feed(piece))
        same.append(other.feed(piece))
    assert (same, other.close()) == (out, one.close())
    assert (other.counts, other.unread, other.masked) == (one.counts, one.unread, one.masked)
    assert (other.failures, other.blocked) == (one.failures, one.blocked)


def test_the_meter_of_a_piece_counts_what_the_streams_does_and_stops_it() -> None:
    stream = answer(everything(), "openai.chat")
    stream.feed(event("Hello "))
    meter = Meter()
    before, left = stream.meter.left, meter.left
    stream.chain(meter)
    stream.feed(event("+14155552671 " * 20))
    assert before - stream.meter.left == left - meter.left > 0
    meter.stop()
    with pytest.raises(SpentError):
        stream.feed(event("+14155552671 " * 20))


def test_a_chained_meter_without_another_counts_alone() -> None:
    meter = Chained()
    meter.chain(Meter(1))
    with pytest.raises(SpentError):
        meter.spend(2)
    meter.chain(None)
    meter.spend(2)
    meter.stop()
    with pytest.raises(SpentError):
        meter.spend(0)
