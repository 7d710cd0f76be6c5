"""Google's Model Armor: a template's filters, each of which has matched or not, and may have de-identified a text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct, field

from extproc.detectors.contract import Detection, DetectorError, Statement
from extproc.detectors.guards.texts import changes, decoded, excerpts, sendable
from extproc.detectors.service import GuardQuery
from extproc.protocol.messages import Side

FILTERS: Final[Mapping[str, str]] = {
    "rai": "harm",
    "pi_and_jailbreak": "jailbreak",
    "malicious_uris": "malicious_url",
    "csam": "csam",
    "sdp": "sensitive",
}
"""The kinds of findings by the service's names of its filters."""

KINDS: Final = (*FILTERS.values(), "masked", "other")
"""`masked`: a place that was de-identified; `other`: a filter that is not known here."""

_CONFIDENCE: Final = {"LOW_AND_ABOVE": 0.33, "MEDIUM_AND_ABOVE": 0.67, "HIGH": 1.0}


class ArmorText(Struct, frozen=True):
    """A text that was de-identified."""

    text: str

    def __repr__(self) -> str:
        return f"ArmorText({len(self.text)} code points)"


class ArmorFilter(Struct, frozen=True, rename="camel"):
    """The result of one filter, whichever it is."""

    execution_state: str
    match_state: Literal["MATCH_FOUND", "NO_MATCH_FOUND"] | None = None
    confidence_level: str = "HIGH"
    data: ArmorText | None = None


class ArmorSensitive(Struct, frozen=True, rename="camel"):
    """The result of the filter for sensitive data: it inspects, or de-identifies."""

    inspect_result: ArmorFilter | None = None
    deidentify_result: ArmorFilter | None = None


class ArmorFilters(Struct, frozen=True, rename="camel"):
    """The result under the name of a filter: one of these."""

    rai_filter_result: ArmorFilter | None = None
    pi_and_jailbreak_filter_result: ArmorFilter | None = None
    malicious_uri_filter_result: ArmorFilter | None = None
    csam_filter_filter_result: ArmorFilter | None = None
    sdp_filter_result: ArmorSensitive | None = None

    @property
    def result(self) -> ArmorFilter | None:
        """The one that is there."""
        sensitive = self.sdp_filter_result
        return (
            self.rai_filter_result
            or self.pi_and_jailbreak_filter_result
            or self.malicious_uri_filter_result
            or self.csam_filter_filter_result
            or (None if sensitive is None else sensitive.deidentify_result or sensitive.inspect_result)
        )


class ArmorResult(Struct, frozen=True, rename="camel"):
    """The results of all filters. `invocation_result`: whether all of them did their work."""

    filter_match_state: Literal["MATCH_FOUND", "NO_MATCH_FOUND"]
    invocation_result: Literal["SUCCESS"]
    filter_results: dict[str, ArmorFilters] = {}


class ArmorReply(Struct, frozen=True):
    """A response."""

    result: ArmorResult = field(name="sanitizationResult")


class ArmorDialect(Struct, frozen=True):
    """A question about each text."""

    template: str

    def ask(self, side: Side, statements: Sequence[Statement]) -> Sequence[GuardQuery]:
        """See `GuardDialect.ask`."""
        method, data = (
            ("sanitizeUserPrompt", "userPromptData")
            if side is Side.REQUEST
            else ("sanitizeModelResponse", "modelResponseData")
        )
        path = f"/v1/{self.template}:{method}"
        return [
            GuardQuery(path, msgspec.json.encode({data: {"text": text}}), (about,))
            for about, text in excerpts(statements)
        ]

    def read(self, texts: Sequence[str], query: GuardQuery, body: bytes) -> Iterator[Detection]:  # noqa: ARG002
        """See `GuardDialect.read`."""
        reply = decoded(body, ArmorReply).result
        found = [each for name, filters in reply.filter_results.items() for each in _found(name, filters, texts[0])]
        yield from found
        if reply.filter_match_state == "MATCH_FOUND" and not found:
            yield Detection("other", 0, rejects=True)


def _found(name: str, filters: ArmorFilters, text: str) -> Iterator[Detection]:
    """The findings of one filter. One that was skipped, or could not be asked, is none that has passed the text."""
    result = filters.result
    if result is None or result.execution_state != "EXECUTION_SUCCESS" or result.match_state is None:
        raise DetectorError("a filter has not judged the text")
    if result.match_state == "NO_MATCH_FOUND":
        return
    if result.data is None:
        score = _CONFIDENCE.get(result.confidence_level, 1.0)
        yield Detection(FILTERS.get(name, "other"), 0, score=score, rejects=True)
        return
    for start, end, instead in changes(sendable(text), result.data.text):
        yield Detection("masked", 0, start, end, instead=instead)
