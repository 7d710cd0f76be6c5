"""The guardrail webhook of kgateway and agentgateway, as its client: pass, mask or reject."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from extproc.apis.roles import PassageRole
from extproc.detectors.contract import Detection, DetectorError, Statement
from extproc.detectors.guards.texts import Compared, changes, decoded, sendable
from extproc.detectors.service import Excerpt, GuardQuery
from extproc.protocol.messages import Side

MASKED: Final = "masked"
REJECTED: Final = "rejected"
KINDS: Final = (MASKED, REJECTED)
"""The kinds of findings: a place of a text that the guard has changed, and a body that it rejects."""

REQUEST, RESPONSE = "/request", "/response"

SPEAKERS: Final[Mapping[PassageRole, str]] = {"tool_result": "tool", "tool_definition": "tool"}
"""Roles that the contract calls otherwise; files and whatever no API explains are the user's there."""

_SPEAKER: Final = frozenset({"user", "system", "assistant"})


class WebhookMessage(Struct, frozen=True):
    """A text, and whose it is."""

    role: str
    content: str

    def __repr__(self) -> str:
        return f"WebhookMessage({self.role[:16]}, {len(self.content)} code points)"


class WebhookChoice(Struct, frozen=True):
    """A text of a response."""

    message: WebhookMessage


class WebhookTexts(Struct, frozen=True, omit_defaults=True):
    """The body of a question, and of a response that masks: messages of a request, or choices of a response."""

    messages: tuple[WebhookMessage, ...] | UnsetType = UNSET
    choices: tuple[WebhookChoice, ...] | UnsetType = UNSET


class WebhookEnvelope(Struct, frozen=True):
    """A question."""

    body: WebhookTexts


class WebhookAction(Struct, frozen=True):
    """The guard's verdict: without a body it passes, with texts it masks, with a status and a message it rejects."""

    body: WebhookTexts | str | None = None
    status_code: int | None = None


class WebhookVerdict(Struct, frozen=True):
    """A response of the guard."""

    action: WebhookAction


_encode: Final = msgspec.json.Encoder().encode


class WebhookDialect(Struct, frozen=True):
    """One question about all texts of a body, in their order."""

    def ask(self, side: Side, statements: Sequence[Statement]) -> Sequence[GuardQuery]:
        """See `GuardDialect.ask`."""
        said = [WebhookMessage(speaker(each.role), sendable(each.text)) for each in statements]
        if side is Side.REQUEST:
            path, texts = REQUEST, WebhookTexts(messages=tuple(said))
        else:
            path, texts = RESPONSE, WebhookTexts(choices=tuple(map(WebhookChoice, said)))
        return (GuardQuery(path, _encode(WebhookEnvelope(texts)), tuple(map(Excerpt, range(len(said))))),)

    def read(self, texts: Sequence[str], query: GuardQuery, body: bytes) -> Iterator[Detection]:
        """See `GuardDialect.read`."""
        action = decoded(body, WebhookVerdict).action
        match action:
            case WebhookAction(body=WebhookTexts() as masked):
                yield from _masked(texts, _contents(masked, query.path))
            case WebhookAction(body=str(), status_code=int()):
                yield Detection(REJECTED, 0, 0, 0, rejects=True)
            case WebhookAction(body=None, status_code=None):
                pass
            case _:
                raise DetectorError("the response neither passes, nor masks, nor rejects")


def speaker(role: PassageRole) -> str:
    """Return what the contract calls a role."""
    return role if role in _SPEAKER else SPEAKERS.get(role, "user")


def _contents(masked: WebhookTexts, path: str) -> list[str]:
    if path == REQUEST:
        found = masked.messages
    else:
        found = UNSET if masked.choices is UNSET else tuple(each.message for each in masked.choices)
    if found is UNSET:
        raise DetectorError("the response masks nothing of what was asked about")
    return [each.content for each in found]


def _masked(texts: Sequence[str], contents: Sequence[str]) -> Iterator[Detection]:
    if len(contents) != len(texts):
        raise DetectorError("the response masks another number of texts than it was asked about")
    compared = Compared()
    for number, (text, content) in enumerate(zip(texts, contents, strict=True)):
        sent = sendable(text)
        if content != sent:
            for start, end, instead in changes(sent, content, compared):
                yield Detection(MASKED, number, start, end, instead=instead)
