"""Settings: limits, health, sealed content."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from extproc.policy.base import Value, Written, refusal, refusals
from extproc.policy.overload import Overload
from extproc.policy.units import GIB, MIB, Count, Seconds, Size, written_duration

DAY: Final = 86400.0


class Limits(Value):
    """Bounds on what one exchange and one worker may take."""

    request_body: Annotated[Size, Field(ge=1, le=GIB)] = 32 * MIB
    """Largest request body, decompressed; beyond it 413. The default holds the largest requests of hosted APIs (images
    in base64)."""
    inflation_ratio: Annotated[Count, Field(ge=1, le=100_000), Written("whole number", "1000")] = 256
    """Bytes that a compressed body, of a request or a response, may have for each of its compressed bytes. It counts
    beyond 1 MiB: a larger request gets 413, a larger response is uninspected (`size`). JSON and prose shrink to a
    tenth, the most repetitive responses to a hundredth; gzip can reach 1,032, brotli and zstd many thousands."""
    request_timeout: Annotated[Seconds, Field(gt=0, le=DAY), Written("duration", "2m")] = 60.0
    """Longest time for a request to arrive and be decided; beyond it the exchange fails. Slow uploads of large bodies
    fit."""
    exchange_timeout: Annotated[Seconds, Field(gt=0, le=7 * DAY), Written("duration", "10m")] = 3600.0
    """Longest time of a whole exchange, answer included. The default is longer than any answer of a model, and frees
    what a lost peer holds."""
    open_exchanges: Annotated[Count, Field(ge=1, le=1_000_000), Written("whole number", "20000")] = 10_000
    """Most exchanges open at once in a worker; from `overload.refuse` of it new ones are refused. Bounds memory, and is
    far more than one worker keeps up with."""
    held_bodies: Annotated[Size, Field(ge=1, le=64 * GIB), Written("size", "1GiB")] = 256 * MIB
    """Bytes of bodies, and of what streams keep waiting, that a worker holds at most over all exchanges, while they
    arrive or are judged; beyond it, an exchange that holds over 64 KiB gets 503 with `retry-after`, or ends as a stream
    with an error event. The default is eight of the largest bodies; one always has room. Judging a body takes up to
    eight times its size in memory."""
    overload: Overload = Overload()
    """When a worker has too much to do: what it skips, and when it turns new exchanges away."""
    drain_timeout: Annotated[Seconds, Field(ge=0, le=DAY)] = 30.0
    """Longest time that open exchanges may go on after SIGTERM; the usual grace period of Kubernetes."""

    @property
    def held(self) -> int:
        """`held_bodies`, or room for the largest body."""
        return max(self.held_bodies, self.request_body)

    @model_validator(mode="after")
    def _request_fits(self) -> Self:
        if self.exchange_timeout < self.request_timeout:
            field = _stated(self, "exchange_timeout", "request_timeout")
            error = refusal(
                "an exchange cannot be shorter than its request",
                f"request_timeout is {written_duration(self.request_timeout)}, "
                f"exchange_timeout is {written_duration(self.exchange_timeout)}: change one of them",
            )
            raise refusals("Limits", [((field,), error)])
        return self


class Health(Value):
    """Health: a model at a backend, or a backend, may count as down. Passive: learned from the responses that pass.

    A backend that refuses connections is down as a whole; what it answers counts for the model that was asked for.
    Requests avoid a model that is rate limited, has used up its quota, or is slow, but go there if nothing else serves.
    """

    failures: Annotated[Count, Field(ge=1, le=10_000), Written("whole number", "5")] = 3
    """Failed responses in a row (500, 502, 503, 504, 529, or none) after which a model at a backend is down. Fewer
    would take one bad moment for an outage."""
    cooldown: Annotated[Seconds, Field(gt=0, le=DAY)] = 10.0
    """Time for which what is down is left alone. After it, one request at a time tries it."""
    probes: Annotated[Count, Field(ge=1, le=100), Written("whole number", "3")] = 2
    """Served requests in a row, of those that try it after the cooldown, that bring it back. One could be luck."""
    retry_after_max: Annotated[Seconds, Field(gt=0, le=DAY), Written("duration", "5m")] = 60.0
    """Longest time for which a 429 with `retry-after` keeps requests away; rate limits of hosted APIs are by the
    minute."""
    quota_cooldown: Annotated[Seconds, Field(gt=0, le=DAY), Written("duration", "1h")] = 600.0
    """Time for which requests avoid a model whose quota is used up (an error with `insufficient_quota`): somebody has
    to pay first, which takes minutes at least."""
    first_byte: Annotated[Seconds, Field(gt=0, le=DAY), Written("duration", "20s")] | None = None
    """Time until a response begins; `failures` later ones in a row make requests avoid the model. No bound if absent,
    because reasoning models may think for minutes."""


class SealedContent(Value):
    """Values that only their provider can read: identifiers of what it keeps, encrypted reasoning, signatures."""

    unknown: Literal["reject", "drop", "pass"] = "reject"
    """A value of which nobody can tell who made it, in a request that several providers could serve: `reject` answers
    409; `drop` leaves it out where the request stays valid without it, else answers 409; `pass` lets any provider have
    it. Rejecting is the default: the wrong provider would refuse the value, or read what is not its own."""
    chat: Literal["auto", "all"] = "auto"
    """The responses of chat completions that are read for such values: `auto` those of Google's endpoint and those to
    requests with sound or with sealed reasoning; `all` where another server behind it adds signatures of thoughts, as
    LiteLLM and OpenRouter do."""


def _stated(value: Value, first: str, second: str) -> str:
    """Which of two fields at odds to blame: the first unless only the second was written."""
    return first if first in value.model_fields_set else second
