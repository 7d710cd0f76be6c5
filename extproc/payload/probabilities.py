"""Log probabilities in a body: they spell a text again, token by token and once more in bytes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from json import JSONDecoder
from typing import Any

from msgspec import Struct

from extproc.payload.names import PERHAPS, SPELLED
from extproc.payload.opened import Reading, TextSource
from extproc.payload.passage import Holder, Passage, ValuePlace

_CHOSEN = frozenset({
    *(("content", "*", "token"), ("refusal", "*", "token"), ("reasoning_content", "*", "token")),
    *(("tokens", "*"), ("*", "token"), ("chosenCandidates", "*", "token")),
    *(("*", "content"), ("tokens", "*", "text"), ("*", "word")),
    *(("*", "*", "decoded_token"), ("*", "*")),
})  # fmt: skip
"""The places of the tokens that spell the text: of chat; completions, responses, Gemini; llama.cpp, TGI,
transcriptions; vLLM, SGLang."""

_FARTHER = frozenset(("output_token_logprobs", "output_top_logprobs"))
"""Members whose text stands beside the object that holds them."""

_WORDS = "words"
"""The words of a transcription, each with its time."""

_STEPS = 3
"""Steps of the longest of these paths."""

NEAR = 3
"""Objects with log probabilities that are taken to be beside a text: a choice, its message, a part of that."""

_value = JSONDecoder(strict=False).raw_decode


class Spelling(Struct, frozen=True, gc=False):
    """Log probabilities at code points `start` to `end` of a source, and the tokens of the strings beside them.

    A change in one of `beside` (code points of the source, quotes included) takes the log probabilities away.
    """

    source: int
    start: int
    end: int
    beside: tuple[tuple[int, int], ...]

    def __repr__(self) -> str:
        return f"Spelling({self.start}, {self.end})"


def chosen(path: Sequence[str | int]) -> bool:
    """True if a string at `path`, counted from the log probabilities, is a token of the text itself."""
    # vLLM's members are called by the number of their token.
    return tuple("*" if isinstance(step, int) or step.isdigit() else step for step in path) in _CHOSEN


def removed(text: str, start: int) -> str:
    """The empty value to write in place of the log probabilities that begin at `start`."""
    return "[]" if text[start] == "[" else "null"


def spellings(passages: Sequence[Passage], reading: Reading) -> tuple[Sequence[Passage], Sequence[Spelling]]:
    """The passages of a body with one passage for all that its log probabilities say, and where these stand.

    Tokens that spell the text beside them add nothing to be judged. Others, and the alternatives to them, are passages
    of kind `tokens`: an edit of one takes all of the log probabilities away. Costs about 1 µs a passage.
    """
    if not reading.probabilities:
        return passages, ()
    known = list(_known(reading))
    if not known:
        return passages, ()
    places = _Places([place for place, *_ in known])
    inside: dict[int, list[Passage]] = {}
    kept: list[Passage] = []
    for passage in passages:
        outermost, _ = places.around(passage.within)
        if outermost:
            inside.setdefault(outermost, []).append(passage)
        else:
            kept.append(passage)
    beside = _beside(kept, reading.sources, places)
    found: list[Spelling] = []
    for place, at, source, (value, end) in known:
        strings = sorted(beside.get((source, id(_holder(place))), ()), key=_start)
        found.append(Spelling(source, at, end, tuple((each.start, each.end) for each in strings)))
        own = _own(inside.get(id(place), ()), place, value, [each.text for each in strings])
        kept += [Passage(text, "tokens", place[0], place[1], source, at, end) for text in own]
    return kept, found


def _known(reading: Reading) -> Iterator[tuple[ValuePlace, int, int, tuple[Any, int]]]:
    """Of each container that spells a text, and lies in no other: its place, offset and source, its value and end.

    Each is parsed once, and so is what has only the name of one: in it, no other of that name is looked at.
    """
    ends: dict[tuple[int, str | int | None], int] = {}
    for place, at, source in reading.probabilities:
        perhaps = place[1] if place[1] in PERHAPS else None
        if at < ends.get((source, None), 0) or at < ends.get((source, perhaps), 0):
            continue
        value, end = _value(reading.sources[source].text, at)
        if _spells(place[1], value):
            ends[source, None] = end
            yield place, at, source, (value, end)
        else:
            ends[source, perhaps] = end


def _holder(place: ValuePlace) -> Holder:
    """The object that log probabilities and the text that they spell have in common."""
    outer = place[0]
    return outer[0] if place[1] in _FARTHER and isinstance(outer, tuple) else outer


def _spells(name: str | int | None, value: Any) -> bool:
    """True if a container of that name spells a text: some do only if they have the form for it."""
    if name == _WORDS:
        return isinstance(value, list) and bool(value) and all(_has(each, "word") for each in value)
    if name in PERHAPS:
        tokens = value.get("tokens") if isinstance(value, dict) else None
        return isinstance(tokens, list) and bool(tokens) and all(_has(each, "text") for each in tokens)
    return True


def _has(value: Any, name: str) -> bool:
    return isinstance(value, dict) and isinstance(value.get(name), str)


class _Places:
    """The containers of log probabilities, and those that hold them, for containers anywhere in a body.

    Every container is looked at once: places are known by their identity.
    """

    def __init__(self, places: Iterable[ValuePlace]) -> None:
        self._places = {id(place) for place in places}
        self._holders = {id(_holder(place)) for place in places}
        self._known: dict[int, tuple[int, tuple[int, ...]]] = {}

    def around(self, place: Holder) -> tuple[int, tuple[int, ...]]:
        """The outermost log probabilities around a container or 0, and the nearest NEAR holders of any."""
        steps: list[Holder] = []
        while id(place) not in self._known and isinstance(place, tuple):
            steps.append(place)
            place = place[0]
        found = self._known.get(id(place)) or (0, (id(place),) if id(place) in self._holders else ())
        self._known[id(place)] = found
        for step in reversed(steps):
            outermost, holders = found
            own = (id(step),) if id(step) in self._holders else ()
            found = (outermost or (id(step) if id(step) in self._places else 0), (*own, *holders)[:NEAR])
            self._known[id(step)] = found
        return found


def _beside(
    passages: Iterable[Passage], sources: Sequence[TextSource], places: _Places
) -> Mapping[tuple[int, int], list[Passage]]:
    """The strings that log probabilities may spell, by their source and the container that holds the latter."""
    found: dict[tuple[int, int], list[Passage]] = {}
    opened = (source.outer for source in sources if source.outer is not None)
    for passage in (*passages, *opened):
        if passage.kind == "text" and passage.key in SPELLED:
            for holder in places.around(passage.within)[1]:
                found.setdefault((passage.source, holder), []).append(passage)
    return found


def _start(passage: Passage) -> int:
    return passage.start


def _own(inside: Iterable[Passage], place: ValuePlace, value: Any, strings: Sequence[str]) -> Iterator[str]:
    """The texts that log probabilities say beyond the texts beside them: one of these, or all in their order."""
    between = " " if place[1] == _WORDS else ""
    beside = {"", "".join(strings), *strings, *(between.join(each.split()) for each in strings if between)}
    tokens, others = list[str](), list[str]()
    for passage in inside:
        (tokens if passage.kind != "name" and chosen(_path(passage, place)) else others).append(passage.text)
    spelled = between.join(each.strip() for each in tokens) if between else "".join(tokens)
    if spelled not in beside:
        yield spelled
        others = [*tokens, *others]
    written = in_bytes(value)
    if written not in {*beside, spelled}:
        yield written
    others += alternatives(value)
    if others:
        yield "\n".join(others)


def _path(passage: Passage, container: ValuePlace) -> list[str | int]:
    """The path of a passage from a container; empty if it is longer than any that is known."""
    steps: list[str | int] = []
    place: Holder = (passage.within, passage.key)
    for _ in range(_STEPS):
        if not isinstance(place, tuple):
            break
        place, key = place
        steps.append("" if key is None else key)
        if place is container:
            return steps[::-1]
    return []


def in_bytes(value: Any) -> str:
    """What the bytes of the chosen tokens of log probabilities say; empty if they have none."""
    return b"".join([_octets(token) for token in _tokens(value)]).decode("utf-8", "replace")


def alternatives(value: Any) -> Iterator[str]:
    """Return what the bytes of alternatives say, where that is not what the alternatives say themselves."""
    for token in _tokens(value):
        others = token.get("top_logprobs")
        for other in others if isinstance(others, list) else ():
            said = _octets(other).decode("utf-8", "replace") if isinstance(other, dict) else ""
            if said and said != other.get("token"):
                yield said


def _tokens(value: Any) -> Iterator[Mapping[str, Any]]:
    lists = value.values() if isinstance(value, dict) else (value,)
    for each in lists:
        yield from (token for token in (each if isinstance(each, list) else ()) if isinstance(token, dict))


def _octets(token: Mapping[str, Any]) -> bytes:
    """The bytes that a token gives for itself, `104.0` among them; what is no byte is left out."""
    given = token.get("bytes")
    numbers = [each for each in (given if isinstance(given, list) else ()) if isinstance(each, int | float)]
    return bytes(int(each) for each in numbers if 0 <= each < 256 and each == int(each))
