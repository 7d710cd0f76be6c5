"""Checks of what Envoy must grant an exchange, by what it reports and by what arrives, and the refusal if it does not.

The order of an exchange's messages makes it possible to close before any text has passed: the body modes come with the
first message, and a response body that Envoy holds back by its own configuration cannot pass uninspected.
"""

from typing import Final, Literal, get_args

from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Headers
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.transaction.claim import Claim
from extproc.transaction.outcome import FROM_UPSTREAM, details_of
from extproc.transaction.plan import Plan
from extproc.transaction.steering.fingerprint import owner

What = Literal[
    "configuration",
    "error_body_mode",
    "forward_rules",
    "mode_override",
    "mutation_rules",
    "observability_mode",
    "request_attributes",
    "request_body_mode",
    "request_header_mode",
    "response_body_mode",
    "response_header_mode",
    "steering",
    "token_usage",
]
"""Which setting of Envoy is wrong. A closed list: it is a metric's label."""

WHATS: Final[tuple[str, ...]] = get_args(What)

OBSERVED: Final[What] = "observability_mode"

ALWAYS_SHOWN: Final = ":scheme"
"""A field of every request that generated filters do not forward: where it comes, no allow-list is in force."""

_UNSEEN: Final = (
    "the filter does not forward :method and :path: let forward_rules show both, as `extproc envoy` writes it"
)

_DETAILS: Final[dict[What, str]] = {
    "configuration": "Envoy was configured for another policy",
    "error_body_mode": "an error was withheld, as it might quote a backend's credential: set response_body_mode to"
    " BUFFERED or FULL_DUPLEX_STREAMED",
    "forward_rules": "the filter forwards some header fields only, and has no fingerprint that says which: put"
    " initial_metadata x-extproc-config into its grpc_service, as `extproc envoy` writes it",
    "mode_override": "Envoy did not take a mode_override (or the client left just then): set allow_mode_override: true",
    "mutation_rules": "Envoy left a client's credential in a request to a backend: let the filter's mutation_rules"
    " allow the processor to set and remove it, and set disallow_is_error there",
    "observability_mode": "the filter's observability_mode is on: Envoy ignores every response of the processor",
    "request_attributes": "the policy names routes: set request_attributes: [xds.route_name]",
    "request_body_mode": "a request cannot be held until it is read in request_body_mode BUFFERED_PARTIAL or GRPC: set"
    " BUFFERED or FULL_DUPLEX_STREAMED",
    "request_header_mode": "a message came before the request's headers: set request_header_mode: SEND",
    "response_body_mode": "the policy reads responses: set response_body_mode to BUFFERED, or to FULL_DUPLEX_STREAMED,"
    " which it must be where request_body_mode is FULL_DUPLEX_STREAMED or bodies do not wait for headers",
    "response_header_mode": "a response body came without its headers: set response_header_mode: SEND",
    "token_usage": "Envoy counted no tokens of a whole response: let the clusters of backends have the filter"
    " ai_protocol_manager, their routes its llm_protocol, and the processor's filter response_trailer_mode: SEND and"
    " forwarding_namespaces.typed: [envoy.ai.token_usage]; or the backend reports none",
    "steering": "Envoy did not follow the steering header, or has no cluster of the backend's name: check the route"
    " with cluster_header, route_cache_action, disable_clear_route_cache and mutation_rules",
}


class MisconfiguredError(ClientError):
    """Ends an exchange closed: Envoy lacks what the policy needs. `detail` is for the log, not for the client."""

    def __init__(self, what: What, detail: str = "") -> None:
        super().__init__(503, "misconfigured", "The gateway is not configured for its policy; its log says what is.")
        self.what = what
        self.detail = detail or _DETAILS[what]


def detail_of(what: What) -> str:
    """Return the sentence for the log that says what is wrong and how to fix it."""
    return _DETAILS[what]


def mistaken(plan: Plan, configuration: bytes) -> MisconfiguredError:
    """Return the error of an exchange whose Envoy has the fingerprint `configuration`, which is not the plan's."""
    ours, theirs = plan.fingerprint.decode(), configuration.decode()
    made_for = owner(plan.fingerprint, configuration)
    sentence = f"Envoy was configured for {made_for} (fingerprint {theirs}; the policy in force needs {ours})"
    command = "write its configuration again with `extproc envoy -c POLICY`, and start Envoy with it"
    return MisconfiguredError("configuration", f"{sentence}: {command}")


def check_shown(claim: Claim, message: Headers, *, known: bool) -> None:
    """Raise MisconfiguredError if the choice of a pipeline cannot be trusted: it may hang on what was not sent."""
    if claim.reads_fields and not known and ALWAYS_SHOWN not in message.fields:
        raise MisconfiguredError("forward_rules")
    if claim.reads_route and "xds.route_name" not in message.attributes:
        raise MisconfiguredError("request_attributes")


def check_line(method: bytes, path: bytes) -> None:
    """Raise MisconfiguredError where Envoy does not show what is asked for; only CONNECT has no path."""
    if not method or not (path or method == b"CONNECT"):
        raise MisconfiguredError("forward_rules", _UNSEEN)


def check_order(message: Headers) -> None:
    """Raise MisconfiguredError for a backend's response to a request that was never shown.

    Envoy's local replies come so, too: those of filters before the processor's.
    """
    if details_of(message) == FROM_UPSTREAM:
        raise MisconfiguredError("request_header_mode")


def hands_over(config: ProtocolConfig) -> bool:
    """True if a response's body reaches the processor without an override, which Envoy may ignore and not say so.

    From BUFFERED an override moves event streams to full duplex; Envoy has none for a filter with a full-duplex side,
    nor for one that does not wait for the headers' response.
    """
    if config.response_body is BodyMode.FULL_DUPLEX_STREAMED:
        return True
    overridable = config.request_body is not BodyMode.FULL_DUPLEX_STREAMED and not config.body_early
    return config.response_body is BodyMode.BUFFERED and overridable
