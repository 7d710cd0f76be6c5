"""The stand-in provider in a thread, for tests that are not asynchronous."""

import asyncio
import ssl
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Final

from extproc.testing.provider.server import Provider

START_WITHIN: Final = 10.0
"""Seconds to listen: it takes milliseconds."""

STOP_WITHIN: Final = 10.0
"""Seconds to stop: connections are ended, not waited for."""


@contextmanager
def running_provider(
    name: str = "provider",
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    do: str = "",
    models: tuple[str, ...] = ("stand-in",),
    tls: ssl.SSLContext | None = None,
) -> Iterator[Provider]:
    """A provider that runs in a thread of its own; the parameters are those of `Provider`.

    Raises:
        OSError: the port is taken.
    """
    provider = Provider(name, host=host, port=port, do=do, models=models, tls=tls)
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = Thread(target=lambda: asyncio.run(_serve(provider, started)), name=f"provider-{name}", daemon=True)
    thread.start()
    loop, stop = started.result(START_WITHIN)
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(STOP_WITHIN)


async def _serve(provider: Provider, started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    stop = asyncio.Event()
    try:
        await provider.start()
    except OSError as error:
        started.set_exception(error)
        return
    started.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()
    await provider.stop()
