"""Events that wait until all of their texts are decided, and what each of them says then."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from extproc.apis.events.event import Channel, StreamEvent

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
        """Return what is to be rewritten in the event, if it has no other texts."""
        return _NOTHING if self.new is None else {self.channel: self.new}

    def waits_for(self, share: "Share") -> bool:
        """True if nothing but more of the text that `share` brings lets the event leave."""
        return self.left > 0 and self.channel is share.channel and not self.channel.may_end

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
        """Return what is to be rewritten in the event."""
        new = {share.channel: share.new for share in self.shares if share.new is not None}
        return {**self.changed, **new} if new else self.changed
