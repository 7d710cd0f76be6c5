"""The cost of inspection, with all rules on: in the processor alone, without Envoy, in one thread but for the stalls.

CPU time of this process, for it shares its machine. Each round takes every subject in turn and has texts of its own.
"""

import gc
import json
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias, TypeVar

from msgspec.json import decode

from scripts.benchmarks.inspecting import Inspecting
from scripts.benchmarks.report import Row
from scripts.benchmarks.stall import stalls as longest_waits
from scripts.benchmarks.texts import (
    CANDIDATES,
    HOSTILE,
    KIB,
    events,
    new_words,
    pieces,
    prompt,
    prose,
    tokens,
    with_values,
)

T = TypeVar("T")

PROMPTS: Final = 400
"""Prompts of a KiB in a round: 20 ms of work."""
EVENTS: Final = 2_000
"""Events of a stream, about as many as of a long answer."""
PIECE: Final = 8
"""Characters an event of a hostile text."""
HOSTILE_SIZE: Final = 64 * KIB
CANDIDATES_SIZE: Final = 16 * KIB
MEGABYTE: Final = 1024 * KIB - 100
"""Characters of a prompt whose body is a megabyte."""
REPEATS: Final = 3
"""The least of so many is taken where one figure is divided by another."""
FIRST: Final = 1_000_000
"""A seed apart from those of the rounds."""

UNITS: Final = {
    "cpu_us_per_prompt": "us",
    "cpu_ms_per_mb_prompt": "ms",
    "cpu_us_per_event": "us",
    "stall_ms": "ms",
    "memory_kib_per_stream": "KiB",
    "held_back_mean": "characters",
    "held_back_p99": "characters",
    "held_back_most": "bytes",
    "growth_per_doubling": "ratio",
    "times_prose": "ratio",
}

MOST: Final[dict[str, dict[str, float]]] = {
    "cpu_us_per_prompt": {"inspection": 60},
    "cpu_ms_per_mb_prompt": {"all-rules": 40},
    "cpu_us_per_event": {"all-rules": 8, "all-rules/values": 60},
    "stall_ms": {"all-rules": 5},
    "memory_kib_per_stream": {"all-rules": 32},
    "held_back_mean": {"all-rules": 8},
    "growth_per_doubling": {"*": 2.3},
    "times_prose": {"*": 10},
}
"""The required bounds, by figure and subject; `*` is all others."""

Figures: TypeAlias = Iterator[tuple[str, str, float]]


def prompts(bench: Inspecting, seed: int) -> Figures:
    """A prompt of a KiB through the whole transaction: headers, and the body that Envoy has buffered."""
    name = "cpu_us_per_prompt"
    plain = [prompt(prose(KIB - 64, seed * PROMPTS + at)) for at in range(PROMPTS)]
    one = [prompt(with_values(KIB - 64, KIB, seed * PROMPTS + at)) for at in range(PROMPTS)]
    bare, full, found = (
        _cpu(lambda plan=plan, bodies=bodies: bench.exchanges(plan, bodies)) / PROMPTS * 1e6  # type: ignore[misc]
        for plan, bodies in ((bench.bare, plain), (bench.plan, plain), (bench.plan, one))
    )
    yield name, "json.loads", _cpu(lambda: [json.loads(body) for body in plain]) / PROMPTS * 1e6
    yield name, "no-pipeline", bare
    yield name, "all-rules", full
    yield name, "inspection", full - bare
    yield name, "all-rules/one-value", found


def large(bench: Inspecting, seed: int) -> Figures:
    """A prompt of a megabyte, as a thread judges it: of prose, and with a value in each KiB."""
    name = "cpu_ms_per_mb_prompt"
    plain, found = prompt(prose(MEGABYTE, seed)), prompt(with_values(MEGABYTE, KIB, seed))
    yield name, "msgspec", _cpu(lambda: decode(plain)) * 1e3
    yield name, "all-rules", _cpu(lambda: bench.job(plain).run()) * 1e3
    yield name, "all-rules/values", _cpu(lambda: bench.job(found).run()) * 1e3


def streamed(bench: Inspecting, seed: int) -> Figures:
    """An event of a stream: of prose, of prose in words never seen before, and one that is a part of a value."""
    plain, new, values = (
        events(tokens(text)[:EVENTS])
        for text in (prose(EVENTS * 8, seed), new_words(EVENTS * 8, seed), with_values(EVENTS * 8, 24, seed))
    )
    # A process that has served for a while has seen most words.
    bench.stream(events(tokens(prose(EVENTS * 8, FIRST + seed))), bench.stage)
    for subject, each, stage in (
        ("no-rules", plain, None),
        ("all-rules", plain, bench.stage),
        ("all-rules/new-words", new, bench.stage),
        ("all-rules/values", values, bench.stage),
    ):
        spent = _cpu(lambda each=each, stage=stage: bench.stream(each, stage))  # type: ignore[misc]
        yield "cpu_us_per_event", subject, spent / len(each) * 1e6
    yield "cpu_us_per_event", "json.loads", _cpu(lambda: [json.loads(each[6:]) for each in plain]) / len(plain) * 1e6


def stalls(bench: Inspecting, seed: int) -> Figures:
    """The longest wait of another stream's event while a megabyte is judged, or two at once."""
    plain, found = prompt(prose(MEGABYTE, seed)), prompt(with_values(MEGABYTE, KIB, seed))
    bodies = {"all-rules": [plain], "all-rules/values": [found], "all-rules/two-at-once": [plain, found]}
    for subject, longest in longest_waits(bench.job, bodies).items():
        yield "stall_ms", subject, longest


def memory(bench: Inspecting, seed: int) -> Figures:
    """Return what an exchange takes while its answer streams, after a KiB of it; and amid a private key, the worst."""
    texts = {"": prose(KIB, seed), "/open-key": "-----BEGIN PRIVATE KEY-----\n" + HOSTILE["base64"](3 * KIB)}
    for suffix, text in texts.items():
        for subject, plan in (("no-pipeline", bench.bare), ("all-rules", bench.plan)):
            yield "memory_kib_per_stream", subject + suffix, bench.at_rest(plan, events(tokens(text)))


def held_back(bench: Inspecting, seed: int) -> Figures:
    """Characters held back after each event of prose."""
    held = sorted(bench.held(events(tokens(prose(EVENTS * 5, seed)))))
    yield "held_back_mean", "all-rules", sum(held) / len(held)
    yield "held_back_p99", "all-rules", held[len(held) * 99 // 100]


def growth(bench: Inspecting, seed: int) -> Figures:
    """Return how the cost grows when there is twice as much: of text, messages, values, events."""
    whole: dict[str, Callable[[int], bytes]] = {
        "text/prose": lambda times: prompt(prose(times * 256 * KIB, seed)),
        "text/values": lambda times: prompt(with_values(times * 64 * KIB, 256, seed)),
        "messages": lambda times: _messages(tokens(prose(times * 24 * KIB, seed))),
    }
    for subject, make in whole.items():
        yield "growth_per_doubling", subject, _growth(lambda body: bench.job(body).run(), make)
    streamed: dict[str, Callable[[int], list[bytes]]] = {
        "events/prose": lambda times: events(tokens(prose(times * 16 * KIB, seed))),
        "events/values": lambda times: events(tokens(with_values(times * 8 * KIB, 64, seed))),
    }
    for subject, said in streamed.items():
        yield "growth_per_doubling", subject, _growth(lambda each: bench.stream(each, bench.stage), said)


def hostile(bench: Inspecting, seed: int) -> Figures:
    """Texts made to be slow, whole and as streams: against prose of the same size, and against half of them."""
    for texts, size in ((HOSTILE, HOSTILE_SIZE), (CANDIDATES, CANDIDATES_SIZE)):
        whole, streamed = _costs(bench, prose(size, seed))
        for subject, make in texts.items():
            text = make(size)
            half_whole, half_streamed = _costs(bench, text[: len(text) // 2])
            own_whole, own_streamed = _costs(bench, text)
            yield "times_prose", f"text/{subject}", own_whole / whole
            yield "times_prose", f"events/{subject}", own_streamed / streamed
            yield "growth_per_doubling", f"text/{subject}", own_whole / half_whole
            yield "growth_per_doubling", f"events/{subject}", own_streamed / half_streamed
            yield "held_back_most", subject, max(bench.held(events(pieces(text, PIECE))))


def _costs(bench: Inspecting, text: str) -> tuple[float, float]:
    """Seconds that a text costs, whole and streamed."""
    body, chunks = prompt(text), events(pieces(text, PIECE))
    return _least(lambda: bench.job(body).run()), _least(lambda: bench.stream(chunks, bench.stage), 2)


RATIOS: Final = {"growth": 3, "hostile": 2}
"""Rounds of the parts that take long, at most: a ratio is of figures of one round, and varies little."""

PARTS: Final[dict[str, Callable[[Inspecting, int], Figures]]] = {
    "prompts": prompts,
    "large": large,
    "events": streamed,
    "stalls": stalls,
    "memory": memory,
    "held-back": held_back,
    "growth": growth,
    "hostile": hostile,
}


def measure(rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str] = ()) -> list[Row]:
    """All figures; `only` names some of the PARTS."""
    del seconds
    say("compiling the rules")
    bench = Inspecting()
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with _frozen():
        for round_ in range(rounds):
            for name, part in PARTS.items():
                if (not only or name in only) and round_ < RATIOS.get(name, rounds):
                    say(f"round {round_ + 1} of {rounds}: {name}")
                    for figure, subject, value in part(bench, round_):
                        found[figure, subject].append(value)
    order = list(UNITS)
    rows = [
        Row(figure, subject, UNITS[figure], tuple(values), most=_most(bench, figure, subject))
        for (figure, subject), values in found.items()
    ]
    return sorted(rows, key=lambda row: order.index(row.figure))


def _most(bench: Inspecting, figure: str, subject: str) -> float | None:
    if figure == "held_back_most":
        return bench.bound + PIECE  # which came last
    if subject.partition("/")[2] in CANDIDATES and figure == "times_prose":
        return None
    limits = MOST.get(figure, {})
    return limits.get(subject, limits.get("*"))


@contextmanager
def _frozen() -> Iterator[None]:
    """Freeze the objects that live as long as the process: a worker does not let the collector walk over them."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _cpu(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def _least(work: Callable[[], object], repeats: int = REPEATS) -> float:
    return min(_cpu(work) for _ in range(repeats))


def _growth(work: Callable[[T], object], make: Callable[[int], T]) -> float:
    once, twice = make(1), make(2)
    return _least(lambda: work(twice)) / _least(lambda: work(once))


def _messages(texts: list[str]) -> bytes:
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": text} for text in texts]}).encode()
