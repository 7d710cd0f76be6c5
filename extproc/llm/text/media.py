"""What of a body is an image, a sound or a file: by what the API's shapes say, or by its first bytes."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from extproc.llm.text.carried import Carried, kind_of
from extproc.llm.text.passage import Holder, Passage, Place, Reason, Uninspected

SEEN: frozenset[Reason] = frozenset(("image", "audio", "video"))
"""What is looked at or listened to. It is named even where its bytes could be read as text: its pixels could not."""

_SHAPES: Mapping[str, Reason] = {
    "image": "image",
    "input_image": "image",
    "image_url": "image",
    "computer_screenshot": "image",
    "image_generation_call": "image",
    "b64_json": "image",
    "partial_image_b64": "image",
    "audio": "audio",
    "input_audio": "audio",
    "output_audio": "audio",
    "audio_url": "audio",
    "video": "video",
    "input_video": "video",
    "video_url": "video",
    "file": "file",
    "input_file": "file",
    "file_data": "file",
    "file_url": "file",
    "document": "file",
    "container_upload": "file",
    "redacted_thinking": "encrypted",
    "signature": "encrypted",
    "encrypted_content": "encrypted",
    "encrypted_index": "encrypted",
    "encrypted_stdout": "encrypted",
}
"""Values of `type` and names of members by what they hold. `encrypted`: only the provider that made it can read it."""

_MEDIA_TYPES = frozenset(("media_type", "mimeType"))
_HINTS = _MEDIA_TYPES | {"type"}

# These are files elsewhere, where the shape says file at all; in a citation, say, `file_id` is only a word.
_REFERENCES = frozenset(("file_id", "file_url", "url"))

_VECTOR = "embedding"
"""Numbers in base64: no more text than the same numbers in an array, so there is nothing to name."""


class Candidate(Struct, frozen=True, gc=False):
    """A passage that carries something, or may point to it. `index` is its own among the passages."""

    passage: Passage
    carried: Carried
    index: int


def settle(passages: Sequence[Passage], candidates: Sequence[Candidate]) -> tuple[list[Passage], list[Uninspected]]:
    """The passages without those of binary content, and what is to be named as not inspected, in order."""
    hints = _hints(passages, candidates)
    named: list[Uninspected] = []
    gone: set[int] = set()
    for candidate in candidates:
        passage, carried = candidate.passage, candidate.carried
        if carried.binary or carried.text is not None:
            gone.add(candidate.index)
        if carried.binary and passage.key == _VECTOR:
            continue
        reason = next(_reasons(candidate, hints), None)
        if carried.binary or reason in SEEN or (reason == "file" and _elsewhere(candidate)):
            named.append(Uninspected(passage.within, passage.key, reason or "binary"))
    return [passage for index, passage in enumerate(passages) if index not in gone], named


def _elsewhere(candidate: Candidate) -> bool:
    return candidate.carried.text is None and candidate.passage.key in _REFERENCES


def _hints(passages: Sequence[Passage], candidates: Sequence[Candidate]) -> Mapping[int, dict[str, Reason]]:
    """What the objects around the candidates say they hold, by the identity of their place.

    Of each word (`type`, a media type) the first that means something counts, so that however often an object repeats
    itself, every candidate looks at one.
    """
    hints: dict[int, dict[str, Reason]] = {}
    for candidate in candidates:
        for place in _around(candidate.passage):
            hints[id(place)] = {}
    for passage in passages:
        if passage.key in _HINTS and (found := hints.get(id(passage.within))) is not None:
            kind = _SHAPES.get(passage.text) if passage.key == "type" else kind_of(passage.text)
            if kind:
                found.setdefault("type" if passage.key == "type" else "media", kind)
    return hints


def _around(passage: Passage) -> Iterator[Place]:
    """The object that holds a passage, and the one that holds that."""
    place: Holder = passage.within
    for _ in range(2):
        if isinstance(place, tuple):
            yield place
            place = place[0]


def _reasons(candidate: Candidate, hints: Mapping[int, dict[str, Reason]]) -> Iterator[Reason]:
    """What a candidate is, the surest first."""
    passage, carried = candidate.passage, candidate.carried
    if carried.kind is not None:
        yield carried.kind
    around = list(_around(passage))
    told = [hints[id(place)] for place in around]
    yield from (hint["media"] for hint in told if "media" in hint)
    yield from (hint["type"] for hint in told if "type" in hint)
    names = (passage.key, *(place[1] for place in around[:1]))
    yield from (_SHAPES[name] for name in names if isinstance(name, str) and name in _SHAPES)
