"""Metrics that a supervisor exports, as they arrive at a collector."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

from msgspec.structs import replace

from extproc.server.log import Log, Sink
from extproc.server.otlp.metering import MetricsExport
from extproc.telemetry import Metrics, Snapshot
from extproc.telemetry.exposition import text
from extproc.telemetry.families import EXCHANGES, OPEN
from tests.gathered import gathered
from tests.server.otlp.collector import Received, over_grpc, over_http, read
from tests.server.otlp.test_tracing import collector
from tests.telemetry.test_exchanges import SERVED, counted, record


def metrics() -> Metrics:
    made = counted(record(), record(status=500))
    made.gauge(OPEN, {(): 3.0})
    return made


async def _collect() -> Snapshot:
    return metrics().snapshot()


async def _exported(endpoint: str, received: Received, interval: float = 0.1) -> MetricsExport:
    export = MetricsExport(_collect, Log(Sink("none")))
    export.keep(replace(collector(endpoint), interval=interval))
    await asyncio.to_thread(received.until, lambda it: len(it.metrics) >= 2)
    await export.close()
    return export


@gathered("over", [over_http, over_grpc])
def test_metrics_arrive_with_their_kinds_units_and_attributes(
    over: Callable[[], AbstractContextManager[tuple[str, Received]]],
) -> None:
    with over() as (endpoint, received):
        asyncio.run(_exported(endpoint, received))
        last = received.last
        exchanges = last["extproc.exchanges"].sum
        assert exchanges.is_monotonic
        assert exchanges.aggregation_temporality == 2
        assert sum(point.as_double for point in exchanges.data_points) == 2
        assert read(exchanges.data_points[0].attributes) == dict(
            zip(EXCHANGES.labels, ("allowed", "openai.chat", "openai"), strict=True)
        )
        assert last["extproc.open_exchanges"].gauge.data_points[0].as_double == 3
        duration = last["gen_ai.server.request.duration"]
        assert duration.unit == "s"
        found = {read(point.attributes).get("error.type"): point for point in duration.histogram.data_points}
        assert found.keys() == {None, "500"}
        assert (found["500"].count, found["500"].sum) == (1, 0.5)
        assert len(found["500"].bucket_counts) == len(found["500"].explicit_bounds) + 1
        usage = last["gen_ai.client.token.usage"].histogram.data_points
        attributes = [read(point.attributes) for point in usage]
        assert {each["gen_ai.token.type"] for each in attributes} == {"input", "output"}
        assert attributes[0]["gen_ai.request.model"] == SERVED[3]
        assert usage[0].start_time_unix_nano < usage[0].time_unix_nano


def test_a_collector_that_refuses_is_asked_again_at_the_next_interval() -> None:
    with over_http() as (endpoint, received):
        received.answers = [400]
        export = asyncio.run(_exported(endpoint, received))
        assert export.counts["failed"] == 1
        assert export.counts["exported"] >= 2


def test_the_last_export_is_made_when_the_supervisor_ends() -> None:
    async def scene(endpoint: str) -> None:
        export = MetricsExport(_collect, Log(Sink("none")))
        export.keep(replace(collector(endpoint), interval=3600.0))
        await asyncio.sleep(0)
        await export.close()

    with over_http() as (endpoint, received):
        asyncio.run(scene(endpoint))
        assert len(received.metrics) == 1


def test_a_policy_that_sends_traces_alone_exports_no_metrics() -> None:
    async def scene() -> None:
        export = MetricsExport(_collect, Log(Sink("none")))
        export.keep(collector("http://127.0.0.1:9", ", metrics: false"))
        await export.close()
        assert export.counts == {"exported": 0, "failed": 0}

    asyncio.run(scene())


def test_every_metric_of_prometheus_is_exported() -> None:
    async def scene(endpoint: str, received: Received) -> None:
        await _exported(endpoint, received)

    with over_http() as (endpoint, received):
        asyncio.run(scene(endpoint, received))
        names = {name.replace(".", "_") for name in received.last}
    shown = {line.split()[2] for line in text(metrics().snapshot()).decode().splitlines() if line.startswith("# TYPE")}
    for name in shown - {"extproc_build_info"}:
        plain = name.removesuffix("_total").removesuffix("_seconds")
        series = text(metrics().snapshot()).decode().count(f"\n{name}")
        assert plain in names or not series, name
