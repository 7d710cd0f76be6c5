"""The data that filters and strategies weigh a request by, besides its signals."""

from msgspec import Struct

from extproc.apis.demand import Demand
from extproc.routing.busy import OpenExchanges
from extproc.routing.speeds import Speeds

NO_DEMAND = Demand(frozenset(), 0, None, 0)
"""The demand where no filter and no strategy asks for it."""


class WeighedBody(Struct, frozen=True):
    """The demand of a body, and the key by which it is placed, where its model's routes weigh these."""

    demand: Demand = NO_DEMAND
    key: int | None = None


class LeftOut(Struct, frozen=True):
    """A candidate that cannot serve a request.

    `why` is one of `sealed`, `residency`, `context`, `feature`, `down`. `detail` says more: a region, a number of
    tokens, names of features.
    """

    backend: str
    model: str | None
    why: str
    detail: str = ""


class Weighing(Struct):
    """One request, and what is known of the backends at its time.

    `draw` is in [0, 1), `now` in seconds. `demand`: what it needs, where the policy asks for it. `stream`: it asks for
    a stream. `key`: a hash of what requests are placed by, where they are; never trusted for more than that. `left`:
    takes the candidates that are left out, if somebody wants to know.
    """

    draw: float
    now: float
    busy: OpenExchanges
    speeds: Speeds
    demand: Demand = NO_DEMAND
    stream: bool = False
    key: int | None = None
    left: list[LeftOut] | None = None
