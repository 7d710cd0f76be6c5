"""The policy itself: the root of the operator's file."""

from functools import cached_property
from itertools import islice
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from extproc.policy.audit import Audit
from extproc.policy.backends import Backend
from extproc.policy.base import Value, Written, refusals
from extproc.policy.budgets import BUDGETS_MAX, Budget
from extproc.policy.checks import contradictions
from extproc.policy.endpoints import POOLS_MAX, EndpointPool
from extproc.policy.intents import Intents
from extproc.policy.mcp import Mcp
from extproc.policy.names import NO_BACKEND, OWN_ROUTES
from extproc.policy.pipelines import PIPELINES_MAX, Pipeline
from extproc.policy.prices import Prices
from extproc.policy.residency import Residency
from extproc.policy.settings import Health, Limits, SealedContent
from extproc.policy.signals import RECORDED_MAX, SignalName
from extproc.policy.stages import STAGES_MAX, UsedStage
from extproc.policy.state import State
from extproc.policy.steering import Steering
from extproc.policy.telemetry import Telemetry
from extproc.policy.tenants import Tenants
from extproc.policy.units import UTC_NAME, TimeZone
from extproc.policy.usage import UsageFrom, UsageSection
from extproc.policy.virtual import VirtualModel

CONTRADICTIONS_MAX: Final = 200
"""Told at once; finding the nearest name for each of many thousands would take minutes."""


class Policy(Value):
    """The policy: what the operator wants. One immutable value; a reload makes a new one."""

    version: Literal[1]
    """Version of this file's format."""
    backends: tuple[Backend, ...]
    """Destinations; each becomes one Envoy cluster of the same name. At least one, or `endpoint_pools`."""
    models: tuple[VirtualModel, ...] = ()
    """The names that clients may put in `model`."""
    unknown_models: Literal["reject", "pass"] = "reject"
    """A name that is not in `models`: `reject` answers 404 in the client's dialect; `pass` sends it to the backend that
    lists it, else to the default backend. Rejecting is the default: passing spends money on what nobody planned."""
    default_backend: Annotated[str, Written("name of a backend", "openai")] | None = None
    """The destination of requests that no dialect claims and, with `unknown_models: pass`, of names that no backend
    lists: a backend's name; `none` (404); or `route`, if an Envoy of your own has routes for them: they pass without
    the client's credentials. `none` is the default: a backend's credential goes with every request that reaches it."""
    residency: Residency = ()
    """Hard limits on the regions that requests may go to, applied before any choice and on every fallback and retry."""
    pipelines: Annotated[tuple[Pipeline, ...], Field(max_length=PIPELINES_MAX)] = ()
    """Pipelines that inspect requests and responses; the first that matches is used. None: they pass untouched."""
    tenants: Tenants | None = None
    """The tenants that call; without it, the signal `tenant` is empty."""
    prices: Prices | None = None
    """Prices of models that their backends do not state; without it, only those that they state are known."""
    usage: UsageSection | None = None
    """The counting of tokens in responses, and the metadata that Envoy gets of it. Without it, the processor counts,
    and there is no metadata."""
    budgets: Annotated[tuple[Budget, ...], Field(max_length=BUDGETS_MAX)] = ()
    """Limits on what tenants, keys, models and backends may take in a time; see [budgets.md](budgets.md)."""
    state: State = State()
    """The state of budgets: memory, or Redis."""
    time_zone: TimeZone = UTC_NAME
    """The zone that the signal `time` and days of budgets are in, by its name in the IANA time zone database."""
    mcp: Mcp | None = None
    """Servers of the Model Context Protocol."""
    intents: Annotated[Intents, Written("classes with examples", "{code: [fix this function]}")] | None = None
    """The classes that the signal `intent` tells; see [Intents](#intents)."""
    recorded_signals: Annotated[
        tuple[SignalName, ...], Field(max_length=RECORDED_MAX), Written("names of signals", "[tools, images]")
    ] = ()
    """Signals that the log holds of each exchange, pipeline or not: see [Signals](#signals); those that are one value.
    Texts among them, such as `model`, are the client's own, cut after 256 characters."""
    answer_stages: Annotated[tuple[UsedStage, ...], Field(max_length=STAGES_MAX)] = ()
    """Stages of plug-ins that the events of responses pass, in this order, pipeline or not."""
    sealed: SealedContent = SealedContent()
    """Treatment of values that only the provider that made them can read, in a policy with several providers."""
    steering: Steering = Steering()
    """Headers by which the processor tells Envoy what it decided."""
    endpoint_pools: Annotated[tuple[EndpointPool, ...], Field(max_length=POOLS_MAX)] = ()
    """Pools of servers, among which the processor picks one for each request."""
    audit: Audit | None = None
    """The audit record of exchanges; without it, none is kept."""
    limits: Limits = Limits()
    """Bounds on what one exchange and one worker may take."""
    health: Health = Health()
    """When a backend counts as down."""
    telemetry: Telemetry = Telemetry()
    """Metrics and traces: what may be a label, and where they are sent."""
    unfinished_streams: Literal["error", "pass"] = "error"
    """An event stream that a backend ends before its API's end (`[DONE]` or a finish reason, `message_stop`,
    `response.completed`): `error` ends it with the API's error event, so that no client takes a part for the whole;
    `pass` leaves it as it is, for backends that never say that they are done."""
    request_trailers: Literal["reject", "pass"] = "reject"
    """Requests with trailers: `reject` answers 400; `pass` lets them through. Rejecting is the default because in
    streamed modes Envoy's retry of such a request sends the body twice."""

    @cached_property
    def fallback_backend(self) -> str | None:
        """The backend that `default_backend` names; None for `none` and `route`."""
        return None if self.default_backend in {None, NO_BACKEND, OWN_ROUTES} else self.default_backend

    @property
    def counted_by(self) -> UsageFrom:
        """The one who counts the tokens of responses."""
        return "processor" if self.usage is None else self.usage.source

    def backend(self, name: str) -> Backend:
        """The backend of that name. Raises KeyError; names within a policy are known to exist."""
        return self._backends[name]

    @cached_property
    def _backends(self) -> dict[str, Backend]:
        return {backend.name: backend for backend in self.backends}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found = list(islice(contradictions(self), CONTRADICTIONS_MAX))
        if found:
            raise refusals("Policy", found)
        return self
