"""How well the detectors find what is labelled: recall and precision on the development data.

`rows` is what `scripts/bench quality` prints; run by itself, this prints the table. The data lies beside the
repository, not in it: rows for files that are missing are left out.

A labelled span counts as found if a find of its kind touches it; a find that touches none counts against precision. A
recogniser case counts as right if there are as many finds of its kind as it asks for, and they touch the spans that it
gives. For secrets a text is the unit: found or not.
"""

import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from extproc.inspection import pii, secrets
from extproc.inspection.scanner import Scanner
from extproc.inspection.span import Span, unite

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

RESEARCH = ("presidio_research_generated_large", "presidio_research_synth_v2")
CASES = "presidio_recogniser_cases"
SECRETS = "secrets"

LABELS = {
    "EMAIL_ADDRESS": "email",
    "CREDIT_CARD": "credit_card",
    "IBAN_CODE": "iban",
    "US_SSN": "us_ssn",
    "IP_ADDRESS": "ip_address",
    "DOMAIN_NAME": "url",
    "PHONE_NUMBER": "phone",
}
"""What presidio-research calls our kinds."""

RECOGNISERS = {
    "crypto": "crypto_wallet",
    "ip": "ip_address",
    "mac": "mac_address",
    **dict.fromkeys(("uk_passport", "us_passport", "es_passport", "de_passport", "in_passport"), "passport"),
    **{kind: kind for kind in pii.KINDS},
}
"""What Presidio's recogniser tests call our kinds."""


class Row(Struct, frozen=True):
    """One figure: recall, precision or the share of right cases, of `subject` = detector/kind/source, over `count`."""

    figure: str
    subject: str
    value: float
    count: int

    def bench(self) -> dict[str, Any]:
        """The row as `scripts/bench --json` writes it."""
        return {
            "figure": self.figure,
            "subject": self.subject,
            "unit": "share",
            "median": self.value,
            "min": self.value,
            "max": self.value,
            "rounds": 1,
        }


class Tally(Struct):
    """Labelled and found, labelled and missed, found and not labelled."""

    hit: int = 0
    missed: int = 0
    wrong: int = 0

    def rows(self, subject: str) -> Iterator[Row]:
        """Recall, and precision where anything was found."""
        if self.hit + self.missed:
            yield Row("recall", subject, self.hit / (self.hit + self.missed), self.hit + self.missed)
        if self.hit + self.wrong:
            yield Row("precision", subject, self.hit / (self.hit + self.wrong), self.hit + self.wrong)


def lines(name: str) -> list[dict[str, Any]]:
    """The rows of a data file; none if it is not there."""
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def personal(scanner: Scanner, source: str) -> Iterator[Row]:
    """Recall and precision of the kinds that presidio-research labels."""
    tallies = {kind: Tally() for kind in LABELS.values()}
    for line in lines(source):
        spans = scanner.scan(line["text"])
        for kind, tally in tallies.items():
            labelled = [(start, end) for start, end, label in line["spans"] if LABELS.get(label) == kind]
            _count(tally, labelled, unite(span for span in spans if span.kind == kind))
    for kind, tally in tallies.items():
        yield from tally.rows(f"pii/{kind}/{source}")


def _count(tally: Tally, labelled: Sequence[tuple[int, int]], found: Sequence[Span]) -> None:
    for start, end in labelled:
        if any(_touch(span, start, end) for span in found):
            tally.hit += 1
        else:
            tally.missed += 1
    tally.wrong += sum(not any(_touch(span, start, end) for start, end in labelled) for span in found)


def cases(scanner: Scanner) -> Iterator[Row]:
    """The share of Presidio's own test cases that come out right, kind by kind and of all."""
    right: dict[str, list[bool]] = {}
    for line in lines(CASES):
        kind = RECOGNISERS.get(line["recogniser"])
        if kind is not None:
            found = unite(span for span in scanner.scan(line["text"]) if span.kind == kind)
            spans = line["spans"] or []
            touched = all(any(_touch(span, start, end) for span in found) for start, end in spans)
            right.setdefault(kind, []).append(touched and len(found) == line["n"])
    for kind, verdicts in sorted(right.items()):
        yield Row("right", f"pii/{kind}/{CASES}", sum(verdicts) / len(verdicts), len(verdicts))
    everything = [verdict for verdicts in right.values() for verdict in verdicts]
    if everything:
        yield Row("right", f"pii/all/{CASES}", sum(everything) / len(everything), len(everything))


def credentials(scanner: Scanner) -> Iterator[Row]:
    """Recall and precision over the texts that hold a secret, of all and by origin."""
    tallies: dict[str, Tally] = {}
    for line in lines(SECRETS):
        found = bool(scanner.scan(line["text"]))
        for name in (SECRETS, f"{SECRETS}.{line['source']}"):
            tally = tallies.setdefault(name, Tally())
            if line["label"]:
                tally.hit += found
                tally.missed += not found
            else:
                tally.wrong += found
    for name, tally in tallies.items():
        yield from tally.rows(f"secrets/all/{name}")


def _touch(span: Span, start: int, end: int) -> bool:
    return span.start < end and start < span.end


def rows() -> list[Row]:
    """Every figure; empty if the data is not there."""
    personal_data = Scanner.compile(pii.rules(pii.KINDS))
    found = [row for source in RESEARCH for row in personal(personal_data, source)]
    return [*found, *cases(personal_data), *credentials(Scanner.compile(secrets.RULES))]


def table(found: Iterable[Row]) -> str:
    """The figures as a Markdown table."""
    head = ["| detector/kind/source | figure | of | share |", "|---|---|---|---|"]
    return "\n".join(head + [f"| {row.subject} | {row.figure} | {row.count} | {row.value:.3f} |" for row in found])


if __name__ == "__main__":
    measured = rows()
    print(table(measured))
    sys.exit(0 if measured else 1)
