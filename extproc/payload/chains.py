"""Text parts of one message that stand side by side, which many a reader makes one text of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from extproc.payload.json.wellformed import documents
from extproc.payload.names import folded
from extproc.payload.opened import TextSource
from extproc.payload.passage import Holder, Passage

HOLDERS: Final = frozenset({"content", "parts", "segments", "system"})
"""Arrays whose items are parts of one text: messages of all APIs, instructions of Anthropic's, transcriptions."""

TEXT: Final = "text"
"""The member of a part that is its text, in every API."""

THOUGHTS: Final = frozenset({"reasoning_content", "reasoning", "reasoning_details", "thinking", "thinking_blocks"})
"""Members of one message for its reasoning: servers differ, and clients read whichever is there."""

TYPE: Final = "type"
TYPES: Final = frozenset({"text", "input_text", "output_text"})
"""The member that tells what a part is, and those that are texts."""

Chain: TypeAlias = Sequence[int]
"""The numbers of texts that are parts of one."""


class JsonChain(list[int]):
    """A chain behind a part that begins as JSON and is cut short. `said`: that part, as it came.

    `cut`: the first number is that of the text at its end; otherwise it has none that could be masked.
    """

    __slots__ = ("cut", "said")

    def __init__(self, numbers: Iterable[int], said: str, *, cut: bool) -> None:
        super().__init__(numbers)
        self.said = said
        self.cut = cut


_NONE: Final[list[int]] = []


def chains(passages: Sequence[Passage], sources: Sequence[TextSource]) -> list[Chain]:
    """The texts that adjoin each other in an array of parts, in the order of the body. `MAX_VALUES` bounds them.

    Nothing is between two parts if all that stands there is of no text: null, or a part that only has a type. Of a part
    that begins as JSON and is cut short, the text at its end goes on in the next part. `sources`: those of the body.
    """
    found: list[list[int]] = []
    open_: dict[int, tuple[int, list[int]]] = {}  # by the array, which all of its items share: its last part, the chain
    for number, each in enumerate(passages):
        if each.kind != "text":
            continue
        place = _part(each)
        if place is None:
            continue
        holder, at = place
        last, chain = open_.get(id(holder), (at, _NONE))
        if chain and (at == last + 1 or (at > last and _bare(passages[chain[-1] + 1 : number], holder))):
            chain.append(number)
        else:
            chain = _cut_short(passages, sources, number, holder, at) or [number]
            found.append(chain)
        open_[id(holder)] = at, chain
    return [each for each in found if len(each) > 1 or isinstance(each, JsonChain)]


def _cut_short(
    passages: Sequence[Passage], sources: Sequence[TextSource], number: int, holder: Holder, at: int
) -> JsonChain | None:
    """The chain of a text behind a part of JSON that is cut short. What such a part says may all be unreadable."""
    outer = None if not at else next((each.outer for each in sources if _ends(each.outer, holder, at)), None)
    if outer is None or _whole(outer.text):
        return None
    last = number - 1
    while last >= 0 and passages[last].key == TYPE and _bare(passages[last:number], holder):
        last -= 1
    cut = _cut(passages[last], sources, outer) if last >= 0 else False
    return JsonChain([last, number] if cut else [number], outer.text, cut=cut)


def _cut(passage: Passage, sources: Sequence[TextSource], outer: Passage) -> bool:
    """True if a text is the last in the part `outer`, and ends as that does."""
    source = sources[passage.source]
    if source.outer is None or source.at is not None or passage.kind == "tokens" or passage.end < len(source.text):
        return False
    around: Passage | None = source.outer
    while around is not None and around is not outer:
        around = sources[around.source].outer
    return around is outer


def _whole(text: str) -> bool:
    """True if a part is JSON that nothing follows."""
    return text.rstrip()[-1:] in {"}", "]"} and documents(text) != "none"


def _ends(outer: Passage | None, holder: Holder, at: int) -> bool:
    """True if a text is that of the part in front of part `at`."""
    place = None if outer is None else _part(outer)
    return place is not None and place[0] is holder and place[1] == at - 1


def _part(passage: Passage) -> tuple[Holder, int] | None:
    """The array that a text is a part in, and its place there; None if it is no part."""
    key: object = passage.key
    place: Holder = passage.within
    if isinstance(key, str):
        if (key != TEXT and folded(key) != TEXT) or not isinstance(place, tuple):
            return None
        place, key = place
    if type(key) is not int or not isinstance(place, tuple):
        return None
    name = place[1]
    return (place, key) if name in HOLDERS or (isinstance(name, str) and folded(name) in HOLDERS) else None


def _bare(between: Iterable[Passage], holder: Holder) -> bool:
    """True if all these texts are types of parts that are texts, in the items of an array."""
    for each in between:
        place = each.within
        if each.key != TYPE or each.text not in TYPES or not isinstance(place, tuple) or place[0] is not holder:
            return False
    return True


def chained(parts: Sequence[Any], starts: Sequence[int]) -> list[Chain] | None:
    """The same for one array of parts, from the number of the first text in each; None if that does not tell."""
    found: list[list[int]] = [[]]
    for part, start in zip(parts, starts, strict=True):
        if type(part) is str:
            found[-1].append(start)
        elif type(part) is not dict or type(part.get(TEXT)) is not str:
            if part != {TYPE: TEXT}:
                found.append([])
        else:
            number = _own(part, start)
            if number is None:
                return None
            found[-1].append(number)
    return [each for each in found if len(each) > 1]


def _own(part: Mapping[str, Any], start: int) -> int | None:
    """The number of a part's own text; None if it is behind members that may have any number of texts."""
    for name, value in part.items():
        if name == TEXT:
            return start
        kind = type(value)
        if kind is dict or kind is list:
            return None
        start += kind is str
    return None
