"""The judgement on a text: rules and a linear model, over what it says and over what it may be read as."""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from extproc.apis.roles import PassageRole
from extproc.classify.folding import Folded, fold
from extproc.classify.linear import LinearModel
from extproc.classify.ways import View, views
from extproc.classify.words import Words
from extproc.detectors.contract import Conversation, JudgingDetector, Statement, WindowScore
from extproc.detectors.injection.joined import JoinedScorer
from extproc.detectors.injection.rules import KINDS, ORDERS, OVERRIDE, PHRASES, RAW
from extproc.matching.scanner import Scanner
from extproc.protocol.messages import Side

NEARBY: Final = 24
"""Words on each side of a phrase that say whether it is meant or told of: about a sentence."""

DOUBT: Final = 0.15
"""The model's score of these words below which a phrase is only told of, as in a text about attacks."""

SECOND_MAX: Final = 8
"""Windows of a text, and of each of its views, that the second model is asked about: those that score highest by their
words. At 10 ms a window, more would take longer than anybody waits."""

WORDS_LEAST: Final = 3
"""Words of a text that is judged. Fewer order nothing: they are names of roles, of models, of parts."""

RULE: Final = "rule"
SCORER: Final = "scorer"
SECOND: Final = "minilm"
"""The tiers. What was decoded first has the way behind it, such as `scorer+base64`."""

UNJUDGED: Final = frozenset({"system"})
"""Roles whose words are the operator's own orders to the model."""

DOCUMENTS: Final[frozenset[PassageRole]] = frozenset({"assistant", "file", "tool_definition", "tool_result"})
"""Roles of what nobody typed for this request: an order in it is an attack by somebody else, and much of it is long."""

LEVEL: Final = "documents"
"""The level of their scores: the group of the policy in which their threshold stands."""

READ: Final[frozenset[PassageRole]] = frozenset({"file", "tool_result"})
"""Roles of what the model is to read and not to obey. The description of a tool, and a model that asks its user for an
answer, may say how to answer."""


class InjectionThresholds(Struct, frozen=True):
    """The scores from which on a text is a finding: of a user, and of a document (see `DOCUMENTS`)."""

    users: float
    documents: float


class InjectionJudge:
    """Judges texts, in several threads at once."""

    def __init__(
        self,
        model: LinearModel,
        thresholds: InjectionThresholds,
        kinds: frozenset[str],
        second: JoinedScorer | None = None,
    ) -> None:
        self._model = model
        self._second = second
        self._thresholds = thresholds
        self._kinds = kinds
        self._phrases = Scanner.compile([each for each in PHRASES if each.kind in kinds])
        self._orders = Scanner.compile([each for each in ORDERS if each.kind in kinds])
        self._raw = Scanner.compile([each for each in RAW if each.kind in kinds])

    def judge(self, statement: Statement, conversation: Conversation) -> Iterator[WindowScore]:
        """Yield what each window of a text comes to; see `JudgingDetector`."""
        role = statement.role
        if role in DOCUMENTS:
            found = self._judged(statement, conversation, self._thresholds.documents)
            yield from (replace(each, level=LEVEL) for each in found)
        elif role not in UNJUDGED:
            yield from self._judged(statement, conversation, self._thresholds.users)

    def _judged(self, statement: Statement, conversation: Conversation, threshold: float) -> Iterator[WindowScore]:
        if conversation.side is Side.RESPONSE:
            # What a model says is no order to it; what it makes a client load may carry off what it has read.
            yield from self._carried_off(statement.text, threshold)
            return
        read = statement.role in READ
        yield from self._said(View(statement.text, 0, len(statement.text), ""), threshold, read=read)
        for view in views(statement.text):
            yield from self._said(view, threshold, read=read)

    def _said(self, view: View, threshold: float, *, read: bool) -> Iterator[WindowScore]:
        folded = fold(view.text)
        words = Words(folded.text)
        if len(words.words) >= WORDS_LEAST:
            yield from self._scored(view, folded, words, threshold)
            yield from self._phrased(view, folded, words, threshold, read=read)
        for each in self._raw.scan(view.text):
            place = (each.start, each.end) if not view.way else (view.start, view.end)
            yield WindowScore(each.kind, each.score, threshold, *place, _tier(RULE, view))

    def _scored(self, view: View, folded: Folded, words: Words, threshold: float) -> Iterator[WindowScore]:
        """The windows that the model scores: each finding, and of the others the highest."""
        if OVERRIDE not in self._kinds:
            return
        windows = [(self._model.score(words.grams(first, last)), first, last) for first, last in words.windows()]
        best: tuple[float, str, int, int] | None = None
        for each in self._seconded(view, folded, words, windows):
            score, tier, first, last = each
            if score >= threshold:
                yield self._at(view, folded, words.place(first, last), OVERRIDE, score, threshold, tier)
            elif best is None or score > best[0]:
                best = each
        if best is not None:
            score, tier, first, last = best
            yield self._at(view, folded, words.place(first, last), OVERRIDE, score, threshold, tier)

    def _seconded(
        self, view: View, folded: Folded, words: Words, windows: list[tuple[float, int, int]]
    ) -> Iterator[tuple[float, str, int, int]]:
        """Yield the windows with their scores: by the second model, if there is one, for those that score highest."""
        second = self._second
        if second is None:
            for score, first, last in windows:
                yield score, SCORER, first, last
            return
        ordered = sorted(windows, reverse=True)
        for score, first, last in ordered[:SECOND_MAX]:
            start, end = words.place(first, last)
            text = view.text[folded.place(start) : folded.place(end)]
            yield second.score(text, score), SECOND, first, last
        for score, first, last in ordered[SECOND_MAX:]:
            yield score, SCORER, first, last

    def _phrased(
        self, view: View, folded: Folded, words: Words, threshold: float, *, read: bool
    ) -> Iterator[WindowScore]:
        joined = " ".join(words.words)
        # The words of an order on how to answer are harmless: the model does not know whether they are meant.
        found = [(each, True) for each in self._phrases.scan(joined)]
        if read:
            found += [(each, False) for each in self._orders.scan(joined)]
        if not found:
            return
        starts = _starts(words)
        for each, doubted in found:
            first = starts.get(each.start, 0)
            last = first + joined.count(" ", each.start, each.end) + 1
            about = 1.0
            if doubted:
                about = self._model.score(words.grams(max(0, first - NEARBY), min(last + NEARBY, len(words.words))))
            score = each.score if about >= DOUBT else about
            yield self._at(view, folded, words.place(first, last), each.kind, score, threshold, RULE)

    def _carried_off(self, text: str, threshold: float) -> Iterator[WindowScore]:
        for each in self._raw.scan(text):
            if each.kind != OVERRIDE:
                yield WindowScore(each.kind, each.score, threshold, each.start, each.end, RULE)

    def _at(
        self, view: View, folded: Folded, place: tuple[int, int], kind: str, score: float, threshold: float, tier: str
    ) -> WindowScore:
        if view.way:
            start, end = view.start, view.end
        else:
            start, end = folded.place(place[0]), folded.place(place[1])
        return WindowScore(kind, score, threshold, start, end, _tier(tier, view))

    def __repr__(self) -> str:
        return f"InjectionJudge({self._thresholds})"


def _tier(tier: str, view: View) -> str:
    return f"{tier}+{view.way}" if view.way else tier


def _starts(words: Words) -> Mapping[int, int]:
    """The numbers of words by where they begin when they are joined by blanks."""
    found, at = dict[int, int](), 0
    for number, word in enumerate(words.words):
        found[at] = number
        at += len(word) + 1
    return found


def injection(
    model: LinearModel, thresholds: InjectionThresholds, kinds: frozenset[str], second: JoinedScorer | None = None
) -> JudgingDetector:
    """Return the detector. `second`: a model that is asked about the windows that score highest."""
    judge = InjectionJudge(model, thresholds, kinds, second)
    return JudgingDetector(tuple(kind for kind in KINDS if kind in kinds), judge.judge)
