"""Outcomes: what a response shows about the backend that sent it."""

import re
from enum import Enum, auto
from typing import Final

from extproc.policy import Health
from extproc.protocol.enums import plain
from extproc.protocol.messages import Headers
from extproc.routing.health import FAILURE_STATUS, BackendHealth

# `response.code_details` tells a backend's own answer from Envoy's local replies, which pass through us, too.
FROM_UPSTREAM: Final = "via_upstream"
"""The details of a response that a backend sent."""

_RESET: Final = re.compile(r"upstream_reset_before_response_started\{(\w+)")
_NO_CONNECTION: Final = frozenset({"remote_connection_failure", "local_connection_failure", "connection_timeout"})
_NO_CLUSTER: Final = "cluster_not_found"
_NO_HOST: Final = ("no_healthy_upstream", _NO_CLUSTER)
_NO_ANSWER: Final = ("response_timeout", "upstream_per_try_timeout", "stream_idle_timeout")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_STATUS: Final = {b"%d" % status: status for status in range(100, 600)}


@plain
class Outcome(Enum):
    """The state of the chosen backend, as a response shows it."""

    SERVED = auto()
    FAILED = auto()
    UNREACHABLE = auto()  # nobody answers there at all
    UNKNOWN = auto()  # Envoy answered for reasons of its own


def status_of(message: Headers) -> int | None:
    """The answer's status."""
    return _STATUS.get(message.fields.get(":status") or b"")


def length_of(message: Headers) -> int | None:
    """Return how many bytes the body has, where the headers say so."""
    given = message.fields.get("content-length")
    return int(given) if given is not None and _LENGTH.fullmatch(given) else None


def details_of(message: Headers) -> str:
    """Envoy's `response.code_details`: FROM_UPSTREAM where a backend sent the response, or where Envoy does not say.

    Envoy's own replies hold nothing of anybody's.
    """
    return message.attributes.get("response.code_details", FROM_UPSTREAM)


def led_nowhere(details: str) -> bool:
    """True for the details of Envoy's reply where a route names no cluster that there is."""
    return details.startswith(_NO_CLUSTER)


def observe(
    health: BackendHealth, settings: Health, backend: str, status: int | None, details: str, now: float
) -> None:
    """Writes down what a response of this status, with these details, says of the backend that was chosen."""
    match _outcome(status, details):
        case Outcome.SERVED:
            health.served(backend)
        case Outcome.FAILED:
            health.failed(backend, now=now, failures=settings.failures, cooldown=settings.cooldown)
        case Outcome.UNREACHABLE:
            health.unreachable(backend, now=now, cooldown=settings.cooldown)
        case Outcome.UNKNOWN:
            pass


def _outcome(status: int | None, details: str) -> Outcome:
    if status is not None and status < 400:
        return Outcome.SERVED  # whatever the details are: Envoy's own replies are errors
    if details == FROM_UPSTREAM:
        return Outcome.FAILED if status in FAILURE_STATUS else Outcome.SERVED
    if details.startswith(_NO_HOST):
        return Outcome.UNREACHABLE
    reset = _RESET.match(details)
    if reset is not None:
        # `overflow` is Envoy's own circuit breaker: no word about the backend.
        return Outcome.UNREACHABLE if reset[1] in _NO_CONNECTION else _reset(reset[1])
    return Outcome.FAILED if details.startswith(_NO_ANSWER) else Outcome.UNKNOWN


def _reset(reason: str) -> Outcome:
    return Outcome.UNKNOWN if reason == "overflow" else Outcome.FAILED
