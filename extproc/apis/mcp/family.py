"""The family of MCP: its errors. It has no models."""

from collections.abc import Sequence
from typing import Final

from extproc.apis.families.family import ApiFamily
from extproc.apis.mcp.request import RpcCalls
from extproc.payload import sse
from extproc.protocol.errors import ClientError

_UNKNOWN: Final = RpcCalls(())
"""Stands for a body that was not read: its errors answer no request."""


def _error_event(error: ClientError, sequence: int) -> bytes:  # noqa: ARG001  these events have no numbers
    return sse.frame(_UNKNOWN.error(error), "message")


def _no_type(status: int) -> str:  # noqa: ARG001  errors of JSON-RPC have codes
    return "error"


def _no_models(names: Sequence[str], created: int) -> bytes:  # noqa: ARG001  there are none
    return b"{}"


def _no_model(name: str, created: int) -> bytes:  # noqa: ARG001  there is none
    return b"{}"


FAMILY: Final = ApiFamily(
    name="mcp",
    error_type=_no_type,
    error=_UNKNOWN.error,
    error_event=_error_event,
    model_list=_no_models,
    model_card=_no_model,
    missing_model="",
)
