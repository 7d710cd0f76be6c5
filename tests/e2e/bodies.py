"""Bodies that tests send."""

import json
from typing import Any


def chat(size: int = 0, model: str = "chat", *, stream: bool = False) -> bytes:
    """A chat body of exactly `size` bytes, or as short as it can be, with all that a parser likes to change."""
    head = b'{"model":"%b","stream" : %b,"messages":[{"role":"user","content":"caf\\u00e9 ' % (
        model.encode(),
        json.dumps(stream).encode(),
    )
    tail = b'"}],\t"seed":12345678901234567890123,"n":1,"a":1.50, "logit_bias":{}}\n'
    return head + b"x" * max(0, size - len(head) - len(tail)) + tail


def said(text: str, model: str = "chat", **more: Any) -> bytes:
    """A chat body with this text."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


def pieces(body: bytes, count: int) -> list[bytes]:
    """The body in so many pieces of about the same size, none of them empty."""
    size = -(-len(body) // count)
    return [body[at : at + size] for at in range(0, len(body), size)]
