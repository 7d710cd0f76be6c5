"""Time as ratios and with wide margins, as absolute figures are the bench's business; memory; what is held back."""

import gc
import re
import time
import tracemalloc
from collections.abc import Callable, Sequence

import pytest

from extproc.matching.pane import STEP
from tests.apis.events.samples import STREAMS, chat, chat_tools, choice, chunk, event, responses
from tests.gathered import gathered
from tests.inspection.answering import answer, everything
from tests.matching.test_cost import ADVERSARIAL
from tests.matching.test_holdback import PROSE

WORDS = re.findall(r"\s*\S+", PROSE)
AT_REST = 32 * 1024
"""Bytes that a stream may take while it waits."""

COMMON = ("responses",)
"""Streams whose memory is measured in every run of the tests; `scripts/bench thresholds` measures the others, too."""

QUIET = 8.0
BUSY = 60.0
"""Microseconds of CPU that an event may cost, in which nothing starts or something does."""

AIR = 5
"""Times as much is let pass here: the machine may be busy, or slow."""

HOT = (
    "mail ",
    "bob@",
    "example",
    ".com ",
    "now ",
    "call +44 ",
    "20 7123 ",
    "4567 ",
    "ok, ",
    "4012 8888 ",
    "8888 1881 ",
)


def _microseconds(dialect: str, raws: Sequence[bytes]) -> float:
    """The least of five, for each event."""

    def work() -> None:
        stream = answer(everything(), dialect)
        for raw in raws:
            stream.feed(raw)

    return _least(work) * 1e6 / len(raws)


def _least(work: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return min(times)


@pytest.mark.measured
@pytest.mark.parametrize("name", ["chat", "responses", "messages", "completions"])
def test_an_event_in_which_nothing_starts_costs_little(name: str) -> None:
    dialect, make = STREAMS[name]
    raws = [raw for raw in make(WORDS) if b"delta" in raw or b'"text"' in raw][: len(WORDS)]
    assert _microseconds(dialect, raws) < AIR * QUIET


@pytest.mark.measured
@pytest.mark.parametrize("name", ["chat", "tools", "messages"])
def test_an_event_in_which_something_starts_costs_more_but_not_much(name: str) -> None:
    dialect, make = STREAMS[name]
    assert _microseconds(dialect, make(HOT * 10)) < AIR * BUSY


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=() if each in COMMON else pytest.mark.measured) for each in sorted(STREAMS)]
)
def test_a_stream_at_rest_takes_little_wherever_it_stands(name: str) -> None:
    dialect, make = STREAMS[name]
    raws = make([*WORDS[:50], "x" * 5_000, *HOT, "!"])

    def passed(upto: int) -> object:
        stream = answer(everything(), dialect)
        for raw in raws[:upto]:
            stream.feed(bytes(bytearray(raw)))
        return stream

    for upto in (len(raws) // 3, 2 * len(raws) // 3, len(raws)):
        passed(upto)
        gc.collect()
        tracemalloc.start()
        try:
            kept = [passed(upto) for _ in range(3)]
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] / len(kept) < AT_REST
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("size", [1, 3, 4, 5, 8, 13])
def test_prose_is_held_back_by_less_than_eight_characters_in_the_mean(size: int) -> None:
    stream, held = answer(everything(), "openai.chat"), []
    for raw in chat([PROSE[at : at + size] for at in range(0, len(PROSE), size)])[:-3]:
        stream.feed(raw)
        held.append(stream.held)
    assert sum(held) / len(held) < 8


@gathered("text", ADVERSARIAL.values(), ids=ADVERSARIAL, parts=2)
@gathered("make", [chat, chat_tools])
def test_no_text_is_held_back_beyond_the_bound(make: Callable[[Sequence[str]], list[bytes]], text: str) -> None:
    scanner = everything().scanner
    assert scanner is not None
    stream = answer(everything(), "openai.chat")
    for raw in make([text[at : at + 64] for at in range(0, 16_000, 64)]):
        stream.feed(raw)
        # Held bytes are counted; no rule that wide takes characters of more than one.
        assert stream.held <= scanner.longest_hold + STEP + 64


PLAIN = (PROSE * 8)[:16_000]


@pytest.mark.measured
@pytest.mark.parametrize("text", ADVERSARIAL.values(), ids=ADVERSARIAL)
def test_no_text_costs_ten_times_as_much_as_prose(text: str) -> None:
    def passed(said: str) -> Callable[[], object]:
        raws = chat([said[at : at + 32] for at in range(0, 16_000, 32)])
        return lambda: [stream.feed(raw) for stream in (answer(everything(), "openai.chat"),) for raw in raws]

    assert _least(passed(text)) < 10 * _least(passed(PLAIN))


def _many_choices(count: int) -> list[bytes]:
    return [chunk([choice({"content": "a b"}, at % 100, "stop") for at in range(count)])]


def _many_logprobs(count: int) -> list[bytes]:
    spelled = {"content": [{"token": "ab"}]}
    return [chunk([{**choice({"content": "ab"}, at % 100), "logprobs": spelled} for at in range(count)])]


def _many_lines(count: int) -> list[bytes]:
    return [event({"a": ["b c"] * count}).replace(b", ", b",\ndata:")]


def _same_place(count: int) -> list[bytes]:
    return [chunk([choice({"audio": {"x": "y"}, "name": "n"}, 0) for _ in range(count)])]


SHAPES: dict[str, tuple[str, Callable[[int], list[bytes]]]] = {
    "events": ("openai.chat", lambda count: chat(["word "] * count)),
    "one long word": ("openai.chat", lambda count: chat(["word"] * count)),
    "hits": ("openai.chat", lambda count: chat(["a@b.de "] * count)),
    "arguments": ("openai.chat", lambda count: chat_tools(["a@b.de "] * count)),
    "repetitions": ("openai.responses", lambda count: responses(["a@b.de "] * count)),
    "choices": ("openai.chat", _many_choices),
    "log probabilities": ("openai.chat", _many_logprobs),
    "lines": ("mcp", _many_lines),
    "texts at one place": ("openai.chat", _same_place),
}


@pytest.mark.measured
@pytest.mark.parametrize("name", SHAPES)
def test_twice_as_much_costs_about_twice_as_much(name: str) -> None:
    dialect, make = SHAPES[name]

    def passed(count: int) -> Callable[[], object]:
        raws = make(count)
        return lambda: [stream.feed(raw) for stream in (answer(everything(), dialect),) for raw in raws]

    assert _least(passed(1_600)) < 3.2 * _least(passed(800)) + 0.002
