"""What is decided of a growing text is the same whether its events are packed or not."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.events import Channel, Delta, Entry, Run, Share, Shares, StreamEvent
from extproc.apis.events.shares import LEAST, MORE, MOST

TEXT = Channel(("text",))


def share(at: int, text: str, kind: str = "a") -> Share:
    """The share of an event, of which no two have the same bytes; they are alike if their `kind` is."""
    raw = f"{at}:{text}".encode("utf-8", "surrogatepass")
    delta = Delta(TEXT, text, len(str(at)) + 1, len(raw))
    return Share(StreamEvent(raw, "delta", (delta,), dialect=kind, number=(0, len(str(at)))), TEXT, text, len(text))


def waiting(texts: Sequence[str], packed: Sequence[int] = (), kinds: Sequence[str] = ()) -> tuple[Shares, list[Entry]]:
    """The shares, and the queue in which their events stand; packed once so many have come."""
    shares, entries = Shares(), list[Entry]()
    for at, text in enumerate(texts):
        each = share(at, text, kinds[at] if at < len(kinds) else "a")
        shares.append(each)
        entries.append(each)
        if at in packed:
            shares.pack(entries)
    return shares, entries


def left(entries: list[Entry]) -> list[tuple[StreamEvent, int, str | None]]:
    """Every event of the queue, in order, with what is undecided of it and what it says now."""
    events: list[tuple[StreamEvent, int, str | None]] = []
    while entries:
        first = entries[0]
        if isinstance(first, Run):
            assert first.leave(entries), "all of it is unpacked"
            continue
        del entries[0]
        assert isinstance(first, Share)
        events.append((first.event, first.left, first.new))
    return events


COUNTS = st.integers(1, 2 * (LEAST + MOST))
DEEDS = st.tuples(
    st.sampled_from(["keep", "replace", "rewrite"]), st.integers(0, 150), st.sampled_from(["", "[MASK]", "ab"])
)


@given(
    texts=COUNTS.flatmap(
        lambda count: st.lists(st.sampled_from(["ab", "c", "\u4e16\u754c", 'd"e']), min_size=count, max_size=count)
    ),
    packed=st.lists(st.integers(0, 2 * (LEAST + MOST)), max_size=5),
    kinds=st.lists(st.sampled_from("aaaaaaaaaaaaab"), max_size=60),
    deeds=st.lists(DEEDS, max_size=4),
)
def test_packed_shares_are_kept_and_replaced_as_others(
    texts: list[str], packed: list[int], kinds: list[str], deeds: list[tuple[str, int, str]]
) -> None:
    bare, queue = waiting(texts, (), kinds)
    shares, entries = waiting(texts, packed, kinds)
    for deed, most, new in deeds:
        said = bare.undecided()
        count = min(most, len(said))
        if not said:
            break
        for each in (bare, shares):
            if deed == "keep":
                each.keep(count)
            elif deed == "replace":
                each.replace(said[:count], new)
            else:
                each.rewrite(count, new)
    assert shares.undecided() == bare.undecided()
    assert left(entries) == left(queue)


def runs(entries: list[Entry]) -> list[Run]:
    return [entry for entry in entries if isinstance(entry, Run)]


def test_as_many_are_packed_at_first_and_behind_others_as_are_worth_it() -> None:
    for count, packed in ((LEAST, 0), (LEAST + 1, 1)):
        _, entries = waiting(["ab"] * count, [count - 1])
        assert (len(runs(entries)), len(entries)) == (packed, count if not packed else 2)
    for more, rest in ((MORE - 1, MORE), (MORE, 1)):
        _, entries = waiting(["ab"] * (LEAST + 1 + more), [LEAST, LEAST + more])
        assert len(entries) == 1 + rest


def test_no_more_are_packed_together_than_the_most() -> None:
    _, entries = waiting(["ab"] * (MOST + 10), [MOST + 9])
    assert len(entries) == 10 + 1
    assert runs(entries)[0].left == 2 * MOST


def test_half_a_character_keeps_its_event_from_being_packed() -> None:
    shares, entries = waiting(["ab"] * LEAST + ["\ud83d", "ab"], [LEAST + 1])
    assert not runs(entries)
    assert "\ud83d" in shares.undecided()
