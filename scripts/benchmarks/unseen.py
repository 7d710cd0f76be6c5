"""The quality of the detectors on sources that nobody developed against, judged as a request is: through its body.

A labelled value is found if a finding of its kind touches it and nothing of it stays in the masked text. A finding
counts against the precision of its kind if no line labels a value of that kind in the same text: some texts stand in
several lines, once for each kind. Web addresses are labelled in lines of their own kind alone: only those count.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Final

from msgspec import Struct

from extproc.detectors import pii
from extproc.inspection.judge import Job
from extproc.inspection.stage import Stage
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Finding, Verdict
from extproc.policy import loads
from extproc.protocol.meter import Meter
from extproc.transaction import Plan
from scripts.benchmarks.quality import DATA, Share, Tally, lines

PERSONAL: Final = "pii_more"
CREDENTIALS: Final = "secrets_more"

RECALLS: Final = {
    **dict.fromkeys(("email", "credit_card", "iban", "ip_address", "us_ssn"), 0.97),
    **dict.fromkeys(("mac_address", "crypto_wallet", "url"), 0.95),
    "phone": 0.93,
    "date_of_birth": 0.90,
    "passport": 0.85,
}
"""Recall of a kind, from the issue that asked for it; other kinds: `USUAL_RECALL`."""
USUAL_RECALL: Final = 0.92
PHONES_EACH: Final = 0.85
"""Recall of phones in each source."""
PRECISION: Final = 0.97

SECRETS_FLOORS: Final = {"recall": 0.80, "precision": 0.95}
SECRETS_EACH: Final = 0.70
"""Recall in each source of secrets."""

PLACEHOLDERS: Final = "/not-secret"
"""The end of the names of sources whose texts hold placeholders and documented examples, whatever their label says."""
_PLACEHOLDER = re.compile(r"(?i)x{6}|([a-z0-9])\1{7}")
"""A placeholder for a secret: `x` six times, or any letter or digit eight times in a row. The issue asks for recall
without placeholders, and a random token of 32 letters and digits holds such a run once in 10^10 times. Texts with one
count in no figure, labelled or not."""

BARE: Final = "locales-bare"
"""A source of values without a word beside them."""
TOLD: Final = frozenset({"email", "credit_card", "iban", "ip_address", "mac_address", "url", "crypto_wallet"})
"""Kinds that their own shape tells; of the others, values without a word beside them are in no figure of recall:
digits alone identify nobody."""

_WORD = re.compile(r"[a-z]+")
_ANYTHING: Final = frozenset({"this", "value", "number", "legacy", "here", "my", "is", "the", "a", "appears"})
"""Words that tell nothing of a kind."""

UNLABELLED: Final = frozenset({"url", "postal_address"})
"""Kinds whose values stand unlabelled in lines of other kinds: a ZIP code beside its word, for one."""

_POLICY: Final = """
    version: 1
    backends: [{{name: local, url: "http://127.0.0.1:9001/v1", api: openai}}]
    models: [{{name: chat, targets: [{{backend: local}}]}}]
    pipelines:
      - name: unseen
        request: [{{use: pii, kinds: [{kinds}], action: mask}}, {{use: secrets, action: mask}}]
    """


class Judged(Struct, frozen=True):
    """The result for a text: the findings in it, and its masked form."""

    findings: tuple[Finding, ...]
    masked: str

    def secret(self) -> bool:
        """True if a secret was found."""
        return any(each.processor == "secrets" for each in self.findings)

    def covers(self, kind: str, value: str) -> bool:
        """True if a value of this kind was found and nothing of it is left."""
        return value not in self.masked and any(each.kind == kind for each in self.findings)


@cache
def _stage(kinds: tuple[str, ...]) -> Stage:
    text = dedent(_POLICY).format(kinds=", ".join(kinds))
    (pipeline,) = Plan.compile(loads(text, "unseen.yaml"), {}).pipelines
    assert pipeline.request is not None
    return pipeline.request


def judge(text: str, kinds: tuple[str, ...] = pii.KINDS) -> Judged:
    """Has a user's message judged by all kinds, or some, and all secrets."""
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": text}]}).encode()
    job = Job("unseen", _stage(kinds), body, "application/json", {}, Vault(), blocks_unread=False, listed=1024)
    verdict = job.run(Meter())
    assert isinstance(verdict, Verdict), "rules alone never wait"
    return Judged(verdict.findings, json.loads(verdict.body)["messages"][0]["content"])


def personal(folder: Path = DATA) -> Iterator[Share]:
    """Recall and precision by kind, and recall by source."""
    kinds: dict[str, Tally] = {}
    sources: dict[tuple[str, str], Tally] = {}
    labelled = {(line["text"], line["kind"]) for line in lines(PERSONAL, folder) if line["values"]}
    for line in lines(PERSONAL, folder):
        kind, source = line["kind"], line["source"]
        tally = kinds.setdefault(kind, Tally())
        judged = judge(line["text"])
        if kind in TOLD or not (source == BARE or _unsaid(line["text"], line["values"])):
            found = sum(judged.covers(kind, value) for value in line["values"])
            for each in (tally, sources.setdefault((kind, source), Tally())):
                each.hit += found
                each.missed += len(line["values"]) - found
        for found_kind in {each.kind for each in judged.findings if each.processor == "pii"}:
            if (line["text"], found_kind) not in labelled and (found_kind not in UNLABELLED or found_kind == kind):
                kinds.setdefault(found_kind, Tally()).wrong += 1
    for kind, tally in sorted(kinds.items()):
        floors = {"recall": RECALLS.get(kind, USUAL_RECALL), "precision": PRECISION}
        yield from tally.rows(f"pii/{kind}/{PERSONAL}", floors.get)
    for (kind, source), tally in sorted(sources.items()):
        floor = PHONES_EACH if kind == "phone" else None
        yield from tally.rows(f"pii/{kind}/{source}", {"recall": floor}.get)


def _unsaid(text: str, values: list[str]) -> bool:
    """True if nothing says what these values are: digits in one run, beside words that tell nothing."""
    beside = text
    for value in values:
        beside = beside.replace(value, " ")
    words = _WORD.findall(beside.lower())
    return bool(words) and all(map(str.isdigit, values)) and _ANYTHING.issuperset(words)


def credentials(folder: Path = DATA) -> Iterator[Share]:
    """Recall and precision over texts that hold a secret: of all, and by source. Placeholders count in no figure."""
    every, sources = Tally(), dict[str, Tally]()
    for line in lines(CREDENTIALS, folder):
        if line["source"].endswith(PLACEHOLDERS) or _PLACEHOLDER.search(line["text"]):
            continue
        found = judge(line["text"]).secret()
        for tally in (every, sources.setdefault(line["source"], Tally())):
            if line["label"]:
                tally.hit += found
                tally.missed += not found
            else:
                tally.wrong += found
    yield from every.rows(f"secrets/all/{CREDENTIALS}", SECRETS_FLOORS.get)
    for source, tally in sorted(sources.items()):
        yield from tally.rows(f"secrets/all/{source}", {"recall": SECRETS_EACH}.get)
