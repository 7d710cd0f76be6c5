import gc
import tracemalloc

import pytest

from extproc.apis.streams import StreamReader, StreamWriter
from tests.apis.events.samples import STREAMS, choice, chunk, event

AT_REST = 8 * 1024
"""Bytes that a reader and a writer may take while they wait for the next event: a quarter of what a stream may."""


def passed(dialect: str, raws: list[bytes]) -> tuple[StreamReader, StreamWriter]:
    """A reader and a writer behind these events."""
    reader, writer = StreamReader(dialect), StreamWriter(dialect)
    for raw in raws:
        # A copy, as each stream has bytes of its own.
        for one in reader.feed(bytes(bytearray(raw))):
            writer.write(one)
    return reader, writer


COMMON = ("chat",)
"""Streams that are measured in every run of the tests; `scripts/bench thresholds` measures the others, too."""

TRIES = 3
"""Measurements at most: caches of the interpreter and of libraries grow now and then beside one of them."""


def at_rest(dialect: str, raws: list[bytes], streams: int = 6) -> float:
    """Bytes per stream after these events, measured over many of them."""
    passed(dialect, raws)  # what is made once for all streams
    gc.collect()
    tracemalloc.start()
    try:
        kept = [passed(dialect, raws) for _ in range(streams)]
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / len(kept)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=() if each in COMMON else pytest.mark.measured) for each in sorted(STREAMS)]
)
def test_a_stream_at_rest_takes_little_wherever_it_stands(name: str) -> None:
    dialect, make = STREAMS[name]
    raws = make(["Hello", " you, how are you doing today?", "x" * 20_000, "!"])
    for upto in (len(raws) // 3, 2 * len(raws) // 3, len(raws)):
        assert any(at_rest(dialect, raws[:upto]) < AT_REST for _ in range(TRIES))


@pytest.mark.measured
def test_memory_does_not_grow_with_the_events_of_a_stream() -> None:
    for dialect, raw in (
        ("openai.chat", chunk([choice({"content": "Hello"})])),
        ("openai.responses", event({"type": "response.output_text.delta", "sequence_number": 7, "delta": "Hello"})),
    ):
        assert any(
            at_rest(dialect, [raw] * 400, streams=5) < at_rest(dialect, [raw] * 40, streams=5) + 512
            for _ in range(TRIES)
        )


def test_a_hostile_stream_takes_no_more() -> None:
    many = [chunk([choice({f"name_{'a' * at}": "b"}, at)], **{"x" * at: at}) for at in range(0, 300, 3)]
    # It has begun as many choices as are remembered.
    assert any(at_rest("openai.chat", many, streams=5) < 3 * AT_REST for _ in range(TRIES))
    items = [
        event({"type": "response.output_text.delta", "item_id": "m" * at, "output_index": at, "delta": "a" * 600})
        for at in range(100)
    ]
    assert any(at_rest("openai.responses", items) < AT_REST for _ in range(TRIES))
