"""Topics: subjects of what users say, told by an operator's examples; a text may be of none."""

from collections.abc import Iterator
from typing import Final

from extproc.classify.examples import ExampleClassifier, Meant
from extproc.classify.folding import fold
from extproc.classify.words import Words
from extproc.detectors.contract import Conversation, JudgingDetector, Statement, WindowScore
from extproc.detectors.meanings import meanings
from extproc.detectors.registry import built_in
from extproc.policy.judges import TopicFilter

OFF_TOPIC: Final = "off_topic"
"""The kind of a text that is of no allowed topic."""

WORDS_LEAST: Final = 3
"""Words of a text that is judged. "Yes, please" is of no subject."""

EXAMPLES: Final = "examples"
MEANINGS: Final = "minilm"
"""The tiers: the words of examples, and their meaning beside them."""

MEANT: Final = Meant(meanings, weight=2.0, steepness=8.0, even=1.85)
"""With a weight of 1, fewer are told right. The scale: nine of ten texts of clinc150 reach 0.5, and one in thirty of
those that are of no class; with three classes of five examples, seven of ten, and one in a hundred."""


class TopicJudge:
    """Judges texts, in several threads at once."""

    def __init__(self, options: TopicFilter) -> None:
        meant = options.scorer == "minilm"
        self._classifier = ExampleClassifier({**options.allow, **options.deny}, MEANT if meant else None)
        self._tier = MEANINGS if meant else EXAMPLES
        self._allowed = frozenset(options.allow)
        self._threshold = options.threshold

    def judge(self, statement: Statement, conversation: Conversation) -> Iterator[WindowScore]:  # noqa: ARG002
        """Yield the denied topic that a window is nearest to, and how far all windows are from the allowed ones."""
        if statement.role != "user":
            return
        folded = fold(statement.text)
        words = Words(folded.text)
        if len(words.words) < WORDS_LEAST:
            return
        nearest, denied = 0.0, False
        for first, last in words.windows():
            start, end = (folded.place(each) for each in words.place(first, last))
            every = self._classifier.scores(words.words[first:last], statement.text[start:end])
            nearest = max([nearest, *(each.score for each in every if each.name in self._allowed)])
            best = every[0]
            if best.name not in self._allowed:
                denied |= best.score >= self._threshold
                yield WindowScore(best.name, best.score, self._threshold, start, end, self._tier)
        if self._allowed and not denied:
            yield WindowScore(OFF_TOPIC, 1 - nearest, 1 - self._threshold, 0, None, self._tier)

    def __repr__(self) -> str:
        return f"TopicJudge({self._classifier})"


def topics(options: TopicFilter) -> JudgingDetector:
    """Return the detector with the options of a processor. Raises DetectorError: the extra that it needs is missing."""
    kinds = (*options.deny, *((OFF_TOPIC,) if options.allow else ()))
    return JudgingDetector(kinds, TopicJudge(options).judge)


TOPICS: Final = built_in(TopicFilter, topics)
