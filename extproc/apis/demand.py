"""The demand of a request: what a model has to be able to do to serve it, and how much of it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from msgspec import Struct

from extproc.apis.measures import PROPERTY_TOKENS, Measures, is_returned, measured
from extproc.apis.outline import Number, Object, Outline, values
from extproc.classify.tokens import Encoding, counted, most
from extproc.policy.strategy import FEATURES, Feature

MESSAGE_TOKENS: Final = 4
"""Tokens around the words of a message, its role among them: OpenAI's guide has three and the role."""

REPLY_TOKENS: Final = 3
"""Tokens that begin the response of a chat, by the same guide."""

TOOL_TOKENS: Final = 10
"""Tokens around a tool's words, three of them around its parameters, by the same guide."""

TOOLS_TOKENS: Final = 12
"""Tokens after all tools, by the same guide."""

IMAGE_TOKENS: Final = 1105
"""Tokens that an image counts for: what OpenAI counts for 1024 x 2048 in detail. Most count for less."""

AUDIO_BYTES: Final = 100
"""Bytes of audio that count for a token: speech of 24 kbit/s at Gemini's 32 tokens a second. OpenAI counts fewer."""

FILE_BYTES: Final = 4
"""Bytes of a file that count for a token: all of it text. Documents with pictures count for far less."""

MOST: Final = 1 << 53
"""A limit of output tokens beyond it is none, as JavaScript could not have written it."""

Grouped: TypeAlias = dict[str, list[Any]]
"""Every value of each member of an object that outlines keep."""

_LISTS: Final = ("messages", "contents", "chat_history", "additional_messages", "input")
_PLAIN: Final = ("prompt", "message", "input")
_TOOLS: Final = ("tools", "functions")
_SERVERS: Final = ("mcp_servers",)
_LIMITS: Final = (
    "max_tokens", "max_completion_tokens", "max_output_tokens", "maxoutputtokens", "max_tokens_to_sample",
    "max_new_tokens",
)  # fmt: skip
_CHOICES: Final = ("n", "best_of", "candidatecount", "candidate_count")
_CONFIGS: Final = frozenset({"generationconfig", "generation_config"})
_SCHEMAS: Final = (
    "responseschema", "response_schema", "responsejsonschema", "response_json_schema", "_responsejsonschema",
    "guided_json", "json_schema",
)  # fmt: skip
_FORMATS: Final = ("response_format", "output_format", "format")
_MODALITIES: Final = ("modalities", "responsemodalities", "response_modalities")
_VOICES: Final = ("audio",)
_EFFORTS: Final = ("reasoning_effort", "enable_thinking")
_THINKING: Final = ("reasoning", "thinking", "thinkingconfig", "thinking_config", "output_config")
_AMOUNTS: Final = (
    "thinkingbudget", "thinking_budget", "thinkinglevel", "thinking_level", "effort", "budget_tokens", "max_tokens",
    "enabled", "type",
)  # fmt: skip
_OFF: Final = frozenset({"", "none", "disabled", "off", "0"})


class Demand(Struct, frozen=True):
    """The needs of a request. Whatever cannot be determined counts as needed: all features, and None for numbers.

    `input_tokens`: those of its words, with what APIs add to them; an upper estimate of what images, audio and files in
    the body count for. None if it names files that are elsewhere. `max_output_tokens`: the limit of one response, None
    if the request states none. `turns`: messages of the user that are more than results of tools. `choices`: responses
    that are asked for.
    """

    features: frozenset[str]
    input_tokens: int | None
    max_output_tokens: int | None
    turns: int | None
    choices: int | None = 1


UNDETERMINED: Final = Demand(frozenset(FEATURES), None, None, None, None)
"""The demand of a request that cannot be read: it may need everything."""


def demand(body: bytes, encoding: Encoding = "o200k_base") -> Demand:
    """Return the demand of a body without encodings; `UNDETERMINED` if it is not JSON. See `demanded`."""
    found = measured(body)
    return UNDETERMINED if found is None else demanded(*found, encoding)


def demanded(
    outline: Outline, measures: Measures, encoding: Encoding = "o200k_base", room: int | None = None
) -> Demand:
    """Return the demand of a body that was measured, whatever API it is for.

    `room`: tokens that any candidate has room for, where nothing else is asked of the tokens: what surely fits there is
    not counted, and `input_tokens` is an upper limit then. None: they are counted in any case.

    Of a member that is repeated, and of the requests of a batch, the largest counts; their tokens are added up. Costs
    10 µs, and counting tokens 10 µs for 1 KiB.
    """
    requests = [_grouped(each) for each in outline.requests()]
    choices, limit = _most(requests, _CHOICES), _most(requests, _LIMITS) or None
    given = None
    if not measures.elsewhere:
        besides = _besides_words(requests, outline, measures)
        given = besides + most(measures.words) if room is not None else 0
        if room is None or given + (limit or 0) > room:
            given = besides + counted(measures.words, encoding)
    return Demand(
        _features(requests, outline, measures),
        given,
        limit,
        max(map(_turns, requests), default=0),
        None if choices is None else max(1, choices),
    )


def output_limit(outline: Outline) -> int | None:
    """Return the largest limit of output tokens that a request states, 0 if none; None if one is no number."""
    return _most([_grouped(each) for each in outline.requests()], _LIMITS)


def _features(requests: Sequence[Grouped], outline: Outline, measures: Measures) -> frozenset[str]:
    found: set[Feature] = set()
    if outline.images or measures.images:
        found.add("images")
    if measures.audio or any(map(_speaks, requests)):
        found.add("audio")
    if measures.files:
        found.add("files")
    for each in requests:
        if _tools(each) or _given(each, _SERVERS):
            found.add("tools")
        if _formed(each):
            found.add("json_schema")
        if _reasons(each):
            found.add("reasoning")
    return frozenset(found)


def _besides_words(requests: Sequence[Grouped], outline: Outline, measures: Measures) -> int:
    """Return the input tokens that are not those of words: what APIs add to these, and what else is in the body."""
    around = measures.names * PROPERTY_TOKENS
    for each in requests:
        lists = [value for name in _LISTS for value in each.get(name, ()) if type(value) is list]
        messages = max(map(len, lists), default=0)
        if messages and not all(type(item) is str for item in lists[0]):
            around += messages * MESSAGE_TOKENS + REPLY_TOKENS + sum(map(_named, lists[0]))
        if tools := _tools(each):
            around += tools * TOOL_TOKENS + TOOLS_TOKENS
    carried = max(outline.images, measures.images) * IMAGE_TOKENS
    carried += measures.audio_bytes // AUDIO_BYTES + measures.file_bytes // FILE_BYTES
    return around + carried + measures.numbers


def _grouped(each: Object) -> Grouped:
    """Return every value of each member of a request, and of the configuration in it."""
    found: Grouped = {}
    for name, value in each:
        found.setdefault(name, []).append(value)
        if name in _CONFIGS and type(value) is tuple:
            for inner, said in value:
                found.setdefault(inner, []).append(said)
    return found


def _turns(each: Grouped) -> int:
    lists = [sum(map(_is_turn, value)) for name in _LISTS for value in each.get(name, ()) if type(value) is list]
    plain = any(type(value) is str for name in _PLAIN for value in each.get(name, ()))
    return max(lists, default=0) + plain


def _is_turn(message: object) -> bool:
    """True for a message of the user that is more than results of tools."""
    if type(message) is not tuple or is_returned(message):
        return False
    others = typed = False
    for name, value in message:
        if name == "role" and value is not None:
            if type(value) is str and value.casefold() == "user":
                return True
            others = True
        elif name == "type":
            typed = True
    # Contents of Gemini may lack a role, and are the user's then; items of responses have a type in its place.
    return not others and not typed


def _named(message: object) -> bool:
    return type(message) is tuple and any(type(value) is str for value in values(message, "name"))


def _tools(each: Grouped) -> int:
    return sum(max(map(_size, each[name]), default=0) for name in _TOOLS if name in each)


def _size(value: object) -> int:
    if isinstance(value, list):
        return len(value)
    return 0 if value is None or value is False or value in ("", ()) else 1


def _given(each: Grouped, names: Iterable[str]) -> bool:
    """True if one of these members says anything."""
    return any(_size(value) > 0 for name in names if name in each for value in each[name])


def _inner(each: Grouped, names: Iterable[str]) -> Iterator[Grouped]:
    """Yield the objects that these members are."""
    return (_grouped(value) for name in names if name in each for value in each[name] if type(value) is tuple)


def _speaks(each: Grouped) -> bool:
    """True if a request asks for audio."""
    lists = [value for name in _MODALITIES if name in each for value in each[name] if type(value) is list]
    return _given(each, _VOICES) or any(
        isinstance(item, str) and item.casefold() == "audio" for value in lists for item in value
    )


def _formed(each: Grouped) -> bool:
    """True if a request asks for JSON of a given form."""
    if _given(each, _SCHEMAS) or any(_given(part, ("json",)) for part in _inner(each, ("structured_outputs",))):
        return True
    parts = (each, *_inner(each, ("text", "output_config")))
    return any(_is_schema(form) for part in parts for form in _inner(part, _FORMATS))


def _is_schema(form: Grouped) -> bool:
    kinds = [value for value in form.get("type", ()) if isinstance(value, str)]
    return any(kind.casefold() == "json_schema" for kind in kinds) or _given(form, ("schema", "json_schema"))


def _reasons(each: Grouped) -> bool:
    """True if a request asks for reasoning."""
    if any(_on(value) for name in _EFFORTS if name in each for value in each[name]):
        return True
    parts = [*_inner(each, _THINKING)]
    return any(_on(value) for part in parts for name in _AMOUNTS if name in part for value in part[name])


def _on(value: object) -> bool:
    """True for an amount, a level or a switch that is not off."""
    return value.casefold() not in _OFF if isinstance(value, str) else value is True


def _most(requests: Sequence[Grouped], names: Iterable[str]) -> int | None:
    """Return the largest number that a member says, 0 if none does; None if one is no number."""
    most = 0
    for each in requests:
        for value in [value for name in names if name in each for value in each[name] if value is not None]:
            number = _whole(value)
            if number is None:
                return None
            most = max(most, number)
    return most


def _whole(value: object) -> int | None:
    """Return a number without its fraction; None if it is none, or too large."""
    if type(value) is not Number:
        return None
    number = float(value)
    return int(number) if -MOST < number < MOST else None
