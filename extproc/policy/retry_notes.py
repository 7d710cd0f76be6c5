"""Notes on retries: what a policy asks of them and does not get."""

from collections.abc import Iterator

from extproc.policy.base import Loc
from extproc.policy.model import Policy
from extproc.policy.virtual import Target, VirtualModel

Note = tuple[Loc, str, str]


def retry_notes(policy: Policy) -> Iterator[Note]:
    """Yield a note for each `retry` that has no effect, or less than it says."""
    for index, model in enumerate(policy.models):
        place = ("models", index, "retry")
        chains = chains_of(model)
        if model.retry is not None and model.retry.attempts > 1:
            if not policy.steering.retried:
                message = "nothing is retried within a request: `steering` says so"
                yield place, message, "delete it; requests avoid a backend once it is known to fail"
            elif all(len(chain) == 1 for chain in chains):
                yield place, "there is nowhere else to go: the model has one target", "add targets or `fallback`"
        if policy.steering.retried:
            yield from _own_keys(policy, index, model)


def _own_keys(policy: Policy, index: int, model: VirtualModel) -> Iterator[Note]:
    """Yield a note for each fallback that gets a client's own credential, which no retry can bring there."""
    for position, target in enumerate(model.fallback):
        if policy.backend(target.backend).credential == "client":
            message = (
                f"no request is retried at {target.backend}: a client's key does not follow a request to another one"
            )
            yield ("models", index, "fallback", position), message, "give the backend a credential, or mean it"


def chains_of(model: VirtualModel) -> list[frozenset[tuple[str, str]]]:
    """Return the places that requests for a model may go to: of its own targets, and of each rule."""
    own: list[Target] = [*model.targets, *model.fallback]
    if model.canary is not None:
        own.append(Target(backend=model.canary.to.backend, model=model.canary.to.model))
    chains = [own, *([*rule.to, *rule.fallback] for rule in model.rules)]
    return [frozenset((each.backend, each.model or model.name) for each in chain) for chain in chains]
