"""The quality of `use: injection`: on the labelled texts, on attacks that are hidden, and on sources left out.

The shipped scorer was trained on the labelled texts, so its figures on them say what it knows, not what it will find.
The figures of sources left out are those of models trained without the source; they are measured where the
requirements of training are installed (requirements/train.txt), which takes a minute.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from extproc.detectors.contract import Conversation, Statement
from extproc.detectors.injection import injection_of
from extproc.inspection.scored import ScoredWork
from extproc.policy.judges import Injection
from extproc.protocol.messages import Side
from scripts.benchmarks.quality import Share, lines, share
from scripts.benchmarks.report import Row
from tests.classify.renderings import RENDERINGS

ROOT: Final = Path(__file__).resolve().parents[2]

SOURCE: Final = "injection"

LOOK_ALIKES: Final = frozenset({"notinject"})
"""Sources of harmless texts that look like attacks."""

ALIKE_MOST: Final = 0.05
"""Share of look-alikes, and of long documents, that may be found."""
HIDDEN_LEAST: Final = 0.9
"""Share of the hidden forms of attacks that are found, of those that are found when they are not hidden."""
UNSEEN_LEAST: Final = 0.5
"""Recall on attacks of users at one percent of false findings."""

LONG: Final = 1_000
"""Characters of a long document."""

HIDDEN: Final = 40
"""Attacks that are hidden in each way: every n-th of those that are found."""

HIDDEN_LONGEST: Final = 300
"""Characters of an attack that is hidden. In a long one, each way would be measured a dozen times."""


class Found:
    """Asks the detector with its default thresholds."""

    def __init__(self) -> None:
        self._detector = injection_of(Injection(use="injection"))

    def __call__(self, text: str, *, user: bool) -> bool:
        """Return True if the text has a finding."""
        statement = Statement(text, "user" if user else "tool_result")
        return bool(ScoredWork(self._detector, Conversation(Side.REQUEST, (statement,))).run().found)


def attacks(folder: Path) -> Iterator[Share]:
    """The figures at the default thresholds: recall by source, false findings by source, and hidden attacks."""
    found = Found()
    rows = lines(SOURCE, folder)
    verdicts = [found(row["text"], user=row["channel"] == "user") for row in rows]
    for label, figure in ((1, "recall"), (0, "false")):
        for source in sorted({row["source"] for row in rows if row["label"] == label}):
            own = [said for row, said in zip(rows, verdicts, strict=True) if _is(row, source, label)]
            most = ALIKE_MOST if source in LOOK_ALIKES else None
            yield share(figure, f"injection/seen/{source}", sum(own), len(own), most=most if label == 0 else None)
    long = [found(text, user=False) for text in _documents()]
    yield share("false", "injection/long documents", sum(long), len(long), most=ALIKE_MOST)
    plain = [row["text"] for row, said in zip(rows, verdicts, strict=True) if said and row["label"] and _short(row)]
    yield from _hidden(found, plain[:: max(1, len(plain) // HIDDEN)])


def _documents() -> list[str]:
    """The pages of this repository: technical texts that no model was trained on, some of them about attacks."""
    pages = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if len(page) >= LONG]


def _is(row: dict[str, Any], source: str, label: int) -> bool:
    return bool(row["source"] == source and row["label"] == label)


def _short(row: dict[str, Any]) -> bool:
    return len(row["text"]) <= HIDDEN_LONGEST and row["text"].isascii() and row["channel"] == "user"


def _hidden(found: Found, plain: list[str]) -> Iterator[Share]:
    total = 0
    for way, render in RENDERINGS.items():
        hits = sum(found(f"{render(text)}", user=True) for text in plain)
        total += hits
        yield share("recall", f"injection/hidden/{way}", hits, len(plain))
    yield share("recall", "injection/hidden/all", total, len(plain) * len(RENDERINGS), least=HIDDEN_LEAST)


def unseen(say: Callable[[str], None]) -> Iterator[Row]:
    """The figures of models that have not seen a source; nothing where training is not installed."""
    try:
        from scripts.train import injection as training  # noqa: PLC0415  - it needs what only training needs
    except ImportError:
        say("injection/unseen: requirements/train.txt is not installed here")
        return
    for each in training.measured_rows():
        figure = "recall" if each.label else "false"
        yield share(figure, f"injection/other half/{each.source}", round(each.seen * each.count), each.count)
        yield share(figure, f"injection/unseen/{each.source}", round(each.unseen * each.count), each.count)
