"""The cost of detectors that compute scores, for texts of a user: CPU time of one thread, without Envoy.

The scorer `minilm` is measured where the extra `models` is installed; there also what it costs a client that does not
use it (`--only bystander`), through a real Envoy.
"""

import time
from collections.abc import Callable, Collection
from typing import Final

from extproc.detectors.contract import Conversation, DetectorError, JudgingDetector, Statement
from extproc.detectors.injection import injection_of
from extproc.detectors.language import language
from extproc.detectors.leaked_prompt import leaked_prompt
from extproc.detectors.topics import topics
from extproc.inspection.scored import ScoredWork
from extproc.policy.judges import Injection, LanguageFilter, LeakedPrompt, TopicFilter
from extproc.protocol.messages import Side
from scripts.benchmarks import bystander
from scripts.benchmarks.report import Row
from scripts.benchmarks.texts import KIB, prose

TEXTS: Final = 100
"""Texts of a KiB in a round."""

SHORT_TURN: Final = "Could you help me to plan a weekend in Rome with two small children, please?"

SHORT_TURNS: Final = 20

BYSTANDER: Final = "bystander"

MOST: Final = {"injection": 300.0, "minilm, a short turn": 5_000.0}
"""Microseconds that one text may take."""

_TOPICS: Final = {
    "orders": ("where is my order", "cancel my order", "change the delivery address"),
    "billing": ("why was my card charged twice", "send me the invoice", "how do I get a refund"),
}


def measure(rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str] = ()) -> list[Row]:
    """Measure each detector in alternating rounds, and a client beside those that use the scorer."""
    subjects: dict[str, tuple[JudgingDetector, Side, int]] = {
        "injection": (injection_of(Injection(use="injection")), Side.REQUEST, KIB),
        "topics": (topics(TopicFilter(use="topics", deny=_TOPICS)), Side.REQUEST, KIB),
        "language": (language(LanguageFilter(use="language", allow=("en",))), Side.REQUEST, KIB),
        "leaked_prompt": (leaked_prompt(LeakedPrompt(use="leaked_prompt")), Side.RESPONSE, KIB),
    }
    try:
        second = injection_of(Injection(use="injection", scorer="minilm"))
        subjects |= {"minilm": (second, Side.REQUEST, KIB), "minilm, a short turn": (second, Side.REQUEST, 0)}
    except DetectorError as error:
        say(str(error))
    times: dict[str, list[float]] = {}
    for number in range(rounds):
        for name, (detector, side, size) in subjects.items():
            if not only or name in only:
                times.setdefault(name, []).append(_taken(detector, side, size, number))
    rows = [Row("cpu_us_per_text", name, "us", tuple(each), most=MOST.get(name)) for name, each in times.items()]
    if "minilm" in subjects and (not only or BYSTANDER in only):
        rows += bystander.measure(rounds, seconds, say)
    return rows


def _taken(detector: JudgingDetector, side: Side, size: int, number: int) -> float:
    """Microseconds of CPU time for one text, of a KiB or a short turn."""
    texts = [prose(size, number * TEXTS + each) for each in range(TEXTS)] if size else [SHORT_TURN] * SHORT_TURNS
    work = [ScoredWork(detector, Conversation(side, (Statement(text, "user"),))) for text in texts]
    work[0].run()
    started = time.process_time()
    for each in work:
        each.run()
    return (time.process_time() - started) / len(work) * 1e6
