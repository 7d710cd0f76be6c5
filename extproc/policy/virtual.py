"""Virtual models: the names that clients ask for, and what serves them."""

from typing import Annotated, Final

from pydantic import Field

from extproc.policy.base import Value, Written
from extproc.policy.names import BackendName, ModelName
from extproc.policy.units import Count

WEIGHT_MAX: Final = 1_000_000
"""Fine enough for any share; keeps sums of weights exact in floating point."""


class Target(Value):
    """A backend that can serve a model, and the name the model has there."""

    backend: BackendName
    """Name of a backend."""
    model: ModelName | None = None
    """The model's name at the backend; the name asked for if absent."""
    weight: Annotated[Count, Field(ge=0, le=WEIGHT_MAX), Written("whole number", "80")] = 1
    """Share of the requests, relative to the other targets' weights; 0 sends none. Not for `fallback`, which is
    ordered."""


class VirtualModel(Value):
    """A name that clients may put in `model`."""

    name: ModelName
    """The name that clients ask for."""
    targets: tuple[Target, ...]
    """Targets that serve the model, each by its weight. At least one."""
    fallback: tuple[Target, ...] = ()
    """Targets that serve the model, in this order, when none of `targets` can."""
