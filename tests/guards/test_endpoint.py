"""The guardrail webhook as its server: another gateway asks, and pipelines judge as they judge exchanges."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from extproc.cli import serve as cli
from extproc.cli.serving import _options
from extproc.policy import loads
from extproc.protocol.errors import ServeError
from extproc.server.guards import endpoint
from extproc.server.guards.asking import Guards
from extproc.server.listen import Tcp, Unix
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.server.transport import Binding
from extproc.server.worker import Worker, start_worker
from extproc.transaction import Plan
from tests.guards.asking import BASE, ask, guard, work
from tests.guards.standin import REJECT, Reply, Standin, standin
from tests.server.support import until

MAIL: Final = "jane.doe@example.com"
POLICY: Final = f"""{BASE}
  - name: lenient
    match: {{headers: {{x-team: lenient}}}}
    request: [{{use: webhook, url: GUARD, on_failure: allow}}]
  - name: default
    body_limit: 4KiB
    block: {{status: 451, message: Ask security.}}
    request:
      - {{use: secrets}}
      - {{use: pii, kinds: [email], action: mask}}
      - {{use: pattern, name: titan, literals: [Titan], when: 'model == "" || tools == 0'}}
      - {{use: webhook, url: GUARD, timeout: 2s}}
    response: [{{use: pii, kinds: [email], action: mask}}]
"""


@pytest.fixture
def service() -> Iterator[Standin]:
    with standin() as running:
        yield running


def asking(service: Standin, scene: Callable[[Worker, str], Awaitable[None]]) -> None:
    """Run a scene with a worker, and the URL of its endpoint."""

    async def main() -> None:
        log = Log(Sink("none"))
        plan = Plan.compile(loads(POLICY.replace("GUARD", f"'{service.url}'")), {})
        binding = Binding(Tcp("127.0.0.1", 0), webhook=Tcp("127.0.0.1", 0))
        worker = await start_worker(Runtime(plan, log), binding)
        try:
            async with asyncio.timeout(20):
                await scene(worker, f"http://{worker.webhook}")
        finally:
            await worker.close()
            log.close()

    asyncio.run(main())


def messages(*texts: str) -> dict[str, Any]:
    return {"body": {"messages": [{"role": "user", "content": each} for each in texts]}}


def choices(*texts: str) -> dict[str, Any]:
    return {"body": {"choices": [{"message": {"role": "assistant", "content": each}} for each in texts]}}


async def posted(url: str, value: Any, **fields: str) -> tuple[int, Any]:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    headers = {"content-type": "application/json", **{name.replace("_", "-"): each for name, each in fields.items()}}
    async with ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        text = await response.text()
        return response.status, json.loads(text) if response.content_type == "application/json" else text


async def told(url: str, value: Any, **fields: str) -> Any:
    status, said = await posted(url, value, **fields)
    assert status == 200
    return said


def test_what_the_pipeline_lets_pass_passes_and_what_it_masks_is_masked(service: Standin) -> None:
    async def scene(_: Worker, url: str) -> None:
        assert await posted(f"{url}/request", messages("hello")) == (
            200,
            {"action": {"reason": "nothing to object to"}},
        )
        status, said = await posted(f"{url}/request", messages("hello", f"I am {MAIL}"))
        assert (status, said) == (200, {"action": {**messages("hello", "I am [EMAIL_1]"), "reason": "masked: email"}})
        status, said = await posted(f"{url}/response", choices(f"I am {MAIL}"))
        assert (status, said) == (200, {"action": {**choices("I am [EMAIL_1]"), "reason": "masked: email"}})

    asking(service, scene)
    assert len(service.asked) == 2  # its own guards are asked, too


def test_what_the_pipeline_blocks_is_rejected_with_its_own_message(service: Standin) -> None:
    async def scene(worker: Worker, url: str) -> None:
        expected = {"body": "Ask security.", "status_code": 451, "reason": "blocked: titan"}
        assert await posted(f"{url}/request", messages("Titan waits")) == (200, {"action": expected})
        service.answers = lambda _: REJECT
        said = await told(f"{url}/request", messages("hello"))
        assert said["action"]["reason"] == "blocked: webhook"
        service.answers = lambda _: Reply(status=500)
        said = await told(f"{url}/request", messages("hello"))
        assert said["action"]["status_code"] == 451
        counters = worker.runtime.snapshot().counters
        assert (("titan", "titan", "block", "request", "false"), 1.0) in counters["findings_total"]
        assert (("webhook", "status", "blocked"), 1.0) in counters["inspection_failures_total"]
        assert (("webhook", "failure"), 1.0) in counters["blocked_total"]
        assert sorted(counters["guard_queries_total"]) == [(("webhook", "answered"), 1.0), (("webhook", "status"), 1.0)]
        snapshot = worker.runtime.snapshot()
        assert snapshot.gauges["guard_circuit_open"] == [((service.url[7:],), 0.0)]
        assert sum(snapshot.histograms["guard_query_seconds"][0][1].counts) == 1

    asking(service, scene)


def test_the_pipeline_is_chosen_by_the_fields_of_the_question(service: Standin) -> None:
    async def scene(_: Worker, url: str) -> None:
        service.answers = lambda _: Reply(status=500)
        said = await told(f"{url}/request", messages("Titan"), x_team="lenient")
        assert said == {"action": {"reason": "nothing to object to"}}
        said = await told(f"{url}/response", choices("Titan"), x_team="lenient")
        assert said == {"action": {"reason": "no processor is for it"}}

    asking(service, scene)


def test_a_body_over_the_pipelines_limit_is_rejected(service: Standin) -> None:
    async def scene(_: Worker, url: str) -> None:
        empty = len(json.dumps({"messages": [{"role": "user", "content": ""}]}, separators=(",", ":")))
        said = await told(f"{url}/request", messages("x" * (4096 - empty)))
        assert said["action"]["reason"] == "nothing to object to"
        said = await told(f"{url}/request", messages("x" * (4097 - empty)))
        assert said["action"]["reason"] == "blocked: oversize"

    asking(service, scene)


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        ("/request", b"{", 422),
        ("/request", b"[" * 100_000, 422),
        ("/request", b'{"body": {"messages": [{"role": "user", "content": "\xff"}]}}', 422),
        ("/request", b'{"body": {"messages": [{"role": "user", "content": "\\ud800"}]}}', 422),
        ("/request", choices("x"), 422),
        ("/response", messages("x"), 422),
        ("/request", {"body": {"messages": [{"role": "user", "content": 7}]}}, 422),
        ("/elsewhere", messages("x"), 404),
    ],
)
def test_what_the_contract_does_not_allow_is_refused(service: Standin, path: str, value: Any, status: int) -> None:
    async def scene(_: Worker, url: str) -> None:
        assert (await posted(url + path, value))[0] == status

    asking(service, scene)


def test_a_gateway_that_does_not_send_its_question_leaves_its_place(
    service: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "READ_TIMEOUT", 0.05)
    monkeypatch.setattr(endpoint, "BUSY_MAX", 1)

    async def scene(worker: Worker, url: str) -> None:
        assert worker.webhook is not None
        reader, writer = await asyncio.open_connection(worker.webhook.host, worker.webhook.port)
        writer.write(
            b"POST /request HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        assert (await posted(f"{url}/request", messages("hello")))[0] == 200
        writer.close()

    asking(service, scene)


def test_a_page_in_a_browser_cannot_ask(service: Standin) -> None:
    async def scene(_: Worker, url: str) -> None:
        assert (await posted(f"{url}/request", messages("x"), content_type="text/plain"))[0] == 415

    asking(service, scene)


def test_our_own_guard_can_ask_our_own_endpoint(service: Standin) -> None:
    async def scene(_: Worker, url: str) -> None:
        guards = Guards()
        try:
            found = (await ask(guards, work(guard(f"{{use: webhook, url: '{url}'}}"), f"I am {MAIL}!"))).found
            assert [(each.kind, each.start, each.instead) for each in found] == [("masked", 5, "[EMAIL_1]")]
            found = (await ask(guards, work(guard(f"{{use: webhook, url: '{url}'}}"), "Titan"))).found
            assert [each.kind for each in found] == ["rejected"]
        finally:
            await guards.close()

    asking(service, scene)


def test_a_question_that_is_given_up_takes_its_work_back(service: Standin) -> None:
    service.answers = lambda _: Reply(delay=1.0)

    async def scene(worker: Worker, url: str) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await posted(f"{url}/request", messages("hello"))
        await until(lambda: worker._pool.waiting == 0, 0.5)

    asking(service, scene)


def options(*more: str) -> Any:
    import argparse

    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    return _options(parser.parse_args(["serve", "-c", "p.yaml", "--listen", "unix:/x", *more]))


def test_it_listens_where_the_operator_says_and_by_itself_only_on_loopback() -> None:
    assert options().webhook is None
    assert options("--webhook", "127.0.0.1:9903").webhook == Tcp("127.0.0.1", 9903)
    assert options("--webhook", "0.0.0.0:9903", "--insecure-listen").webhook == Tcp("0.0.0.0", 9903)
    assert options().listen == Unix("/x")
    for wrong in ("0.0.0.0:9903", "unix:/y", "nonsense"):
        with pytest.raises(ServeError):
            options("--webhook", wrong)
    assert Path("p.yaml") == options().policy
