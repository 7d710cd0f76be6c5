"""Which endpoints hold which beginnings of prompts."""

from hypothesis import given
from hypothesis import strategies as some

from extproc.routing.endpoints.prefixes import (
    BLOCK_BYTES,
    BLOCKS_MAX,
    HOLDERS_MAX,
    PREFIXES_MAX,
    PrefixIndex,
    blocks_of,
)


@given(some.binary(max_size=4 * BLOCK_BYTES), some.binary(max_size=BLOCK_BYTES), some.binary(max_size=BLOCK_BYTES))
def test_prompts_share_as_many_blocks_as_they_have_in_common(head: bytes, one: bytes, other: bytes) -> None:
    first, second = blocks_of(head + one, "m"), blocks_of(head + other, "m")
    whole = len(head) // BLOCK_BYTES
    assert first[:whole] == second[:whole]
    shared = next(
        (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    texts = zip(*(iter(head + each) for each in (one, other)), strict=False)
    common = next((at for at, (a, b) in enumerate(texts) if a != b), len(head) + min(len(one), len(other)))
    assert shared == common // BLOCK_BYTES


def test_only_whole_blocks_count_and_not_more_than_the_limit() -> None:
    assert blocks_of(b"x" * (BLOCK_BYTES - 1), "m") == ()
    assert len(blocks_of(b"x" * BLOCK_BYTES, "m")) == 1
    assert len(blocks_of(b"x" * BLOCK_BYTES * BLOCKS_MAX, "m")) == BLOCKS_MAX
    assert len(blocks_of(b"x" * BLOCK_BYTES * (BLOCKS_MAX + 2), "m")) == BLOCKS_MAX


def test_blocks_used_longest_ago_are_forgotten_first() -> None:
    index = PrefixIndex()
    index.add((1, 2), "a")
    index.add(range(10, 8 + PREFIXES_MAX), "b")
    assert (len(index), index.matched((1, 2), ("a",))) == (PREFIXES_MAX, {"a": 2})
    index.add((1,), "a")  # used again
    index.add((-1,), "b")
    assert (len(index), index.matched((1, 2), ("a",))) == (PREFIXES_MAX, {"a": 1})


def test_few_endpoints_are_remembered_for_a_block_the_newest_of_them() -> None:
    index = PrefixIndex()
    names = [f"e{number}" for number in range(HOLDERS_MAX + 1)]
    for name in names:
        index.add((7,), name)
    assert set(index.matched((7,), names)) == set(names[1:])


def test_a_gap_ends_what_an_endpoint_holds() -> None:
    index = PrefixIndex()
    index.add((1, 2, 3), "a")
    index.add((1,), "b")
    index.add((3,), "b")
    assert index.matched((1, 2, 3), ("a", "b", "c")) == {"a": 3, "b": 1}
