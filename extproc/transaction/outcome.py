"""Outcomes: what a response shows about the backend that sent it."""

import re
from enum import Enum, auto
from typing import Final

from msgspec import Struct

from extproc.policy import Health
from extproc.protocol.enums import plain
from extproc.protocol.messages import Headers
from extproc.routing.health import FAILURE_STATUS, BackendHealth, HealthKey
from extproc.transaction.steering.missteering import Cause

# `response.code_details` tells a backend's own answer from Envoy's local replies, which pass through us, too.
FROM_UPSTREAM: Final = "via_upstream"
"""The details of a response that a backend sent."""

_RESET: Final = re.compile(r"upstream_reset_before_response_started\{(\w+)")
_NO_CONNECTION: Final = frozenset({"remote_connection_failure", "local_connection_failure", "connection_timeout"})
_NO_CLUSTER: Final = "cluster_not_found"
_NO_ROUTE: Final = frozenset({"route_not_found", "direct_response"})
_NO_HOST: Final = ("no_healthy_upstream", _NO_CLUSTER)
_NO_ANSWER: Final = ("response_timeout", "upstream_per_try_timeout", "stream_idle_timeout")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_STATUS: Final = {b"%d" % status: status for status in range(100, 600)}

LIMITED_LEAST: Final = 1.0
"""Seconds for which a 429 without `retry-after` keeps requests away: buckets of hosted APIs refill all the time."""

RETRY_AFTER: Final = {"retry-after-ms": 0.001, "retry-after": 1.0}
"""The header fields by which a response says how long to wait, the first that is there counts; and their seconds."""

_SECONDS: Final = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{1,6})?")

_QUOTA_STATUS: Final = frozenset({402, 403, 429})
_QUOTA: Final = (b"insufficient_quota", b"billing_hard_limit_reached", b"credit balance is too low")
"""The words of OpenAI and of Anthropic."""


class Observation(Struct, frozen=True):
    """A response as it bears on health: its status, Envoy's details, and the seconds that it was waited for."""

    status: int | None
    details: str
    now: float
    waited: float | None = None


@plain
class Outcome(Enum):
    """The state of the chosen backend, as a response shows it."""

    SERVED = auto()
    LIMITED = auto()  # it is up, and limits the rate of this key
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


def led_nowhere(details: str) -> Cause | None:
    """Return why Envoy's reply shows that the request was led to no backend; None if it does not.

    The details are those of a route that names no cluster that there is, of none that matches, or of one that answers
    by itself.
    """
    if details.startswith(_NO_CLUSTER):
        return "no_cluster"
    return "no_route" if details in _NO_ROUTE else None


def observe(health: BackendHealth, settings: Health, key: HealthKey, message: Headers, seen: Observation) -> None:
    """Write down what a response's headers say of the backend and the model that served it."""
    backend, model = key
    status, now = seen.status, seen.now
    match outcome_of(status, seen.details):
        case Outcome.SERVED:
            health.served(backend, model, now, settings)
            if settings.first_byte is not None and seen.waited is not None:
                if seen.waited > settings.first_byte:
                    health.failed(backend, model, now, settings, "slow")
                else:
                    health.punctual(backend, model)
        case Outcome.LIMITED:
            health.limited(backend, model, now, limited_for(message, settings))
        case Outcome.FAILED:
            health.failed(backend, model, now, settings)
        case Outcome.UNREACHABLE:
            health.unreachable(backend, now, settings)
        case Outcome.UNKNOWN:
            pass


def unconnected(details: str) -> bool:
    """True for the details of Envoy's reply where it got no connection, so that no filter of the backend ran."""
    return outcome_of(None, details) is Outcome.UNREACHABLE


def unheard(details: str) -> bool:
    """True for the details of Envoy's reply where it did not wait any longer for a backend that had the request."""
    return details.startswith(_NO_ANSWER)


def limited_for(message: Headers, settings: Health) -> float:
    """Seconds for which a 429 keeps requests away."""
    for name, unit in RETRY_AFTER.items():
        given = message.fields.get(name)
        if given is not None and _SECONDS.fullmatch(given):
            return min(max(float(given) * unit, LIMITED_LEAST), settings.retry_after_max)
    return LIMITED_LEAST


def exhausted(status: int | None, body: bytes) -> bool:
    """True for an error that says that a quota is used up: waiting does not help, somebody has to pay."""
    return status in _QUOTA_STATUS and any(word in body for word in _QUOTA)


def outcome_of(status: int | None, details: str) -> Outcome:
    """Return what a response of this status, with Envoy's details, says of whoever was to send it."""
    if status is not None and status < 400:
        return Outcome.SERVED  # whatever the details are: Envoy's own replies are errors
    if details == FROM_UPSTREAM:
        if status == 429:
            return Outcome.LIMITED
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
