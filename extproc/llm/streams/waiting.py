"""Events that wait until all of their texts are decided, and what each of them says then."""

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from extproc.llm.streams.event import Channel, StreamEvent

_NOTHING: Mapping[Channel, str] = MappingProxyType({})


class Share(Struct, gc=False):
    """The part of a growing text that one event brings.

    `left`: characters at its end that are not decided yet. `new`: what it says instead of the decided ones, None while
    nothing of it is changed.
    """

    event: StreamEvent
    channel: Channel
    text: str
    left: int
    new: str | None = None

    def texts(self) -> Mapping[Channel, str]:
        """What is to be rewritten in the event, if it has no other texts."""
        return _NOTHING if self.new is None else {self.channel: self.new}

    def waits_for(self, share: "Share") -> bool:
        """True if nothing but more of the text that `share` brings lets the event leave."""
        return self.left > 0 and self.channel is share.channel and not self.channel.loose

    def __repr__(self) -> str:
        return f"Share({len(self.text)} characters, {self.left} left)"


class Waiting(Struct, gc=False):
    """An event with any number of shares. `changed`: its texts that come whole and say something else now."""

    event: StreamEvent
    shares: tuple[Share, ...]
    changed: Mapping[Channel, str] = _NOTHING

    @property
    def left(self) -> int:
        """Characters that are not decided yet."""
        return sum([share.left for share in self.shares])

    def waits_for(self, share: Share) -> bool:
        """See `Share.waits_for`."""
        return all(each.waits_for(share) for each in self.shares if each.left)

    def texts(self) -> Mapping[Channel, str]:
        """What is to be rewritten in the event."""
        new = {share.channel: share.new for share in self.shares if share.new is not None}
        return {**self.changed, **new} if new else self.changed


Entry: TypeAlias = Share | Waiting
"""An event that waits; most have one text."""


class Shares(deque[Share]):
    """The undecided shares of one growing text, in order.

    What is decided is either kept or replaced. A replacement stands in the event in which the replaced text begins;
    characters that it has in common with that at either end stay in their own events, so that few events change.
    """

    __slots__ = ()

    def undecided(self) -> str:
        """The text that is not decided yet."""
        if len(self) == 1:
            share = self[0]
            return share.text[len(share.text) - share.left :]
        return "".join([share.text[len(share.text) - share.left :] for share in self])

    def keep(self, count: int) -> None:
        """The next `count` characters stay as they are."""
        while count:
            share = self[0]
            taken = min(count, share.left)
            if share.new is not None:
                at = len(share.text) - share.left
                share.new += share.text[at : at + taken]
            count -= taken
            self._take(share, taken)

    def replace(self, said: str, new: str) -> None:
        """`new` stands in the place of `said`, which are the next characters."""
        begin = _common(said, new)
        end = 0
        if said[-1:] == new[-1:]:
            end = _common(said[begin:][::-1], new[begin:][::-1])
        if begin:
            self.keep(begin)
        if new != said:
            self.rewrite(len(said) - begin - end, new[begin : len(new) - end])
        if end:
            self.keep(end)

    def rewrite(self, count: int, new: str) -> None:
        """As `replace`, but all of `new` goes to the first event, whatever characters it has in common."""
        while True:
            share = self[0]
            taken = min(count, share.left)
            before = share.text[: len(share.text) - share.left] if share.new is None else share.new
            share.new, new = before + new, ""
            count -= taken
            self._take(share, taken)
            if not count:
                break

    def _take(self, share: Share, taken: int) -> None:
        share.left -= taken
        if not share.left:
            self.popleft()


def _common(one: str, other: str) -> int:
    """How many characters are the same at the beginning of both."""
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
