"""The names by which rules of models ask about backends and budgets: each has to be one of the policy."""

from collections.abc import Iterator
from typing import Final

from extproc.policy.base import items, meant, part, refusal
from extproc.policy.conditions import Condition
from extproc.policy.listing import PlacedError
from extproc.policy.signals import BACKEND_STATE, FITS, OF_BACKENDS, SPENT

_WHAT: Final = {
    BACKEND_STATE.name: "backend, and no model at one,",
    FITS.name: "model at a backend",
    SPENT.name: "budget, but per backend, which is not chosen yet,",
}
"""The subject that each signal is asked about."""


def asked_of_backends(policy: object) -> Iterator[PlacedError]:
    """Names that no backend has, and no model at one: a rule about it would always say the same."""
    known: dict[str, set[str]] | None = None
    for index, model in enumerate(items(policy, "models")):
        for position, rule in enumerate(items(model, "rules")):
            when = part(rule, "when")
            if not isinstance(when, Condition) or when.signals.isdisjoint(OF_BACKENDS):
                continue
            if known is None:
                known = _known(policy)
            for signal in OF_BACKENDS:
                for name in sorted(when.named.get(signal, frozenset()) - known[signal]):
                    message = f"there is no {_WHAT[signal]} of the name {name[:128]}"
                    error = refusal(message, meant(name, sorted(known[signal])))
                    yield ("models", index, "rules", position, "when"), error


def _known(policy: object) -> dict[str, set[str]]:
    """The names that each signal may be asked for."""
    models = {f"{backend}/{model}" for backend, model in _models(policy)}
    names = {name for each in items(policy, "backends") if isinstance(name := part(each, "name"), str)}
    budgets = {
        name
        for each in items(policy, "budgets")
        if isinstance(name := part(each, "name"), str) and part(each, "per") != "backend"
    }
    return {BACKEND_STATE.name: names | models, FITS.name: models, SPENT.name: budgets}


def _models(policy: object) -> Iterator[tuple[object, object]]:
    """Yield backend and model of what backends list and of what models lead to."""
    for backend in items(policy, "backends"):
        for listed in items(backend, "models"):
            yield part(backend, "name"), part(listed, "name")
    for model in items(policy, "models"):
        name, canary = part(model, "name"), part(part(model, "canary"), "to")
        places = [(model, "targets"), (model, "fallback")]
        places += [(rule, where) for rule in items(model, "rules") for where in ("to", "fallback")]
        targets = [target for owner, where in places for target in items(owner, where)]
        for target in targets if canary is None else [*targets, canary]:
            yield part(target, "backend"), part(target, "model") or name
