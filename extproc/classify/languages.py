"""The language of a text, by how often letters follow each other in each: plain data, checked when it is loaded."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from extproc.classify.linear import ModelError, inflated, verified

LETTERS: Final = 3
"""Letters that follow each other. Four tell one text in five hundred more, at twice the size."""

LOOKED_AT: Final = 160
"""Code points of a text that are looked at, from its beginning: the language of a sentence or two is plain."""

COUNTED: Final = 40
"""Letters after which more of them make no surer: they are not independent of each other."""

UNSEEN: Final = 0.1
"""The addition to each count, for parts that were not seen in a language."""

FOREIGN: Final = 0.25
"""Share of a text's parts below which no language is known that has them."""

NAME: Final = "extproc languages 1"

_IDEOGRAPH: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_SYLLABLE: Final = re.compile("[\uac00-\ud7af]")
_SYLLABLES: Final = "\u4e00\uac00"
"""The ones that stand for all ideographs, and for all syllables of Hangul."""

_OTHER: Final = re.compile(r"[\W\d_]+")


class LanguageCounts(Struct, frozen=True):
    """A model as it is written: parts, a blank between them, and for each the counts in the languages that have it."""

    name: str
    languages: tuple[str, ...]
    parts: str
    counts: tuple[tuple[int, ...], ...]
    totals: tuple[int, ...]


class Languages:
    """Tells the languages of texts. Immutable; used by several threads at once."""

    __slots__ = ("_gains", "_unseen", "names")

    def __init__(self, counts: LanguageCounts) -> None:
        self.names: Sequence[str] = counts.languages
        parts = counts.parts.split("\n")
        if counts.name != NAME or len(parts) != len(counts.counts) or len(counts.totals) != len(counts.languages):
            raise ModelError("the file of the model is not what its format says")
        sizes = [total + UNSEEN * len(parts) for total in counts.totals]
        self._unseen = [math.log(UNSEEN / size) for size in sizes]
        self._gains = {part: _gains(found) for part, found in zip(parts, counts.counts, strict=True)}

    @classmethod
    def load(cls, data: bytes, sha256: str) -> "Languages":
        """Return the model in the bytes of a file. Raises ModelError."""
        try:
            return cls(msgspec.json.decode(inflated(verified(data, sha256)), type=LanguageCounts))
        except ModelError:
            raise
        except (msgspec.DecodeError, ValueError, IndexError):
            raise ModelError("the file of the model cannot be read") from None

    def likely(self, text: str) -> Mapping[str, float]:
        """Return how likely each language is, from 0 to 1; all 0 for a text of no language that is known."""
        found = parts_of(text)
        gains = self._gains
        sums, known = [0.0] * len(self.names), 0
        for part, count in Counter(found).items():
            pairs = gains.get(part)
            if pairs is not None:
                known += count
                for number, gain in pairs:
                    sums[number] += count * gain
        if not found or known < FOREIGN * len(found):
            return dict.fromkeys(self.names, 0.0)
        scale = min(1.0, COUNTED / len(found))
        odds = [scale * (each + len(found) * unseen) for each, unseen in zip(sums, self._unseen, strict=True)]
        most = max(odds)
        weights = [math.exp(each - most) for each in odds]
        total = sum(weights)
        return {name: weight / total for name, weight in zip(self.names, weights, strict=True)}

    def __repr__(self) -> str:
        return f"Languages({len(self.names)})"


def _gains(found: Sequence[int]) -> list[tuple[int, float]]:
    """The weights of a part for each language that has it: they and their counts stand one behind the other."""
    pairs = zip(found[::2], found[1::2], strict=True)
    return [(number, math.log((count + UNSEEN) / UNSEEN)) for number, count in pairs]


def parts_of(text: str) -> list[str]:
    """Return the letters of a text, one by one and as they follow each other.

    One by one, those of a script with thousands of them are one and the same: few texts have many in common.
    """
    plain = f" {_OTHER.sub(' ', text[:LOOKED_AT].lower()).strip()} "
    singles = plain if plain.isascii() else _SYLLABLE.sub(_SYLLABLES[1], _IDEOGRAPH.sub(_SYLLABLES[0], plain))
    more = (plain[at : at + size] for size in range(2, LETTERS + 1) for at in range(len(plain) - size + 1))
    return [*singles, *more]


def counted(texts: Iterable[tuple[str, str]], least: int = 2) -> LanguageCounts:
    """Return a model of texts, each with its language. `least`: how often a part stands in all of them."""
    found: dict[str, Counter[str]] = {}
    for language, text in texts:
        found.setdefault(language, Counter()).update(parts_of(text))
    names = tuple(sorted(found))
    overall: Counter[str] = sum(found.values(), Counter())
    parts = sorted(part for part, count in overall.items() if count >= least)
    counts = tuple(
        tuple(value for n, name in enumerate(names) if (count := found[name][part]) for value in (n, count))
        for part in parts
    )
    totals = tuple(found[name].total() for name in names)
    return LanguageCounts(NAME, names, "\n".join(parts), counts, totals)
