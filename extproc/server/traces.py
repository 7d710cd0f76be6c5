"""The export of a worker's spans over reloads: begun, renewed and ended as the plan in force says."""

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from extproc.protocol.record import Record
from extproc.server.log import Log
from extproc.server.tasks import spawn
from extproc.telemetry.names import label_names
from extproc.transaction import Plan

if TYPE_CHECKING:
    from extproc.server.otlp import SpanExport


class WorkerTraces:
    """The spans of one worker. Without traces in the policy nothing is imported and nothing is kept."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._export: SpanExport | None = None
        self._past: dict[str, int] = {}

    def keep(self, plan: Plan) -> None:
        """Export as this plan says from now on. To be called in a running loop once it has exported."""
        collector = None if plan.tracing is None else plan.collector
        export = self._export
        if export is not None and export.collector == collector:
            export.rename(label_names(plan.policy))
            return
        if export is not None:
            self._export = None
            spawn(self._end(export))
        if collector is not None:
            begin: type[SpanExport] = import_module("extproc.server.otlp").SpanExport
            self._export = begin(collector, label_names(plan.policy), self._log)

    def put(self, record: Record) -> None:
        """Queue the span of an exchange that has a trace."""
        if self._export is not None:
            self._export.put(record)

    def counts(self) -> Mapping[str, int]:
        """Return the spans by what became of them, since the worker began."""
        if self._export is None:
            return self._past
        return {name: number + self._past.get(name, 0) for name, number in self._export.counts.items()}

    async def close(self) -> None:
        """Export what waits, within a few seconds."""
        if self._export is not None:
            export, self._export = self._export, None
            await self._end(export)

    async def _end(self, export: "SpanExport") -> None:
        await asyncio.to_thread(export.close)
        for name, number in export.counts.items():
            self._past[name] = self._past.get(name, 0) + number
