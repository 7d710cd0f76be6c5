"""The pick of an endpoint within an exchange: made when the request goes on, and settled by what its response shows."""

from msgspec import Struct

from extproc.apis import Request
from extproc.protocol.effects import HeaderMutation, Metadata
from extproc.protocol.headers import Field
from extproc.protocol.messages import Headers
from extproc.routing.endpoints import EndpointBook, Picked, Wish, pick
from extproc.routing.endpoints.picking import begun, ended
from extproc.routing.endpoints.prefixes import affinity_of, blocks_of
from extproc.transaction.memory import Memory
from extproc.transaction.outcome import FROM_UPSTREAM, Outcome, outcome_of
from extproc.transaction.plan import Plan
from extproc.transaction.requests.pools import BALANCING, DESTINATION, prompt_of, served_by
from extproc.transaction.shared import Shared
from extproc.transaction.steering.missteering import missteering


class PickEdits(Struct, frozen=True):
    """The message to Envoy about a pick: the same value in a header and in metadata."""

    field: Field
    metadata: Metadata


def picked(plan: Plan, shared: Shared, memory: Memory, body: bytes | None, model: str, now: float) -> PickEdits | None:
    """Pick the endpoints for a request that goes on now; None if it is for no pool. Raises NoEndpointError.

    `body`: as it goes on, without encodings; None if it was not read.
    """
    assert plan.pools is not None, "who asks for a pick has pools"
    destination = memory.destination
    pool = plan.pools.of(None if destination is None else destination.name)
    if pool is None:
        return None
    book = shared.book(pool, now)
    hint = memory.hint
    if shared.detailed and hint is None and not pool.endpoints:
        return None  # a rehearsal: the endpoints are Envoy's or a file's to name
    prompt = prompt_of(body) if pool.reads_prompt and body is not None and memory.claimed is not None else b""
    wish = Wish(
        hint,
        blocks_of(prompt, model),
        affinity_of(prompt) if prompt else None,
        memory.priority_in(pool) < 0,
        shared.draws.next(),
    )
    memory.picking = pool.name
    if memory.teller is None and memory.claim is not None and memory.claim.claimed is not None:
        memory.teller = memory.claim.claimed.api  # a refusal is in the client's dialect, also if no body was read
    found = pick(pool, book, wish, now)
    memory.picked, memory.endpoint = found, found.endpoints[0]
    return PickEdits((DESTINATION, found.value.encode()), {BALANCING: {DESTINATION: found.value}})


def model_at(memory: Memory, asked: Request | None) -> str:
    """Return the model that the backend is asked for; empty if the request names none."""
    chosen = None if memory.choice is None else memory.choice.candidate.model
    return chosen or ("" if asked is None else asked.model)


def with_field(headers: HeaderMutation, edits: PickEdits) -> HeaderMutation:
    """Return the changes with the pick."""
    return HeaderMutation(headers.set, headers.remove, (*headers.more, edits.field))


def with_metadata(metadata: Metadata | None, edits: PickEdits) -> Metadata:
    """Return the metadata with the pick."""
    return edits.metadata if metadata is None else {**metadata, **edits.metadata}


def settle(plan: Plan, shared: Shared, memory: Memory, message: Headers, details: str, now: float) -> None:
    """Learn from a response which endpoint served, which were passed over, and whether it serves at all."""
    found = memory.picked
    assert found is not None, "an endpoint was picked"
    book = shared.books[found.pool]
    told = served_by(message)
    served = told or found.endpoints[0]
    if served in found.endpoints:
        for each in found.endpoints[: found.endpoints.index(served)]:
            book.failed(each, now)  # Envoy tried it, or takes it for down
        _moved(book, memory, found, served, now)
    elif details == FROM_UPSTREAM:
        memory.missteered = missteering(plan.steering, "other_endpoint", found.pool, served, None)
        memory.endpoint_served = served
        return
    match outcome_of(memory.status, details):
        case Outcome.UNREACHABLE:
            book.failed(served, now)
        case Outcome.FAILED:
            book.stumbled(served, now, plan.health.failures)
        case Outcome.SERVED | Outcome.LIMITED:
            book.served(served)
        case Outcome.UNKNOWN:
            pass


def over(shared: Shared, memory: Memory, now: float) -> None:
    """The exchange is over: its endpoint has one request less."""
    found, endpoint = memory.picked, memory.endpoint
    if found is not None and endpoint is not None and (book := shared.books.get(found.pool)) is not None:
        memory.endpoint_served, memory.endpoint = memory.endpoint_served or endpoint, None
        ended(book, endpoint, now)


def _moved(book: EndpointBook, memory: Memory, found: Picked, served: str, now: float) -> None:
    """Count the request at the endpoint that served it, if that is another than the first."""
    before = memory.endpoint
    if before is not None and before != served:
        ended(book, before, now)
        begun(book, served, found.blocks, now)
        memory.endpoint = served
