"""A stand-in for the inspection room: it masks one word in all texts, and holds back what may be its beginning."""

from collections.abc import Iterable

from extproc.llm.streams import Channel, Delta, JsonText, StreamEvent, StreamReader, StreamWriter

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

    def run(self, chunks: Iterable[bytes]) -> bytes:
        out = b"".join(self.pass_(event) for chunk in chunks for event in self.reader.feed(chunk))
        out += b"".join(self.pass_(event) for event in self.reader.close())
        return out + b"".join(
            self.writer.flush(channel, text.feed("", final=True)) for channel, text in self.open.items()
        )

    def pass_(self, event: StreamEvent) -> bytes:
        self.events.append(event)
        texts: dict[Channel, str] = {}
        for delta in event.deltas:
            texts[delta.channel] = texts.get(delta.channel, "") + self.judge(delta)
        before = b""
        for channel in [each for each in self.open if event.closes(each)]:
            rest = self.open.pop(channel).feed("", final=True)
            if channel in texts:
                texts[channel] += rest
            else:
                before += self.writer.flush(channel, rest)
        return before + self.writer.write(event, texts)

    def judge(self, delta: Delta) -> str:
        if delta.channel.whole:
            return Text(delta.channel, Guard(self.word, self.mask)).feed(delta.text, final=True)
        text = self.open.setdefault(delta.channel, Text(delta.channel, Guard(self.word, self.mask)))
        return text.feed(delta.text)
