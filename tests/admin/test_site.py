import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest
from aiohttp import ClientSession

from extproc.admin import serving, site
from extproc.policy import loads
from extproc.protocol.errors import ServeError
from extproc.server.listen import Tcp
from extproc.server.state.desk import BudgetDesk
from extproc.telemetry import Metrics, Snapshot
from extproc.telemetry.lines import LogValue

POLICY = """
version: 1
backends: [{name: a, url: "http://127.0.0.1:9", api: openai}]
default_backend: none
models: [{name: chat, targets: [{backend: a}]}]
budgets:
- {name: team, per: tenant, tokens: 1000, window: 1h}
- {name: usd, per: tenant, usd: 5.5, window: 1d}
"""


class Source:
    """A supervisor, as far as the site knows one."""

    def __init__(self) -> None:
        self.unready: str | None = None
        self.free = asyncio.Event()
        self.free.set()
        self.events: list[tuple[str, dict[str, LogValue]]] = []
        self.desk = BudgetDesk(loads(POLICY), "", lambda: 1_800_000_000.0)

    async def collect(self) -> Snapshot:
        await self.free.wait()
        return Metrics().snapshot()

    def budgets(self) -> BudgetDesk:
        return self.desk

    def told(self, event: str, details: Mapping[str, LogValue]) -> None:
        self.events.append((event, dict(details)))

    async def status(self) -> dict[str, object]:
        return {"version": "1", "workers": [{"worker": 0, "state": "ready"}]}


Scene = Callable[[Source, ClientSession], Awaitable[None]]


def play(scene: Scene, host: str = "127.0.0.1") -> None:
    async def main() -> None:
        source = Source()
        async with (
            asyncio.timeout(10),
            serving(source, Tcp(host, 0)) as address,
            ClientSession(f"http://127.0.0.1:{address.port}") as client,
        ):
            await scene(source, client)

    asyncio.run(main())


async def _got(client: ClientSession, path: str, **headers: str) -> tuple[int, str]:
    async with client.get(path, headers=headers) as response:
        return response.status, await response.text()


def test_it_is_alive_whatever_the_workers_do() -> None:
    async def scene(source: Source, client: ClientSession) -> None:
        source.unready = "overloaded: queue"
        assert await _got(client, "/healthz") == (200, "ok\n")

    play(scene)


def test_it_is_ready_while_a_worker_is() -> None:
    async def scene(source: Source, client: ClientSession) -> None:
        assert (await _got(client, "/readyz"))[0] == 200
        source.unready = "overloaded: queue"
        assert (await _got(client, "/readyz"))[0] == 503

    play(scene)


def test_metrics_are_text_for_prometheus() -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        async with client.get("/metrics") as response:
            assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
            assert "extproc_protocol_violations_total 0.0" in await response.text()

    play(scene)


def test_status_is_json() -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        async with client.get("/status") as response:
            assert response.content_type == "application/json"
            assert (await response.json())["workers"] == [{"worker": 0, "state": "ready"}]

    play(scene)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_is_only_for_reading(method: str) -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        for path in ("/healthz", "/readyz", "/metrics", "/status"):
            async with client.request(method, path) as response:
                assert response.status == 405

    play(scene)


def test_there_is_nothing_else() -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        assert (await _got(client, "/"))[0] == 404

    play(scene)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9902", "127.0.0.1:9902", "127.0.0.2", "[::1]:9902", "[::1]"])
def test_on_loopback_it_answers_to_names_of_this_host(host: str) -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        assert (await _got(client, "/status", host=host))[0] == 200

    play(scene)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9902", "10.0.0.1:9902", "127.0.0.1.evil.example", "[", ""]
)
def test_on_loopback_it_answers_to_no_other_name(host: str) -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        for path in ("/status", "/metrics", "/healthz"):
            assert (await _got(client, path, host=host))[0] == 403

    play(scene)


def test_where_the_network_may_ask_any_name_will_do() -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        assert (await _got(client, "/healthz", host="extproc.svc:9902"))[0] == 200

    play(scene, host="0.0.0.0")


def test_so_many_may_wait_for_the_workers_and_the_next_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "BUSY_MAX", 2)

    async def scene(source: Source, client: ClientSession) -> None:
        source.free.clear()
        waiting = [asyncio.ensure_future(_got(client, "/metrics")) for _ in range(3)]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result()[0] for task in done] == [503]
        source.free.set()
        assert sorted([status for status, _ in await asyncio.gather(*waiting)]) == [200, 200, 503]

    play(scene)


def test_a_request_line_longer_than_any_of_ours_is_refused() -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        assert (await _got(client, "/healthz?" + "x" * (site.HEAD_MAX - 100)))[0] == 200
        assert (await _got(client, "/healthz?" + "x" * site.HEAD_MAX))[0] == 400

    play(scene)


def test_a_port_that_is_taken_is_told() -> None:
    async def main() -> None:
        async with serving(Source(), Tcp("127.0.0.1", 0)) as address:
            with pytest.raises(ServeError, match="admin port cannot listen"):
                async with serving(Source(), address):
                    pass

    asyncio.run(main())
