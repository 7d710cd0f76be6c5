"""Presidio's analyzer: entities with their places, which are code points as here."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from extproc.detectors.contract import Detection, DetectorError, Statement
from extproc.detectors.guards.texts import decoded, excerpts
from extproc.detectors.service import GuardQuery
from extproc.protocol.messages import Side

ENTITIES: Final = (
    "AU_ABN",
    "AU_ACN",
    "AU_MEDICARE",
    "AU_TFN",
    "CREDIT_CARD",
    "CRYPTO",
    "DATE_TIME",
    "EMAIL_ADDRESS",
    "ES_NIE",
    "ES_NIF",
    "FI_PERSONAL_IDENTITY_CODE",
    "IBAN_CODE",
    "IN_AADHAAR",
    "IN_PAN",
    "IN_PASSPORT",
    "IN_VEHICLE_REGISTRATION",
    "IN_VOTER",
    "IP_ADDRESS",
    "IT_DRIVER_LICENSE",
    "IT_FISCAL_CODE",
    "IT_IDENTITY_CARD",
    "IT_PASSPORT",
    "IT_VAT_CODE",
    "LOCATION",
    "MEDICAL_LICENSE",
    "NRP",
    "ORGANIZATION",
    "PERSON",
    "PHONE_NUMBER",
    "PL_PESEL",
    "SG_NRIC_FIN",
    "SG_UEN",
    "UK_NHS",
    "UK_NINO",
    "URL",
    "US_BANK_NUMBER",
    "US_DRIVER_LICENSE",
    "US_ITIN",
    "US_PASSPORT",
    "US_SSN",
)
"""The entities that the analyzer comes with; an operator may have added others."""

OTHER: Final = "other"


class PresidioInput(Struct, frozen=True, omit_defaults=True):
    """A question."""

    text: str
    language: str
    score_threshold: float
    entities: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"PresidioInput({len(self.text)} code points)"


class PresidioEntity(Struct, frozen=True):
    """A finding of the analyzer."""

    entity_type: str
    start: int
    end: int
    score: float


_encode: Final = msgspec.json.Encoder().encode


def presidio_kinds(entities: Sequence[str] | None) -> tuple[str, ...]:
    """Return the kinds of a policy's entities; None for all."""
    return (*(each.lower() for each in entities or ENTITIES), OTHER)


class PresidioDialect(Struct, frozen=True):
    """A question about each text."""

    language: str
    entities: tuple[str, ...] | None
    min_score: float

    def ask(self, side: Side, statements: Sequence[Statement]) -> Sequence[GuardQuery]:  # noqa: ARG002
        """See `GuardDialect.ask`."""
        return [
            GuardQuery("/analyze", _encode(PresidioInput(text, self.language, self.min_score, self.entities)), (about,))
            for about, text in excerpts(statements)
        ]

    def read(self, texts: Sequence[str], query: GuardQuery, body: bytes) -> Iterator[Detection]:  # noqa: ARG002
        """See `GuardDialect.read`."""
        (text,) = texts
        for each in decoded(body, tuple[PresidioEntity, ...]):
            if not 0 <= each.start < each.end <= len(text):
                raise DetectorError("the response has an entity outside of the text")
            if not 0 <= each.score <= 1:
                raise DetectorError("the response has a score that is none")
            if each.score >= self.min_score:
                yield Detection(self._kind(each.entity_type), 0, each.start, each.end, each.score)

    def _kind(self, entity: str) -> str:
        return entity.lower() if entity in (self.entities or ENTITIES) else OTHER
