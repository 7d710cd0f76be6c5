"""The transports: what each of them offers, and the table of those there are."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

from msgspec import Struct

from extproc.protocol.errors import ServeError
from extproc.server.listen import Listen, Tcp
from extproc.server.tls import TlsContent

if TYPE_CHECKING:  # a command that only names a transport does not wait for all that serves
    from extproc.server.runtime import Runtime

SOCKET_MODE: Final = 0o660
"""Permissions of a Unix socket: Envoy may run as another user of the same group."""

MESSAGE_SLACK: Final = 1024 * 1024
"""Bytes of a message beside the body that it carries, generously: headers are 60 KiB at most. A body a little over
`limits.request_body` so still reaches the transaction, which answers 413 where a transport could only fail."""


class Binding(Struct, frozen=True):
    """The address on which a worker listens, its certificates and the mode of its socket."""

    listen: Listen
    tls: TlsContent | None = None
    socket_mode: int = SOCKET_MODE
    webhook: Tcp | None = None
    """Where other gateways may ask for the verdicts of the policy; see `guards.endpoint`."""


class Transport(Protocol):
    """A listening server that makes an exchange of each stream (`extproc.server.exchange.admit`)."""

    endpoint: Listen
    """The address on which it really listens, with the port that the system chose, if it did."""

    async def drain(self) -> None:
        """Takes no new connections, asks peers to go elsewhere (GOAWAY), lets open streams go on. Returns at once."""

    async def close(self) -> None:
        """Lets what is finished reach the peer, ends all else as an error, and frees the endpoint."""

    def renew(self, tls: TlsContent) -> None:
        """Uses other certificates for the connections to come."""


Factory: TypeAlias = "Callable[[Runtime, Binding], Awaitable[Transport]]"

TRANSPORTS: Final = {"grpcio": "extproc.server.grpcio", "h2": "extproc.server.h2.listener"}
"""Name -> module, whose `serve` is the factory; imported only when asked for."""

FORKABLE: Final = frozenset({"h2"})
"""Transports whose module may be imported before a process forks. Grpc keeps threads of its own."""

DEFAULT_TRANSPORT: Final = "h2"


async def serve(name: str, runtime: "Runtime", binding: Binding) -> Transport:
    """A server of transport `name`. Raises ServeError."""
    if name not in TRANSPORTS:
        raise ServeError(f"there is no transport {name}; choose one of {', '.join(TRANSPORTS)}")
    factory = cast("Factory", import_module(TRANSPORTS[name]).serve)
    return await factory(runtime, binding)


def message_max(runtime: "Runtime") -> int:
    """Largest message in bytes that a transport takes."""
    return runtime.plan.limits.request_body + MESSAGE_SLACK
