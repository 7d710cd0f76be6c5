"""A whole gateway for a test: backends, a scripted processor, and a real Envoy with the generated configuration."""

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx

from extproc.gateway.bootstrap import Json, Profile, SocketAddress, bootstrap
from extproc.gateway.process import EnvoyProcess
from extproc.policy import Backend, Policy
from extproc.testing.envoy import real_envoy
from extproc.transaction import Needs
from tests.gateway.scripted import Script, Scripted, passing, unix
from tests.gateway.upstream import Request, Upstream

ANYWHERE = SocketAddress("127.0.0.1", 0)
TIMEOUT = 10.0
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak no TLS: without it, each would read the certificates of all authorities, which takes 15 ms."""


@dataclass
class Rig:
    """The running parts. `north` and `south` are the backends, `north` the default one."""

    envoy: EnvoyProcess
    processor: Scripted
    north: Upstream
    south: Upstream

    @property
    def port(self) -> int:
        return self.envoy.port("extproc")

    def client(self, *, http2: bool = False) -> httpx.Client:
        return client_of(self.envoy, http2=http2)

    def asks(
        self, method: str, path: str, script: Script | None = None, *, http2: bool = False, **more: Any
    ) -> httpx.Response:
        """One request on a connection of its own, with the processor doing as the script says."""
        self.processor.script = script or passing
        with self.client(http2=http2) as client:
            return client.request(method, path, **more)

    def sends(self, raw: bytes, script: Script | None = None) -> tuple[int, str, bytes]:
        """Bytes as they are; status, content-type and body of what comes back."""
        self.processor.script = script or passing
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT) as connection:
            connection.sendall(raw)
            with HTTPResponse(connection) as answer:
                answer.begin()
                return answer.status, answer.headers.get("content-type", ""), answer.read()

    def last(self, backend: Upstream) -> Request:
        return backend.seen[-1]


def client_of(envoy: EnvoyProcess, *, http2: bool = False) -> httpx.Client:
    """A client of the gateway's listener; HTTP/2 without asking first."""
    address = f"http://127.0.0.1:{envoy.port('extproc')}"
    return httpx.Client(
        base_url=address, http1=not http2, http2=http2, timeout=TIMEOUT, trust_env=False, verify=NO_AUTHORITIES
    )


def a_policy(north: Upstream, south: Upstream, **more: Any) -> Policy:
    """Two backends: north speaks OpenAI's dialect below /openai/v1, south Anthropic's below /v1."""
    return Policy.model_validate(
        {
            "version": 1,
            "backends": [
                {"name": "north", "url": f"http://127.0.0.1:{north.port}/openai/v1", "api": "openai"},
                {
                    "name": "south",
                    "url": f"http://127.0.0.1:{south.port}/v1",
                    "api": "anthropic",
                    "credential": {"header": "x-south-key", "env": "SOUTH"},
                },
            ],
            **more,
        }
    )


@contextmanager
def a_rig(
    folder: Path,
    *,
    profile: Profile = "buffered",
    needs: Needs | None = None,
    policy: Callable[[Upstream, Upstream], Policy] = a_policy,
    beside: Sequence[Scripted] = (),
    change: Callable[[Json], object] = id,
    default: bool = True,
    **more: Any,
) -> Iterator[Rig]:
    """A running gateway; `change` may alter the generated configuration, `more` goes to the generator.

    With `default`, what a script does not steer goes to `north`; the generated configuration has no such route.
    """
    with ExitStack() as stack:
        north, south = stack.enter_context(Upstream()), stack.enter_context(Upstream())
        processor = stack.enter_context(Scripted(passing, unix(folder)))
        wanted = policy(north, south)
        made = bootstrap(
            wanted,
            profile=profile,
            needs=needs or Needs(),
            endpoints=[*(other.endpoint for other in beside), processor.endpoint],
            listen=ANYWHERE,
            **more,
        )
        if default:
            _pass_to_first(made, wanted.backends[0])
        change(made)
        envoy = stack.enter_context(real_envoy(made, log_level="warning"))
        yield Rig(envoy, processor, north, south)


def _pass_to_first(made: Json, backend: Backend) -> None:
    manager = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    action = {"cluster": backend.name, "host_rewrite_literal": backend.address.authority}
    manager["route_config"]["virtual_hosts"][0]["routes"][-1] = {"match": {"prefix": "/"}, "route": action}
