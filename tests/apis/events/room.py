"""A stand-in for the inspection room: it masks one word in all texts, and holds back events in which it may begin."""

from collections.abc import Iterable

from extproc.apis.events import (
    Channel,
    Delta,
    JsonText,
    Share,
    Shares,
    StreamEvent,
    StreamReader,
    StreamWriter,
    Waiting,
)
from extproc.apis.events.event import within

Edits = list[tuple[int, str | None]]


class Guard:
    """One text: which of its characters may go, and where the word is."""

    def __init__(self, word: str, mask: str) -> None:
        self.word, self.mask, self.held = word, mask, ""

    def feed(self, text: str, *, final: bool) -> tuple[str, Edits]:
        """What goes out as plain text, and the same as edits."""
        self.held += text
        out, edits = "", Edits()
        while (at := self.held.find(self.word)) >= 0:
            out += self.held[:at] + self.mask
            edits += [(at, None), (len(self.word), self.mask)]
            self.held = self.held[at + len(self.word) :]
        keep = (
            0
            if final
            else next(n for n in range(len(self.word) - 1, -1, -1) if self.word[:n] == self.held[-n:] or not n)
        )
        free = len(self.held) - keep
        out += self.held[:free]
        edits.append((free, None))
        self.held = self.held[free:]
        return out, edits


class Text:
    """One channel: plain text, or JSON text whose escapes the guard must not see."""

    def __init__(self, channel: Channel, guard: Guard) -> None:
        self.guard = guard
        self.json = JsonText() if channel.json or channel.path[-1:] == ("arguments",) else None
        self.shares = Shares()

    @property
    def left(self) -> int:
        return len(self.guard.held) if self.json is None else self.json.left

    def settle(self, out: str) -> None:
        if self.shares:
            undecided = self.shares.undecided()
            self.shares.replace(undecided[: len(undecided) - self.left], out)

    def feed(self, text: str, *, final: bool = False) -> str:
        if self.json is None:
            return self.guard.feed(text, final=final)[0]
        said = self.json.feed(text) + (self.json.finish() if final else "")
        out = self.json.edit(self.guard.feed(said, final=final)[1])
        return out + (self.json.close() if final else "")


class Room:
    """One streamed answer."""

    def __init__(self, dialect: str, word: str, mask: str = "[MASKED]") -> None:
        self.reader, self.writer = StreamReader(dialect), StreamWriter(dialect)
        self.word, self.mask = word, mask
        self.open: dict[Channel, Text] = {}
        self.events: list[StreamEvent] = []
        self.waiting: list[Waiting] = []

    def run(self, chunks: Iterable[bytes]) -> bytes:
        out = b"".join(self.pass_(event) for chunk in chunks for event in self.reader.feed(chunk))
        out += b"".join(self.pass_(event) for event in self.reader.close())
        self.end(list(self.open))
        return out + self.leave()

    def pass_(self, event: StreamEvent) -> bytes:
        self.events.append(event)
        whole = [delta for delta in event.deltas if delta.channel.whole]
        grown: dict[Channel, str] = {}
        for delta in event.deltas:
            if not delta.channel.whole:
                grown[delta.channel] = grown.get(delta.channel, "") + delta.text
        shares = tuple(self.grow(event, channel, said) for channel, said in grown.items())
        self.end([each for each in self.open if within(each.path, event.ends)])
        self.waiting.append(Waiting(event, shares, {delta.channel: self.judge(delta) for delta in whole}))
        return self.leave()

    def leave(self) -> bytes:
        out = b""
        while self.waiting and not self.waiting[0].left:
            first = self.waiting.pop(0)
            out += self.writer.write(first.event, first.texts())
        return out

    def end(self, channels: Iterable[Channel]) -> None:
        for channel in channels:
            text = self.open.pop(channel)
            text.settle(text.feed("", final=True))

    def grow(self, event: StreamEvent, channel: Channel, said: str) -> Share:
        text = self.open.setdefault(channel, Text(channel, Guard(self.word, self.mask)))
        share = Share(event, channel, said, len(said))
        if said:
            text.shares.append(share)
        text.settle(text.feed(said))
        return share

    def judge(self, delta: Delta) -> str:
        return Text(delta.channel, Guard(self.word, self.mask)).feed(delta.text, final=True)
