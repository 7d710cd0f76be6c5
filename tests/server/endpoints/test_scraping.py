"""Metrics are read from what answers as it should, within bounds; what does not is counted and changes nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from extproc.policy import loads
from extproc.routing.endpoints.scrape import PAGE_MAX
from extproc.server.endpoints import EndpointScraper
from extproc.server.endpoints.listing import FILE_MAX, ListingError, listed_in, read_listing
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.telemetry.families import SCRAPES
from extproc.transaction import Plan
from tests.server.support import until

PAGE = b"vllm:num_requests_running 1\nvllm:num_requests_waiting 2\nvllm:kv_cache_usage_perc 0.5\n"
GONE = "127.0.0.1:1"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def runtime(*endpoints: str, metrics: str = "interval: 50ms") -> Runtime:
    listed = ", ".join(f"'{each}'" for each in endpoints)
    policy = f"""\
version: 1
backends: []
default_backend: route
unknown_models: pass
endpoint_pools: [{{name: p, endpoints: [{listed}], metrics: {{{metrics}}}}}]
"""
    return Runtime(Plan.compile(loads(policy, "p"), {}), Log(Sink("none")))


@asynccontextmanager
async def serving(answer: Answer) -> Any:
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def scraped(answer: Answer, metrics: str = "interval: 50ms", *, result: str) -> Runtime:
    """The runtime after a reading ended so."""

    async def main() -> Runtime:
        async with serving(answer) as endpoint:
            of = runtime(endpoint, metrics=metrics)
            scraper = EndpointScraper(of)
            assert of.plan.pools is not None
            scraper.keep(of.plan.pools.every)
            try:
                await until(lambda: of.metrics.counter(SCRAPES)["p", result] > 0)
            finally:
                await scraper.close()
            return of

    return asyncio.run(main())


def replying(body: bytes, status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    return answer


def sample(of: Runtime) -> Any:
    (state,) = of.shared.books["p"].current(of.clock())
    return state.sample


def test_a_page_is_read_from_where_the_policy_says_and_again() -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        assert "authorization" not in request.headers
        return web.Response(body=PAGE)

    of = scraped(answer, "interval: 50ms, path: /other/metrics", result="ok")
    assert set(paths) == {"/other/metrics"}
    assert (sample(of).waiting, sample(of).running, sample(of).kv_cache) == (2, 1, 0.5)
    assert ("p", "fresh") in dict(of.snapshot().gauges["endpoints"])


async def slow(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b"# more\n" * 10_000)
    except ConnectionError:
        return response


async def elsewhere(_: web.Request) -> web.Response:
    raise web.HTTPFound("/metrics2")


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (slow, "timeout"),
        (endless, "too_large"),
        (elsewhere, "status"),
        (replying(PAGE, 500), "status"),
        (replying(b"nothing here"), "malformed"),
    ],
)
def test_what_is_no_page_of_metrics_is_counted_and_changes_nothing(answer: Answer, result: str) -> None:
    of = scraped(answer, "interval: 50ms, timeout: 300ms", result=result)
    assert sample(of) is None


def test_a_page_may_have_the_largest_size_and_no_more() -> None:
    filler = PAGE_MAX - len(PAGE)
    assert sample(scraped(replying(PAGE + b"#" * filler), result="ok")) is not None
    assert sample(scraped(replying(PAGE + b"#" * (filler + 1)), result="too_large")) is None


def test_an_endpoint_that_is_gone_holds_up_nobody_and_pools_that_are_gone_are_left_alone() -> None:
    async def main() -> None:
        async with serving(replying(PAGE)) as endpoint:
            of = runtime(GONE, endpoint)
            scraper = EndpointScraper(of)
            assert of.plan.pools is not None
            scraper.keep(of.plan.pools.every)
            counter = of.metrics.counter(SCRAPES)
            await until(lambda: counter["p", "unreachable"] > 1 and counter["p", "ok"] > 1)
            scraper.keep(())
            assert of.shared.books == {}
            seen = counter["p", "ok"]
            await asyncio.sleep(0.2)
            assert counter["p", "ok"] <= seen + 1  # one may have been under way
            await scraper.close()

    asyncio.run(main())


def test_a_list_has_an_endpoint_per_line_with_comments_and_says_which_line_is_wrong(tmp_path: Path) -> None:
    assert listed_in("# a\n\n10.0.0.1:80 # b\n[FD00::1]:80\n10.0.0.1:80\n") == ("10.0.0.1:80", "[fd00::1]:80")
    with pytest.raises(ListingError, match="line 2 is no endpoint"):
        listed_in("10.0.0.1:80\nlocalhost:80\n")
    with pytest.raises(ListingError, match="more than 1024"):
        listed_in("".join(f"10.0.{n // 250}.{n % 250}:80\n" for n in range(1025)))
    file = tmp_path / "list"
    with pytest.raises(ListingError, match="No such file"):
        read_listing(file)
    file.write_text("#" * FILE_MAX)
    assert read_listing(file) == ()
    file.write_text("#" * (FILE_MAX + 1))
    with pytest.raises(ListingError, match="larger than"):
        read_listing(file)
