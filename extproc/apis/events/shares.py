"""The undecided shares of one growing text."""

from itertools import islice
from typing import Final

from extproc.apis.events.runs import Entry, Run, alike
from extproc.apis.events.waiting import Share

LEAST: Final = 16
"""Events that are packed at first. Fewer take less than 10 KiB, and most values have fewer."""

MORE: Final = 12
"""Events that are packed behind others like them, and events between two attempts. Fewer would cost more per event."""

MOST: Final = 32
"""Events that are packed together. Whoever packs at each sixteenth event needs no more."""

LAST: Final = 2
"""Shares behind a run when the last but one is packed into it."""

LARGE: Final = 4096
"""Bytes of an event up to which it is packed, so that packing takes less than a millisecond. A larger one takes more
memory for its bytes, which are bounded, than for what is known of it."""


class Shares(list[Share | Run]):
    """The undecided shares of one growing text, in order.

    What is decided is either kept or replaced. A replacement stands in the event in which the replaced text begins;
    characters that it has in common with that at either end stay in their own events, so that few events change.
    """

    __slots__ = ("_packed",)

    def __init__(self) -> None:
        super().__init__()
        self._packed = False  # whether there may be a run among them

    def undecided(self) -> str:
        """The text that is not decided yet."""
        if self._packed:
            self._unpack()
        return "".join([share.text[len(share.text) - share.left :] for share in self])  # type: ignore[union-attr]

    def keep(self, count: int) -> None:
        """The next `count` characters stay as they are."""
        at = 0
        while count:
            share = self._at(at)
            taken = min(count, share.left)
            if share.new is not None:
                begin = len(share.text) - share.left
                share.new += share.text[begin : begin + taken]
            count -= taken
            share.left -= taken
            at += not share.left
        if at:
            del self[:at]

    def replace(self, said: str, new: str) -> None:
        """`new` stands in the place of `said`, which are the next characters."""
        begin = common(said, new)
        end = 0
        if said[-1:] == new[-1:]:
            end = common(said[begin:][::-1], new[begin:][::-1])
        self.keep(begin)
        if new != said:
            self.rewrite(len(said) - begin - end, new[begin : len(new) - end])
        self.keep(end)

    def rewrite(self, count: int, new: str) -> None:
        """As `replace`, but all of `new` goes to the first event, whatever characters it has in common."""
        at = 0
        while True:
            share = self._at(at)
            taken = min(count, share.left)
            before = share.text[: len(share.text) - share.left] if share.new is None else share.new
            share.new, new = before + new, ""
            count -= taken
            share.left -= taken
            at += not share.left
            if not count:
                break
        del self[:at]

    def absorb(self, entries: list[Entry]) -> int:
        """Pack the last but one of these shares, the latest of `entries`, into a run in front of it, if that is cheap.

        Return the bytes of its event, or 0.
        """
        share, run = entries[-1], entries[-2]
        if (
            isinstance(run, Run)
            and isinstance(share, Share)
            and len(self) > LAST
            and self[-2] is share
            and self[-3] is run
            and len(share.event.deltas) == 1
            and run.absorb(share)
        ):
            del self[-2], entries[-1]
            return len(share.event.raw)
        return 0

    def pack(self, entries: list[Entry]) -> None:
        """Pack the last of the events that wait, if many of them bring nothing but this text. The latest stays."""
        shares, run = self._alike(entries)
        if len(shares) < (LEAST if run is None else MORE):
            return
        packed = Run(shares[0]) if run is None else run
        try:
            packed.add(shares)
        except UnicodeEncodeError:
            return
        self._packed = True
        for each in (self, entries):
            _replace(each, len(shares), packed if run is None else None)

    def _alike(self, entries: list[Entry]) -> tuple[list[Share], Run | None]:
        """The last shares but the latest that can be packed together, and the run in front of them if it takes them."""
        found: list[Share] = []
        pairs = zip(reversed(self), reversed(entries), strict=False)
        next(pairs, None)
        for share, entry in islice(pairs, MOST + 1):
            if share is not entry:
                break
            if isinstance(share, Run):
                return found[::-1], share if found and share.takes(found[0]) else None
            if len(found) == MOST or not _plain(share) or (found and not alike(share.event, found[0].event)):
                break
            found.append(share)
        return found[::-1], None

    def _at(self, at: int) -> Share:
        """The share that stands there, unpacked; all before it are decided."""
        first = self[at]
        if self._packed and isinstance(first, Run):
            shares = first.unpack()
            self[at : at + (not first.packed)] = shares
            return shares[0]
        return first  # type: ignore[return-value]

    def _unpack(self) -> None:
        """Unpack all of them."""
        shares: list[Share] = []
        for each in self:
            if isinstance(each, Share):
                shares.append(each)
            else:
                while each.packed:
                    shares += each.unpack()
        self[:] = shares
        self._packed = False


def _plain(share: Share) -> bool:
    """True for the share of an event that has no other, of which nothing is decided."""
    event = share.event
    return share.new is None and share.left == len(share.text) and len(event.deltas) == 1 and len(event.raw) <= LARGE


def _replace(entries: "list[Share | Run] | list[Entry]", count: int, run: Run | None) -> None:
    """Put `run` in the place of `count` events, which are the last but one."""
    entries[-1 - count : -1] = [] if run is None else [run]


def common(one: str, other: str) -> int:
    """Return how many characters are the same at the beginning of both."""
    if one[:1] != other[:1]:
        return 0
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
