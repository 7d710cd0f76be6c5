"""The messages between Envoy and the processor about a request's later attempts.

Header fields choose the route and the clusters, because Envoy's matchers see nothing else. Providers see them, too, so
they hold numbers only. All else that an attempt needs is in Envoy's dynamic metadata, which leaves Envoy on no request:
the stream of an attempt is another one than the request's, and may come to another worker.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from extproc.policy.retries import ATTEMPTS_MAX
from extproc.protocol.effects import MetadataValue
from extproc.protocol.headers import Field
from extproc.protocol.messages import Headers
from extproc.routing.attempts import Retries, cluster_of
from extproc.routing.candidates import Candidate, Choice

RETRY_HEADER: Final = "x-extproc-retry"
"""Names the route for a request that may be tried again. Envoy takes it out before a provider sees the request."""

TRY_PREFIX: Final = "x-extproc-try-"
"""Before a number: the field with the number of the backend that is next after so many attempts."""

COUNT_HEADER: Final = "x-envoy-attempt-count"

ATTEMPT_COUNT: Final = "upstream.request_attempt_count"
"""Envoy's attribute with the number of attempts."""

NAMESPACE: Final = "extproc"
"""The namespace of our own dynamic metadata."""

DIGITS_MAX: Final = 9
"""Digits of a number of attempts; Envoy's own has 32 bits, and a route of somebody else's may have more than ours."""

_BETWEEN: Final = "\n"
_WITHIN: Final = "\t"


class PlannedAttempts(Struct, frozen=True):
    """The attempts of a request, two at least, and each one's model.

    `fields` and `metadata` are what Envoy is told beside the steering. `reads`: errors of the backends are read.
    `maker`: the label of the provider whose sealed values the body holds, if attempts at others do without them.
    """

    order: tuple[Candidate, ...]
    models: tuple[str, ...]
    fields: tuple[Field, ...]
    metadata: Mapping[str, MetadataValue]
    reads: bool = False
    maker: str | None = None

    def at(self, attempt: int) -> Candidate | None:
        """Return the candidate of an attempt, counted from 1; None if there is no such attempt."""
        return self.order[attempt - 1] if 1 <= attempt <= len(self.order) else None


class AttemptState(Struct, frozen=True):
    """The facts of a request for the stream of an attempt: the policy's version, each attempt's backend and model.

    `path` is the request's, as it came, without keys. `seen`: the attempt before which all failures are known.
    `spoilt`: the attempt that failed by what the request says, if one did. `maker`: see `PlannedAttempts`.
    """

    version: str
    order: tuple[tuple[str, str], ...]
    path: bytes
    decision: str
    seen: int
    spoilt: int
    maker: str | None = None

    def __repr__(self) -> str:
        return f"AttemptState({len(self.order)} attempts)"


def planned_attempts(
    retries: Retries, version: str, choice: Choice, asked: str, path: bytes, maker: str | None = None
) -> PlannedAttempts | None:
    """Return what Envoy is told about later attempts of a request for the model `asked`; None if there is one only.

    `maker`: see `PlannedAttempts`.
    """
    found = retries.planned(asked, choice)
    if found is None:
        return None
    group, order = found
    tries = tuple(
        (f"{TRY_PREFIX}{number}", retries.numbers[each.destination.name].encode())
        for number, each in enumerate(order[1:], 1)
    )
    models = tuple(each.model or asked for each in order)
    names = _BETWEEN.join(f"{each.destination.name}{_WITHIN}{at}" for each, at in zip(order, models, strict=True))
    return PlannedAttempts(
        order,
        models,
        ((RETRY_HEADER, group.label(len(order)).encode()), *tries),
        {
            "policy": version,
            "attempts": names,
            "path": path.decode("latin-1"),
            **({"content": ",".join(sorted(group.reads))} if group.reads else {}),
            **({} if maker is None else {"maker": maker}),
        },
        bool(group.reads),
        maker,
    )


def state_of(message: Headers) -> AttemptState | None:
    """Return what the request's own stream told this one; None if Envoy does not hand it over."""
    told = message.metadata.get(NAMESPACE)
    if not isinstance(told, Mapping):
        return None
    version, attempts, path = (told.get(name) for name in ("policy", "attempts", "path"))
    if not (isinstance(version, str) and isinstance(attempts, str) and isinstance(path, str)):
        return None
    maker = told.get("maker")
    if not (maker is None or isinstance(maker, str)):
        return None
    try:
        asked = path.encode("latin-1")
    except UnicodeEncodeError:
        return None  # no path that came is so
    order = []
    for each in attempts.split(_BETWEEN, ATTEMPTS_MAX):
        backend, _, model = each.partition(_WITHIN)
        order.append((backend, model))
    decision, seen, spoilt = str(told.get("decision", "allowed")), _number(told, "seen", 1), _number(told, "spoilt", 0)
    return AttemptState(version, tuple(order), asked, decision, seen, spoilt, maker)


def reads_of(message: Headers) -> frozenset[str]:
    """Return the reasons for which a backend's error is read; none if the request's own stream named none."""
    told = message.metadata.get(NAMESPACE)
    content = told.get("content") if isinstance(told, Mapping) else None
    return frozenset(content.split(",")) if isinstance(content, str) else frozenset()


def _number(told: Mapping[str, object], name: str, otherwise: int) -> int:
    return _counted(str(told.get(name, "")), otherwise)


def _counted(text: str, otherwise: int) -> int:
    """Return a number of attempts; `otherwise` for what is none, or far beyond any."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX else otherwise


def attempt_of(message: Headers) -> int:
    """Return how many attempts Envoy has made; 1 where it does not say."""
    return _counted(message.attributes.get(ATTEMPT_COUNT, "1"), 1)


def right_cluster(chosen: str, planned: PlannedAttempts | None, attempt: int) -> str | None:
    """Return the cluster in which an attempt is right; None if it is right in none.

    `chosen`: the backend that the request was steered to. `planned`: what Envoy was told of later attempts.
    """
    if planned is None:
        return chosen if attempt == 1 else None
    candidate = planned.at(attempt)
    return None if candidate is None else cluster_of(candidate.destination.name, attempt, reads=planned.reads)
