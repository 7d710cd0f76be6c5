"""The meaning of a request's path under a policy."""

from msgspec import Struct

from extproc import apis
from extproc.inspection.pipeline import CompiledPipeline
from extproc.routing.mcp import McpRoute


class Claim(Struct, frozen=True):
    """The meaning of a path. `models` is the listing or the card's name if it is the models resource.

    `pipelines`: those that may be for it, in order; the last one surely is, or none is left. `reads_fields` and
    `reads_route`: one of them is chosen, or judges, by header fields of the request or by the name of Envoy's route; or
    a model that may be asked for there has rules about these, or a rule of residency is about them.
    `mcp`: the servers behind it, if it is an MCP path.
    """

    path: str
    claimed: apis.ApiRequestPath | None = None
    models: str | None = None
    pipelines: tuple[CompiledPipeline, ...] = ()
    reads_fields: bool = False
    reads_route: bool = False
    mcp: McpRoute | None = None
