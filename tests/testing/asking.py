"""Requests to a provider, as short as a test wants them."""

import json
from typing import Any

from extproc.testing.clients import ClientRequest, ClientResponse, ScriptStep
from extproc.testing.clients.http1 import http1
from extproc.testing.provider import HEADER

CHAT = "/v1/chat/completions"


def chat(text: str = "hello there", model: str = "gpt", **more: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


def ask(
    port: int, body: bytes | list[ScriptStep] | dict[str, Any], do: str = "", *, target: str = CHAT, **request: Any
) -> ClientResponse:
    """One POST on a connection of its own, with the orders in the header."""
    payload = json.dumps(body).encode() if isinstance(body, dict) else body
    headers = ((HEADER, do),) if do else ()
    return http1(port, ClientRequest(target=target, headers=headers, body=payload, **request), within=20)
