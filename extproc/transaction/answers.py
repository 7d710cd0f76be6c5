"""Answers that say the same each time, made once, and the shape of a refusal."""

from typing import Final, Protocol

from extproc import apis
from extproc.protocol.effects import Effect, Metadata, Phase, Proceed, Reject
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import Field
from extproc.protocol.messages import Side
from extproc.transaction.contract import CONTRACT_VERSION, contract

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
_DECIDED: Final[dict[str, tuple[Field, ...]]] = {
    decision: (_JSON, *contract(decision)) for decision in ("allowed", "rejected", "blocked")
}
_METADATA: Final[dict[str, Metadata]] = {
    decision: {"extproc": {"version": CONTRACT_VERSION.decode(), "decision": decision}} for decision in _DECIDED
}


class Teller(Protocol):
    """An API, a family of them, or a JSON-RPC message: each has errors of its own."""

    def error(self, error: ClientError) -> bytes:
        """The body."""


def rejection(
    error: ClientError,
    teller: Teller | None,
    request_id: bytes,
    decision: str = "rejected",
    details: str = "",
    status: int | None = None,
) -> Reject:
    """`error` as the client's API has it (OpenAI's, where nothing shows the API). `details`: its code if empty.

    `status`: the error's own if None.
    """
    headers = _with_id(_DECIDED[decision], request_id)
    if error.retry_after is not None:
        headers = (*headers, ("retry-after", b"%d" % error.retry_after))
    if error.fields:
        headers = (*headers, *error.fields)
    return Reject(
        status=error.status if status is None else status,
        body=(teller or apis.current().default).error(error),
        headers=headers,
        details=f"extproc_{details or error.code}",
        metadata=_METADATA[decision],
    )


def answer(body: bytes, request_id: bytes) -> Reject:
    """A 200 of our own."""
    headers = _with_id(_DECIDED["allowed"], request_id)
    return Reject(status=200, body=body, headers=headers, details="extproc_answered", metadata=_METADATA["allowed"])


def _with_id(headers: tuple[Field, ...], request_id: bytes) -> tuple[Field, ...]:
    return (*headers, ("x-extproc-request-id", request_id)) if request_id else headers
