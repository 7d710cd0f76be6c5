"""All rules over one text: a fast lane finds where something may be, exact matchers say whether it is.

THE LAW. What is said of position i depends on `text[i - reach : i + reach]` alone, and on whether the text begins or
ends within it. Three things make it so: every place of the text is tried as the start of a match, whatever was found
before it; a match, with the words it needs beside it, is no wider than `reach`; overlaps are settled later, from the
left (see span.Union). Hence a text that comes in pieces is judged as if it had come whole (see window.Window).

Cost. The fast lane is one Hyperscan pass over the UTF-8 bytes; the exact matchers are RE2 over bounded windows around
its hits. Both are linear in the text for every pattern; what a text may demand of the latter is limited (LEAST_LOOKS).
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial

from extproc.matching.candidate import BufferMatch, called, hopeless, judge, spans
from extproc.matching.compiled import CompiledRule, RuleError, compile_rule
from extproc.matching.context_words import calling
from extproc.matching.databases import UnsupportedPatternError
from extproc.matching.escapes import LONGEST, PLAINED_A_STEP, marked, places, plain
from extproc.matching.holdback import SHORT_WORD, Hold
from extproc.matching.hyperscan import SCANNED_A_STEP
from extproc.matching.ignorable import Ignored, hidden
from extproc.matching.looks import (
    BYTES_A_LOOK,
    BYTES_A_STEP,
    JOINED_MOST,
    LEAST_LOOKS,
    STEPS_A_LOOK,
    STEPS_AT_ONCE,
    TooManyCandidatesError,
    escape_steps,
    most_looks,
)
from extproc.matching.re2_search import Search, within
from extproc.matching.regions import BEGINNING, STEPS_A_REGION, Regions, RuleHits, begun, by_rule
from extproc.matching.render import UTF8_MOST
from extproc.matching.rule import Rule
from extproc.matching.span import Span, foremost, order
from extproc.matching.utf8 import ASCII, before
from extproc.protocol.meter import Meter

PLAIN = 24
"""Bytes of words that are remembered to be of no interest: nearly all of what streams bring at once."""

MOST_PLAIN = 8192
"""Words that are remembered so, in about 0.6 MB per scanner. English prose has 2,000 words for 80% of its text."""

DIGIT = re.compile(rb"\d")
"""Words with digits are seldom plain: it is not worth the while to ask."""

EARLY = re.compile(r"\D{0,24}\d")
"""A digit near the beginning of a text. Each value of a `cued` rule has one among its first 18 characters."""

_NO_HITS: RuleHits = {}


class Scanner:
    """Rules compiled to run together. Never changes; one scanner serves any number of threads."""

    def __init__(self, lanes: tuple[CompiledRule, ...]) -> None:
        self._lanes = lanes
        self._captures = tuple([each.matcher.captures for each in lanes])
        self._regions = Regions(lanes)
        self._plain: dict[int, tuple[int, ...]] = {}
        self._quiet: set[int] = set()
        self._telling: dict[str, bool] = {}
        self.hold = Hold(lanes)
        self.assigned = any(each.rule.assigned for each in lanes)
        """True if a rule wants a value behind the name that it is assigned to; see `led`."""
        self.reads_names = self.assigned or any(each.called is not None for each in lanes)
        """True if the name of a value may tell a rule something; see `tells`."""
        self.reach = max((each.reach for each in lanes), default=1) + LONGEST
        """Code points around a position that decide what is said of it."""
        self.left = max((each.left for each in lanes), default=1)
        """Code points before a match's start that are looked at."""
        self.behind = self.left * UTF8_MOST + LONGEST
        """Bytes that are at least as many code points, and an escape before them."""
        self.longest_hold = max((each.longest + each.right for each in lanes), default=1)
        """The most code points that a stream ever has to hold back."""

    @classmethod
    def compile(cls, rules: Iterable[Rule]) -> "Scanner":
        """A scanner for `rules`. Raises RuleError."""
        lanes = tuple(compile_rule(rule) for rule in rules)
        titles = [each.rule.title for each in lanes]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            raise RuleError(f"rules of the same name: {', '.join(twice)}")
        try:
            return cls(lanes)
        except UnsupportedPatternError as error:
            raise RuleError(f"rule {titles[error.number]}: {error}") from None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, as they were given."""
        return tuple(each.rule for each in self._lanes)

    def scan(self, text: str, name: str | None = None, meter: Meter | None = None) -> list[Span]:
        """Every find in the whole of `text`, overlapping ones too, in `span.order`. A lone surrogate counts as `?`.

        `text` is read as it stands, without its escapes, and without what nobody sees. `name`: see `find`.

        Raises TooManyCandidatesError, and SpentError where `meter` has no steps left.
        """
        found = self._scan_visible(text, name, meter)
        if not hidden(text):
            return found
        if meter is not None:
            meter.spend(len(text) // PLAINED_A_STEP)
        ignored = Ignored()
        more = self._scan_visible(ignored.bare(text, meter), name, meter)
        return sorted({*found, *(ignored.span(each) for each in more)}, key=order) if more else found

    def _scan_visible(self, text: str, name: str | None, meter: Meter | None) -> list[Span]:
        """The same for `text` as it stands and without its escapes."""
        found = self._scan(text, name, meter)
        if marked(text):
            if meter is not None:
                meter.spend(escape_steps(text))
            found = [*found, *self._scan(plain(text), name, meter)]
            return sorted(foremost(set(found), places(text)), key=order) if found else []
        return found

    def _scan(self, text: str, name: str | None, meter: Meter | None, hits: RuleHits | None = None) -> list[Span]:
        """Every find in a text as it stands, in `span.order`."""
        data = b"\n" + text.encode("utf-8", "replace")
        found = self.find(data, 1, len(data), opening=True, final=True, name=name, meter=meter, hits=hits)
        if len(found) > 1:
            # Matches that begin at two places may agree on the find in them.
            once: dict[tuple[int, int, tuple[float, str]], BufferMatch] = {}
            for each in found:
                once[each.start, -each.end, each.lane.rank] = each
            found = [*map(once.__getitem__, sorted(once))]
        return spans(found, data, 1, 0) if found else []

    def scan_all(
        self,
        texts: Sequence[str],
        name: Callable[[int], str | None] = lambda _: None,
        meter: Meter | None = None,
        names: Sequence[str] | None = None,
    ) -> list[tuple[int, list[Span]]]:
        """Return what `scan` finds in each of several texts, with the text's number; those without finds are left out.

        `name` gives that of a text by its number. `names`: those of all texts as they stand in JSON, if `name` depends
        on nothing else. Raises TooManyCandidatesError, SpentError.
        """
        numbers: Iterable[int] = range(len(texts))
        touched: Mapping[int, RuleHits] | None = None
        if len(texts) > 1 and sum(map(len, texts)) <= JOINED_MOST:
            joined = "\n".join(texts)
            if marked(joined) or hidden(joined):
                numbers = self._interesting(texts, meter)
            else:
                touched = self._touched(texts, joined, meter)
                numbers = sorted(touched)
            numbers = self._with_named(numbers, texts, name, names)
        scanned: list[tuple[int, list[Span]]] = []
        for number in numbers:
            text, called = texts[number], name(number)
            if touched is None:
                found = self.scan(text, called, meter)
            else:
                # With nothing to be read in another way, and with the hits of the one pass over all of them.
                found = self._scan(text, called, meter, touched.get(number, _NO_HITS))
            if found:
                scanned.append((number, found))
        return scanned

    def _with_named(
        self,
        numbers: Iterable[int],
        texts: Sequence[str],
        name: Callable[[int], str | None],
        names: Sequence[str] | None,
    ) -> Iterable[int]:
        """Return the numbers, and those of texts whose names tell a `cued` rule to look at their beginnings."""
        cued = self._regions.cued
        if names is not None and cued.knows(names):
            return numbers
        more: list[int] = []
        for number, text in enumerate(texts):
            words = name(number)
            if words is None or not cued.named(words):
                if names is not None:
                    cued.learn(names[number])
            elif EARLY.match(text) is not None:
                more.append(number)
        return sorted({*numbers, *more}) if more else numbers

    def _interesting(self, texts: Sequence[str], meter: Meter | None) -> Iterable[int]:
        """The numbers of the texts in which there may be something, by one pass over all of them.

        Between line feeds, which stand around every text that is scanned, each is what it is by itself; a match of the
        fast lane within it ends there here, too.
        """
        # What the texts look like without what nobody sees, and without their escapes, comes behind them.
        owners = [*range(len(texts)), *(number for number, text in enumerate(texts) if hidden(text))]
        both = [*texts, *(Ignored().bare(texts[number], meter) for number in owners[len(texts) :])]
        escaped = [place for place, text in enumerate(both) if marked(text)]
        owners += [owners[place] for place in escaped]
        both += [plain(both[place], meter) for place in escaped]
        return sorted({owners[number] for number in self._touched(both, "\n".join(both), meter)})

    def _touched(self, texts: Sequence[str], joined: str, meter: Meter | None) -> Mapping[int, RuleHits]:
        """The texts in which the fast lane has hits, by their number, with the hits as each text by itself has them.

        There may be more than that, by what stands in the next text.
        """
        data = b"\n%b\n" % joined.encode("utf-8", "replace")
        hits = self._regions.hits(data, meter)
        if not hits:
            return {}
        # A text's part of the data goes from one of its line feeds to the other, which is the next one's first.
        feeds, at = [0], 0
        for text in texts:
            at += 1 + (len(text) if text.isascii() else len(text.encode("utf-8", "replace")))
            feeds.append(at)
        found: defaultdict[int, defaultdict[int, list[int]]] = defaultdict(partial(defaultdict, list))
        own: defaultdict[int, list[int]] = defaultdict(list)
        low = high = 0
        for rule, end in hits:
            # Most come one after the other in the same text.
            if not low + 1 < end <= high:
                number = bisect_left(feeds, end, 1) - 1
                if number and end - 1 == feeds[number]:
                    found[number - 1][rule].append(end - feeds[number - 1])
                if number == len(texts):
                    continue
                own, low, high = found[number], feeds[number], feeds[number + 1]
            own[rule].append(end - low)
        return found

    def quiet(self, words: Sequence[str], meter: Meter | None = None) -> bool:
        """True if nothing is found in any of these words of an API, each a text of its own. Raises as `scan_all` does.

        They come again with every response, so that they are remembered as `plain` remembers its words.
        """
        known = self._quiet
        fresh = [word for word in words if hash(word) not in known]
        if fresh:
            if self.scan_all(fresh, meter=meter):
                return False
            if len(known) >= MOST_PLAIN:
                known.clear()
            known.update(map(hash, fresh))
        return True

    def tells(self, name: str) -> bool:
        """True if the words of a name, as `scan` takes them, are context for some rule. Remembered as `plain` does."""
        known = self._telling.get(name)
        if known is None:
            if len(self._telling) >= MOST_PLAIN:
                self._telling.clear()
            known = self._telling[name] = self.may_tell(name)
        return known

    def may_tell(self, names: str) -> bool:
        """True if there is such a word in the words of several names together."""
        search = self._calling
        return search is not None and within(search, f" {names} ".encode("utf-8", "replace"))

    @cached_property
    def _calling(self) -> Search | None:
        """A search for the words of all rules in a name, compiled when it is first needed: 1 µs instead of 150."""
        return calling(each.rule for each in self._lanes)

    def plain(self, data: bytes, first: int) -> int:
        """The byte up to which words are free to go: no rule finds anything in those from byte `first` on.

        That is where the last word begins, or a phrase that goes on there and is short. 0 where it is not known.
        """
        word = max(data.rfind(b" "), data.rfind(b"\n")) + 1
        if not first < word <= first + PLAIN or len(data) - word > SHORT_WORD or not data[word:].isascii():
            return 0
        # Of 64 bits under a key of this process, and no text: none is kept beyond its stream. Two that are alike come
        # up once in 10**15 words.
        start = first - 1
        if start < 0 or data[start] >= ASCII:
            start = before(data, first)
        words = data[start:word]
        key = hash(words)
        phrases = self._plain.get(key)
        if phrases is None:
            if DIGIT.search(words) is not None or self._regions.hits(words):
                return 0
            phrases = self.hold.spanning(words)
            if len(self._plain) >= MOST_PLAIN:
                self._plain.clear()
            self._plain[key] = phrases
        if not phrases:
            return word
        free = self.hold.in_progress(phrases, data, first, word)
        # A phrase that goes on no longer may be over because it is a match.
        return 0 if free > first and self._regions.hits(data[start:], whole=False) else free

    def find(
        self,
        data: bytes,
        first: int,
        until: int,
        *,
        opening: bool,
        final: bool,
        name: str | None = None,
        meter: Meter | None = None,
        hits: RuleHits | None = None,
    ) -> list[BufferMatch]:
        """Every find whose match starts at byte `first` or later, but before `until`.

        `data` is UTF-8. Before `first` it holds `left` code points of the text, or all there are with one line feed in
        front of them: `opening`. With `final` the text ends with `data`; without, a find is `open` while words that it
        needs may still come. `name`: the words of the name of the member whose value the text is, which count as
        context; None for a text that someone wrote. `hits`: the fast lane's in `data` and a line feed, where these
        are known. Raises TooManyCandidatesError, SpentError.
        """
        origin = before(data, first) if first > 1 else 0
        if meter is not None:
            meter.spend(1 + (len(data) - origin) // SCANNED_A_STEP)
        shown = data[origin:] + b"\n" if final else data[origin:]
        stretches: Iterable[tuple[int, int, int]]
        named = self._regions.cued.named(name) if name is not None and opening and first <= BEGINNING else ()
        if hits is not None:
            stretches = self._regions.around(hits)
        elif len(shown) > self._regions.piece:
            stretches = self._regions.stretches(shown, meter, whole=final and not origin)
        else:
            pairs = self._regions.hits(shown, meter, data, origin, whole=final)
            if not pairs and not named:
                return []
            stretches = self._regions.around(by_rule(pairs))
        if named:
            stretches = begun(named, stretches, origin)
        found: list[BufferMatch] = []
        steps = 0
        left = LEAST_LOOKS if len(data) <= LEAST_LOOKS else most_looks(len(data) - origin)
        for number, low, high in self._apart(stretches, data, origin, meter, final=final, name=name):
            steps += STEPS_A_REGION
            if steps >= STEPS_AT_ONCE and meter is not None:
                meter.spend(steps)
                steps = 0
            each = self._lanes[number]
            start, stop = max(low, 0) + origin, min(high + origin, until - 1)
            limit = min(len(data), stop + each.most_bytes)
            if stop < start:
                continue
            # Without a word in the member's name it takes one beside the match.
            beside = each.context is not None and (name is None or not called(each, name))
            if beside and hopeless(each, data, start, limit, opening, final):
                continue
            captures = self._captures[number]
            start = start if data[start] < ASCII else before(data, start + 1)
            for place in each.matcher.find(data, start, stop, limit):
                size = place[1] - place[0] if captures else 0
                left -= 1 + size // BYTES_A_LOOK
                if left < 0:
                    raise TooManyCandidatesError
                steps += STEPS_A_LOOK + size // BYTES_A_STEP
                if steps >= STEPS_AT_ONCE and meter is not None:
                    meter.spend(steps)
                    steps = 0
                # A group that took no part in the match has no place in it.
                if place[0] >= first and place[2] >= 0:
                    if beside and hopeless(each, data, place[0], place[1], opening, final):
                        continue  # a region may be long
                    judged = judge(each, data, place, opening, final, name)
                    if judged is not None:
                        found.append(judged)
        if steps and meter is not None:
            meter.spend(steps)
        return found

    def _apart(
        self,
        stretches: Iterable[tuple[int, int, int]],
        data: bytes,
        origin: int,
        meter: Meter | None,
        *,
        final: bool,
        name: str | None,
    ) -> Iterator[tuple[int, int, int]]:
        """Yield a stretch of a gate that rules share once for each that may find something in it."""
        shared = self._regions.shared
        for stretch in stretches:
            gate = shared.get(stretch[0])
            if gate is None:
                yield stretch
                continue
            if meter is not None:
                meter.spend(STEPS_A_REGION)
            _, low, high = stretch
            for number in gate.concerned(data, low + origin, high + origin, final=final, name=name):
                yield number, low, high
