"""What may be wrong with a guard: services that fail, each in its own way."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final, TypeAlias

import pytest
import trustme

from tests.guards.standin import PASS, Reply, standin

Faults: TypeAlias = dict[str, tuple[str, str]]

FAULTS: Final = ["slow", "refusing", "redirecting", "nonsense", "huge", "page", "gone", "down", "untrusted"]


@pytest.fixture(scope="session")
def faults() -> Iterator[Faults]:
    """What is wrong with a guard -> its processor's fields, and the reason that is told."""
    with ExitStack() as stack:
        replies = {
            "slow": (Reply(PASS.body, delay=0.4), "timeout"),
            "refusing": (Reply(status=503), "status"),
            "redirecting": (Reply(status=307, fields={"location": "http://127.0.0.1:1/"}), "status"),
            "nonsense": (Reply(b"}"), "malformed"),
            "huge": (Reply(PASS.body + b" " * 70_000), "too_large"),
            "page": (Reply(b"<html>", kind="text/html"), "content_type"),
            "gone": (Reply(hangs_up=True), "unreachable"),
        }
        found: Faults = {}
        for name, (reply, reason) in replies.items():
            service = stack.enter_context(standin())
            service.answers = lambda _, reply=reply: reply  # type: ignore[misc]
            timeout = "200ms" if reason == "timeout" else "5s"
            found[name] = (f"url: '{service.url}', timeout: {timeout}, max_reply: 64KiB", reason)
        with standin() as down:
            pass
        found["down"] = (f"url: '{down.url}', timeout: 5s", "unreachable")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("localhost").configure_cert(context)
        found["untrusted"] = (f"url: '{stack.enter_context(standin(context)).url}', timeout: 5s", "tls")
        yield found
