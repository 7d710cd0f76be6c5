"""Passages that are an image, a sound or a file: by what the API's shapes say, or by their first bytes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from extproc.payload.base64 import SHORTEST_SIGNED, Carried, carried, kind_of
from extproc.payload.names import ENCODED, ENCODINGS, HINTS, MEDIA_TYPES, folded, innermost, is_own, says_base64
from extproc.payload.passage import PART, Holder, Passage, Reason, Uninspected, ValuePlace, keys_of

SEEN: frozenset[Reason] = frozenset(("image", "audio", "video"))
"""Media to look at or to listen to. They are named even where their bytes could be read as text: pixels could not."""

_SHAPES: Mapping[str, Reason] = {
    "image": "image",
    "image_file": "image",
    "input_image": "image",
    "image_url": "image",
    "computer_screenshot": "image",
    "image_generation_call": "image",
    "b64_json": "image",
    "partial_image_b64": "image",
    "image_embeds": "image",
    "audio": "audio",
    "input_audio": "audio",
    "output_audio": "audio",
    "audio_url": "audio",
    "audio_embeds": "audio",
    "video": "video",
    "input_video": "video",
    "video_url": "video",
    "file": "file",
    "input_file": "file",
    "file_data": "file",
    "file_url": "file",
    "document": "file",
    "document_url": "file",
    "file_uri": "file",
    "fileUri": "file",
    "container_upload": "file",
    "prompt_embeds": "tokens",
}
"""Values of `type` and names of members by what they hold."""

_SEALED = frozenset((
    "signature", "encrypted_content", "encrypted_index", "encrypted_stdout", "thought_signature", "thoughtSignature",
))  # fmt: skip
_SEALED_TYPES = frozenset(("redacted_thinking", "reasoning.encrypted"))
"""Members, and types of objects whose `data`, only the provider that made them can read. Nothing else in the same
object is sealed with them."""

_BASE64 = frozenset((
    "blob", "file_data", "b64_json", "multimodal_data", "partial_image_b64",
    "prompt_embeds", "image_embeds", "audio_embeds",
))  # fmt: skip
"""Members that hold base64, however short."""

_IN_BASE64 = frozenset(("input_audio", "inline_data", "inlineData"))
"""Objects whose `data` is base64."""

_MAYBE: Mapping[str, Reason] = {
    "image": "image",
    "images": "image",
    "mask": "image",
    "audio": "audio",
    "video": "video",
}
"""Members of an API's own whose strings are URLs or base64. Elsewhere they are words: `{"image": "nginx:latest"}`."""

# These are files elsewhere, where the shape says file at all; in a citation, say, `file_id` is only a word.
_REFERENCES = frozenset(("file_id", "file_url", "file_uri", "fileUri", "document_url", "url"))

_VECTOR = "embedding"
"""Numbers in base64: no more text than the same numbers in an array, so there is nothing to name."""


def points(names: Iterable[str]) -> bool:
    """True if one of the names of a string and of what holds it says that it may point to something not inspected."""
    return any(_shape(name) is not None or folded(name) in _BASE64 for name in names)


def told_base64(name: str, said: Iterable[tuple[str, str]]) -> bool:
    """True if a string of that name is in base64, where `said` is what the object around says about it."""
    encoded = any(folded(key) in ENCODINGS and folded(word) == "base64" for key, word in said)
    return encoded and folded(name) in ENCODED


def told_of(name: str, word: str) -> str:
    """Return in one word what a member of that name, one of HINTS, says of what stands beside it; empty for nothing."""
    key = folded(name)
    if key in MEDIA_TYPES:
        return kind_of(word)
    if folded(word) == "base64":
        return "base64"
    if key != "type":
        return ""
    return f"type {_shape(word) or ''}" if _shape(word) is not None or word in _SEALED_TYPES else ""


class MediaCandidate(Struct, frozen=True, gc=False):
    """A passage that carries something, or may point to it.

    `index` is its own among the passages; from the next one up to `until` stand those of the text that it carries.
    """

    passage: Passage
    carried: Carried
    index: int
    until: int


class _Hint(Struct):
    """An object's statements about what it holds."""

    media: Reason | None = None
    type: Reason | None = None
    base64: bool = False
    sealed: bool = False


def settle(
    passages: Sequence[Passage], candidates: Sequence[MediaCandidate]
) -> tuple[list[Passage], list[Uninspected]]:
    """The passages without those of binary content, and what is to be named as not inspected, in order."""
    hints = _hints(passages, candidates)
    named: list[Uninspected] = []
    gone: set[int] = set()
    dropped = 0
    for candidate in candidates:
        passage, found = candidate.passage, candidate.carried
        if not passage.text:
            continue  # An empty string hides nothing: some servers send an empty `audio` with every response.
        if candidate.index < dropped:
            continue
        declared = found.kind is not None or _is_base64(candidate, hints)
        if found.short and not declared:
            # It is a word: what it would write in base64 is no text of the body.
            dropped = candidate.until
            gone.update(range(candidate.index + 1, dropped))
            found = Carried(None)
        elif found.text is not None or (found.binary and not found.short):
            gone.add(candidate.index)
        binary = found.binary or (found.garbled and declared)
        if binary and passage.key == _VECTOR and _is_own(passage):
            continue
        reason = _reason(candidate, hints)
        if binary or reason in SEEN or (reason == "file" and _elsewhere(candidate)):
            named.append(Uninspected(passage.within, passage.key, reason or "binary"))
    named += _beside(passages, candidates)
    return [passage for index, passage in enumerate(passages) if index not in gone], named


def _beside(passages: Sequence[Passage], candidates: Sequence[MediaCandidate]) -> Iterator[Uninspected]:
    """Texts that a member beside them says to be base64. Before it came they were read as words."""
    encoded = {id(each.passage.within) for each in candidates if _says_base64(each.passage)}
    if not encoded:
        return
    looked_at = {id(each.passage) for each in candidates}
    for passage in passages:
        if folded(str(passage.key)) in ENCODED and id(passage.within) in encoded and id(passage) not in looked_at:
            found = carried(passage.text)
            if found.binary or found.text is not None:
                yield Uninspected(passage.within, passage.key, "binary")


def _says_base64(passage: Passage) -> bool:
    key = passage.key
    return isinstance(key, str) and folded(key) in ENCODINGS and folded(passage.text) == "base64"


def _elsewhere(candidate: MediaCandidate) -> bool:
    return candidate.carried.text is None and candidate.passage.key in _REFERENCES


def _hints(passages: Sequence[Passage], candidates: Sequence[MediaCandidate]) -> Mapping[int, _Hint]:
    """Return what the objects around the candidates say they hold, by the identity of their place.

    If an object repeats itself, what is seen or heard counts before a file, so that every candidate looks at one hint.
    """
    hints: dict[int, _Hint] = {}
    for candidate in candidates:
        for place in _around(candidate.passage):
            hints[id(place)] = _Hint()
    for passage in passages:
        hint = hints.get(id(passage.within))
        if hint is not None and isinstance(passage.key, str) and (key := folded(passage.key)) in HINTS:
            hint.base64 = hint.base64 or (key not in MEDIA_TYPES and folded(passage.text) == "base64")
            if key in MEDIA_TYPES:
                hint.media = _surer(hint.media, kind_of(passage.text))
            if key != "type":
                continue
            hint.type = _surer(hint.type, _shape(passage.text))
            hint.sealed = hint.sealed or passage.text in _SEALED_TYPES
    return hints


def _surer(before: Reason | None, kind: Reason | None) -> Reason | None:
    return kind if before is None or kind in SEEN else before


def _around(passage: Passage) -> Iterator[ValuePlace]:
    """The object that holds a passage, and the one that holds that."""
    place: Holder = passage.within
    for _ in range(2):
        if isinstance(place, tuple):
            yield place
            place = place[0]


def _name(passage: Passage) -> str:
    """The name of a string: its member's, that of the list that it stands in, or that of a form's field."""
    within = passage.within
    if isinstance(within, str):
        return innermost(within.removeprefix(PART)) if passage.key is None else str(passage.key)
    if isinstance(passage.key, str) or within is None:
        return str(passage.key)
    return str(within[1])


def _is_base64(candidate: MediaCandidate, hints: Mapping[int, _Hint]) -> bool:
    """True if the shape around a string says that it is base64."""
    passage = candidate.passage
    holder = next(_around(passage), None)
    name, text = _name(passage), candidate.carried.text
    if folded(name) in _BASE64:
        return True
    if folded(name) == "bytes" or says_base64(name) or (folded(name) in _MAYBE and _is_own(passage)):
        return text is not None or _is_long(candidate)
    if holder is None or not isinstance(passage.key, str) or folded(passage.key) != "data":
        return False
    # A media type beside words says base64 only if base64 it is, and writes text.
    hint = hints[id(holder)]
    hinted = hint.media is not None or hint.type is not None
    return hint.base64 or holder[1] in _IN_BASE64 or (hinted and text is not None)


def _is_long(candidate: MediaCandidate) -> bool:
    """True for base64 of more characters than a word has."""
    return not candidate.carried.garbled and len(candidate.passage.text) >= SHORTEST_SIGNED


def _reason(candidate: MediaCandidate, hints: Mapping[int, _Hint]) -> Reason | None:
    """Return what a candidate is: the surest first, and what is sealed only if nothing around it is seen or heard."""
    if candidate.carried.kind is not None:
        return candidate.carried.kind
    reasons = [reason for reason in _reasons(candidate, hints) if reason is not None]
    seen = next((reason for reason in reasons if reason in SEEN), None)
    if seen is None and _is_sealed(candidate.passage, hints):
        return "encrypted"
    return seen or next(iter(reasons), None)


def _reasons(candidate: MediaCandidate, hints: Mapping[int, _Hint]) -> Iterator[Reason | None]:
    passage = candidate.passage
    around = list(_around(passage))
    told = [hints[id(place)] for place in around]
    yield from (hint.media for hint in told)
    yield from (hint.type for hint in told)
    own = _name(passage)
    maybe = _MAYBE.get(folded(own))
    if maybe is not None and ("://" in passage.text or _is_long(candidate)) and _is_own(passage):
        yield maybe
    names = (own, passage.key, *(place[1] for place in around[:1]))
    yield from (_shape(name) for name in names if isinstance(name, str) and (maybe is None or name != own))


def _shape(name: str) -> Reason | None:
    return _SHAPES.get(name) or _SHAPES.get(folded(name))


def _is_sealed(passage: Passage, hints: Mapping[int, _Hint]) -> bool:
    holder = next(_around(passage), None)
    sealed = passage.key in _SEALED or (passage.key == "data" and holder is not None and hints[id(holder)].sealed)
    return sealed and _is_own(passage)


def _is_own(passage: Passage) -> bool:
    return is_own(keys_of((passage.within, passage.key)))
