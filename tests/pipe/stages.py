"""Stages for tests, made of functions, and pipes with them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from extproc.pipe import AnswerFacts, AnswerStage, StreamEvent
from extproc.pipe.pipe import AnswerPipe
from extproc.pipe.plugged import PlannedStage, Staging
from extproc.protocol.errors import ClientError

FACTS: Final = AnswerFacts("openai.chat", 200, streams=True)


def said(text: str) -> bytes:
    """An event of a chat."""
    return b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % text.encode()


class Functions(AnswerStage):
    """A stage of functions; `keeps` is what it says to hold."""

    def __init__(
        self,
        event: Callable[[StreamEvent], Iterable[StreamEvent]],
        finish: Callable[[], Iterable[StreamEvent]] = tuple,
        keeps: int = 0,
    ) -> None:
        self._event = event
        self._finish = finish
        self._keeps = keeps

    @property
    def held(self) -> int:
        """See `AnswerStage.held`."""
        return self._keeps

    def event(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """See `AnswerStage.event`."""
        return self._event(event)

    def finish(self) -> Iterable[StreamEvent]:
        """See `AnswerStage.finish`."""
        return self._finish()


class Holding(AnswerStage):
    """Keeps every event until there are so many, and gives them then, and the rest at the end."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: list[StreamEvent] = []

    @property
    def held(self) -> int:
        """See `AnswerStage.held`."""
        return sum(len(each.raw) for each in self._kept)

    def event(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """See `AnswerStage.event`."""
        self._kept.append(event)
        return self.finish() if len(self._kept) == self._count else ()

    def finish(self) -> Iterable[StreamEvent]:
        """See `AnswerStage.finish`."""
        kept, self._kept = self._kept, []
        return kept


def staging(*opens: Callable[[], AnswerStage], allows: bool = False, facts: AnswerFacts = FACTS) -> Staging:
    """The stages that these functions open, named `s0`, `s1` and so on."""

    def opening(open_: Callable[[], AnswerStage]) -> Callable[[Any, AnswerFacts], AnswerStage]:
        return lambda _options, _facts: open_()

    return Staging(
        tuple(PlannedStage(f"s{number}", opening(each), None, allows) for number, each in enumerate(opens)), facts
    )


def pipe(*opens: Callable[[], AnswerStage], allows: bool = False, **more: Any) -> AnswerPipe:
    """A pipe in which nobody judges, unless `more` says otherwise."""
    given: dict[str, Any] = {"stage": None, "active": None, "vault": None, **more}
    return AnswerPipe(
        given.pop("stage"),
        given.pop("active"),
        given.pop("vault"),
        dialect="openai.chat",
        refusal=lambda blocked: ClientError(502, blocked.reason, f"by {blocked.by}"),
        blocks_unread=False,
        staging=staging(*opens, allows=allows),
        **given,
    )


def run(of: AnswerPipe, pieces: Sequence[bytes]) -> bytes:
    """All that goes out."""
    return b"".join([of.feed(piece) for piece in pieces]) + of.close()
