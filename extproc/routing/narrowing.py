"""Hard filters: the candidates that may and can serve a request, before any strategy chooses among them."""

from collections.abc import Callable
from typing import Final

from extproc.apis.demand import UNDETERMINED
from extproc.protocol.errors import ClientError
from extproc.routing.candidates import Candidate
from extproc.routing.routes import Route
from extproc.routing.weighing import LeftOut, Weighing

ROUGH: Final = frozenset({"images", "audio", "files"})
"""Features that count for as many tokens as they may at most: nobody is refused for that estimate."""


MISCOUNTED: Final = 0.1
"""Share of a request's input tokens by which the count may be too high, as tokenizers differ: a request that exceeds
the largest context by less goes there, and the provider says whether it fits."""


UNAVAILABLE: Final = "backend_unavailable"
"""The code of an error where all backends that could serve a request are known to be down."""

NO_MAKER: Final = "no_maker"
"""The code of an error where no backend can read what a request carries."""


class UnroutedError(ClientError):
    """Raised where a model of the policy cannot be served. `rule` is the rule that decided, or could not be asked."""

    def __init__(self, rule: str | None, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(status, code, message, param)
        self.rule = rule


class ContextExceededError(UnroutedError):
    """Raised for a request that needs more tokens than any candidate's context has. `tokens` are those it needs."""

    def __init__(self, rule: str | None, tokens: int, limit: int) -> None:
        super().__init__(
            rule,
            400,
            "context_length_exceeded",
            f"This request needs {tokens} tokens, and the largest context of this model has {limit}.",
            "messages",
        )
        self.tokens = tokens
        self.limit = limit

    def told(self, sentence: str) -> "ContextExceededError":
        """Return the error in the words of an API; `sentence` has `{tokens}` and `{limit}`."""
        error = ContextExceededError(self.rule, self.tokens, self.limit)
        error.message = sentence.format(tokens=self.tokens, limit=self.limit)
        return error


def reading(route: Route, makers: frozenset[str], weighing: Weighing | None) -> Route:
    """Leave the candidates that can read what the request carries: of these makers. Raises UnroutedError."""
    left = kept(route, lambda each: each.destination.maker in makers, "sealed", lambda _: "", weighing)
    if left.empty:
        raise UnroutedError(route.rule, 409, NO_MAKER, "No backend of this model can read what the request carries.")
    return left


def fitting(route: Route, weighing: Weighing) -> Route:
    """Leave the candidates whose context holds the request, and which can do what it needs. Raises UnroutedError."""
    demand = weighing.demand
    route, needed = _holding(route, weighing), demand.features
    if not needed:
        return route
    left = kept(route, lambda each: able(each, needed), "feature", lambda each: _missing(each, needed), weighing)
    if not left.empty:
        return left
    if demand == UNDETERMINED:
        message = "The gateway could not determine what this request needs."
        raise UnroutedError(route.rule, 503, "routing_failed", message)
    message = f"No backend of this model can do all that the request needs: {', '.join(sorted(needed))}."
    raise UnroutedError(route.rule, 400, "unsupported_feature", message)


def _holding(route: Route, weighing: Weighing) -> Route:
    """Leave those whose context holds the request; the largest, if nobody knows what it needs."""
    demand, sizes = weighing.demand, [each.traits.context_tokens for each in route.every]
    contexts = [size for size in sizes if size is not None]
    if not contexts:
        return route
    largest, given = max(contexts), demand.input_tokens
    needed = largest if given is None else given + (demand.max_output_tokens or 0)
    if needed > largest and None not in sizes:
        if given is not None and not demand.features & ROUGH and needed - given * MISCOUNTED > largest:
            raise ContextExceededError(route.rule, needed, largest)
        needed = largest
    if needed <= min(contexts):
        return route
    return kept(route, lambda each: holds(each, needed), "context", lambda each: _size(each, needed), weighing)


def kept(
    route: Route,
    test: Callable[[Candidate], bool],
    why: str,
    detail: Callable[[Candidate], str],
    weighing: Weighing | None,
) -> Route:
    """Leave those that a test is true of, and note the others, if somebody wants to know."""
    left = route.keeping({each.key for each in route.every if test(each)})
    note(route, left, why, detail, weighing)
    return left


def note(route: Route, left: Route, why: str, detail: Callable[[Candidate], str], weighing: Weighing | None) -> None:
    """Note the candidates of a route that are not left, if somebody wants to know."""
    if weighing is not None and weighing.left is not None:
        keys = {each.key for each in left.every}
        out = (each for each in route.every if each.key not in keys)
        weighing.left += [LeftOut(each.destination.name, each.model, why, detail(each)) for each in out]


def region_of(candidate: Candidate) -> str:
    """Return the region of a candidate in words."""
    return named_region(candidate.traits.region)


def named_region(region: str | None) -> str:
    """Return a region in words."""
    return "no region" if region is None else f"the region {region}"


def holds(candidate: Candidate, tokens: int) -> bool:
    """True if a candidate's context has room for so many tokens, or nobody knows."""
    size = candidate.traits.context_tokens
    return size is None or size >= tokens


def _size(candidate: Candidate, tokens: int) -> str:
    return f"{candidate.traits.context_tokens} tokens, of {tokens}"


def able(candidate: Candidate, needed: frozenset[str]) -> bool:
    """True if a candidate has all the features that a request needs, or nobody knows."""
    features = candidate.traits.features
    return features is None or needed <= features


def _missing(candidate: Candidate, needed: frozenset[str]) -> str:
    return ", ".join(sorted(needed - (candidate.traits.features or frozenset())))
