import asyncio

import pytest

from extproc.protocol.errors import ServeError
from extproc.server.worker import running_worker
from tests.server.support import plan


def test_a_transport_that_is_not_there_is_refused_with_those_that_are() -> None:
    async def main() -> None:
        async with running_worker(plan(), transport="carrier-pigeon"):
            pass

    with pytest.raises(ServeError, match="choose one of grpcio"):
        asyncio.run(main())
