"""What an exchange leaves behind when it is over: nothing that only the garbage collector would find.

Cycles would be found, too, but looking for them stops every exchange of the worker for milliseconds.
"""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.server.h2 import frames
from tests.server.h2.client import data, headers, message, rst
from tests.server.h2.serving import Raw, play, raw, serving
from tests.server.support import Decider, body, until
from tests.server.support import headers as asked

KEPT: list[weakref.ref[Decider]] = []


def begin(*arguments: Any) -> Decider:
    decider = Decider(*arguments)
    KEPT.append(weakref.ref(decider))
    return decider


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    KEPT.clear()
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def _end(client: Raw, how: str) -> None:
    match how:
        case "reset":
            client.send(rst(1))
        case "half-close":
            client.send(data(1, end=True))
        case "connection":
            client.writer.transport.abort()


@pytest.mark.parametrize("how", ["reset", "half-close", "connection", "abort", "late-abort", "crash"])
@pytest.mark.parametrize("uvloop", [True, False])
def test_an_exchange_that_is_over_is_freed_at_once(how: str, uvloop: bool) -> None:
    path = {"abort": "/abort", "late-abort": "/late-abort", "crash": "/crash-on-body"}.get(how, "/")

    async def scene() -> None:
        async with serving(begin=begin) as transport, raw(transport) as client:
            client.send(headers(1) + data(1, message(asked(path))))
            await client.until(frames.SETTINGS)
            await until(lambda: len(KEPT) == 1)
            if how == "late-abort":
                await until(lambda: transport.runtime.open == 1)
                transport.runtime.sweep(transport.runtime.clock())
            elif how not in ("abort", "crash"):
                await client.until(frames.DATA, 1)
                assert KEPT[0]() is not None
            client.send(data(1, message(body(b"x"))))
            await _end(client, how)
            await until(lambda: transport.runtime.open == 0)
            await asyncio.sleep(0.02)
            assert KEPT[0]() is None

    play(scene, uvloop=uvloop)
