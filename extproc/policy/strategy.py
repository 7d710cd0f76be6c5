"""Strategies: how a model chooses among the targets that can serve a request."""

from typing import Annotated, Final, Literal, Self, TypeAlias, get_args

from pydantic import Field, model_validator

from extproc.policy.base import Value, Written, refusal, refusals
from extproc.policy.names import BackendName, ModelName
from extproc.policy.units import Amount, Share

StrategyName: TypeAlias = Literal["weighted", "cheapest", "fastest", "least_busy", "balanced", "sticky"]
StickyBy: TypeAlias = Literal["conversation", "tenant", "prefix"]
Feature: TypeAlias = Literal["tools", "images", "audio", "json_schema", "reasoning", "files"]

FEATURES: Final[tuple[Feature, ...]] = get_args(Feature)
"""Features that not every model has. `json_schema`: responses of a given form; `files`: documents and videos."""

_Part = Annotated[Amount, Field(ge=0, le=1), Written("number from 0 to 1", "0.4")]


class Balance(Value):
    """Weights of the properties for `strategy: balanced`; only their proportions matter.

    Each target gets a score from 0 to 1 for each property: for cost and speed the best target's figure divided by its
    own, for quality the operator's `quality`. An unknown price or an undeclared quality gets 0, an unknown speed 0.5.
    """

    cost: _Part = 0.0
    """Weight of the estimated cost of the request."""
    speed: _Part = 0.0
    """Weight of the expected time of the response."""
    quality: _Part = 0.0
    """Weight of the `quality` of models at backends."""

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if not self.cost + self.speed + self.quality:
            error = refusal("every weight is 0, so all targets are alike", "give one of them a weight above 0")
            raise refusals("Balance", [((), error)])
        return self


class CanaryTarget(Value):
    """The target that gets a share of the requests, or copies of them."""

    backend: BackendName
    """Name of a backend."""
    model: ModelName | None = None
    """The model's name at the backend; the name asked for if absent."""


class Canary(Value):
    """A share of a model's requests that goes to another target, to try it; the others go on as without it.

    It counts where none of the model's rules applies. If the target cannot serve a request, the model's own targets do;
    they also follow it in the plan.
    """

    to: CanaryTarget
    """The target to try."""
    share: Share
    """The share of the requests that it gets. With `strategy: sticky` it is a share of what requests are placed by, so
    that a conversation stays where it is."""


class Mirror(Value):
    """A share of a model's requests of which a copy goes to another backend, whose responses nobody gets.

    A copy is made of what goes to the first backend, after masking, with model, path, host and credential of its own.
    None is made of a request that may not go there, by residency or what the target is known to be unable to do. Its
    tokens are spent and not counted. See [Routing](routing.md#mirrors).
    """

    to: CanaryTarget
    """Destination of copies: a backend with a credential of its own or with none, of the API of one of the targets."""
    share: Share
    """The share of the requests that are copied."""
