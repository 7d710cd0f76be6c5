"""Leaked system prompts: a response that repeats the system turns of its request, or a canary that stands in them.

Compared are the words of folded texts, so that another layout, capitals or markup hide nothing; what is encoded in the
response is decoded first. A translated or retold prompt is not recognised.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from extproc.apis.asked import Asked
from extproc.classify.folding import Folded, fold
from extproc.classify.ways import View, views
from extproc.classify.words import Words
from extproc.detectors.contract import Conversation, DetectorError, JudgingDetector, Statement, WindowScore
from extproc.detectors.registry import built_in
from extproc.policy.judges import LeakedPrompt
from extproc.protocol.messages import Side

REPEATED: Final = "leaked_prompt"
CANARY: Final = "canary"

GRAM: Final = 5
"""Words that follow each other by which a repetition is recognised. Fewer stand in many texts by chance."""

LETTERS: Final = 48
"""Letters that follow each other by which a repetition is recognised whose words begin elsewhere: about ten words."""

Grams = frozenset[tuple[str, ...]]


class LeakJudge:
    """Judges texts of responses, in several threads at once."""

    def __init__(self, words: int, canaries: Sequence[str]) -> None:
        self._words = words
        self._canaries = tuple(" ".join(Words(fold(each).text).words) for each in canaries)

    def judge(self, statement: Statement, conversation: Conversation) -> Iterator[WindowScore]:
        """Yield the longest repetition in each reading of a text, as a share of what is a finding; and canaries."""
        if conversation.side is not Side.RESPONSE:
            return
        known = _known(conversation.asked)
        for view in (View(statement.text, 0, len(statement.text), ""), *views(statement.text)):
            folded = fold(view.text)
            words = Words(folded.text)
            yield from self._canary(view, words)
            for system in known:
                repeated = self._repeated(view, folded, words, system)
                yield repeated
                if repeated.score < 1 and not view.way and _run_together(words.words, system):
                    yield WindowScore(REPEATED, 1.0, 1.0, view.start, view.end, "letters")

    def _canary(self, view: View, words: Words) -> Iterator[WindowScore]:
        joined = f" {' '.join(words.words)} "
        if any(f" {each} " in joined for each in self._canaries):
            yield WindowScore(CANARY, 1.0, 1.0, view.start, view.end, _tier("canary", view))

    def _repeated(self, view: View, folded: Folded, words: Words, system: Sequence[str]) -> WindowScore:
        least = min(self._words, len(system))
        first, last = _longest(words.words, frozenset(_grams(system)))
        start, end = view.start, view.end
        if not view.way and first < last:
            start, end = (folded.place(each) for each in words.place(first, last))
        return WindowScore(REPEATED, min(1.0, (last - first) / least), 1.0, start, end, _tier("overlap", view))

    def __repr__(self) -> str:
        return f"LeakJudge({self._words} words, {len(self._canaries)} canaries)"


def _known(asked: Asked | None) -> list[list[str]]:
    """The words of each system turn that is long enough to be recognised. Raises DetectorError."""
    if asked is None or "system" in asked.cut:
        raise DetectorError("the system turns of the request could not be read")
    every = (Words(fold(each).text).words for each in asked.system)
    return [words for words in every if len(words) >= GRAM]


def _grams(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[offset:] for offset in range(GRAM)), strict=False)


def _longest(words: Sequence[str], known: Grams) -> tuple[int, int]:
    """The longest run of words whose grams are all known: its first word, and the one behind its last."""
    best, run = (0, 0), 0
    for number, gram in enumerate(_grams(words)):
        run = run + 1 if gram in known else 0
        if run and run + GRAM - 1 > best[1] - best[0]:
            best = number - run + 1, number + GRAM
    return best


def _run_together(words: Sequence[str], system: Sequence[str]) -> bool:
    """True if a text repeats letters of a system turn wherever its words begin, as without blanks they may."""
    letters, known, at = "".join(words), "".join(system), 0
    parts = set[str]()
    for word in system:
        if at + LETTERS > len(known):
            break
        parts.add(known[at : at + LETTERS])
        at += len(word)
    return bool(parts) and any(letters[at : at + LETTERS] in parts for at in range(len(letters) - LETTERS + 1))


def _tier(tier: str, view: View) -> str:
    return f"{tier}+{view.way}" if view.way else tier


def leaked_prompt(options: LeakedPrompt) -> JudgingDetector:
    """Return the detector with the options of a processor."""
    judge = LeakJudge(options.words, options.canaries)
    return JudgingDetector((REPEATED, CANARY), judge.judge, frozenset({"system"}))


LEAKED_PROMPT: Final = built_in(LeakedPrompt, leaked_prompt)
