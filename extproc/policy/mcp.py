"""The section `mcp`: the paths that are MCP, the servers behind them, and who may call what."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from extproc.policy.base import Value, Written, matching, refusal
from extproc.policy.conditions import RequestWhen
from extproc.policy.expressions import FINDINGS_COUNTED, MACROS
from extproc.policy.names import BackendName, PipelineName
from extproc.policy.paths import FilePath
from extproc.policy.tenants import TenantName
from extproc.policy.virtual import RULES_STEPS_MAX

PATTERN_MAX: Final = 256
"""Characters of a name or a pattern: twice what the protocol recommends for the name of a tool."""

PATTERNS_MAX: Final = 1024
"""Names in one list. They are compared one after the other for each call; a thousand take 0.2 ms."""

SERVERS_MAX: Final = 256
"""Servers of a policy: they are tried one after the other for each tool."""

TENANTS_MAX: Final = 10_000
"""Tenants with lists of their own. They are found by name, so that only memory bounds them."""

PINS_MAX: Final = 4096
"""Pinned tools of a server: as many as one list of tools may hold."""

FALLBACK_MAX: Final = 16
"""Backends beside a server's first."""

MCP_PATH: Final = "/mcp"

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_.~-]{1,128}){1,16}", re.ASCII)


def _pattern(text: str) -> str:
    if not 1 <= len(text) <= PATTERN_MAX or not text.isprintable() or text != text.strip():
        raise refusal(
            f"a name here has 1 to {PATTERN_MAX} printable characters and no space at its ends",
            "copy the name from the server's list; * stands for any characters",
        )
    return text


def _mcp_path(path: str) -> str:
    if _PATH.fullmatch(path) is None or any(step in {".", ".."} for step in path.split("/")):
        raise refusal(
            "this cannot be the path of an MCP server",
            "write it like /mcp/files: letters, digits, dots, dashes, underscores, and no slash at its end",
        )
    return path


def _pinned(pins: Mapping[str, str]) -> Mapping[str, str]:
    if len(pins) > PINS_MAX:
        raise refusal(f"at most {PINS_MAX} tools may be pinned here", "write fewer")
    return pins


NamePattern = Annotated[str, AfterValidator(_pattern), Written("name, with `*` for any characters", "search_*")]
McpPath = Annotated[str, AfterValidator(_mcp_path), Written("path", "/mcp/files")]
Digest = Annotated[
    str,
    matching(
        _DIGEST,
        "a pin is the SHA-256 of a tool: 64 lower-case hexadecimal digits",
        "write what `extproc pins` prints",
    ),
]


class McpList(Value):
    """Names that are allowed and names that are denied; `*` in a name stands for any characters, none included.

    A denied name is denied in any spelling that a lenient server might take for it: case, width and invisible
    characters do not count. An allowed name counts as it is written.
    """

    allow: Annotated[tuple[NamePattern, ...], Field(max_length=PATTERNS_MAX)] | None = None
    """Names that are allowed."""
    deny: Annotated[tuple[NamePattern, ...], Field(max_length=PATTERNS_MAX)] = ()
    """Names that are denied, also where `allow` has them."""
    default: Literal["allow", "deny"] | None = None
    """The decision on a name that is in neither list; if absent `deny` where `allow` is written, else `allow`."""


class McpTenant(Value):
    """Lists of one tenant, beside those that are for everybody.

    What either denies is denied; what either allows besides is allowed. `default` is the tenant's, if it is written.
    """

    name: TenantName
    """The name of the [tenant](#tenants)."""
    methods: McpList = McpList()
    """Methods that the tenant may use."""
    tools: McpList = McpList()
    """Tools that the tenant may call."""


class McpPins(Value):
    """Tools of a server as they were when somebody read their descriptions.

    A pin is the SHA-256 of a tool's title, description, schemas and annotations, which models are shown; `extproc pins`
    prints the pins of a list of tools. Findings of the processor `mcp` say what differs, of the kinds `tool_changed`
    and `tool_unpinned`.
    """

    tools: Annotated[
        Mapping[NamePattern, Digest],
        AfterValidator(_pinned),
        Written("pins by the names of tools", "{search: 5e88...}"),
    ] = {}
    """Pins, by the name of the tool."""
    file: Annotated[FilePath, Written("path", "files-pins.json")] | None = None
    """A file with more pins, as `extproc pins` prints them; read with the credentials."""
    changed: Literal["report", "block"] = "block"
    """A tool that is not as it was pinned: `report` records the finding; `block` takes the tool out of the list as
    well."""
    unpinned: Literal["report", "block"] = "block"
    """A tool without a pin: `report` as above; `block` takes it out of the list and refuses calls to it."""


class McpServer(Value):
    """A server behind a path. Of the servers of one path, the first that has the tool serves the call.

    What calls no tool goes to the first server of the path, within a session to the one that began it. A session's id
    is sent to no other backend than the one that it came from.
    """

    name: PipelineName
    """The server's name."""
    path: McpPath = MCP_PATH
    """The path at which clients reach it, in any spelling; nothing below it."""
    backend: BackendName
    """The backend that it is, one with `api: mcp`; requests go to the path of its `url`."""
    fallback: Annotated[tuple[BackendName, ...], Field(max_length=FALLBACK_MAX)] = ()
    """Backends that serve new sessions, and requests without a session, when those before them are down; in this
    order."""
    tools: Annotated[tuple[NamePattern, ...], Field(max_length=PATTERNS_MAX)] | None = None
    """Tools that it serves; all if absent."""
    when: RequestWhen | None = None
    """[Condition](#conditions) on the request, such as `tenant == "acme"` or one on `mcp.tool`; the server serves the
    requests for which it is true, all if absent. If it cannot be evaluated the client gets 503. Where a server of a
    path has one, a batch may have one message."""
    pins: McpPins | None = None
    """Tools by their hashes; nothing is compared if absent."""


def _affordable(servers: tuple[McpServer, ...]) -> tuple[McpServer, ...]:
    if sum(each.when.steps for each in servers if each.when is not None) > RULES_STEPS_MAX:
        raise refusal(
            f"the conditions of the servers take too long together, with {FINDINGS_COUNTED} findings",
            f"write fewer, or less within {', '.join(MACROS)} and matches",
        )
    return servers


class Mcp(Value):
    """Servers of the Model Context Protocol, and who may call what of them.

    On a server's path only JSON-RPC 2.0 goes on that every reader reads alike: one message, or a batch of up to 64.
    One message of a batch that is not allowed has all of it refused. Lists of tools in responses hold what may be
    called.
    """

    servers: Annotated[tuple[McpServer, ...], Field(max_length=SERVERS_MAX), AfterValidator(_affordable)]
    """Servers. At least one."""
    methods: McpList = McpList()
    """Methods that may be used: those of clients' messages, and those of servers' messages to clients, which are taken
    out of the stream."""
    tools: McpList = McpList()
    """Tools that may be called."""
    tenants: Annotated[tuple[McpTenant, ...], Field(max_length=TENANTS_MAX)] = ()
    """Lists of tenants. Without one a tenant has those above."""
