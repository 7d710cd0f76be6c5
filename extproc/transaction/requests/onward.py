"""A request's body on its way out: where it goes, what changes with that, and the answers to all that came of it."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.json import encode
from msgspec.structs import replace

from extproc import apis
from extproc.apis.seals.requests import TaggedMember
from extproc.apis.seals.tree import applied
from extproc.protocol.effects import Chunk, HeaderMutation, Metadata, Phase, Proceed
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode
from extproc.routing.candidates import Candidate, Choice
from extproc.routing.narrowing import ContextExceededError, UnroutedError
from extproc.routing.residency import ResidencyError
from extproc.routing.selection import NO_SIGNALS, select
from extproc.transaction.answers import PASS_REQUEST_BODY, PASS_REQUEST_TRAILERS, Effects
from extproc.transaction.counting.asking import usage_edit
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan
from extproc.transaction.requests.confining import check_region
from extproc.transaction.requests.keys import may_ask
from extproc.transaction.requests.passage import Forwarding
from extproc.transaction.requests.picks import PickEdits, with_field, with_metadata
from extproc.transaction.requests.priced import check_priced, unpriced
from extproc.transaction.requests.sealing import FREE, SealedError, SealedTurn, Sealing, names_of
from extproc.transaction.requests.weighed import note_open, weighing_of
from extproc.transaction.shared import Shared
from extproc.transaction.steering.astray import check_steered
from extproc.transaction.steering.edits import SteeringEdits
from extproc.transaction.upstream.leaving_out import leaving
from extproc.transaction.upstream.mirroring import mirrored

AT_ONCE: Final = (BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL)
"""Modes in which one message holds the body."""

CHUNK_BYTES: Final = 256 * 1024
"""Size of a piece of a held body. Envoy took 20 MiB at once, but pieces let it apply back-pressure, and at 256 KiB a
message's fixed cost is lost in that of copying it."""

_HEADER_SAFE: Final = re.compile(r"[\x21-\x7e]+")


class Routed(Struct, frozen=True):
    """The changes to a request: `body` is None if it stays as it came, `steering` if nothing was chosen.

    `metadata` is what Envoy keeps of the choice. `headers` lacks the content-length, which depends on what Envoy does
    with a body in the mode at hand.
    """

    headers: HeaderMutation
    body: bytes | None
    steering: SteeringEdits | None
    clear_route: bool
    metadata: Metadata | None = None


def unrouted(plan: Plan, memory: Memory, passage: Forwarding, changed: bytes | None) -> Routed:
    """Send a request on by its path alone, as `passage` says; `changed` as for `route`. Raises ResidencyError."""
    if plan.confines:
        check_region(plan, memory, passage.destination)
    memory.reason = "inspected" if memory.findings is not None else "unclaimed"
    if memory.findings is not None and memory.findings.masked:
        memory.decision = "masked"
    if memory.keys:
        memory.strip_keys(plan.table.removes if passage.destination is None else passage.destination.removes)
    headers = passage.changed(HeaderMutation(remove=memory.strips))
    clear = memory.spoofed or passage.destination is not None
    return Routed(headers, changed, None, clear_route=clear, metadata=passage.metadata)


def route(
    plan: Plan,
    shared: Shared,
    memory: Memory,
    asked: apis.Request,
    plain: bytes,
    changed: bytes | None,
    sealed: Sequence[TaggedMember],
    now: float,
    *,
    coded: bool = False,
) -> Routed:
    """Choose the backend for what a body asks, and write the choice down in `memory`. Raises ClientError.

    `plain` is the body without encodings, `changed` what inspection made of it: None if it is as it came.
    `sealed`: the values in the body as it goes on that only one provider can read. `coded`: it came
    with encodings, so that no later attempt could write another model into it.
    """
    claimed, sealing = memory.claimed, plan.sealing
    assert claimed is not None
    body, turn = plain if changed is None else changed, FREE
    if sealing is None or not sealed:
        choice = _choose(plan, shared, memory, asked.model, now, None)
    else:
        retried = plan.retries is not None and memory.known and not coded
        choice, turn = _choose_sealed(sealing, plan, shared, memory, asked.model, sealed, now, retried=retried)
    edits = [] if turn is FREE else turn.edits(body)
    if choice is None:
        return _passed(plan, memory, plain, applied(body, edits) if edits else changed)
    model = _checked(plan, choice, asked.model)
    if asked.model_span is not None and model != asked.model:  # a model in the path is changed there, with the path
        edits.append((*asked.model_span, encode(model)))
    if asked.stream and memory.counting is not None:
        asks = usage_edit(plan, memory, choice, body, asked)
        if asks is not None:
            edits.append(asks)
    if edits:
        changed = applied(body, edits)
    once = coded or not memory.known or (sealing is not None and sealing.passes_on(sealed, turn))
    tried = None if once else plan.tried(choice, asked.model, leaving(turn, choice))
    if sealing is not None:
        served = choice.candidate.destination if tried is None else sealing.reading(choice.plan)
        memory.seals = sealing.reads(claimed.api, served, body, sealed=bool(sealed))
        if memory.seals is not None:
            memory.strips = (*memory.strips, "accept-encoding")  # see `Findings.strips`
    _note(plan, shared, memory, choice, now)
    copied = None
    if plan.table.mirrors:
        copied = mirrored(plan.table, shared, memory, asked.model, now, sealed=bool(sealed), coded=coded)
    destination = choice.candidate.destination
    key = (destination.name, choice.rule, model, memory.decision, memory.path, memory.known, tried, copied)
    steering = memory.steering = plan.steerings.get(key) or plan.steer(key, choice, claimed)
    headers = steering.headers
    if memory.strips:
        headers = HeaderMutation(headers.set, (*headers.remove, *memory.strips))
    metadata = _estimated(plan, memory, plain, steering.metadata)
    return Routed(headers, changed, steering, clear_route=True, metadata=metadata)


def _estimated(plan: Plan, memory: Memory, plain: bytes, metadata: Metadata | None) -> Metadata | None:
    """Return the metadata of a request, with the tokens that it is expected to take if the policy asks for them."""
    return metadata if plan.estimates is None else plan.estimates.joined(metadata, memory, plain)


def _passed(plan: Plan, memory: Memory, plain: bytes, changed: bytes | None) -> Routed:
    """Leave a request for an unknown model to Envoy's own routes. Raises ClientError."""
    if plan.blocks_unpriced:
        raise unpriced()
    memory.reason = "unknown-passed"
    memory.strip_keys(plan.table.removes)
    headers = plan.unsteered.changed(HeaderMutation(remove=memory.strips))
    metadata = _estimated(plan, memory, plain, None)
    return Routed(headers, changed, None, clear_route=memory.spoofed, metadata=metadata)


def _checked(plan: Plan, choice: Choice, asked: str) -> str:
    """Return the model's name at the chosen backend. Raises ClientError if it cannot be used there."""
    model = choice.candidate.model or asked
    if choice.why == "default" and not _HEADER_SAFE.fullmatch(model):
        # It would become a header's value, and no provider has such a name.
        raise ClientError(404, "model_not_found", "The requested model does not exist; see GET /v1/models.", "model")
    if plan.blocks_unpriced:
        check_priced(plan.prices, choice, model)
    return model


def _note(plan: Plan, shared: Shared, memory: Memory, choice: Choice, now: float) -> None:
    """Write a choice down. Raises MisconfiguredError if Envoy is known not to follow it."""
    destination = choice.candidate.destination
    masked = memory.findings is not None and memory.findings.masked
    memory.decision = "masked" if masked else "rerouted" if choice.rerouted else "allowed"
    if shared.astray or memory.first_cluster:
        check_steered(plan, shared, memory, destination)
    memory.choice, memory.reason, memory.rule, memory.destination = choice, choice.why, choice.rule, destination
    shared.health.sent(destination.name, choice.candidate.known, now)
    if plan.watches_load:
        note_open(shared, memory)
    if memory.keys:
        memory.strip_keys(destination.removes)


def _choose(
    plan: Plan, shared: Shared, memory: Memory, model: str, now: float, makers: frozenset[str] | None
) -> Choice | None:
    """Return where a request for `model` goes; None if it is unknown and passes. Raises ClientError.

    `makers`: see `select`.
    """
    assert memory.claimed is not None, "what no API claims is not routed"
    table, family, draw = plan.table, memory.claimed.api.family.name, shared.draws.next()
    caller = memory.circumstances
    if (table.permitted or caller.key) and not may_ask(table, caller, model):
        raise ClientError(403, "model_not_allowed", "This model is not allowed for you; see GET /v1/models.", "model")
    signals = NO_SIGNALS
    if plan.reads.conditions:
        spent = None if plan.budgets is None else partial(plan.budgets.spent, shared, memory, now)
        signals = memory.signals_for_rules(table.asked(model), shared.health, now, spent)
    if plan.confines:
        memory.confinement = table.residency.confine(signals)
    try:
        weighing = None
        # Who is down, the choice says itself.
        told = plan.audit is not None and (memory.confinement is not None or makers is not None)
        if model in table.weighs or shared.detailed or told:
            told = told or plan.audit is not None
            weighing = weighing_of(table, shared, memory, model, draw, now, told=told)
        choice = select(table, model, family, draw, shared.health, now, signals, memory.confinement, weighing, makers)
    except ContextExceededError as error:
        memory.rule = error.rule
        raise error.told(memory.claimed.api.family.context_exceeded) from None
    except (UnroutedError, ResidencyError) as error:
        memory.rule = error.rule
        raise
    memory.decided = now
    return choice


def _choose_sealed(
    sealing: Sealing,
    plan: Plan,
    shared: Shared,
    memory: Memory,
    model: str,
    sealed: Sequence[TaggedMember],
    now: float,
    *,
    retried: bool,
) -> tuple[Choice | None, SealedTurn]:
    """As `_choose`, among those that can read what the request carries; return what of that goes on, too.

    `retried`: see `Sealing.choose`.
    """
    assert memory.claimed is not None, "what no API claims is not routed"

    def chosen(makers: frozenset[str] | None) -> Choice | None:
        return _choose(plan, shared, memory, model, now, makers)

    def down(candidate: Candidate) -> bool:
        return shared.health.down(candidate.destination.name, candidate.known, now)

    try:
        turn = sealing.turn(sealed, model, memory.claimed.api.family.name)
        choice, turn = sealing.choose(turn, chosen, down, retried=retried)
    except SealedError as error:
        memory.sealed, memory.sealed_members = "refused", error.names
        raise
    if turn.outcome is not None:
        memory.sealed, memory.sealed_members = turn.outcome, turn.names
        memory.leavable = names_of((*turn.left, *turn.kept))
    return choice, turn


def with_endpoints(routed: Routed, edits: PickEdits | None) -> Routed:
    """Add the pick of endpoints, if there is one."""
    if edits is None:
        return routed
    headers, metadata = with_field(routed.headers, edits), with_metadata(routed.metadata, edits)
    return replace(routed, headers=headers, metadata=metadata)


def send(mode: BodyMode, routed: Routed, body: bytes, held: int, strips: tuple[str, ...]) -> Effects:
    """Answers a body that came in `held` messages and goes on as `routed` says."""
    steering, changed, headers = routed.steering, routed.body, routed.headers
    clear, metadata = routed.clear_route, routed.metadata
    at_once = mode in AT_ONCE
    as_chosen = steering is not None and headers is steering.headers and metadata is steering.metadata
    if at_once and steering is not None and changed is None and as_chosen:
        return (steering.unchanged,)
    onward = body if changed is None else changed
    # Envoy drops the length of a body that it streams, and takes ours where it is allowed: the whole body is here.
    sized = changed is not None if at_once else "content-length" not in strips
    if sized:
        length = ("content-length", b"%d" % len(onward))
        headers = HeaderMutation(headers.set, headers.remove, (*headers.more, length))
    if at_once:
        return (Proceed(Side.REQUEST, Phase.BODY, headers, changed, False, clear, None, metadata),)
    first = Proceed(Side.REQUEST, Phase.HEADERS, headers, clear_route=clear, metadata=metadata)
    if mode is BodyMode.STREAMED:
        return (first, *one_for_each(held, changed))
    return (first, *pieces(Side.REQUEST, onward))


def send_with_trailers(mode: BodyMode, routed: Routed, body: bytes, held: int) -> Effects:
    """The same for a body that trailers have ended."""
    changed, clear, metadata = routed.body, routed.clear_route, routed.metadata
    if mode is not BodyMode.FULL_DUPLEX_STREAMED:
        first = Proceed(Side.REQUEST, Phase.HEADERS, routed.headers, clear_route=clear, metadata=metadata)
        return (first, *one_for_each(held, changed), *trailers_without(_not_in_trailers(routed.headers)))
    # All of the body in the headers answer, so that a retry cannot send it twice. The trailers end here: no API
    # that we claim has a use for them.
    whole = body if changed is None else changed
    return (Proceed(Side.REQUEST, Phase.HEADERS, routed.headers, whole, True, clear, None, metadata),)


def send_unread(
    mode: BodyMode, memory: Memory, passage: Forwarding, held: list[bytes], edits: PickEdits | None, *, end: bool
) -> Effects:
    """Answers the beginning of a body that is too large to be read, and goes on as it comes."""
    headers = passage.changed(HeaderMutation(remove=memory.strips))
    clear, metadata = memory.spoofed or passage.destination is not None, passage.metadata
    if edits is not None:
        headers, metadata = with_field(headers, edits), with_metadata(metadata, edits)
    if mode in AT_ONCE:
        return (Proceed(Side.REQUEST, Phase.BODY, headers, clear_route=clear, metadata=metadata),)
    first = Proceed(Side.REQUEST, Phase.HEADERS, headers, clear_route=clear, metadata=metadata)
    if mode is BodyMode.STREAMED:
        return (first, *one_for_each(len(held), None))
    return (first, *pieces(Side.REQUEST, b"".join(held), end=end))


def _not_in_trailers(headers: HeaderMutation) -> tuple[str, ...]:
    """The fields that only we decide about: what is set in the headers may not come behind the body, either."""
    return (*headers.remove, *(name for name, _ in headers.sets if not name.startswith(":")))


def trailers_without(names: tuple[str, ...]) -> Effects:
    """Lets trailers go on, without what may not stand in the headers either."""
    if not names:
        return PASS_REQUEST_TRAILERS
    return (Proceed(Side.REQUEST, Phase.TRAILERS, HeaderMutation(remove=names)),)


def one_for_each(messages: int, changed: bytes | None) -> Effects:
    """An answer to each message of a streamed body: all of what goes on in its place is in the first."""
    if changed is None:
        return PASS_REQUEST_BODY * messages
    cleared = Proceed(Side.REQUEST, Phase.BODY, body=b"")
    return (Proceed(Side.REQUEST, Phase.BODY, body=changed), *((cleared,) * (messages - 1)))


def pieces(side: Side, body: bytes, *, end: bool = True) -> tuple[Chunk, ...]:
    """The body in chunks, at least one; the last one ends the side where `end` says so."""
    if len(body) <= CHUNK_BYTES:
        return (Chunk(side, body, end),)
    starts = range(0, len(body), CHUNK_BYTES)
    return tuple(Chunk(side, body[at : at + CHUNK_BYTES], end and at + CHUNK_BYTES >= len(body)) for at in starts)
