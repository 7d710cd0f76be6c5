"""Overload: when a worker has too much to do, and what it leaves out first."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from extproc.policy.base import Value, Written, refusal, refusals
from extproc.policy.units import Seconds, Share


class Overload(Value):
    """When a worker counts as busy, and as overloaded.

    Its load is the largest of four parts: open exchanges of `open_exchanges`, held bytes of `held_bodies`, bodies that
    wait for a thread or a guard of what may wait, and the loop's lag of `loop_lag`. It looks five times a second, and
    has to fall a fifth below a threshold for that to count no more.
    """

    skip: Annotated[Share, Field(gt=0, le=1), Written("percentage", "50%")] = 0.7
    """The load from which processors with `on_overload: skip` are left out of new exchanges. Early enough for what they
    save to be felt before anybody is refused."""
    refuse: Annotated[Share, Field(gt=0, le=1), Written("percentage", "95%")] = 0.9
    """The load from which new exchanges go to another worker or, if all are overloaded, get 503 with `retry-after` in
    the client's dialect. The rest of each limit is for those that were admitted: they go on growing."""
    loop_lag: Annotated[Seconds, Field(gt=0, le=60), Written("duration", "250ms")] = 0.5
    """The lateness of the worker's loop that is a load of 100%, two looks in a row. A healthy worker is some ten
    milliseconds late; at half a second every event of every stream waits for that long."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.skip > self.refuse:
            error = refusal("a worker is busy before it is overloaded", "write `skip` no larger than `refuse`")
            raise refusals("Overload", [(("skip",), error)])
        return self
