"""The response side: what the answer says of its backend, and the headers that tell the client what was decided."""

import re
from enum import Enum, auto
from typing import Final

from extproc.protocol.effects import Chunk, HeaderMutation, Phase, Proceed
from extproc.protocol.enums import plain
from extproc.protocol.messages import Body, Headers, Side
from extproc.protocol.modes import BodyMode, ModeOverride, ProtocolConfig
from extproc.protocol.states import Event, State, advance
from extproc.routing.health import FAILURE_STATUS
from extproc.transaction.answers import (
    NOTHING,
    PASS_RESPONSE_BODY,
    PASS_RESPONSE_HEADERS,
    PASS_RESPONSE_TRAILERS,
    Effects,
)
from extproc.transaction.facts import Facts
from extproc.transaction.lanes import Lane
from extproc.transaction.plan import Plan
from extproc.transaction.shared import Shared

# `response.code_details` tells a backend's own answer from Envoy's local replies, which pass through us, too.
_FROM_UPSTREAM: Final = "via_upstream"
_RESET: Final = re.compile(r"upstream_reset_before_response_started\{(\w+)")
_NO_CONNECTION: Final = frozenset({"remote_connection_failure", "local_connection_failure", "connection_timeout"})
_NO_HOST: Final = ("no_healthy_upstream", "cluster_not_found")
_NO_ANSWER: Final = ("response_timeout", "upstream_per_try_timeout", "stream_idle_timeout")
# Modes that a `mode_override` in the headers answer may end; Envoy ignores one where full duplex is configured.
_CAN_STOP: Final = (BodyMode.STREAMED, BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL)


_STOP: Final = tuple(ModeOverride(mode, BodyMode.NONE) for mode in BodyMode)
"""The override that ends the response's body, by the request's mode, which has to be said again."""
_STATUS: Final = {b"%d" % status: status for status in range(100, 600)}


@plain
class Outcome(Enum):
    """What an answer says of the backend that was chosen."""

    SERVED = auto()
    FAILED = auto()
    UNREACHABLE = auto()  # nobody answers there at all
    UNKNOWN = auto()  # Envoy answered for reasons of its own


class ResponseSide:
    """Passes the answer on. Nobody reads its body, so none is asked for."""

    __slots__ = ("_early", "_facts", "_plan", "_request_mode", "_shared", "lane", "mode", "state")

    def __init__(self, plan: Plan, shared: Shared, facts: Facts) -> None:
        self._plan = plan
        self._shared = shared
        self._facts = facts
        self._early = False
        self._request_mode = BodyMode.NONE
        self.lane = Lane.READ
        self.mode = BodyMode.NONE
        self.state = State.IDLE

    def configure(self, config: ProtocolConfig) -> None:
        """Takes the modes that the first message of the exchange tells of."""
        self.mode = config.response_body
        self._request_mode = config.request_body
        self._early = config.body_early

    def headers(self, message: Headers, now: float) -> Effects:
        """Learns about the backend and sets the contract's headers."""
        self.state = advance(self.mode, self.state, Event.HEADERS_END if message.end else Event.HEADERS, Side.RESPONSE)
        self._observe(message, now)
        if not message.end:
            self.lane = Lane.ECHO if self.mode is BodyMode.FULL_DUPLEX_STREAMED else Lane.PASS
        headers = self._contract(message)
        modes = None if message.end else self._without_body()
        if headers is None and modes is None:
            return PASS_RESPONSE_HEADERS
        return (Proceed(Side.RESPONSE, Phase.HEADERS, headers, modes=modes),)

    def body(self, message: Body) -> Effects:
        """Passes a piece on. One may come although none was wanted: an override is not always allowed."""
        data, before = message.data, self.state
        event = (Event.BODY_END if data else Event.EMPTY_END) if message.end else Event.BODY
        self.state = advance(self.mode, before, event, Side.RESPONSE)
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            return PASS_RESPONSE_BODY
        if before is State.DONE or not (data or message.end):
            return NOTHING
        return (Chunk(Side.RESPONSE, data, message.end),)

    def trailers(self) -> Effects:
        """Passes them on."""
        self.state = advance(self.mode, self.state, Event.TRAILERS, Side.RESPONSE)
        return PASS_RESPONSE_TRAILERS

    def _observe(self, message: Headers, now: float) -> None:
        status = self._facts.status = _STATUS.get(message.fields.get(":status") or b"")
        choice = self._facts.choice
        if choice is None:
            return
        backend, settings, health = choice.candidate.destination.name, self._plan.health, self._shared.health
        match _outcome(message, status):
            case Outcome.SERVED:
                health.served(backend)
            case Outcome.FAILED:
                health.failed(backend, now=now, failures=settings.failures, cooldown=settings.cooldown)
            case Outcome.UNREACHABLE:
                health.unreachable(backend, now=now, cooldown=settings.cooldown)
            case Outcome.UNKNOWN:
                pass

    def _contract(self, message: Headers) -> HeaderMutation | None:
        steering = self._facts.steering
        if steering is None:
            return None
        ours, request_id = steering.response, self._facts.request_id
        spoofed = self._plan.control_headers(message.fields)
        if spoofed:
            # What an upstream says in our name is not passed on.
            names = {"x-extproc-request-id", *(name for name, _ in ours)}
            spoofed = tuple(name for name in spoofed if name not in names)
        return HeaderMutation(ours, spoofed, (("x-extproc-request-id", request_id),) if request_id else ())

    def _without_body(self) -> ModeOverride | None:
        if self.mode not in _CAN_STOP or self._early or self._request_mode is BodyMode.FULL_DUPLEX_STREAMED:
            return None
        return _STOP[self._request_mode]


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
