"""The data that Envoy must hand over for a policy: the union of what all that reads an exchange needs."""

from collections.abc import Iterable

from msgspec import Struct

from extproc import apis
from extproc.inspection.pipeline import CompiledPipeline
from extproc.policy import Condition
from extproc.policy.signals import Vocabulary
from extproc.routing.mcp import SESSION, McpTable
from extproc.routing.table import Table
from extproc.transaction.requests.passage import PROTOCOLS

FIELDS_READ = (
    ":method",
    ":path",
    ":protocol",
    ":status",
    "anthropic-version",
    "content-encoding",
    "content-length",
    PROTOCOLS,
    "upgrade",
    "x-request-id",
)
"""The header fields that a transaction looks at, besides control headers. A configuration of ours asks Envoy for no
other: each costs both sides about half a microsecond, and a credential that is not sent cannot be lost."""

MCP_FIELDS = (SESSION, "mcp-method", "mcp-name")
"""Header fields that are read on the paths of MCP servers."""


class Needs(Struct, frozen=True):
    """The data that Envoy must hand over besides the request. Nothing, unless somebody reads it."""

    response_headers: bool = False
    response_body: bool = False
    metered: bool = False
    """The bodies of responses are read for their usage. They pass as they come, so that an Envoy which does not hand
    them over only leaves their tokens uncounted."""
    errors: bool = False
    """The bodies of errors, in which a backend might quote our credential."""
    answer_buffer: int = 0
    """Bytes of the largest answer that is read whole."""
    judging: float = 0.0
    """Seconds that a body may be judged before it is answered."""
    fields: tuple[str, ...] = ()
    """Header fields besides `FIELDS_READ`."""
    route_name: bool = False
    """The attribute `xds.route_name` of requests."""
    counted: bool = False
    """What Envoy's own filter counted, with trailers of responses that it makes."""
    route_told: bool = False
    """The same, for the metadata that Envoy gets alone: no request is decided by it."""
    attributes: tuple[str, ...] = ()
    """Further attributes of requests."""
    namespaces: tuple[str, ...] = ()
    """Namespaces of dynamic metadata."""


def needs_of(
    table: Table,
    pipelines: tuple[CompiledPipeline, ...],
    conditions: tuple[Condition, ...],
    vocabulary: Vocabulary,
    recorded: tuple[str, ...],
    *,
    staged: bool,
    retried: bool,
    metered: bool,
    mcp: McpTable | None,
) -> Needs:
    """The union of what all that reads an exchange needs.

    `conditions` are those of models' rules and of residency. `staged`: responses pass answer stages, those of
    plug-ins or of `mcp`. `metered`: they are read for their usage. `retried`: Envoy may try a request more than once;
    only responses tell who served it then.
    """
    reading = [each for each in pipelines if each.reads_response or staged]
    bodies = bool(reading)
    fields = dict.fromkeys(name for each in pipelines for name in sorted(each.fields))
    fields |= dict.fromkeys(name for each in conditions for name in sorted(each.headers))
    fields |= dict.fromkeys(sorted(vocabulary.headers(recorded)))
    fields |= dict.fromkeys(_shown_by())
    typed = metered or bool(pipelines) or vocabulary.reads_body(recorded) or any(each.reads_body for each in conditions)
    if mcp is not None:
        typed = True
        fields |= dict.fromkeys(MCP_FIELDS)
    return Needs(
        response_headers=retried
        or metered
        or table.chooses
        or table.watches_speed
        or (mcp is not None and mcp.names_sessions)
        or bodies
        or table.reads_errors
        or any(each.eager for each in pipelines),
        response_body=bodies,
        metered=metered,
        errors=table.reads_errors,
        answer_buffer=max((each.body_limit for each in reading), default=0),
        judging=max((each.patience for each in pipelines), default=0.0),
        fields=(*(("content-type",) if typed else ()), *(name for name in fields if name != "content-type")),
        route_name="route_name" in recorded or names_route(conditions) or any(each.reads_route for each in pipelines),
    )


def names_route(conditions: Iterable[Condition]) -> bool:
    """True if one of them is about the name of Envoy's route."""
    return any("route_name" in each.signals for each in conditions)


def _shown_by() -> tuple[str, ...]:
    """The header fields that show the family of a client, besides those that are read anyway."""
    families = apis.current().families.values()
    return tuple(name for family in families for name in family.headers if name not in FIELDS_READ)
