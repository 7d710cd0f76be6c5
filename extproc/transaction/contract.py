"""The headers of the contract, which say in a response what became of its request."""

from typing import Final

from extproc.policy.names import CONTROL_PREFIX
from extproc.protocol.headers import Field, HeaderMap

CONTRACT_VERSION: Final = b"1"
"""`x-extproc-version`: the version of the response header contract, not of the package."""

REQUEST_ID: Final = "x-extproc-request-id"


def contract(decision: str) -> tuple[Field, ...]:
    """The response headers that every exchange we had a say in carries."""
    return (("x-extproc-version", CONTRACT_VERSION), ("x-extproc-decision", decision.encode()))


def answered_by(decision: str, model: str, backend: str) -> tuple[Field, ...]:
    """The response headers of an exchange that was steered."""
    return (*contract(decision), ("x-extproc-model", model.encode()), ("x-extproc-backend", backend.encode()))


def told_already(ours: tuple[Field, ...], request_id: bytes, fields: HeaderMap) -> bool:
    """True if the contract's headers are there, and no other of our names: an Envoy of ours sets them by itself."""
    for name, value in ours:
        if fields.get(name) != value:
            return False
    if (fields.get(REQUEST_ID) or b"") != request_id:
        return False
    named = sum(name.startswith(CONTROL_PREFIX) for name, _ in fields)
    return named == len(ours) + bool(request_id)
