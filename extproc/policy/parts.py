"""The parts of a policy that something outside of it has to be read or compiled for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from extproc.policy.audit import Audit
from extproc.policy.backends import Backend
from extproc.policy.base import Loc, items, part
from extproc.policy.conditions import Condition
from extproc.policy.listing import SIDES, called
from extproc.policy.mcp import McpServer
from extproc.policy.model import Policy
from extproc.policy.processors import Processor
from extproc.policy.redis_state import RedisState
from extproc.policy.step import Step
from extproc.policy.telemetry import Otlp

_BACKEND: Final[TypeAdapter[Backend]] = TypeAdapter(Backend)
_AUDIT: Final[TypeAdapter[Audit]] = TypeAdapter(Audit)
_STEP: Final[TypeAdapter[Step]] = TypeAdapter(Processor)
_SERVER: Final[TypeAdapter[McpServer]] = TypeAdapter(McpServer)


@dataclass(frozen=True, slots=True)
class PlacedStep:
    """A processor, its place in the file, and the names by which what it needs is handed on."""

    where: Loc
    pipeline: str
    side: str
    step: Step


@dataclass(frozen=True, slots=True)
class Parts:
    """Backends, processors and MCP servers, each with its place from the root; and the audit record."""

    backends: tuple[tuple[Loc, Backend], ...]
    steps: tuple[PlacedStep, ...]
    servers: tuple[tuple[Loc, McpServer], ...] = ()
    prices: Path | None = None
    """The file of prices."""
    keys: Path | None = None
    """The file of virtual keys."""
    audit: Audit | None = None
    otlp: Otlp | None = None
    redis: RedisState | None = None
    """The Redis that holds the state."""


def parts_of(policy: Policy) -> Parts:
    """All backends, processors and MCP servers of a policy."""
    backends = tuple((("backends", index), backend) for index, backend in enumerate(policy.backends))
    listed = () if policy.mcp is None else policy.mcp.servers
    servers = tuple((("mcp", "servers", index), server) for index, server in enumerate(listed))
    prices = None if policy.prices is None else policy.prices.file
    keys = None if policy.tenants is None else policy.tenants.source.keys
    return Parts(
        backends, tuple(_steps(policy)), servers, prices, keys, policy.audit, policy.telemetry.otlp, policy.state.redis
    )


def conditions_of(policy: Policy) -> Iterator[tuple[Loc, Condition]]:
    """All conditions of a policy, each with its place."""
    for each in _steps(policy):
        if each.step.when is not None:
            yield (*each.where, "when"), each.step.when
    for index, model in enumerate(policy.models):
        for number, rule in enumerate(model.rules):
            yield ("models", index, "rules", number, "when"), rule.when
    for index, server in enumerate(() if policy.mcp is None else policy.mcp.servers):
        if server.when is not None:
            yield ("mcp", "servers", index, "when"), server.when
    for index, limit in enumerate(policy.residency):
        yield ("residency", index, "when"), limit.when


def salvaged(data: object, context: dict[str, Any]) -> Parts:
    """The parts that are right by their form in a file that as a whole is not.

    So that one run reports what is wrong with these as well: a file that is missing, an expression. `context`: what the
    file is validated with.
    """
    backends = (
        (("backends", index), found)
        for index, entry in enumerate(items(data, "backends"))
        if (found := _valid(_BACKEND, entry, context)) is not None
    )
    servers = (
        (("mcp", "servers", index), found)
        for index, entry in enumerate(items(part(data, "mcp"), "servers"))
        if (found := _valid(_SERVER, entry, context)) is not None
    )
    audit = _valid(_AUDIT, part(data, "audit"), context)
    return Parts(tuple(backends), tuple(_salvaged_steps(data, context)), tuple(servers), audit=audit)


def _steps(policy: Policy) -> Iterator[PlacedStep]:
    for index, pipeline in enumerate(policy.pipelines):
        for side in SIDES:
            for position, step in enumerate(getattr(pipeline, side)):
                yield PlacedStep(("pipelines", index, side, position), pipeline.name, side, step)


def _salvaged_steps(data: object, context: dict[str, Any]) -> Iterator[PlacedStep]:
    for index, pipeline in enumerate(items(data, "pipelines")):
        for side in SIDES:
            for position, entry in enumerate(items(pipeline, side)):
                found = _valid(_STEP, entry, context)
                if found is not None and called(entry) is not None:
                    yield PlacedStep(("pipelines", index, side, position), str(part(pipeline, "name")), side, found)


def _valid(adapter: TypeAdapter[Any], entry: object, context: dict[str, Any]) -> Any:
    try:
        return adapter.validate_python(entry, context=context)
    except ValidationError:
        return None
