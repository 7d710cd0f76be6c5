"""`grpc.health.v1` without a transport: what is asked, what is answered, and who is told of changes.

Kubernetes, Envoy and grpcurl know this service. `liveness` stays SERVING while a worker drains: one that is asked to
finish its work is not to be killed for it.
"""

from collections.abc import Callable
from typing import Final

from google.protobuf.message import DecodeError

from extproc.wire.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse

PROCESS_SERVICE: Final = "envoy.service.ext_proc.v3.ExternalProcessor"
HEALTH_SERVICE: Final = "grpc.health.v1.Health"
PROCESS: Final = f"/{PROCESS_SERVICE}/Process"
CHECK: Final = f"/{HEALTH_SERVICE}/Check"
WATCH: Final = f"/{HEALTH_SERVICE}/Watch"

LIVENESS: Final = "liveness"
SERVICES: Final = frozenset({"", LIVENESS, "readiness", PROCESS_SERVICE})

WATCHERS_MAX: Final = 1000
"""Open `Watch` streams a worker. Each Envoy or kubelet has one at most; more are refused."""

REQUEST_MAX: Final = 4096
"""Bytes of a health request. It holds one service name."""

_SERVING: Final = HealthCheckResponse(status=HealthCheckResponse.SERVING).SerializeToString()
_NOT_SERVING: Final = HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING).SerializeToString()
UNKNOWN: Final = HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN).SerializeToString()
"""The response of `Watch` for a service that is not there; `Check` ends with NOT_FOUND."""


class TooManyWatchersError(Exception):
    """`WATCHERS_MAX` are open."""


class WorkerHealth:
    """The health of one worker: serving while it takes new exchanges. `asked`: somebody has asked, and will again."""

    def __init__(self) -> None:
        self.asked = False
        self._serving = True
        self._watchers: set[Callable[[], None]] = set()

    def drain(self) -> None:
        """From now on NOT_SERVING; watchers are told."""
        if self._serving:
            self._serving = False
            for tell in tuple(self._watchers):
                tell()

    def answer(self, service: str) -> bytes | None:
        """The serialised answer for `service`; None when there is no such service."""
        if service not in SERVICES:
            return None
        self.asked = self.asked or service != LIVENESS
        return _SERVING if self._serving or service == LIVENESS else _NOT_SERVING

    def watch(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Has `tell` called after each change; the result ends that. Raises TooManyWatchersError."""
        if len(self._watchers) >= WATCHERS_MAX:
            raise TooManyWatchersError
        self._watchers.add(tell)
        return lambda: self._watchers.discard(tell)


def service_of(payload: bytes) -> str | None:
    """The service that a HealthCheckRequest asks for; None when `payload` is none."""
    if len(payload) > REQUEST_MAX:
        return None
    try:
        return HealthCheckRequest.FromString(payload).service
    except DecodeError:
        return None
