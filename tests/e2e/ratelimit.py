"""A rate limit service for the tests: it counts what Envoy says, in one window without end."""

from collections import Counter
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc


class RateLimitService:
    """Refuses a descriptor whose hits have reached `limit`. `hits`: those of each call, in order."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.hits: list[tuple[str, int]] = []
        self._spent: Counter[str] = Counter()

    def ShouldRateLimit(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802  - the name of the RPC
        """Count the hits of each descriptor; one that has none only asks."""
        over = False
        for each in request.descriptors:
            name = ",".join(f"{entry.key}={entry.value}" for entry in each.entries)
            added = each.hits_addend.value if each.HasField("hits_addend") else 1
            self.hits.append((name, added))
            self._spent[name] += added
            over = over or self._spent[name] >= self.limit
        code = rls_pb2.RateLimitResponse.OVER_LIMIT if over else rls_pb2.RateLimitResponse.OK
        return rls_pb2.RateLimitResponse(overall_code=code)


@contextmanager
def rate_limits(limit: int) -> Iterator[tuple[RateLimitService, int]]:
    """A running service, and its port on the loopback address."""
    service, server = RateLimitService(limit), grpc.server(futures.ThreadPoolExecutor(2))
    rls_pb2_grpc.add_RateLimitServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield service, port
    finally:
        server.stop(0).wait()
