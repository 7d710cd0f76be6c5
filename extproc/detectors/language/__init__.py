"""The languages of what users and models say: those that the policy allows, and others."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from extproc.apis.roles import PassageRole
from extproc.classify.languages import Languages
from extproc.classify.words import Words
from extproc.detectors.contract import Conversation, JudgingDetector, Statement, WindowScore
from extproc.detectors.registry import built_in
from extproc.detectors.shipped import shipped
from extproc.policy.judges import LanguageFilter

OTHER: Final = "other_language"
"""The kind of findings. Their tier is the language."""

UNKNOWN: Final = "unknown"
"""The tier of a text of no language that is known."""

SPOKEN: Final[frozenset[PassageRole]] = frozenset({"user", "assistant"})

LETTERS_LEAST: Final = 20
"""Letters of a text that is judged, and of a window: a name or a greeting may be of any language."""

_CODED: Final = re.compile("[!-~]{24,}")
"""ASCII without a blank that is no word of any language: a link, a key, what is encoded."""

FILE: Final = "counts.bin"
SHA256: Final = "f2da030fbd838ba1c5594f912197bc0b117ca5a49e0501a599d8c8e24e06a75c"
"""The digest of the file."""


@cache
def languages() -> Languages:
    """Return the model. Raises DetectorError if it is missing or is another one."""
    return shipped("extproc.detectors.language", FILE, SHA256, Languages.load)


class LanguageJudge:
    """Judges texts, in several threads at once."""

    def __init__(self, options: LanguageFilter) -> None:
        self._allowed = options.allow
        self._threshold = options.threshold
        self._languages = languages()

    def judge(self, statement: Statement, conversation: Conversation) -> Iterator[WindowScore]:  # noqa: ARG002
        """Yield for each window how sure it is that it is in none of the allowed languages."""
        if statement.role not in SPOKEN:
            return
        text = _CODED.sub(lambda match: " " * len(match[0]), statement.text)
        words = Words(text.lower()) if len(text.lower()) == len(text) else Words(text)
        for first, last in words.windows():
            start, end = words.place(first, last)
            window = text[start:end]
            if sum(map(str.isalpha, window)) < LETTERS_LEAST:
                continue
            likely = self._languages.likely(window)
            best = max(likely, key=likely.__getitem__)
            score = max(0.0, 1 - sum(likely[each] for each in self._allowed))
            yield WindowScore(OTHER, score, self._threshold, start, end, best if likely[best] else UNKNOWN)

    def __repr__(self) -> str:
        return f"LanguageJudge({', '.join(self._allowed)})"


def language(options: LanguageFilter) -> JudgingDetector:
    """Return the detector with the options of a processor."""
    return JudgingDetector((OTHER,), LanguageJudge(options).judge)


LANGUAGE: Final = built_in(LanguageFilter, language)
