"""Events that wait in great number take little memory, and leave as if each had waited by itself."""

import gc
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.events import Run, shares
from extproc.apis.events.shares import LARGE, LEAST, MORE
from extproc.detectors import secrets
from extproc.inspection.answers.waiting import COUNTED, MAX_WAITING
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Blocked
from extproc.pipe.pipe import AnswerPipe
from tests.apis.events.samples import STREAMS, chat, choice, chunk
from tests.inspection.answering import answer, everything, processor, run, stage

BEGIN, END = "-----BEGIN PRIVATE KEY-----\n", "\n-----END PRIVATE KEY-----\n"
AMID = 32 * 1024
"""Bytes that a stream may take amid a private key of 700 events; 400 KiB if each of them were an object."""


def key(count: int, size: int = 4) -> list[str]:
    """Pieces of a private key, all of them different."""
    digits = "".join(str(at * 7919 % 99991) + chr(97 + at % 26) for at in range(count * size))
    return [digits[at * size : (at + 1) * size] for at in range(count)]


def amid(count: int, begin: str = BEGIN) -> list[bytes]:
    """The events of a response up to the middle of a private key."""
    return chat([begin, *key(count)])[:-3]


def ended(count: int, end: str = END) -> list[str]:
    """The pieces of a text with a whole private key in it."""
    return ["Here: ", BEGIN, *key(count), end, " so", " it is."]


def runs(stream: AnswerPipe) -> list[Run]:
    """The packed events that wait."""
    return [entry for entry in stream._sink.entries if isinstance(entry, Run)]


@contextmanager
def unpacked() -> Iterator[None]:
    """Nothing is packed meanwhile."""
    with patch.object(shares, "LEAST", 10**9):
        yield


def each_out(dialect: str, raws: Sequence[bytes], vault: Vault | None = None) -> list[bytes]:
    """What leaves after each event, and at the end."""
    stream = answer(everything(), dialect, vault)
    return [*(stream.feed(raw) for raw in raws), stream.close()]


def test_a_stream_amid_a_private_key_takes_little_memory() -> None:
    raws = amid(700)

    def opened() -> AnswerPipe:
        stream = answer(everything(), "openai.chat")
        for raw in raws:
            stream.feed(bytes(bytearray(raw)))  # a copy, as each stream has bytes of its own
        return stream

    opened()
    gc.collect()
    tracemalloc.start()
    try:
        kept = [opened() for _ in range(2)]
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] / len(kept) < AMID
    finally:
        tracemalloc.stop()


# -- packed or not, the same leaves


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_packed_key_is_masked_as_one_whose_events_wait_by_themselves(name: str) -> None:
    dialect, make = STREAMS[name]
    raws = make(ended(5 * COUNTED))
    with unpacked():
        expected = each_out(dialect, raws)
    assert each_out(dialect, raws) == expected
    assert key(9)[8].encode() in b"".join(raws)
    assert b"PRIVATE KEY-----" not in b"".join(expected)


@pytest.mark.parametrize("name", ["chat", "responses", "messages", "tools"])
def test_what_was_no_value_after_all_leaves_byte_for_byte(name: str) -> None:
    dialect, make = STREAMS[name]
    raws = make(["See: ", *("a@" * (1 + at % 4) for at in range(5 * COUNTED)), " so", " it is."])
    stream = answer(everything(), dialect)
    assert any([stream.feed(raw), runs(stream)][1] for raw in raws)
    for vault in (None, Vault()):
        assert b"".join(each_out(dialect, raws, vault)) == b"".join(raws)


def other(which: int) -> bytes:
    """Something between the events of a key: other texts, a comment, half a character, a chunk with one more member."""
    return (
        chunk([choice({"content": "Another. "}, 1)]),
        chunk([choice({"content": "@"})]).replace(b"@", rb"\ud83d"),
        b": alive\n\n",
        chunk([choice({"content": "Ab"}), choice({"content": "x "}, 1)]),
        chunk([choice({"content": "Ab", "role": "assistant"})], service_tier="default"),
        chunk([choice({"content": "Ab"}, finish="stop")]),
    )[which]


@given(
    count=st.integers(0, 5 * COUNTED),
    size=st.integers(1, 9),
    tail=st.sampled_from([END, " ", " no key at all. ", "\n-----END", " \u4e16", "@example.org"]),
    others=st.lists(st.tuples(st.integers(0, 5 * COUNTED), st.integers(0, 5)), max_size=3),
)
def test_whatever_comes_between_the_same_leaves_after_each_event(
    count: int, size: int, tail: str, others: list[tuple[int, int]]
) -> None:
    raws = chat(["Key ", BEGIN, *key(count, size), tail, " so."])
    for place, which in others:
        raws.insert(min(place + 3, len(raws)), other(which))
    with unpacked():
        expected = each_out("openai.chat", raws)
    assert each_out("openai.chat", raws) == expected


def test_sequence_numbers_go_on_behind_packed_events_when_the_response_is_blocked() -> None:
    keys = stage((processor(0, "keys", "block"), [rule for rule in secrets.RULES if rule.kind == "private-key"]))
    dialect, make = STREAMS["responses"]
    raws = make(ended(4 * COUNTED))
    with unpacked():
        expected = run(answer(keys, dialect), raws)
    stream = answer(keys, dialect)
    assert run(stream, raws) == expected
    assert stream.blocked == Blocked("keys", "finding")


# -- bounds


@pytest.mark.parametrize(("count", "packed"), [(LEAST - 1, False), (LEAST, True)])
def test_events_are_packed_from_so_many_on(count: int, packed: bool) -> None:
    stream = answer(everything(), "openai.chat")
    for raw in amid(count - 1):
        stream.feed(raw)
    assert not runs(stream), "the key begins in an event of its own, and the latest is not packed"
    for raw in amid(count)[-1:]:
        stream.feed(raw)
    assert bool(runs(stream)) is packed


def test_all_events_of_a_key_are_in_one_run_but_the_last() -> None:
    stream = answer(everything(), "openai.chat")
    most = 0
    for raw in amid(20 * COUNTED):
        stream.feed(raw)
        most = max(most, len(stream._sink.entries))
    assert len(runs(stream)) == 1
    assert most <= COUNTED + LEAST + MORE


@pytest.mark.parametrize(("size", "packed"), [(LARGE, True), (LARGE + 1, False)])
def test_large_events_are_not_packed(size: int, packed: bool) -> None:
    def padded(piece: str) -> bytes:
        bare = chunk([choice({"content": piece})], obfuscation="")
        return chunk([choice({"content": piece})], obfuscation="p" * (size - len(bare)))

    stream = answer(everything(), "openai.chat")
    raws = [chunk([choice({"content": BEGIN})]), *(padded(piece) for piece in key(3 * COUNTED))]
    assert {len(raw) for raw in raws[1:]} == {size}
    for raw in raws:
        stream.feed(raw)
    assert bool(runs(stream)) is packed


def test_packed_events_count_with_all_their_bytes_for_what_may_wait() -> None:
    piece = chunk([choice({"content": "A"})], obfuscation="p" * (LARGE - 300))
    raws = [chunk([choice({"content": BEGIN})]), *[piece] * (MAX_WAITING // len(piece) + COUNTED + 1)]
    stream = answer(everything(), "openai.chat")
    out = [stream.feed(raw) for raw in raws]
    assert not any(out[: MAX_WAITING // len(piece)])
    assert stream.blocked == Blocked("pipeline", "uninspected")
    passing = answer(everything(), "openai.chat", blocks_unread=False)
    assert run(passing, raws)
    assert passing.unread == {"size": 1}


def test_no_text_is_in_what_a_run_says_of_itself() -> None:
    stream = answer(everything(), "openai.chat")
    for raw in amid(2 * COUNTED):
        stream.feed(raw)
    assert str(runs(stream)[0]).endswith(" blocks)")
