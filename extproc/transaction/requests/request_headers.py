"""A request by its headers alone: whether it is answered here, goes on as it comes, or is decided about by its body."""

from typing import Final

from msgspec import Struct

from extproc.inspection.verdict import Blocked
from extproc.policy.endpoints import OBJECTIVE_HEADER
from extproc.protocol.effects import Reject
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers
from extproc.protocol.modes import ProtocolConfig
from extproc.routing.mcp import McpRoute
from extproc.routing.table import Destination
from extproc.signals.registry import Signals
from extproc.signals.view import RequestView
from extproc.transaction.answers import answer
from extproc.transaction.auditing.settings import unaudited
from extproc.transaction.counting.exchange_usage import ExchangeUsage
from extproc.transaction.findings import Findings
from extproc.transaction.mcp.requests import begin, passage_mcp
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan
from extproc.transaction.requests.admission import (
    READ_ONLY,
    check_claimed,
    crowded,
    exceeds,
    overloaded,
    too_large,
    too_many_headers,
    upgrade_refused,
    upgrades,
)
from extproc.transaction.requests.callers import take_circumstances
from extproc.transaction.requests.confining import check_region, confine
from extproc.transaction.requests.keys import may_ask
from extproc.transaction.requests.passage import Forwarding
from extproc.transaction.requests.pools import hint_of
from extproc.transaction.requests.tracing import trace_of
from extproc.transaction.shared import Shared
from extproc.transaction.steering.astray import check_steered
from extproc.transaction.steering.misconfigured import MisconfiguredError, check_line, check_shown, hands_over, mistaken

_KEPT_BY: Final = "openai.responses"
"""The API whose responses and conversations providers keep."""


class Admitted(Struct, frozen=True):
    """A request that goes on: where its path alone leads it, and the name of Envoy's route, if the policy reads it.

    `reads`: its body decides, so that it is read before the request goes on. `fields`: the header fields, as what
    follows may read them.
    """

    passage: Forwarding
    route_name: str
    reads: bool
    fields: HeaderMap


def admit(plan: Plan, shared: Shared, memory: Memory, config: ProtocolConfig, message: Headers) -> Admitted | Reject:
    """Say what a request is, and write it down in `memory`. Reject answers a question for models.

    Raises:
        ClientError: it may not go on.
    """
    fields = message.fields
    memory.identify(fields.get("x-request-id"))
    if plan.tracing is not None:
        memory.trace = trace_of(plan.tracing, fields, shared.random)
    memory.strips, memory.keys = plan.screened(fields)
    memory.spoofed = bool(memory.strips)
    memory.path = fields.get(":path") or b""
    claim = memory.claim = plan.claim(memory.path)
    if shared.unaudited:
        memory.teller = plan.apis.family_of(fields) if claim.claimed is None else claim.claimed.api
        raise unaudited()
    if shared.load.refuses:
        memory.teller = plan.apis.family_of(fields) if claim.claimed is None else claim.claimed.api
        raise overloaded()
    if not memory.known:
        if memory.configuration:
            raise mistaken(plan, memory.configuration)
        memory.first_cluster = message.attributes.get("xds.cluster_name")
    method = fields.get(":method") or b""
    check_line(method, memory.path)
    if plan.calling is not None:
        message = take_circumstances(plan, plan.calling, shared, memory, message)
        fields = message.fields
    if plan.budgets is not None and claim.claimed is not None:
        memory.subjects = plan.budgets.subjects(message, known=memory.known)
    if plan.pools is not None:
        memory.hint, memory.objective = hint_of(message), fields.text(OBJECTIVE_HEADER)
    elsewhere = plan.pools is not None and plan.pools.lists
    if claim.models is not None and method in (b"GET", b"HEAD") and not elsewhere:
        return _models(plan, memory, claim.models, fields)
    claimed = claim.claimed is not None and (method not in READ_ONLY or upgrades(fields))
    if claim.mcp is not None:
        memory.claimed = claim.claimed
    elif plan.meters:
        api = claim.claimed.api if claimed and claim.claimed is not None else None
        memory.counting = ExchangeUsage(api)
    route_name = _begin_signals(plan, memory, message)
    if claim.pipelines:
        _take_pipeline(plan, shared, memory, config, message, route_name)
    if claim.mcp is not None:
        return _to_server(plan, shared, memory, claim.mcp, message, route_name)
    passage = plan.unsteered if claimed else _onward(plan, shared, memory, fields)
    inspected = memory.findings is not None and memory.findings.reads_request and not message.end
    if crowded(message) and (passage.destination is not None or (claimed and not plan.inert)):
        memory.teller = None if claim.claimed is None else claim.claimed.api
        raise too_many_headers()
    confined = not claimed and plan.confines
    weighed = confined and confine(plan, memory, passage, fields, empty=_is_empty(message))
    reads = inspected or (claimed and not plan.inert) or weighed
    if not reads and memory.keys:
        memory.strip_keys(plan.table.removes)
    if reads and claimed:
        memory.claimed = claim.claimed
        check_claimed(fields, method, empty=message.end)
    elif reads and upgrades(fields):
        _check_upgrade(memory)
        reads = False
    if confined and not reads:
        check_region(plan, memory, passage.destination)
    if reads:
        memory.reason = "reading"
        _check_length(plan, memory, fields)
    return Admitted(passage, route_name, reads, fields)


def _to_server(
    plan: Plan, shared: Shared, memory: Memory, route: McpRoute, message: Headers, route_name: str
) -> Admitted:
    """Say what a request on an MCP path is: a message has to be read, the opening of a stream has no body."""
    assert memory.claim is not None
    check_shown(memory.claim, message, known=memory.known)
    memory.mcp = begin(plan, memory, route, message)
    if crowded(message):
        raise too_many_headers()
    if message.end:
        return Admitted(
            passage_mcp(plan, shared, memory, memory.started), route_name, reads=False, fields=message.fields
        )
    memory.reason = "reading"
    _check_length(plan, memory, message.fields)
    return Admitted(plan.unsteered, route_name, reads=True, fields=message.fields)


def _begin_signals(plan: Plan, memory: Memory, message: Headers) -> str:
    """Begin the signals of an exchange, if the policy reads any, and return the name of Envoy's route."""
    assert memory.claim is not None
    read = plan.needs.route_name or plan.needs.route_told
    route_name = memory.route_name = message.attributes.get("xds.route_name", "") if read else ""
    if plan.reads.any:
        if not memory.claim.pipelines and (memory.claim.reads_fields or memory.claim.reads_route):
            check_shown(memory.claim, message, known=memory.known)
        # What a body says is not known before it has come, and never becomes known if it is not read.
        empty, circumstances = _is_empty(message), memory.circumstances
        body = b"" if empty else None
        view = RequestView(message.fields, memory.claim.path, route_name, body=body, circumstances=circumstances)
        memory.signals = Signals(plan.signals, view, whole=empty)
    return route_name


def _is_empty(message: Headers) -> bool:
    """True if nothing follows the headers; what an upgraded connection carries does, whatever Envoy says."""
    return message.end and not upgrades(message.fields)


def _take_pipeline(
    plan: Plan, shared: Shared, memory: Memory, config: ProtocolConfig, message: Headers, route_name: str
) -> None:
    """Find the pipeline that is for a request, begin its findings, and see to it that responses can be read.

    Raises:
        MisconfiguredError: Envoy does not show what the choice hangs on, or hands over no response to be stopped.
    """
    claim = memory.claim
    assert claim is not None
    if claim.reads_fields or claim.reads_route:
        check_shown(claim, message, known=memory.known)
    found = plan.pipeline(claim, message.fields, route_name, memory.circumstances.tenant)
    if found is None:
        return
    if shared.load.lean and found.lean is not None:
        found = found.lean
    memory.findings = Findings(found, shared.listed(plan.audit))
    if found.reads_response and not hands_over(config):
        error = MisconfiguredError("response_body_mode")
        if found.enforces_response:
            raise error
        memory.note(error.what, error.detail)


def _models(plan: Plan, memory: Memory, name: str, fields: HeaderMap) -> Reject:
    """Return the list of models, or the card of one."""
    family = plan.apis.family_of(fields) or plan.apis.default
    names = [each for each in plan.table.names if may_ask(plan.table, memory.circumstances, each)]
    if name and name not in names:
        raise ClientError(404, "model_not_found", "The requested model does not exist; see GET /v1/models.", "model")
    memory.decision, memory.reason, memory.status = "allowed", "models", 200
    body = family.model_card(name, 0) if name else family.model_list(names, 0)
    return answer(body, memory.request_id)


def _check_upgrade(memory: Memory) -> None:
    """Note an upgraded connection on a path of no API, which a pipeline is for: nobody could read it."""
    findings = memory.findings
    if findings is None:
        return
    if findings.pipeline.blocks_unread and findings.judges_request:
        raise upgrade_refused()
    findings.saw("upgrade")


def _check_length(plan: Plan, memory: Memory, fields: HeaderMap) -> None:
    findings, most = memory.findings, plan.limits.request_body
    if memory.claimed is not None and exceeds(fields, most):
        raise too_large(most)
    if findings is not None and findings.blocks_oversize and exceeds(fields, findings.pipeline.body_limit):
        findings.blocked = Blocked(findings.pipeline.name, "oversize")
        raise too_large(findings.pipeline.body_limit)


def _kept(plan: Plan, shared: Shared, memory: Memory) -> tuple[bytes, Destination | None]:
    """Return the path as a backend knows it, and the backend that keeps what it asks for, if one is known to.

    Only where the policy has a default backend: where it serves no other paths, a tag opens none.
    """
    if plan.sealing is None or plan.table.onward is None:
        return memory.path, None
    kept = plan.sealing.by_path(memory.path, lambda each: shared.health.down(each.name, "", memory.started))
    if kept is None:
        return memory.path, None
    memory.sealed, memory.sealed_members = "pinned", ("path",)
    if kept.reads:
        api = plan.apis.named(_KEPT_BY)
        memory.seals = None if api is None else api.sealed
        memory.strips = (*memory.strips, "accept-encoding")
    return kept.path, kept.destination


def _onward(plan: Plan, shared: Shared, memory: Memory, fields: HeaderMap) -> Forwarding:
    """Return where a request goes that no API claims. Raises ClientError where nothing is served.

    A pipeline that is for it says that somebody serves it: then Envoy's routes decide.
    """
    path, kept_at = _kept(plan, shared, memory)
    passage = plan.passage(path, known=memory.known, kept_at=kept_at)
    passage = passage or (None if memory.findings is None else plan.unsteered)
    if passage is None:
        assert memory.claim is not None
        claimed = memory.claim.claimed
        memory.teller = claimed.api if claimed is not None else plan.apis.family_of(fields)
        raise ClientError(404, "not_found", "Nothing is served under this path.")
    if passage.destination is not None:
        check_steered(plan, shared, memory, passage.destination)
    memory.destination = passage.destination
    if memory.keys:
        memory.strip_keys(plan.table.removes if passage.destination is None else passage.destination.removes)
    return passage
