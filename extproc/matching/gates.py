"""Rules with one gate: what the fast lane finds for them once, and which of them have a word beside it.

Of fifty rules for numbers beside a word, none has one beside most numbers. To ask each takes a microsecond or two; one
set of all their words tells in as much time which of them to ask.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import re2
from msgspec import Struct

from extproc.matching.compiled import CompiledRule
from extproc.matching.context_words import apart, humped, parted
from extproc.matching.re2_search import MATCHER_MEMORY, Search, expression, searching, within
from extproc.matching.render import UTF8_MOST

MOST_NAMES: Final = 8192
"""Names of members whose rules are remembered; APIs have a few hundred."""


NARROW: Final = 64
"""Bytes that a match may take where a set of all members' expressions says which match: its automaton stays small."""


class SharedGate(Struct, frozen=True, eq=False):
    """Rules with one gate, which is that of the first.

    `members`: their numbers, in order. `window`, `least`, `most_bytes`, `left`, `right` are the greatest of theirs (the
    least for `least`). `always`: those that need no word, may stand alone, or have words of their own for names of
    members. `any` finds a word of one of `needing`, the rest; `words` is a set of expressions, one for each of these,
    that find theirs: one search takes a microsecond, a set ten on texts not seen before. `called` are the searches for
    them in names, and `known` what these gave.

    `forms`: a set of the expressions that members have, None where these are wide; `by_form`: who has each.
    """

    members: tuple[int, ...]
    window: int
    least: int
    most_bytes: int
    left: int
    right: int
    always: tuple[int, ...]
    needing: tuple[int, ...]
    forms: "re2.Set | None"
    by_form: tuple[tuple[int, ...], ...]
    any: Search
    words: "re2.Set"
    called: tuple[Search | None, ...]
    known: dict[str, tuple[int, ...]]

    def concerned(self, data: bytes, start: int, stop: int, *, final: bool, name: str | None) -> Sequence[int]:
        """Return the rules that may find something between two bytes; the others need words that are not there."""
        # In ASCII, which is the usual case, a code point is a byte. All of a long text is not asked for each stretch.
        around = data[max(0, start - self.left * UTF8_MOST) : stop + self.most_bytes + self.right * UTF8_MOST]
        wide = 1 if around.isascii() else UTF8_MOST
        low, high = max(0, start - self.left * wide), stop + self.most_bytes + self.right * wide
        if high > len(data):
            if not final:
                return self._fitting(data[max(0, start - UTF8_MOST) : stop + self.most_bytes])
            high = len(data)
        told: set[int] = set()
        if self.any(data, low, high)[0][0] >= 0:
            told.update(self.words.Match(data[low:high]) or ())
        if humped(data, low, high) and within(self.any, words := parted(data[low:high])):
            told.update(self.words.Match(words) or ())
        if name:
            told.update(self.named(name))
        if not told:
            return self.always
        return sorted([*self.always, *map(self.needing.__getitem__, told)])

    def _fitting(self, data: bytes) -> Sequence[int]:
        """Return the rules that match somewhere in `data`, and perhaps some more. All their words may still come."""
        if self.forms is None:
            return self.members
        return sorted(number for form in self.forms.Match(data) or () for number in self.by_form[form])

    def named(self, name: str) -> tuple[int, ...]:
        """Return the places in `needing` of the rules whose words are in the name of a member."""
        known = self.known.get(name)
        if known is None:
            if len(self.known) >= MOST_NAMES:
                self.known.clear()
            words = f" {name} ".encode()
            # Words that stand in a name by themselves are among those that stand apart.
            near = self.words.Match(words) or () if within(self.any, words) else ()
            calling = [(place, self.called[place]) for place in near]
            known = self.known[name] = tuple(place for place, each in calling if each and within(each, words))
        return known


def shared_gates(lanes: Sequence[CompiledRule]) -> dict[int, SharedGate]:
    """The gates of two rules and more, each by the number of its first rule; `cued` rules keep theirs."""
    sharing: defaultdict[tuple[bytes, bytes], list[int]] = defaultdict(list)
    for number, each in enumerate(lanes):
        if not each.rule.cued:
            sharing[each.gate, each.underscored].append(number)
    return {numbers[0]: _shared(lanes, numbers) for numbers in sharing.values() if len(numbers) > 1}


def _shared(lanes: Sequence[CompiledRule], numbers: Sequence[int]) -> SharedGate:
    rules = [lanes[number] for number in numbers]
    needing = [number for number in numbers if _needs(lanes[number])]
    words = [(lanes[number].rule, lanes[number].node) for number in needing]
    forms: defaultdict[str, list[int]] = defaultdict(list)
    for number in numbers:
        forms[lanes[number].bare].append(number)
    return SharedGate(
        members=tuple(numbers),
        window=max(each.window for each in rules),
        least=min(each.least for each in rules),
        most_bytes=max(each.most_bytes for each in rules),
        left=max(each.left for each in rules),
        right=max(each.right for each in rules),
        always=tuple(number for number in numbers if number not in needing),
        needing=tuple(needing),
        forms=_set(forms) if max(each.most_bytes for each in rules) <= NARROW else None,
        by_form=tuple(map(tuple, forms.values())),
        any=searching(expression(apart(words))),
        words=_set(apart([each]) for each in words),
        called=tuple(lanes[number].called for number in needing),
        known={},
    )


def _needs(each: CompiledRule) -> bool:
    """True if the words of `context` alone tell whether a rule may find something."""
    return each.context is not None and not each.rule.alone and isinstance(each.rule.named, bool)


def _set(expressions: Iterable[str]) -> "re2.Set":
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MATCHER_MEMORY
    made = re2.Set.SearchSet(options)
    for each in expressions:
        made.Add(each)
    made.Compile()
    return made
