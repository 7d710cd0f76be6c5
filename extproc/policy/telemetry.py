"""Telemetry: what metrics and traces may cost, and where they are sent."""

from typing import Annotated, Final

from pydantic import Field

from extproc.policy.base import Value, Written
from extproc.policy.units import Count

LABELS_MAX: Final = 10_000
"""Tenants or models with series of their own. Each tenant has some ten series, and Prometheus keeps millions."""


class MetricLabels(Value):
    """Names that become labels of metrics. More of them are counted together, as `other`.

    Without a bound, whoever invents names fills the memory of the processor and of Prometheus. How often it holds is
    counted in `extproc_label_overflow_total`.
    """

    tenants: Annotated[Count, Field(ge=0, le=LABELS_MAX), Written("whole number", "500")] = 100
    """Most tenants with series of their own; the first that come have them. `0`: none has."""
    models: Annotated[Count, Field(ge=0, le=LABELS_MAX), Written("whole number", "500")] = 200
    """Most names of models as labels, in the order of the policy. Names that the policy does not hold are never labels:
    clients make them up."""


class Telemetry(Value):
    """Metrics and traces. See [observability.md](observability.md) for all that there are."""

    metrics: MetricLabels = MetricLabels()
    """Labels of metrics."""
