"""Budgets over the admin port: read by whoever reaches it, changed by whoever has the token."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from extproc.admin import serving
from extproc.server.listen import Tcp
from tests.admin.test_site import Source
from tests.gathered import gathered

TOKEN: Final = "a-token-of-the-operators"
SHOWN: Final = {"authorization": f"Bearer {TOKEN}"}
Scene = Callable[[Source, ClientSession], Awaitable[None]]


def play(scene: Scene, token: Path | None) -> None:
    async def main() -> None:
        source = Source()
        async with (
            asyncio.timeout(10),
            serving(source, Tcp("127.0.0.1", 0), token) as address,
            ClientSession(f"http://127.0.0.1:{address.port}") as client,
        ):
            await scene(source, client)

    asyncio.run(main())


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    return file


async def sent(client: ClientSession, method: str, path: str, **more: Any) -> tuple[int, Any]:
    async with client.request(method, path, **more) as answer:
        return answer.status, await (answer.json() if answer.status == 200 else answer.text())


def test_a_limit_is_set_and_taken_back_and_spend_is_reset(token: Path) -> None:
    async def scene(source: Source, client: ClientSession) -> None:
        assert await sent(client, "GET", "/budgets") == (200, [])
        status, line = await sent(client, "PUT", "/budgets/team/acme", json={"limit": 5}, headers=SHOWN)
        assert (status, line["limit"], line["override"], line["used"]) == (200, 5, 5, 0)
        status, line = await sent(client, "PUT", "/budgets/usd/acme%2Feu", json={"limit": 0.25}, headers=SHOWN)
        assert (line["subject"], line["limit"], line["remaining"], line["unit"]) == ("acme/eu", 0.25, 0.25, "usd")
        _, lines = await sent(client, "GET", "/budgets")
        assert [(each["budget"], each["subject"]) for each in lines] == [("team", "acme"), ("usd", "acme/eu")]
        assert len((await sent(client, "GET", "/budgets?budget=usd"))[1]) == 1
        status, line = await sent(client, "DELETE", "/budgets/team/acme", headers=SHOWN)
        assert (status, line["limit"], line["override"]) == (200, 1000, None)
        status, line = await sent(client, "POST", "/budgets/team/acme", json={"reset": True}, headers=SHOWN)
        assert (status, line["used"]) == (200, 0)
        assert (await sent(client, "GET", "/budgets/team/"))[1]["subject"] == ""
        assert [(event, each["method"]) for event, each in source.events] == [
            ("budget_changed", "PUT"),
            ("budget_changed", "PUT"),
            ("budget_changed", "DELETE"),
            ("budget_changed", "POST"),
        ]

    play(scene, token)


@gathered(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": TOKEN}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"authorization": f"Bearer {TOKEN}", "host": "evil.example"}, 403),
    ],
)
def test_nothing_is_changed_without_the_token(headers: dict[str, str], status: int, token: Path) -> None:
    async def scene(source: Source, client: ClientSession) -> None:
        for method, body in (("PUT", {"limit": 5}), ("DELETE", None), ("POST", {"reset": True})):
            found, _ = await sent(client, method, "/budgets/team/acme", json=body, headers=headers)
            assert found == status
        assert source.events == []

    play(scene, token)


@pytest.mark.parametrize(("content", "status"), [(None, 403), ("", 503), ("short", 503), (b"\0", 503)])
def test_without_a_good_token_file_nothing_can_be_changed(
    tmp_path: Path, content: str | bytes | None, status: int
) -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        for shown in (SHOWN, {"authorization": "Bearer "}, {"authorization": "Bearer short"}):
            assert (await sent(client, "PUT", "/budgets/team/acme", json={"limit": 5}, headers=shown))[0] == status

    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    play(scene, None if content is None else file)


def test_a_token_that_is_replaced_holds_at_once(token: Path) -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        await asyncio.to_thread(token.write_text, "another-token-of-theirs")
        change = {"limit": 5}
        assert (await sent(client, "PUT", "/budgets/team/acme", json=change, headers=SHOWN))[0] == 401
        shown = {"authorization": "Bearer another-token-of-theirs"}
        assert (await sent(client, "PUT", "/budgets/team/acme", json=change, headers=shown))[0] == 200
        await asyncio.to_thread(token.unlink)
        assert (await sent(client, "PUT", "/budgets/team/acme", json=change, headers=shown))[0] == 503

    play(scene, token)


def test_what_cannot_be_is_told(token: Path) -> None:
    async def scene(_: Source, client: ClientSession) -> None:
        wrong: list[tuple[str, str, Any, int]] = [
            ("GET", "/budgets/nobody/acme", None, 404),
            ("GET", "/budgets?budget=nobody", None, 404),
            ("GET", "/budgets/team/%0A", None, 404),
            ("PUT", "/budgets/team/acme", {"limit": -1}, 400),
            ("PUT", "/budgets/team/acme", {"limit": 1.5}, 400),
            ("PUT", "/budgets/team/acme", {"limit": 1e30}, 400),
            ("PUT", "/budgets/team/acme", {"limit": "5"}, 400),
            ("PUT", "/budgets/team/acme", {"limit": 5, "reset": True}, 400),
            ("PUT", "/budgets/team/acme", {"more": 5}, 400),
            ("POST", "/budgets/team/acme", {"limit": 5}, 400),
            ("PUT", "/budgets/team/acme", {"limit": 5, "pad": "x" * 5000}, 400),
        ]
        for method, path, body, status in wrong:
            assert (await sent(client, method, path, json=body, headers=SHOWN))[0] == status, (method, path, body)
        form = await sent(client, "PUT", "/budgets/team/acme", data={"limit": "5"}, headers=SHOWN)
        assert form[0] == 415

    play(scene, token)
