"""The measures of a request: its words, and what it carries besides, taken while the outline of its body is read."""

from typing import Any, Final

from msgspec import Struct

from extproc.apis.outline import IMAGES, MORE, NAMES, TYPE, Number, Object, Outline, OutlineReader, read

_ASKING: Final = frozenset({
    TYPE, "role", "prompt", "message", "mcp_servers", "max_tokens", "max_completion_tokens", "max_output_tokens",
    "maxoutputtokens", "max_tokens_to_sample", "max_new_tokens", "n", "best_of", "candidatecount", "candidate_count",
    "generationconfig", "generation_config", "response_format", "output_format", "output_config", "format", "schema",
    "json_schema", "guided_json", "structured_outputs", "json", "responseschema", "response_schema",
    "responsejsonschema", "response_json_schema", "_responsejsonschema", "reasoning", "reasoning_effort", "effort",
    "enabled", "thinking", "enable_thinking", "thinkingconfig", "thinking_config", "thinkingbudget", "thinking_budget",
    "thinkinglevel", "thinking_level", "budget_tokens", "modalities", "responsemodalities", "response_modalities",
    "audio", "text",
})  # fmt: skip
"""Names of members that say what a response has to be, besides those of every outline."""

MEASURED: Final = NAMES | _ASKING

_SPELT: Final = {name: name for name in MEASURED}

_SETTINGS: Final = frozenset({
    "model", "id", "role", "type", "tool_choice", "tool_call_id", "tool_use_id", "call_id", "file_id", "file_url",
    "fileuri", "file_uri", "image_url", "detail", "format", "effort", "reasoning_effort", "signature",
    "encrypted_content",
    "thoughtsignature", "thought_signature", "status", "user", "safety_identifier", "prompt_cache_key", "service_tier",
    "previous_response_id", "conversation", "truncation", "verbosity", "summary", "voice", "stop", "seed", "custom_id",
    "method", "url", "encoding_format", "dimensions", "cachedcontent", "cached_content", "prompt_cache_retention",
    "mimetype", "mime_type", "media_type", "data", "file_data", "modalities", "responsemodalities",
    "response_modalities", "responsemimetype", "response_mime_type", "stop_sequences", "stopsequences", "filename",
})  # fmt: skip
"""Names of members whose texts are settings, and no words that a model reads."""

_KNOWN: Final = MEASURED | _SETTINGS | frozenset({
    "content", "parts", "function", "function_call", "tool_calls", "arguments", "description", "parameters",
    "input_schema", "inputschema", "properties", "required", "items", "enum", "anyof", "strict", "additionalproperties",
    "system", "systeminstruction", "system_instruction", "instructions", "input_text", "output_text", "inlinedata",
    "inline_data", "filedata", "file", "input_audio", "functiondeclarations", "function_declarations", "source",
    "temperature", "top_p", "top_k", "topp", "topk", "presence_penalty", "frequency_penalty", "logprobs",
    "top_logprobs", "logit_bias", "metadata", "store", "stream_options", "parallel_tool_calls", "include",
    "cache_control", "functioncall", "response", "args", "output", "refusal",
    "safetysettings", "toolconfig", "tool_config", "include_usage", "background", "title", "citations", "context",
    "preamble", "documents", "tool_results", "echo", "suffix",
})  # fmt: skip
"""Names that the APIs give to members. Every other name is a word of the request, such as a parameter of its tools."""

_MIME: Final = frozenset({"mimetype", "mime_type", "media_type"})
_DATA: Final = frozenset({"data", "file_data", "filedata"})
_REFERENCES: Final = frozenset({"file_id", "file_url", "fileuri", "file_uri"})
_RETURNED: Final = ("", "returned")
"""Stands in an object for a result of a tool, and in a message of nothing else."""

_MARKS: Final = frozenset({TYPE}) | _MIME | _DATA | _REFERENCES
_CONTENT: Final = frozenset({"content", "parts"})
_RESPONSES: Final = frozenset({"functionresponse", "function_response"})
_MEDIA: Final = ("image/", "audio/")
_AUDIO: Final = frozenset({"input_audio", "audio", "audio_url"})
_FILES: Final = frozenset({"file", "input_file", "document", "container_upload", "video_url", "input_video", "video"})

HEAD_MAX: Final = 256
"""Characters of a `data:` URL before its data: its media type is shorter."""

PROPERTY_TOKENS: Final = 3
"""Tokens around a parameter of a tool, besides its words: measured by OpenAI's guide on counting tokens."""


class Measures(Struct):
    """The counts taken of one body; no rendering shows them. `words`: all texts that a model reads.

    `numbers`: entries of lists of numbers, such as a prompt that comes as tokens. `names`: members that no API knows.
    `images`, `audio` and `files` are counted, `audio_bytes` and `file_bytes` are those of what is in the body itself;
    `elsewhere`: files that the body only names.
    """

    words: list[str] = []
    numbers: int = 0
    names: int = 0
    images: int = 0
    audio: int = 0
    files: int = 0
    audio_bytes: int = 0
    file_bytes: int = 0
    elsewhere: int = 0

    def __repr__(self) -> str:
        return f"Measures({len(self.words)} texts)"


def measured(body: bytes) -> tuple[Outline, Measures] | None:
    """Return the outline of a body, with more members than others have, and its measures; None if it has none.

    Costs about half as much again as the outline alone.
    """
    reader = MeasuringReader()
    outline = read(body, reader)
    return None if outline is None else (outline, reader.measures)


class MeasuringReader(OutlineReader):
    """Takes the measures of each object, beside what an outline keeps of it."""

    __slots__ = ("measures",)

    def begin(self) -> None:
        """Forget what was taken: the body is read anew."""
        super().begin()
        self.measures = Measures()

    def take(self, pairs: list[tuple[str, Any]]) -> Object:
        """Return what is kept of an object, and measure it."""
        kept: list[tuple[str, Any]] = []
        marks: list[tuple[str, Any]] = []
        words, returned = self.measures.words, False
        for name, value in pairs:
            spelt = _SPELT.get(name) or name.casefold()
            if spelt in MEASURED:
                kept.append((spelt, value))
            if spelt in _MARKS:
                marks.append((spelt, value))
            elif type(value) is str and spelt not in _SETTINGS:
                words.append(value)
            elif type(value) is list:
                self._list(spelt, value)
                returned |= spelt in _CONTENT and bool(value) and all(map(is_returned, value))
            if spelt not in _KNOWN:
                self._unknown(name, value)
                returned |= spelt in _RESPONSES
        if marks:
            returned |= self._carried(marks)
        if returned:
            kept.append(_RETURNED)
        return (*kept, MORE) if len(kept) - returned < len(pairs) else tuple(kept)

    def _list(self, name: str, values: list[Any]) -> None:
        """Measure the texts and numbers that stand right in a list."""
        if name in _SETTINGS:
            return
        for value in values:
            if type(value) is str:
                self.measures.words.append(value)
            elif type(value) is Number:
                self.measures.numbers += 1
            elif type(value) is list:  # several prompts, each as tokens
                self._list(name, value)

    def _unknown(self, name: str, value: object) -> None:
        """Count a member that no API names: it is the client's own, as a tool's parameters and arguments are."""
        measures = self.measures
        measures.names += 1
        measures.words.append(name)
        if type(value) is Number:
            measures.words.append(value)

    def _carried(self, marks: list[tuple[str, Any]]) -> bool:
        """Count what a part of the content carries besides text. True for a result of a tool."""
        kinds = {value.casefold() for name, value in marks if name == TYPE and type(value) is str}
        mimes = [value.casefold() for name, value in marks if name in _MIME and type(value) is str]
        measures = self.measures
        self.images += not kinds.isdisjoint(IMAGES)
        measures.images += any(each.startswith("image/") for each in mimes)
        heard = not kinds.isdisjoint(_AUDIO) or any(each.startswith("audio/") for each in mimes)
        filed = not kinds.isdisjoint(_FILES) or any(not each.startswith(_MEDIA) for each in mimes)
        measures.audio += heard
        measures.files += filed
        for name, value in marks:
            if type(value) is not str:
                continue
            if name in _REFERENCES:
                measures.elsewhere += kinds.isdisjoint(IMAGES)
            elif name in _DATA:
                self._data(value, mimes, text="text" in kinds)
        return any(each.endswith("tool_result") for each in kinds)

    def _data(self, value: str, mimes: list[str], *, text: bool) -> None:
        """Measure what is in the body itself: a document's text, or bytes in base64."""
        measures = self.measures
        url = value[:5].casefold() == "data:"
        kind = mimes[0] if mimes else value[5:64].casefold() if url else ""
        size = (len(value) - (value.find(",", 0, HEAD_MAX) + 1 if url else 0)) * 3 // 4
        if text:
            measures.words.append(value)
        elif kind.startswith("image/"):
            return
        elif kind.startswith("audio/") or not kind:  # only audio comes without a type, and with a `format`
            measures.audio_bytes += size
        else:
            measures.file_bytes += size


def is_returned(value: object) -> bool:
    """True for a result of a tool, and for a message of nothing else."""
    return type(value) is tuple and _RETURNED in value
