"""The API that an event is of, told by its shape, whatever the path says."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from extproc.apis.anthropic_messages import events as messages
from extproc.apis.cohere import events as cohere
from extproc.apis.completion import events as tokens
from extproc.apis.events.event import Channel, Doubt
from extproc.apis.events.repeats import blanked, differ, resolved
from extproc.apis.events.source import Reading, Source, Text, is_index
from extproc.apis.gemini import events as gemini
from extproc.apis.mcp import events as documents
from extproc.apis.openai_assistants import events as threads
from extproc.apis.openai_chat import events as chat
from extproc.apis.openai_responses import events as responses

Read: TypeAlias = Callable[[Source], Reading]


class Dialect(Struct, frozen=True):
    """How the events of one API are told from others, and read.

    `name`: `Dialect.name` of a claimed path, or a name of our own for an API that no path is claimed for. `lenient`:
    it reads any object.
    """

    name: str
    known: Callable[[Mapping[str, object]], bool]
    read: Read
    lenient: bool = False


_TRANSCRIPT = "transcript.text."


def _is_chat(value: Mapping[str, object]) -> bool:
    choices = value.get("choices")
    return isinstance(choices, list) and all(isinstance(each, dict) for each in choices) and not _is_completion(value)


def _is_completion(value: Mapping[str, object]) -> bool:
    choices = value.get("choices")
    return isinstance(choices, list) and any(isinstance(each, dict) and "text" in each for each in choices)


def _is_response(value: Mapping[str, object]) -> bool:
    kind = value.get("type")
    return isinstance(kind, str) and kind.startswith(("response.", _TRANSCRIPT))


def _is_message(value: Mapping[str, object]) -> bool:
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in messages.KNOWN or kind in messages.SHARED:
        return False
    return not kind.startswith("content_block_") or is_index(value.get("index"))


def _is_cohere(value: Mapping[str, object]) -> bool:
    kind, first = value.get("type"), value.get("event_type")
    return (isinstance(kind, str) and kind in cohere.TYPES) or (isinstance(first, str) and first in cohere.FIRST_TYPES)


def _is_thread(value: Mapping[str, object]) -> bool:
    kind = value.get("object")
    return isinstance(kind, str) and kind in threads.OBJECTS


DIALECTS: Sequence[Dialect] = (
    Dialect("openai.chat", _is_chat, chat.read, lenient=True),
    Dialect("openai.completions", _is_completion, chat.read, lenient=True),
    Dialect("openai.responses", _is_response, responses.read, lenient=True),
    Dialect("anthropic.messages", _is_message, messages.read, lenient=True),
    Dialect("gemini", lambda value: gemini.response(value) is not None, gemini.read),
    Dialect("threads", _is_thread, threads.read, lenient=True),
    Dialect("cohere", _is_cohere, cohere.read),
    Dialect("tokens", tokens.known, tokens.read),
)
"""Their shapes do not overlap: an event that has two is read differently by two clients."""

_BY_NAME: Mapping[str, Dialect] = {each.name: each for each in DIALECTS}


def named(name: str) -> Dialect | None:
    """The dialect of that name."""
    return _BY_NAME.get(name)


def recognised(value: Mapping[str, object]) -> list[Dialect]:
    """The dialects whose shape an event has: one, none if its shape is unknown, or several if it is ambiguous."""
    return [each for each in DIALECTS if each.known(value)]


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
    return not (name.islower() and name.isascii()) and name not in _NAMES and name.casefold() in _NAMES


def _miscased(source: Source) -> Doubt:
    """Say so if such a name is written in another case: Go reads it as the same name, others as another."""
    for leaf in source.leaves.strings:
        for step in leaf.path:
            if isinstance(step, str) and step not in _NAMES:
                if step.casefold() in _NAMES:
                    return "malformed"
                break  # what lies in other members may have any name
            if step == _FREE:
                break
    return ""


class Recognition:
    """Reads the events of one stream, each as its shape says. `hint`: the dialect that the path is claimed for, if any.

    An event of unknown shape is read as the dialect of the stream does it, if the stream has one: errors, counts and
    states are such events. If it tells more, nobody can say how a client joins it with others, and it is doubted. So is
    an event of another API than those before it.
    """

    __slots__ = ("_failed", "_hint", "_shown")

    def __init__(self, hint: str) -> None:
        self._hint = named(hint)
        self._shown: Dialect | None = None  # the dialect that the events before showed
        self._failed = False  # true once an error was told

    def read(self, source: Source) -> tuple[Reading, Doubt, str]:
        """The event as its API has it, what is doubtful about it, and the name of the API if its shape shows it."""
        if source.leaves.repeated:
            return self._repeated(source)
        value = source.value
        shapes = recognised(value) if isinstance(value, dict) else []
        if not shapes and documents.is_rpc(value):
            return documents.read(source, documents.ROLES), "stream" if documents.is_piece(value) else "", ""
        if not shapes:
            return self._unknown(source)
        shape = self._chosen(shapes)
        doubtful = len(shapes) > 1 or (self._shown is not None and self._shown.read is not shape.read)
        self._shown = shape
        reading = shape.read(source)
        return reading, "stream" if doubtful else _miscased(source) or reading.doubt, shape.name

    def _chosen(self, shapes: Sequence[Dialect]) -> Dialect:
        for each in (self._shown, self._hint):
            if each is not None and each in shapes:
                return each
        return shapes[0]

    def _unknown(self, source: Source) -> tuple[Reading, Doubt, str]:
        known = self._shown or self._hint
        if known is not None and isinstance(source.value, dict):
            reading = known.read(source) if known.lenient else documents.read(source, {})
        else:
            reading = documents.read(source, {})
        if reading.kind == "error" and not self._failed:
            self._failed = True
            return reading, "", ""
        return reading, "stream" if documents.any_tells(reading) else "", ""

    def _repeated(self, source: Source) -> tuple[Reading, Doubt, str]:
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


def _joined(reading: Reading) -> list[tuple[Channel, int, int]]:
    return [(each.channel, each.start, each.end) for each in reading.texts if not each.channel.whole]
