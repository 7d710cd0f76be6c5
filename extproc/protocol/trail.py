"""The trail of an exchange: what the audit record holds beside the record. Only policies with `audit` have one."""

from msgspec import Struct


class FoundSpan(Struct, frozen=True, gc=False, omit_defaults=True):
    """A finding and its place: never the value.

    `where`: the JSON pointer of its string, in which names that no API has are `*` unless the policy asks for them;
    `start` and `end`: code points in that string. A finding about a body as a whole has none of the three.
    """

    processor: str
    kind: str
    action: str
    side: str
    where: str = ""
    start: int = 0
    end: int = 0
    score: float | None = None
    shadow: bool = False


class PlannedBackend(Struct, frozen=True, gc=False, omit_defaults=True):
    """A backend that was to be tried, in its place of the order. `model`: its name there."""

    backend: str
    model: str | None = None
    region: str | None = None


class LeftBackend(Struct, frozen=True, gc=False, omit_defaults=True):
    """A backend that could not serve the request. `why` and `detail`: see `extproc.routing.weighing.LeftOut`."""

    backend: str
    model: str | None
    why: str
    detail: str = ""


class CapturedBody(Struct, frozen=True, gc=False):
    """A request's body as it went on, after masking. `size`: its bytes; `data` is empty if they are too many."""

    path: str
    content_type: str
    data: bytes
    size: int

    def __repr__(self) -> str:
        return f"CapturedBody({self.size} bytes)"


class Trail(Struct, frozen=True, omit_defaults=True):
    """The trail of an exchange.

    `spans`: findings with their places, and `truncated` how many more there were. `plan`: the backends in the order in
    which they were to be tried, `left_out` those that could not serve, `skipped_down` those that were left out because
    they were down. `region`: that of the backend that the request went to.
    """

    spans: tuple[FoundSpan, ...] = ()
    truncated: int = 0
    plan: tuple[PlannedBackend, ...] = ()
    left_out: tuple[LeftBackend, ...] = ()
    skipped_down: tuple[str, ...] = ()
    region: str | None = None

    def __repr__(self) -> str:
        return f"Trail({len(self.spans)} spans)"
