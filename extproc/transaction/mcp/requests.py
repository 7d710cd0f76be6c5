"""Requests on the paths of MCP servers: taken in by their headers, and sent to a server."""

from collections.abc import Sequence
from typing import Final

from extproc import apis
from extproc.apis.mcp.message import RpcMessage
from extproc.apis.paths import query_of
from extproc.payload.fieldvalue import parse
from extproc.pipe.mcp import planned_filter
from extproc.protocol.effects import HeaderMutation, Metadata, Phase, Proceed
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import Field, HeaderMap
from extproc.protocol.messages import Headers, Side
from extproc.routing.mcp import SESSION, McpRoute, ServedTools, chosen, named_session, server_of, session_of
from extproc.routing.table import Choice
from extproc.transaction.contract import CONTRACT_VERSION, contract
from extproc.transaction.mcp.exchange import McpExchange
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan
from extproc.transaction.requests.admission import upgrade_refused, upgrades
from extproc.transaction.requests.onward import Routed
from extproc.transaction.requests.passage import Forwarding, keyed, removed
from extproc.transaction.shared import Shared
from extproc.transaction.steering.astray import check_steered
from extproc.transaction.steering.edits import SteeringEdits

_METHODS: Final = frozenset({b"POST", b"GET", b"DELETE"})
_JSON: Final = "application/json"
_CHARSETS: Final = frozenset({"", "utf-8", "utf8"})


def begin(plan: Plan, memory: Memory, route: McpRoute, message: Headers) -> McpExchange:
    """Return what decides about a request with these headers.

    Raises:
        ClientError: it cannot be one of MCP, or its session does not exist.
    """
    assert plan.mcp is not None, "the path is one of its servers"
    fields, method = message.fields, message.fields.get(":method") or b""
    if upgrades(fields):
        raise upgrade_refused()
    if method not in _METHODS:
        raise ClientError(405, "method_not_allowed", "Use POST, GET or DELETE on this path.")
    posts = method == b"POST"
    if posts:
        _check_type(fields, empty=message.end)
    filters = plan.mcp.reads_responses and method != b"DELETE"
    if filters:
        # Envoy cannot decode a response before the processor sees it, so the server is not asked to encode it.
        memory.strips = (*memory.strips, "accept-encoding")
    return McpExchange(
        route,
        plan.mcp.rules_of(memory.circumstances.tenant),
        session_of(route, _one(fields, SESSION)),
        posts,
        (_one(fields, "mcp-method"), _one(fields, "mcp-name")),
        filters,
    )


def passage_mcp(plan: Plan, shared: Shared, memory: Memory, now: float) -> Forwarding:
    """Return where a request without a body goes: one that opens a stream, or ends a session. Raises ClientError."""
    steering = _steer(plan, shared, memory, (), now)
    return Forwarding(steering.headers, memory.destination, metadata=steering.metadata)


def route_mcp(
    plan: Plan, shared: Shared, memory: Memory, messages: Sequence[RpcMessage], changed: bytes | None, now: float
) -> Routed:
    """Send messages to their server; `changed` is their body, None if it is as it came. Raises ClientError."""
    steering = _steer(plan, shared, memory, messages, now)
    memory.decided = now
    headers = steering.headers
    if memory.strips:
        headers = HeaderMutation(headers.set, (*headers.remove, *memory.strips), headers.more)
    return Routed(headers, changed, steering, clear_route=True, metadata=steering.metadata)


def session_named(memory: Memory, fields: HeaderMap, headers: HeaderMutation | None) -> HeaderMutation | None:
    """Return the changes to a response's headers with the name by which the client is to know its session."""
    value = fields.get(SESSION)
    if value is None or memory.mcp is None or memory.destination is None or not memory.mcp.route.several:
        return headers
    named = (SESSION, named_session(memory.mcp.route, memory.destination.name, value))
    before = headers or HeaderMutation()
    return HeaderMutation(before.set, before.remove, (*before.more, named))


def _steer(plan: Plan, shared: Shared, memory: Memory, messages: Sequence[RpcMessage], now: float) -> SteeringEdits:
    """Choose a server and its backend, and write the choice down in `memory`. Raises ClientError."""
    exchange, table = memory.mcp, plan.table
    assert exchange is not None, "it is on the path of a server"
    asks = table.asks_all | exchange.route.asks if exchange.route.asks else table.asks_all
    signals = memory.signals_for_rules(asks)
    server = server_of(exchange.route, messages, exchange.session, signals)
    if table.residency:
        memory.confinement = table.residency.confine(signals)
    choice = chosen(server, exchange.session, memory.confinement, shared.health, now)
    destination = choice.candidate.destination
    check_steered(plan, shared, memory, destination)
    shared.health.sent(destination.name, choice.candidate.known, now)
    masked = memory.findings is not None and memory.findings.masked
    memory.decision = "masked" if masked else "rerouted" if choice.rerouted else "allowed"
    memory.choice, memory.destination, memory.reason = choice, destination, choice.why
    if exchange.filters:
        memory.filter = planned_filter(exchange.rules, server)
    if memory.keys:
        memory.strip_keys(destination.removes)
    memory.steering = _edits(plan, memory, exchange, server, choice)
    return memory.steering


def _edits(plan: Plan, memory: Memory, exchange: McpExchange, server: ServedTools, choice: Choice) -> SteeringEdits:
    destination = choice.candidate.destination
    name = destination.name.encode()
    asked = memory.path if destination.removes is None else apis.without_keys(memory.path)
    session = exchange.session
    own: tuple[Field, ...] = ()
    remove = removed(destination, known=memory.known)
    if session is not None and session.backend == destination.name:
        own = ((SESSION, session.id),)
    elif exchange.route.several:
        remove = (*remove, SESSION)
    headers = HeaderMutation(
        (
            *plan.writer.fields(destination, None),
            (":authority", destination.authority),
            (":path", (destination.prefix or "/").encode() + query_of(asked)),
            *(keyed(destination.credential) if memory.known else destination.credential),
        ),
        remove,
        own,
    )
    ours = {
        "version": CONTRACT_VERSION.decode(),
        "decision": memory.decision,
        "backend": destination.name,
        "mcp_server": server.name,
    }
    plain: Metadata = {"extproc": ours, "io.envoy.ai_gateway": {"ai_service_backend_name": destination.name}}
    metadata = plan.writer.metadata(destination, None, plain) or plain
    return SteeringEdits(
        headers,
        metadata,
        Proceed(Side.REQUEST, Phase.BODY, headers, clear_route=True, metadata=metadata),
        (*contract(memory.decision), ("x-extproc-backend", name)),
    )


def _check_type(fields: HeaderMap, *, empty: bool) -> None:
    """Refuse what says to be something else than JSON in UTF-8: a server might read it so. Raises ClientError."""
    kind = parse(", ".join(each.decode("latin-1") for each in fields.getall("content-type")))
    if kind.value != _JSON or kind.repeated or kind.parameters.get("charset", "").lower() not in _CHARSETS:
        raise ClientError(415, "unsupported_media_type", "Send JSON-RPC as application/json in UTF-8.")
    if empty:
        raise ClientError(400, "empty_body", "The request has no body; a JSON-RPC message is expected.")


def _one(fields: HeaderMap, name: str) -> bytes | None:
    """Return the value of a field. Raises ClientError where there are several: readers differ in which one counts."""
    values = fields.getall(name)
    if len(values) > 1:
        raise ClientError(400, "invalid_request", f"The header field {name} may be sent once.")
    return values[0] if values else None
