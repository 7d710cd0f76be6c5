"""The API that an event is of, told by its shape, whatever the path says."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from extproc.apis.events import documents
from extproc.apis.events.event import Channel, Doubt
from extproc.apis.events.source import EventReading, EventSource, Text
from extproc.apis.registry import Shaped, current
from extproc.apis.streams.repeats import blanked, differ, resolved
from extproc.payload.names import folded


def recognised(shaped: Sequence[Shaped], value: Mapping[str, object]) -> list[Shaped]:
    """The APIs whose shape an event has: one, none if its shape is unknown, or several if it is ambiguous."""
    return [each for each in shaped if each[1].known(value)]


_NAMES = frozenset(
    {
        *("choices", "delta", "content", "text", "message", "refusal", "reasoning", "reasoning_content", "thinking"),
        *(
            "tool_calls",
            "function",
            "function_call",
            "arguments",
            "type",
            "content_block",
            "partial_json",
            "completion",
        ),
        *("candidates", "parts", "response", "token", "value"),
    }
)
"""Names on the way to a text that grows."""


_FREE = "arguments"
"""The one of them in which a model names members as it likes."""


def miscased(name: str) -> bool:
    """True for such a name in another case."""
    return not (name.islower() and name.isascii()) and name not in _NAMES and folded(name) in _NAMES


def _miscased(source: EventSource) -> Doubt:
    """Say so if such a name is written in another case: Go reads it as the same name, others as another."""
    for leaf in source.leaves.strings:
        for step in leaf.path:
            if isinstance(step, str) and step not in _NAMES:
                if folded(step) in _NAMES:
                    return "malformed"
                break  # what lies in other members may have any name
            if step == _FREE:
                break
    return ""


class Recognition:
    """Reads the events of one stream, each as its shape says. `hint`: the API that the path is claimed for, if any.

    An event of unknown shape is read as the API of the stream does it, if the stream has one: errors, counts and
    states are such events. If it tells more, nobody can say how a client joins it with others, and it is doubted. So is
    an event of another API than those before it.
    """

    __slots__ = ("_failed", "_hint", "_registry", "_shaped", "_shown")

    def __init__(self, hint: str) -> None:
        self._registry = current()
        self._shaped = self._registry.shaped
        self._hint = next((each for each in self._shaped if each[0] == hint), None)
        self._shown: Shaped | None = None  # the API that the events before showed
        self._failed = False  # true once an error was told

    def read(self, source: EventSource) -> tuple[EventReading, Doubt, str]:
        """The event as its API has it, what is doubtful about it, and the name of the API if its shape shows it."""
        if source.leaves.repeated:
            return self._repeated(source)
        value = source.value
        shapes = recognised(self._shaped, value) if isinstance(value, dict) else []
        if not shapes:
            return self._message(source) or self._unknown(source)
        shape = self._chosen(shapes)
        doubtful = len(shapes) > 1 or (self._shown is not None and self._shown[1].read is not shape[1].read)
        self._shown = shape
        reading = shape[1].read(source)
        return reading, "stream" if doubtful else _miscased(source) or reading.doubt, shape[0]

    def _chosen(self, shapes: Sequence[Shaped]) -> Shaped:
        for each in (self._shown, self._hint):
            if each is not None and each in shapes:
                return each
        return shapes[0]

    def _message(self, source: EventSource) -> tuple[EventReading, Doubt, str] | None:
        """The event as a message that stands by itself, or as an array of those; None if it is nothing of the kind."""
        events = self._registry.standing_alone(source.value)
        if events is None:
            return None
        reading = events.read(source)
        return reading, reading.doubt, ""

    def _unknown(self, source: EventSource) -> tuple[EventReading, Doubt, str]:
        known = self._shown or self._hint
        lenient = known is not None and known[1].lenient and isinstance(source.value, dict)
        reading = known[1].read(source) if known is not None and lenient else documents.read(source, {})
        if reading.kind == "error" and not self._failed:
            self._failed = True
            return reading, "", ""
        return reading, "stream" if documents.any_tells(reading) else "", ""

    def _repeated(self, source: EventSource) -> tuple[EventReading, Doubt, str]:
        """Reads an event in which an object has a name twice: as readers do that take the first or the last of them.

        Where both join the same strings in the same way, the strings that one of them does not see come whole.
        """
        first, last = (blanked(data) for data in resolved(source.data))
        before = self._shown, self._failed
        one = self.read(first)
        self._shown, self._failed = before
        other = self.read(last)
        rest = documents.read(source, {})
        if _joined(one[0]) != _joined(other[0]) or one[0].ends != other[0].ends or differ(source):
            return rest, "malformed", ""
        unseen = [text for text in rest.texts if last.data[text.start : text.start + 1].isspace()]
        texts = sorted([*other[0].texts, *unseen], key=_start)
        return replace(other[0], texts=texts, varying=()), one[1] or other[1], other[2]


def _start(text: Text) -> int:
    return text.start


def _joined(reading: EventReading) -> list[tuple[Channel, int, int]]:
    return [(each.channel, each.start, each.end) for each in reading.texts if not each.channel.whole]
