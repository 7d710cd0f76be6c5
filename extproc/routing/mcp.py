"""MCP servers of a policy, made ready: which of them serves a request, and what a tenant may call."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from extproc import apis
from extproc.apis.mcp.message import RpcBody, RpcMessage
from extproc.policy import Condition, ConditionError, Mcp, McpPins, McpServer, Unusable, pins_of
from extproc.policy.base import Loc
from extproc.policy.mcp import PATTERN_MAX, PINS_MAX
from extproc.protocol.errors import ClientError
from extproc.routing.health import BackendHealth
from extproc.routing.mcp_lists import Globs, NameRules
from extproc.routing.residency import Confinement, ResidencyError
from extproc.routing.table import Candidate, Choice, Destination

SESSION: Final = "mcp-session-id"
"""The field of requests and responses that names a session."""

MARK: Final = b":"
"""Stands between the backend's name and the session's id, where several backends could have begun the session."""

_PINS: Final = msgspec.json.Decoder(dict[str, str])
_DIGITS: Final = frozenset("0123456789abcdef")


class Pins(Struct, frozen=True):
    """The pins of a server's tools. `changed` and `unpinned`: True if such a tool is blocked."""

    tools: Mapping[str, str]
    changed: bool
    unpinned: bool


class ServedTools(Struct, frozen=True):
    """One server: the tools that it serves, None for all, and the backends that it may be, the first one first.

    `when`: the requests that it serves, None for all.
    """

    name: str
    tools: Globs | None
    candidates: tuple[Candidate, ...]
    pins: Pins | None = None
    when: Condition | None = None

    def holds(self, signals: Mapping[str, Any]) -> bool:
        """True if it serves requests with these signals. Raises ClientError where that cannot be determined."""
        try:
            return self.when is None or self.when.holds(signals)
        except ConditionError:
            message = "The gateway could not determine where this request may go."
            raise ClientError(503, "routing_failed", message) from None

    def serves(self, tool: str) -> bool:
        """True if it has the tool."""
        return self.tools is None or self.tools.match(tool)

    def began(self, session: "McpSession") -> bool:
        """True if the session may be one of its own: it is of one of its backends."""
        return any(each.destination.name == session.backend for each in self.candidates)


class McpRoute(Struct, frozen=True):
    """The servers of one path. `several`: sessions may be of different backends. `asks`: signals of conditions."""

    path: str
    servers: tuple[ServedTools, ...]
    several: bool
    asks: frozenset[str] = frozenset()


class McpSession(Struct, frozen=True):
    """The session that a request belongs to: the backend that began it, and its id there."""

    backend: str
    id: bytes

    def __repr__(self) -> str:
        return f"McpSession({self.backend})"


class McpRules(Struct, frozen=True):
    """The methods and tools that may be called."""

    methods: NameRules
    tools: NameRules

    @property
    def restricts(self) -> bool:
        """True if something may not be called."""
        return self.methods.restricts or self.tools.restricts


class McpTable(Struct, frozen=True):
    """All of it: servers by their paths in lower case; what everybody may call, and what tenants may."""

    routes: Mapping[str, McpRoute]
    rules: McpRules
    tenants: Mapping[str, McpRules]

    @property
    def reads_responses(self) -> bool:
        """True if something is taken out of responses, or looked for in them."""
        servers = [server for route in self.routes.values() for server in route.servers]
        rules = (self.rules, *self.tenants.values())
        return any(each.restricts for each in rules) or any(each.pins is not None for each in servers)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions of all servers."""
        servers = (server for route in self.routes.values() for server in route.servers)
        return tuple(each.when for each in servers if each.when is not None)

    @property
    def names_sessions(self) -> bool:
        """True if ids of sessions have the names of backends."""
        return any(route.several for route in self.routes.values())

    def rules_of(self, tenant: str) -> McpRules:
        """Return what a tenant may call; an empty name is nobody's in particular."""
        return self.tenants.get(tenant, self.rules)


def compile_mcp(
    written: Mcp | None, destinations: Mapping[str, Destination], secrets: Mapping[str, bytes], wrong: list[Unusable]
) -> McpTable | None:
    """Return the table of a policy; None if it has no MCP servers. What cannot be used is added to `wrong`."""
    if written is None:
        return None
    paths: dict[str, list[ServedTools]] = {}
    for index, server in enumerate(written.servers):
        if server.path.startswith("/v1/models") or apis.current().claim(server.path) is not None:
            mend = f"write another path, such as /mcp/{server.name}"
            wrong.append(Unusable(("mcp", "servers", index, "path"), "this is the path of an API", mend))
        pins = None if server.pins is None else _pins(server, secrets, ("mcp", "servers", index, "pins"), wrong)
        paths.setdefault(server.path.lower(), []).append(_served(server, destinations, pins))
    routes = {path: _route(path, tuple(servers)) for path, servers in paths.items()}
    tenants = {
        each.name: McpRules(NameRules.of(written.methods, each.methods), NameRules.of(written.tools, each.tools))
        for each in written.tenants
    }
    return McpTable(routes, McpRules(NameRules.of(written.methods), NameRules.of(written.tools)), tenants)


def _route(path: str, servers: tuple[ServedTools, ...]) -> McpRoute:
    asks = [each.when.signals for each in servers if each.when is not None]
    return McpRoute(path, servers, _several(servers), frozenset[str]().union(*asks))


def _served(server: McpServer, destinations: Mapping[str, Destination], pins: Pins | None) -> ServedTools:
    names = dict.fromkeys((server.backend, *server.fallback))
    candidates = tuple(Candidate(destinations[name], None, 1.0) for name in names)
    return ServedTools(
        server.name, None if server.tools is None else Globs.of(server.tools), candidates, pins, server.when
    )


def _several(servers: Iterable[ServedTools]) -> bool:
    return len({each.destination.name for server in servers for each in server.candidates}) > 1


def _pins(server: McpServer, secrets: Mapping[str, bytes], where: Loc, wrong: list[Unusable]) -> Pins:
    written = server.pins or McpPins()
    pins = dict(written.tools)
    raw = secrets.get(pins_of(server.name))
    if raw is not None:
        try:
            found = _PINS.decode(raw)
        except msgspec.DecodeError:
            found = {"": ""}
        if len(found) > PINS_MAX or not all(_is_pin(*each) for each in found.items()):
            wrong.append(Unusable((*where, "file"), "the file holds no pins", "write it with `extproc pins`"))
        pins = found | pins
    return Pins(pins, written.changed == "block", written.unpinned == "block")


def _is_pin(name: str, digest: str) -> bool:
    return 1 <= len(name) <= PATTERN_MAX and len(digest) == 64 and _DIGITS.issuperset(digest)


# -- requests


def check_allowed(rules: McpRules, body: RpcBody) -> None:
    """Refuse a body of which one message may not be sent. Raises ClientError."""
    for each in body.messages:
        if each.method and not rules.methods.allows(each.method):
            raise _denied("mcp_method_denied", "This method is not available here.", batch=body.batch)
        if each.tool is not None and not rules.tools.allows(each.tool):
            raise _denied("mcp_tool_denied", "This tool is not available here.", batch=body.batch)


def session_of(route: McpRoute, value: bytes | None) -> McpSession | None:
    """Return the session of a request's field; None if there is none, or one backend alone could have begun it.

    Raises:
        ClientError: 404, it is of none of the backends. Clients begin another session then.
    """
    if value is None or not route.several:
        return None
    name, mark, identity = value.partition(MARK)
    for server in route.servers:
        for each in server.candidates:
            if mark and identity and each.destination.name.encode() == name:
                return McpSession(each.destination.name, identity)
    raise ClientError(404, "mcp_session_not_found", "The session does not exist; begin another one.")


def named_session(route: McpRoute, backend: str, value: bytes) -> bytes:
    """Return the id by which a client knows the session that a backend has begun."""
    return backend.encode() + MARK + value if route.several else value


def server_of(
    route: McpRoute, messages: Sequence[RpcMessage], session: McpSession | None, signals: Mapping[str, Any]
) -> ServedTools:
    """Return the server that messages are for. `signals` are those that the route asks.

    Raises:
        ClientError: no server is for them or has the tool, or those of a batch are of different servers.
    """
    batch = len(messages) > 1
    if batch and route.asks:
        # A condition is true of a batch if it is of one message: nobody knows of which.
        raise ClientError(400, "invalid_request", "These messages are not accepted in one batch; send each by itself.")
    servers = [each for each in route.servers if each.holds(signals)]
    tools = [each.tool for each in messages if each.tool is not None]
    if not servers:
        raise _denied("mcp_tool_denied" if tools else "mcp_method_denied", "No server here is for this.", batch=batch)
    if not tools:
        return _any(servers, session)
    found = [next((each for each in servers if each.serves(tool)), None) for tool in tools]
    first = found[0]
    if first is None or None in found:
        raise _denied("mcp_tool_denied", "This tool is not available here.", batch=batch)
    if any(each is not first for each in found):
        raise ClientError(400, "invalid_request", "These calls are for different servers; send each by itself.")
    _check_pinned(first, tools, batch=batch)
    return first


def chosen(
    server: ServedTools,
    session: McpSession | None,
    confinement: Confinement | None,
    health: BackendHealth,
    now: float,
) -> Choice:
    """Return the backend that a server's request goes to: the session's own, else the first that is up.

    It is tried once: nobody knows if a call that failed was carried out.

    Raises:
        ClientError: 503, none is up, or none is where the request may go.
    """
    candidates = server.candidates
    if confinement is not None:
        candidates = tuple(each for each in candidates if confinement.admits(each.destination.region))
        if not candidates:
            raise ResidencyError(confinement)
    if session is not None and server.began(session):
        for each in candidates:
            if each.destination.name == session.backend:
                return Choice(each, "session", plan=(each,))
        assert confinement is not None, "the backend of the session was left out"
        raise ResidencyError(confinement)
    down: tuple[str, ...] = ()
    for each in candidates:
        if not health.down(each.destination.name, each.known, now):
            return Choice(each, "mcp", down, plan=(each,))
        down = (*down, each.destination.name)
    raise ClientError(503, "backend_unavailable", "The server is not available right now; try again shortly.")


def _any(servers: Sequence[ServedTools], session: McpSession | None) -> ServedTools:
    """Return the server of what calls no tool: the one that began the session, or the first."""
    if session is not None:
        for server in servers:
            if server.began(session):
                return server
    return servers[0]


def _check_pinned(server: ServedTools, tools: Iterable[str], *, batch: bool) -> None:
    pins = server.pins
    if pins is not None and pins.unpinned and any(tool not in pins.tools for tool in tools):
        raise _denied("mcp_tool_unpinned", "This tool is not available here.", batch=batch)


def _denied(code: str, message: str, *, batch: bool) -> ClientError:
    if batch:
        message = "One message of this batch is not allowed here, and none of them was sent on."
    return ClientError(403, code, message)
