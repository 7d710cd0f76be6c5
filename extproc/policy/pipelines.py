"""Pipelines: which exchanges are looked at, by which processors, and what they get that cannot be looked at."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from extproc.policy.base import Value, Written, refusal
from extproc.policy.names import MatchedHeader, MediaType, PipelineName
from extproc.policy.processors import Processor
from extproc.policy.tenants import TenantName
from extproc.policy.units import GIB, MIB, Count, Seconds, Size

PROCESSORS_MAX: Final = 64
"""Processors of one side; four times what the AI gateway draft asks for."""
PIPELINES_MAX: Final = 256
"""Pipelines of a policy: they are tried one after the other for each request."""
PREFIX_MAX: Final = 1024
HEADERS_MAX: Final = 32
HEADER_VALUE_MAX: Final = 1024
ROUTE_NAME_MAX: Final = 256
TYPES_MAX: Final = 32
MESSAGE_MAX: Final = 1000
"""Characters of the message of a block, which clients show to people."""


def _prefix(path: str) -> str:
    if not path.startswith("/"):
        raise refusal("a path begins with a slash", f"write /{path[:64]}")
    if len(path) > PREFIX_MAX or not path.isprintable() or not path.isascii() or " " in path:
        raise refusal(f"this is not a path of at most {PREFIX_MAX} characters", "percent-encode it, such as /v1/a%20b")
    if "?" in path or "#" in path:
        raise refusal("the path that is compared has no query", "delete what follows the path")
    return path


def _value(value: str) -> str:
    if len(value) > HEADER_VALUE_MAX or not value.isprintable() or value != value.strip():
        raise refusal(
            f"a header's value has at most {HEADER_VALUE_MAX} printable characters and no space at its ends",
            "write the value exactly as it is sent",
        )
    return value


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    if len(headers) > HEADERS_MAX:
        raise refusal(f"at most {HEADERS_MAX} headers may stand here", "write fewer")
    return headers


def _route(name: str) -> str:
    if not 1 <= len(name) <= ROUTE_NAME_MAX or not name.isprintable():
        raise refusal(
            f"a route's name has 1 to {ROUTE_NAME_MAX} printable characters", "copy it from Envoy's configuration"
        )
    return name


def _message(text: str) -> str:
    if not 1 <= len(text) <= MESSAGE_MAX or not text.isprintable():
        raise refusal(f"a message has 1 to {MESSAGE_MAX} printable characters", "write one line")
    return text


class Match(Value):
    """Which requests a pipeline is for. All of what is written here must hold; nothing written holds for all."""

    path: Annotated[str, AfterValidator(_prefix), Written("path prefix", "/v1/")] = "/"
    """The beginning of the path, in any spelling, below `/v1` or below a backend's own prefix."""
    headers: Annotated[
        Mapping[MatchedHeader, Annotated[str, AfterValidator(_value)]],
        AfterValidator(_headers),
        Written("header names and values", "{x-team: payments}"),
    ] = {}
    """Request headers with exactly these values; names in lower case."""
    route_name: Annotated[str, AfterValidator(_route), Written("name of a route", "llm")] | None = None
    """The name of Envoy's route."""
    tenant: TenantName | None = None
    """The name of the [tenant](#tenants)."""


class Block(Value):
    """The error that a client gets, in its dialect, if its request or the response is blocked."""

    status: Annotated[Count, Field(ge=400, le=599), Written("whole number", "451")] = 403
    """The HTTP status; a stream that is under way ends with an error event instead."""
    message: Annotated[str, AfterValidator(_message), Written("text", "Ask security@example.com.")] = (
        "The content was blocked by policy."
    )
    """The error's message."""


class Pipeline(Value):
    """Processors for the requests that match, and for their responses. Without processors they pass untouched."""

    name: PipelineName
    """Name of the pipeline, for records and metrics."""
    match: Match = Match()
    """Which requests it is for; all if absent. The first pipeline that matches is taken."""
    request: Annotated[tuple[Processor, ...], Field(max_length=PROCESSORS_MAX)] = ()
    """Processors that inspect the request, in this order. Guards and scored detectors are asked side by side, and the
    first
    block ends the wait; `{parallel: [...]}` in the list is a group of processors that may only read."""
    response: Annotated[tuple[Processor, ...], Field(max_length=PROCESSORS_MAX)] = ()
    """Processors that inspect the response, in this order."""
    forward: Literal["wait", "eager"] = "wait"
    """`wait`: a request goes on once all processors have judged it. `eager`: it goes on once its rules have, and
    guards and scored detectors, which may then neither mask nor have a stand-in, judge it meanwhile; the response is
    held until they have. A block then comes after the backend was asked, and the record says so (`forwarded`). Only
    under an Envoy that is configured for this policy; under any other, and for a body over 16 KiB of which something
    is masked, it is `wait`."""
    body_limit: Annotated[Size, Field(ge=1, le=GIB)] = 2 * MIB
    """Largest body that is looked at, decompressed. The default holds any text that a model can read."""
    on_oversize: Literal["block", "allow"] | None = None
    """A larger body: `block` refuses it, `allow` lets it pass without being looked at and lists it in the record. If
    absent, `block` where a processor enforces a mask or a block."""
    on_uninspected: Literal["block", "allow"] | None = None
    """A body or a part of it that cannot be read, such as an image or an unknown content type: `block` refuses it,
    `allow` lets it pass and lists it in the record. If absent, `block` where a processor enforces a mask or a block."""
    content_types: Annotated[tuple[MediaType, ...], Field(max_length=TYPES_MAX)] = ()
    """Further content types of answers that are read whole and looked at as text. JSON and event streams always are."""
    keepalive: Annotated[Seconds, Field(ge=1, le=300), Written("duration", "15s")] | None = None
    """Time after which the client of a stream gets a sign of life if nothing else went out: a guard judges, or the
    model thinks. A comment, or `event: ping` of Anthropic's; none in streams of APIs whose libraries stumble over one.
    For responses that a processor may change or stop, and that are judged as they come. If the backend says nothing for
    10 minutes, the stream ends in an error event. None if absent."""
    block: Block = Block()
    """The error that a client gets if its request or the response is blocked."""

    @property
    def blocks_uninspected(self) -> bool:
        """True if what cannot be read is refused."""
        return self._blocks(self.on_uninspected)

    @property
    def blocks_oversize(self) -> bool:
        """True if what is larger than `body_limit` is refused."""
        return self._blocks(self.on_oversize)

    def _blocks(self, said: Literal["block", "allow"] | None) -> bool:
        # Where nothing enforces, nothing is refused: what only watches has no effect.
        if said is None:
            return any(processor.enforced for processor in (*self.request, *self.response))
        return said == "block"
