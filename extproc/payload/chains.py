"""Text parts of one message that stand side by side, which many a reader makes one text of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from extproc.payload.passage import Passage

HOLDERS: Final = frozenset({"content", "parts", "segments", "system"})
"""Arrays whose items are parts of one text: messages of all APIs, instructions of Anthropic's, transcriptions."""

TEXT: Final = "text"
"""The member of a part that is its text, in every API."""

Chain: TypeAlias = Sequence[int]
"""The numbers of texts that are parts of one."""


def chains(passages: Iterable[Passage]) -> list[Chain]:
    """The texts that adjoin each other in an array of parts, in the order of the body. `MAX_VALUES` bounds them."""
    found: list[list[int]] = []
    array: object = None
    last = -1
    for number, each in enumerate(passages):
        if each.key != TEXT or each.kind != "text" or type(each.within) is not tuple:
            continue
        holder, at = each.within
        if type(at) is not int or type(holder) is not tuple or holder[1] not in HOLDERS:
            continue
        if at == last + 1 and array == holder:
            found[-1].append(number)
        else:
            found.append([number])
        array, last = holder, at
    return [each for each in found if len(each) > 1]


def chained(parts: Sequence[Any], starts: Sequence[int]) -> list[Chain] | None:
    """The same for one array of parts, from the number of the first text in each; None if that does not tell."""
    found: list[list[int]] = [[]]
    for part, start in zip(parts, starts, strict=True):
        if type(part) is not dict or type(part.get(TEXT)) is not str:
            found.append([])
            continue
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
