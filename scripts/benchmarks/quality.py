"""The quality of the detectors: recall and precision on the labelled development data.

The data lies beside the repository, not in it; its README describes its files.

A labelled span counts as found if a finding of its kind touches it; a finding that touches none counts against
precision. A recogniser case counts as right if there are as many findings of its kind as it asks for, and they touch
the spans that it gives. For secrets a text is the unit: found or not. The floors are those of the issue that asked for
the detectors.
"""

import gzip
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from extproc.detectors import pii, secrets
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span, unite
from scripts.benchmarks.report import BenchError, Row

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
SUFFIX: Final = ".jsonl.gz"

RESEARCH: Final = "presidio_research_"
"""The beginning of the names of its files."""
CASES: Final = "presidio_recogniser_cases"
SECRETS: Final = "secrets"
HARMLESS: Final = "harmless"

LABELS: Final = {
    "EMAIL_ADDRESS": "email",
    "CREDIT_CARD": "credit_card",
    "IBAN_CODE": "iban",
    "US_SSN": "us_ssn",
    "IP_ADDRESS": "ip_address",
    "DOMAIN_NAME": "url",
    "PHONE_NUMBER": "phone",
}
"""presidio-research's names for our kinds."""

RECOGNISERS: Final = {
    "crypto": "crypto_wallet",
    "ip": "ip_address",
    "mac": "mac_address",
    **dict.fromkeys(("uk_passport", "us_passport", "es_passport", "de_passport", "in_passport"), "passport"),
    **{kind: kind for kind in pii.KINDS},
    **dict.fromkeys(("de_vat_id", "it_vat_code"), "eu_vat"),
    "fi_personal_identity_code": "fi_hetu",
    "in_voter": "in_voter_id",
    "kr_frn": "kr_rrn",
    "sg_fin": "sg_nric",
    "th_tnin": "th_id",
    "tr_national_id": "tr_kimlik",
    "za_id_number": "za_id",
}
"""The names of our kinds in Presidio's recogniser tests."""

USUAL_FLOOR: Final = 0.98
"""Recall and precision of a kind of personal data, each."""
FLOORS: Final = {"phone": 0.90}
"""The same for kinds that ask for less."""
CASES_FLOOR: Final = 0.90
"""Share of the recogniser cases of the kinds we claim that come out right."""
SECRETS_FLOORS: Final = {"precision": 0.93, "recall": 0.85}


@dataclass(frozen=True, slots=True)
class Share(Row):
    """Recall, precision or the share of right cases, over `count` of them; the subject is DETECTOR/KIND/SOURCE."""

    count: int = 0


class Tally(Struct):
    """Labelled and found, labelled and missed, found and not labelled."""

    hit: int = 0
    missed: int = 0
    wrong: int = 0

    def rows(self, subject: str, floors: Callable[[str], float | None]) -> Iterator[Share]:
        """Recall, and precision where anything was found."""
        for figure, others in (("recall", self.missed), ("precision", self.wrong)):
            if self.hit + others:
                yield share(figure, subject, self.hit, self.hit + others, floors(figure))


def share(
    figure: str, subject: str, hit: int, count: int, least: float | None = None, most: float | None = None
) -> Share:
    """Return the share of hits, which is to be `least` or more, `most` or less."""
    return Share(figure, subject, "share", (hit / count,), least, most, count=count)


def sources(folder: Path = DATA) -> list[str]:
    """The files of presidio-research that are there."""
    return sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"{RESEARCH}*{SUFFIX}"))


def lines(name: str, folder: Path = DATA) -> list[dict[str, Any]]:
    """The rows of a data file. Raises BenchError if it is not there."""
    path = folder / f"{name}{SUFFIX}"
    if not path.exists():
        raise BenchError(f"{path} is missing: quality is measured on labelled data that lies beside the repository")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def personal(scanner: Scanner, source: str, folder: Path = DATA) -> Iterator[Share]:
    """Recall and precision of the kinds that presidio-research labels."""
    tallies = {kind: Tally() for kind in LABELS.values()}
    for line in lines(source, folder):
        spans = scanner.scan(line["text"])
        for kind, tally in tallies.items():
            labelled = [(start, end) for start, end, label in line["spans"] if LABELS.get(label) == kind]
            _count(tally, labelled, unite(span for span in spans if span.kind == kind))
    for kind, tally in tallies.items():
        floor = FLOORS.get(kind, USUAL_FLOOR)
        yield from tally.rows(f"pii/{kind}/{source}", lambda _, floor=floor: floor)  # type: ignore[misc]


def _count(tally: Tally, labelled: Sequence[tuple[int, int]], found: Sequence[Span]) -> None:
    for start, end in labelled:
        if any(_touch(span, start, end) for span in found):
            tally.hit += 1
        else:
            tally.missed += 1
    tally.wrong += sum(not any(_touch(span, start, end) for start, end in labelled) for span in found)


def cases(scanner: Scanner, folder: Path = DATA) -> Iterator[Share]:
    """The share of Presidio's own test cases that come out right: of all kinds we claim, and kind by kind."""
    right: dict[str, list[bool]] = {}
    for line in lines(CASES, folder):
        kind = RECOGNISERS.get(line["recogniser"])
        if kind is not None:
            found = unite(span for span in scanner.scan(line["text"]) if span.kind == kind)
            spans = line["spans"] or []
            touched = all(any(_touch(span, start, end) for span in found) for start, end in spans)
            right.setdefault(kind, []).append(touched and len(found) == line["n"])
    everything = [verdict for verdicts in right.values() for verdict in verdicts]
    yield share("right", f"pii/all/{CASES}", sum(everything), len(everything), CASES_FLOOR)
    for kind, verdicts in sorted(right.items()):
        yield share("right", f"pii/{kind}/{CASES}", sum(verdicts), len(verdicts))


def credentials(scanner: Scanner, folder: Path = DATA) -> Iterator[Share]:
    """Recall and precision over the texts that hold a secret: of all, and by origin."""
    tallies: dict[str, Tally] = {SECRETS: Tally()}
    for line in lines(SECRETS, folder):
        found = bool(scanner.scan(line["text"]))
        for tally in (tallies[SECRETS], tallies.setdefault(f"{SECRETS}.{line['source']}", Tally())):
            if line["label"]:
                tally.hit += found
                tally.missed += not found
            else:
                tally.wrong += found
    for name, tally in tallies.items():
        floors = SECRETS_FLOORS if name == SECRETS else {}
        yield from tally.rows(f"secrets/all/{name}", floors.get)


def _touch(span: Span, start: int, end: int) -> bool:
    return span.start < end and start < span.end


@cache
def _scanners() -> tuple[Scanner, Scanner]:
    """One of personal data, one of secrets."""
    return Scanner.compile(pii.rules(pii.KINDS)), Scanner.compile(secrets.RULES)


def measure(
    rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str] = (), folder: Path = DATA
) -> list[Row]:
    """Every figure. Once is enough, since they do not vary. `only` names sources. Raises BenchError without data."""
    from scripts.benchmarks import attacks  # noqa: PLC0415  - it is made of this module's parts

    del rounds, seconds
    if not sources(folder):
        raise BenchError(f"no {RESEARCH}* in {folder}: quality is measured on data that lies beside the repository")
    personal_data, credential = _scanners()
    measures: dict[str, Callable[[], Iterator[Share]]] = {
        **{source: lambda source=source: personal(personal_data, source, folder) for source in sources(folder)},  # type: ignore[misc]
        CASES: lambda: cases(personal_data, folder),
        SECRETS: lambda: credentials(credential, folder),
    }
    found: list[Row] = []
    for source, rows in (measures | _more(folder)).items():
        if not only or source in only:
            say(source)
            found += rows()
    if attacks.SOURCE in only or not only:
        found += attacks.unseen(say) if folder == DATA else ()
    if HARMLESS in only or (not only and folder == DATA):
        found += _harmless(say, asked=HARMLESS in only)
    return found


def _harmless(say: Callable[[str], None], *, asked: bool) -> list[Row]:
    """The findings in harmless texts. Where there are none, that is said, or raised if `asked` for."""
    from scripts.benchmarks import harmless  # noqa: PLC0415  - it is made of this module's parts

    try:
        return list(harmless.harmless())
    except BenchError as error:
        if asked:
            raise
        say(str(error))
        return []


def _more(folder: Path) -> dict[str, Callable[[], Iterator[Share]]]:
    """The measures that judge whole requests, by the names of their sources; none where their data is missing."""
    from scripts.benchmarks import attacks, forms, subjects, unseen  # noqa: PLC0415  - they are made of this module's parts

    more: dict[str, tuple[str, Callable[[], Iterator[Share]]]] = {
        unseen.PERSONAL: (unseen.PERSONAL, lambda: unseen.personal(folder)),
        unseen.CREDENTIALS: (unseen.CREDENTIALS, lambda: unseen.credentials(folder)),
        subjects.SOURCE: (subjects.SOURCE, lambda: subjects.topics(folder)),
        attacks.SOURCE: (attacks.SOURCE, lambda: attacks.attacks(folder)),
        "forms": (unseen.PERSONAL, lambda: forms.forms(folder)),
    }
    return {name: each for name, (file, each) in more.items() if (folder / f"{file}{SUFFIX}").exists()}


def table(rows: Sequence[Row]) -> str:
    """The figures as Markdown, a line a subject; a figure below its floor stands in bold."""
    figures = list(dict.fromkeys(row.figure for row in rows))
    head = [f"| detector/kind/source | of | {' | '.join(figures)} | floor |", "|---|---|" + "---|" * (len(figures) + 1)]
    subjects: dict[str, dict[str, Row]] = {}
    for row in rows:
        subjects.setdefault(row.subject, {})[row.figure] = row
    return "\n".join([*head, *(_line(subject, figures, known) for subject, known in subjects.items())])


def _line(subject: str, figures: Sequence[str], known: dict[str, Row]) -> str:
    shown = [_value(known[figure]) if figure in known else "" for figure in figures]
    # Labelled spans where there are any: what was found beyond them shows in the precision.
    count = next((str(row.count) for row in known.values() if isinstance(row, Share)), "")
    limits = [("", row.least) for row in known.values()] + [("at most ", row.most) for row in known.values()]
    floors = dict.fromkeys(f"{word}{limit:g}" for word, limit in limits if limit is not None)
    return f"| {subject} | {count} | {' | '.join(shown)} | {', '.join(floors)} |"


def _value(row: Row) -> str:
    return f"**{row.median:.3f} missed**" if row.missed else f"{row.median:.3f}"
