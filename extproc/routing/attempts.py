"""Attempts: in which order, how often and after which failures Envoy tries the backends of one request."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from extproc.policy import Policy, Retry
from extproc.policy.retries import CONTENT_REASONS
from extproc.policy.retry_notes import chains_of
from extproc.routing.candidates import Candidate, Choice

RETRY_SUFFIX: Final = ":retry"
"""Behind a backend's name: the cluster for its second and later attempts. No backend's name has a colon."""

FIRST_SUFFIX: Final = ":first"
"""Behind a backend's name: the cluster for first attempts whose errors are read."""

_Key: TypeAlias = tuple[int, tuple[str, ...], float | None]

Numbers: TypeAlias = Mapping[str, str]
"""The numbers by which header fields name backends: providers see those fields, and learn no names from them."""


class RetryClass(Struct, frozen=True, order=True):
    """Retries as some models of a policy have them: Envoy has routes for each class. `number` is its place."""

    number: int
    attempts: int
    on: tuple[str, ...]
    per_try_timeout: float | None

    @property
    def reads(self) -> frozenset[str]:
        """Return the reasons for which errors of backends have to be read."""
        return CONTENT_REASONS & frozenset(self.on)

    def label(self, attempts: int) -> str:
        """Return the name of the route for so many attempts."""
        return f"{self.number}-{attempts}"


class Retries(Struct, frozen=True):
    """The retries of a policy. `usual` is the class of names that are no models of the policy; None: no retries.

    `backends`: those that later attempts may go to. `read`: those whose first responses are read.
    """

    classes: tuple[RetryClass, ...]
    by_model: Mapping[str, RetryClass | None]
    usual: RetryClass | None
    numbers: Numbers
    backends: frozenset[str]
    read: frozenset[str]

    def planned(self, model: str, choice: Choice) -> tuple[RetryClass, tuple[Candidate, ...]] | None:
        """Return how a request for `model` is tried, if it may be tried more than once.

        A backend that gets the client's own credential is tried first or not at all: the gateway does not send a
        client's credential to one provider after it was meant for another.
        """
        found = self.by_model.get(model, self.usual)
        if found is None or found.attempts < 2 or len(choice.plan) < 2:
            return None
        first, *others = choice.plan
        others = [each for each in others if each.destination.removes is not None][: found.attempts - 1]
        return (found, (first, *others)) if others else None


def retries_of(policy: Policy) -> Retries | None:
    """Return the retries that Envoy is to be configured for; None if nothing is retried."""
    if not policy.steering.retried:
        return None
    given = {model.name: _key(model.retry or Retry(), max(map(len, chains_of(model)))) for model in policy.models}
    shared = _shared(policy)
    usual = _key(Retry(), max(map(len, shared), default=1))
    wanted = {each for each in (*given.values(), usual) if each[0] > 1}
    if not wanted:
        return None
    classes = {key: RetryClass(number, *key) for number, key in enumerate(sorted(wanted, key=_order))}
    chains = (chain for model in policy.models if given[model.name] in classes for chain in chains_of(model))
    tried = {backend for chain in chains for backend, _ in chain}
    reading = (m for m in policy.models if (found := classes.get(given[m.name])) is not None and found.reads)
    named = frozenset(tried).union(*shared)
    return Retries(
        classes=tuple(classes.values()),
        by_model={name: classes.get(key) for name, key in given.items()},
        usual=classes.get(usual),
        numbers={name: str(number) for number, name in enumerate(sorted(each.name for each in policy.backends))},
        backends=frozenset(each.name for each in policy.backends if each.credential != "client") & named,
        read=frozenset(backend for model in reading for chain in chains_of(model) for backend, _ in chain),
    )


def cluster_of(backend: str, attempt: int, *, reads: bool) -> str:
    """Return the cluster for an attempt, which are counted from 1. `reads`: errors of the model's backends are read."""
    if attempt > 1:
        return backend + RETRY_SUFFIX
    return backend + FIRST_SUFFIX if reads else backend


def _key(retry: Retry, longest: int) -> _Key:
    """The class of a model whose longest plan has so many attempts."""
    return min(retry.attempts, longest), tuple(sorted(retry.on)), retry.per_try_timeout


def _order(key: _Key) -> tuple[int, tuple[str, ...], float]:
    return key[0], key[1], key[2] or 0.0


def _shared(policy: Policy) -> list[frozenset[str]]:
    """The backends of each name that several of them list, where such names pass."""
    if policy.unknown_models != "pass":
        return []
    listed: dict[tuple[str, str], set[str]] = {}
    for backend in policy.backends:
        for entry in backend.models:
            listed.setdefault((entry.name, backend.api), set()).add(backend.name)
    return [frozenset(each) for each in listed.values() if len(each) > 1]
