"""Outcomes: what a response shows about the backend that sent it."""

import re
from enum import Enum, auto
from typing import Final

from extproc.policy import Health
from extproc.protocol.enums import plain
from extproc.protocol.messages import Headers
from extproc.routing.health import FAILURE_STATUS, BackendHealth

# `response.code_details` tells a backend's own answer from Envoy's local replies, which pass through us, too.
_FROM_UPSTREAM: Final = "via_upstream"
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


def from_upstream(message: Headers) -> bool:
    """True if a backend said it: Envoy's own replies hold nothing of anybody's."""
    return message.attributes.get("response.code_details", _FROM_UPSTREAM) == _FROM_UPSTREAM


def led_nowhere(message: Headers) -> bool:
    """True for Envoy's reply where a route names no cluster that there is."""
    details = message.attributes.get("response.code_details", _FROM_UPSTREAM)
    return details.startswith(_NO_CLUSTER)


def observe(health: BackendHealth, settings: Health, backend: str, message: Headers, now: float) -> None:
    """Writes down what the answer says of the backend that was chosen."""
    match _outcome(message, status_of(message)):
        case Outcome.SERVED:
            health.served(backend)
        case Outcome.FAILED:
            health.failed(backend, now=now, failures=settings.failures, cooldown=settings.cooldown)
        case Outcome.UNREACHABLE:
            health.unreachable(backend, now=now, cooldown=settings.cooldown)
        case Outcome.UNKNOWN:
            pass


def _outcome(message: Headers, status: int | None) -> Outcome:
    if status is not None and status < 400:
        return Outcome.SERVED  # without a look at the attributes: Envoy's own replies are errors
    details = message.attributes.get("response.code_details", _FROM_UPSTREAM)
    if details == _FROM_UPSTREAM:
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
