"""A guard asked once, outside of any worker: for commands that are told to."""

import asyncio

from extproc.protocol.effects import Inspect
from extproc.protocol.messages import Failed, Inspected
from extproc.server.inspections import Pool


def asked_once(order: Inspect) -> Inspected | Failed:
    """Return the answer to an order, within the time that it may take in a worker."""
    return asyncio.run(_asked(order))


async def _asked(order: Inspect) -> Inspected | Failed:
    loop = asyncio.get_running_loop()
    # A rehearsal stands at the time 0.
    pool = Pool(loop, lambda: 0.0)
    answer: asyncio.Future[Inspected | Failed] = loop.create_future()
    pool.submit(order, answer.set_result)
    try:
        return await answer
    finally:
        pool.close()
        await pool.guards.close()
