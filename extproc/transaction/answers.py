"""Answers that say the same each time, made once, and the shape of a refusal."""

from typing import Final

from extproc.llm import Dialect
from extproc.llm.openai import CHAT
from extproc.protocol.effects import Effect, Metadata, Phase, Proceed, Reject
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import Field
from extproc.protocol.messages import Side
from extproc.transaction.plan import CONTRACT_VERSION, contract

Effects = tuple[Effect, ...]

NOTHING: Final[Effects] = ()
PASS: Final[dict[tuple[Side, Phase], Effects]] = {
    (side, phase): (Proceed(side, phase, lasting=True),) for side in Side for phase in Phase
}
"""Go on, unchanged. The very same objects each time: the wire edge knows their bytes by identity."""

PASS_REQUEST_HEADERS: Final = PASS[Side.REQUEST, Phase.HEADERS]
PASS_REQUEST_BODY: Final = PASS[Side.REQUEST, Phase.BODY]
PASS_REQUEST_TRAILERS: Final = PASS[Side.REQUEST, Phase.TRAILERS]
PASS_RESPONSE_HEADERS: Final = PASS[Side.RESPONSE, Phase.HEADERS]
PASS_RESPONSE_BODY: Final = PASS[Side.RESPONSE, Phase.BODY]
PASS_RESPONSE_TRAILERS: Final = PASS[Side.RESPONSE, Phase.TRAILERS]

_JSON: Final[Field] = ("content-type", b"application/json")
_REJECTED: Final[tuple[Field, ...]] = (_JSON, *contract("rejected"))
_METADATA: Final[Metadata] = {"extproc": {"version": CONTRACT_VERSION.decode(), "decision": "rejected"}}
_ANSWERED: Final[Metadata] = {"extproc": {"version": CONTRACT_VERSION.decode(), "decision": "allowed"}}


def rejection(error: ClientError, dialect: Dialect | None, request_id: bytes) -> Reject:
    """`error` in the client's dialect (OpenAI's, where the path tells of none)."""
    return Reject(
        status=error.status,
        body=(dialect or CHAT).error(error),
        headers=_with_id(_REJECTED, request_id),
        details=f"extproc_{error.code}",
        metadata=_METADATA,
    )


def answer(body: bytes, request_id: bytes) -> Reject:
    """A 200 of our own."""
    headers = _with_id((_JSON, *contract("allowed")), request_id)
    return Reject(status=200, body=body, headers=headers, details="extproc_answered", metadata=_ANSWERED)


def _with_id(headers: tuple[Field, ...], request_id: bytes) -> tuple[Field, ...]:
    return (*headers, ("x-extproc-request-id", request_id)) if request_id else headers
