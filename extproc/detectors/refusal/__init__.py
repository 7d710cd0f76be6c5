"""Replies that refuse: by the members and finish reasons of the API, and by the first sentences of the text."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import re2

from extproc.apis.asked import Asked
from extproc.apis.events.event import Scope
from extproc.apis.reply import ReplyPart
from extproc.detectors.refusal.phrases import PHRASES
from extproc.detectors.registry import built_in
from extproc.detectors.replies import Noticed, ReplyDetector, ReplyFinding, Wakes, never
from extproc.policy.replies import RefusalStep

KINDS: Final = ("refusal", "filtered", "worded")
"""The API says that the model refused; that the provider withheld the reply; the text begins as refusals do."""

LOOKED_AT: Final = 400
"""Code points at the beginning of a message: a refusal comes first. Later sentences are about something else."""

SENTENCES: Final = 3
"""Sentences of it."""

WORDED: Final = 0.9
"""The score of a refusal by its words: the precision on the labelled set."""

_END: Final = re.compile(r"[.!?\n](?=\s|\Z)|[。!?]")
_MARKS: Final = ".!?\n。！？"
_MARK: Final = re.compile(f"[{_MARKS}]").search
_QUOTES: Final = str.maketrans(
    {"’": "'", "‘": "'", "´": "'", "`": "'", "ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "ı": "i"}
)


class RefusedReply:
    """Follows one reply. `words`: texts are looked at."""

    __slots__ = ("_begun", "_known", "_words")

    def __init__(self, *, words: bool) -> None:
        self._words = words
        self._begun: dict[Scope, str | None] = {}  # what has come of each text; None once enough was seen
        self._known: set[tuple[str, int]] = set()

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """See `Follower.take`."""
        match part.kind:
            case "refusal":
                return self._once("refusal", part)
            case "end" if part.text in {"refusal", "filtered"}:
                return self._once(part.text, part)
            case "end":
                return [each for path in list(self._begun) for each in self._look(path, over=True)]
            case "text" if self._words:
                before = self._begun.get(part.path, "")
                if part.whole:
                    before = ""
                if before is not None:
                    self._begun[part.path] = (before + part.text)[:LOOKED_AT]
                    return self._look(part.path, over=False)
        return ()

    def wakes(self, part: ReplyPart) -> Wakes | None:
        """See `PatientFollower.wakes`. A sentence ends with the character behind its mark."""
        begun = self._begun.get(part.path) if self._words and part.kind == "text" else None
        if begun is None:
            return never
        if not begun or begun[-1] in _MARKS:
            return None
        room = LOOKED_AT - len(begun)

        def wakes(piece: str) -> object:
            nonlocal room
            room -= len(piece)
            return True if room <= 0 else _MARK(piece)

        return wakes

    def finish(self) -> Sequence[Noticed]:
        """See `Follower.finish`."""
        return [each for path in list(self._begun) for each in self._look(path, over=True)]

    def _once(self, kind: str, part: ReplyPart) -> Sequence[Noticed]:
        if (kind, part.message) in self._known:
            return ()
        self._known.add((kind, part.message))
        return (ReplyFinding(kind, part.path, why="refusal" if part.kind == "refusal" else "finish_reason"),)

    def _look(self, path: Scope, *, over: bool) -> Sequence[Noticed]:
        """Look at the sentences that are whole; with `over` at the last one as well."""
        begun = self._begun[path]
        if begun is None:
            return ()
        enough = over or len(begun) >= LOOKED_AT
        start = 0
        ends = [found.end() for found in _END.finditer(begun)]
        # The last character may be a full stop in the middle of something.
        ends = [end for end in ends if end < len(begun)] + ([len(begun)] if enough else [])
        for end in ends[:SENTENCES]:
            if refuses(begun[start:end]):
                self._begun[path] = None
                return (ReplyFinding("worded", path, start, end, WORDED, "words"),)
            start = end
        if enough or len(ends) >= SENTENCES:
            self._begun[path] = None
        return ()


def refuses(sentence: str) -> bool:
    """True if a sentence is one with which a model refuses."""
    return _expression().search(plain(sentence)) is not None


def plain(text: str) -> str:
    """Return a text in lower case, without accents (but those of scripts that have no letters without)."""
    lowered = text.translate(_QUOTES).lower().translate(_QUOTES)
    if lowered.isascii():
        return lowered
    parts = unicodedata.normalize("NFD", lowered)
    kept = "".join(each for each in parts if not 0x300 <= ord(each) < 0x370)
    return unicodedata.normalize("NFC", kept)


@cache
def _expression() -> Any:
    """All phrases as one expression, in linear time."""
    options = re2.Options()
    options.max_mem = 64 << 20
    return re2.compile("|".join(f"(?:{each})" for phrases in PHRASES.values() for each in phrases), options)


def refusal(options: RefusalStep) -> ReplyDetector:
    """Return the detector of `use: refusal`."""
    _expression()

    def opened(_: Asked | None) -> RefusedReply:
        return RefusedReply(words=options.words)

    return ReplyDetector(KINDS, opened)


REFUSAL: Final = built_in(RefusalStep, refusal)
