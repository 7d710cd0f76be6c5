import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload.sse import MAX_EVENT, Event, EventTooLargeError, Reader, frame
from tests.gathered import gathered

PIECES = st.sampled_from(
    [
        b"data: x", b"data:  y", b"data:z", b"data", b"data:", b'data: {"a":1}', b"event: e", b"event:", b"event",
        b": note", b":", b"id: 7", b"retry: 5", b"datax: no", b" data: no", "data: é😀".encode(), b"x",
        b"\n", b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b"\r\r", b"\n\r", b"\xef\xbb\xbf", b"\xef", b" ",
    ]
)  # fmt: skip
STREAMS = st.lists(PIECES, max_size=16).map(b"".join)
USUAL = st.lists(
    st.sampled_from(
        [
            b"data: x\n\n",
            b"event: e\ndata: y\n\n",
            b": ping\n\n",
            b"data: a\ndata: b\n\n",
            b"data: [DONE]\n\n",
            b"event: e\n\n",
            b"\n",
        ]
    ),
    max_size=10,
).map(b"".join)


def read(chunks: list[bytes], limit: int = MAX_EVENT) -> list[Event]:
    reader = Reader(limit)
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()


def feed_until_too_large(reader: Reader, stream: bytes, chunk: int) -> tuple[list[Event], bytes, EventTooLargeError]:
    """The events before the error, all that was fed, and the error."""
    seen = list[Event]()
    for at in range(0, len(stream), chunk):
        try:
            seen += reader.feed(stream[at : at + chunk])
        except EventTooLargeError as error:
            return seen, stream[: at + chunk], error
    pytest.fail("no event was too large")


def cut(data: st.DataObject, stream: bytes) -> list[bytes]:
    """The stream in pieces, some of them empty."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def spoken(stream: bytes) -> list[tuple[bytes, bytes]]:
    """The events a client dispatches, by the standard's own steps: line by line, no regard to raw bytes."""
    events, name, data = [], b"", list[bytes]()
    for line in re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))[:-1]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                events.append((name, b"\n".join(data)))
            name, data = b"", []
        elif field == b"event":
            name = value
        elif field == b"data":
            data.append(value)
    return events


@given(STREAMS | USUAL, st.data())
def test_any_cuts_give_the_same_events_and_every_byte_of_the_stream(stream: bytes, data: st.DataObject) -> None:
    whole = read([stream])
    assert b"".join(event.raw for event in whole) == stream
    assert read(cut(data, stream)) == whole
    assert read([stream[at : at + 1] for at in range(len(stream))]) == whole


@given(STREAMS | USUAL)
def test_the_events_are_those_of_the_standard(stream: bytes) -> None:
    assert [(event.name, event.data) for event in read([stream]) if event.ended and event.data is not None] == spoken(
        stream
    )


@given(STREAMS | USUAL)
def test_only_the_last_event_is_ever_unended(stream: bytes) -> None:
    events = read([stream])
    assert all(event.ended for event in events[:-1])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_stream_is_read_with_each_kind_of_line_end(end: bytes) -> None:
    lines = [b"event: delta", b"data: one", b"data:two", b"", b": ping", b"", b"data: [DONE]", b"", b""]
    events = read([end.join(lines)])
    assert [(event.name, event.data) for event in events] == [(b"delta", b"one\ntwo"), (b"", None), (b"", b"[DONE]")]
    assert [event.ended for event in events] == [True, True, True]


@gathered(
    ("raw", "name", "data"),
    [
        (b"data: x\n\n", b"", b"x"),
        (b"data:x\n\n", b"", b"x"),
        (b"data:  x \n\n", b"", b" x "),
        (b"data\n\n", b"", b""),
        (b"data:\n\n", b"", b""),
        (b"data: a\ndata\ndata: b\n\n", b"", b"a\n\nb"),
        (b"data: a:b: c\n\n", b"", b"a:b: c"),
        (b"event: e\ndata: x\n\n", b"e", b"x"),
        (b"data: x\nevent: e\n\n", b"e", b"x"),
        (b"event: e\nevent: f\ndata: x\n\n", b"f", b"x"),
        (b"event: e\n: note\ndata: x\n\n", b"e", b"x"),
        (b"event: e\n\n", b"e", None),
        (b"id: 1\nretry: 2\ndata: x\n\n", b"", b"x"),
        (b": note\n\n", b"", None),
        (b"\n", b"", None),
        (b"\r\n", b"", None),
        (b"DATA: x\n\n", b"", None),
        (b"data: x\ry\n\n", b"", b"x"),
    ],
)
def test_fields_are_read_as_the_standard_says(raw: bytes, name: bytes, data: bytes | None) -> None:
    for before in (b"", b"data: first\n\n"):
        events = read([before + raw])
        assert events[-1] == Event(raw, data, name)
        assert len(events) == 1 + bool(before)


def test_a_byte_order_mark_belongs_to_the_first_event_and_not_to_its_data() -> None:
    mark = b"\xef\xbb\xbf"
    assert read([mark + b"data: x\n\n" + mark + b"data: y\n\n"]) == [
        Event(mark + b"data: x\n\n", b"x"),
        Event(mark + b"data: y\n\n", None),
    ]
    assert read([b"data: x\n\n", mark + b"data: y\n\n"])[1:] == [Event(mark + b"data: y\n\n", None)]
    assert read([mark[:1], mark[1:], b"\n", b"data: x\n\n"]) == [Event(mark + b"\n", None), Event(b"data: x\n\n", b"x")]


def test_an_event_leaves_with_its_last_byte() -> None:
    reader = Reader()
    assert reader.feed(b"data: x\n") == []
    assert reader.feed(b"\ndata: y") == [Event(b"data: x\n\n", b"x")]
    assert reader.feed(b"\r\n\r") == []
    assert reader.feed(b"\n") == [Event(b"data: y\r\n\r\n", b"y")]
    assert reader.close() == []


@pytest.mark.parametrize("raw", [b"data: x", b"data: x\n", b"data: x\r\n", b"data: x\r"])
def test_what_the_stream_broke_off_is_told_from_what_it_ended(raw: bytes) -> None:
    assert read([b"data: w\n\n" + raw])[1:] == [Event(raw, b"x", ended=False)]


def test_a_stream_that_ends_with_a_lone_cr_has_ended_its_event() -> None:
    assert read([b"data: x\r\r"]) == [Event(b"data: x\r\r", b"x")]


@pytest.mark.parametrize("chunk", [1, 3, 1000])
@pytest.mark.parametrize("form", [b"data: %s\n\n", b"event: e\ndata: %s\n\n", b"data: %s\r\n\r\n", b"data: %s"])
def test_an_event_as_large_as_the_limit_is_read_and_a_larger_one_is_not(chunk: int, form: bytes) -> None:
    limit, small = 100, b"data: first\n\n"
    fits = form % (b"x" * (limit - len(form % b"")))
    stream = small + fits
    assert read([stream[at : at + chunk] for at in range(0, len(stream), chunk)], limit)[1].raw == fits
    stream = small + fits.replace(b"x", b"xx", 1) + b"data: after\n\n"
    reader = Reader(limit)
    seen, fed, error = feed_until_too_large(reader, stream, chunk)
    assert seen + error.events == [Event(small, b"first")]
    assert small + error.rest == fed
    with pytest.raises(EventTooLargeError) as again:
        reader.feed(b"data: more\n\n")
    assert again.value.rest == b"data: more\n\n"
    assert reader.close() == []


def test_the_text_of_an_event_shows_in_no_rendering() -> None:
    assert "SECRET" not in repr(read([b"event: SECRET\ndata: SECRET\n\n"]))
    with pytest.raises(EventTooLargeError) as caught:
        Reader(10).feed(b"data: SECRET SECRET\n\n")
    assert "SECRET" not in repr(caught.value)


@pytest.mark.parametrize("byte", [b"x", b"\r"])
def test_bytes_that_were_searched_are_not_searched_again(byte: bytes) -> None:
    reader = Reader()
    reader.feed(b"data: " + byte)
    for fed in range(1_000):
        assert reader.feed(b"x") == []
        assert reader._searched == len(b"data: ") + fed + 2


def test_a_framed_event_is_read_back() -> None:
    assert read([frame(b'{"a":1}') + frame(b"x", "error")]) == [
        Event(b'data: {"a":1}\n\n', b'{"a":1}'),
        Event(b"event: error\ndata: x\n\n", b"x", b"error"),
    ]


@pytest.mark.parametrize(
    ("chunk", "complete"),
    [
        (b"data: y\n\nevent: z", 1),
        (b"data: y\n\nevent: z\n", 1),
        (b"data: y\n\nevent: z\ndata: ", 1),
        (b"data: y\n\nevent: z\n\ndata: a\n\n", 3),
        (b"event: z", 0),
        (b"data: y", 0),
        (b"data: y\n", 0),
        (b"data: y\ndata: z\n\ndata: a\n\n", 2),
        (b"event: z\ndata: y\n\ndata: y\n\n: note\n\ndata: a\n\n", 4),
        (b"event: z\r\ndata: y\n\ndata: y\n\n", 2),
    ],
)
def test_a_chunk_of_usual_events_is_read_like_any_other(chunk: bytes, complete: int) -> None:
    first = b"data: first\n\n"
    reader = Reader()
    reader.feed(first)
    events = reader.feed(chunk)
    assert len(events) == complete
    assert events + reader.close() == read([first + chunk])[1:]


def test_a_usual_event_past_the_limit_is_refused_like_any_other() -> None:
    reader = Reader(20)
    reader.feed(b"data: first\n\n")
    assert len(reader.feed(b"data: " + b"x" * 12 + b"\n\n")) == 1
    with pytest.raises(EventTooLargeError):
        reader.feed(b"data: " + b"x" * 13 + b"\n\n")
