"""The transport: listens, accepts, and ends connections, gently or not."""

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from typing import Final

from extproc.server import sockets, tasks
from extproc.server.errors import ServeError
from extproc.server.h2 import certificates
from extproc.server.h2.limits import Limits
from extproc.server.h2.peers import Peers
from extproc.server.h2.shell import Shell
from extproc.server.listen import Listen, Tcp, Unix
from extproc.server.runtime import Runtime
from extproc.server.tls import Tls
from extproc.server.transport import Binding, message_max

BACKLOG: Final = 128
"""Connections that wait to be accepted; the loop accepts in every turn."""

HANDSHAKE: Final = 10.0
"""Seconds for a TLS handshake."""

NO_DESCRIPTORS: Final = 0.5
"""Seconds until accepting is tried again after it failed: for want of descriptors, as a rule."""

FLUSH_GRACE: Final = 0.5
"""Seconds that closing waits for last words to reach the peer, which is on the same host or in the same pod."""

CLOSING: Final = "the server shuts down"


async def serve(runtime: Runtime, binding: Binding, limits: Limits | None = None) -> "H2Transport":
    """A listening server. Raises ServeError."""
    bounds = limits or _limits(message_max(runtime))
    encryption = None if binding.tls is None else certificates.context(binding.tls)
    listening = await _listen(binding)
    return H2Transport(runtime, bounds, binding.listen, listening, encryption)


def _limits(message: int) -> Limits:
    """The defaults, for messages of a size that the policy sets: four of them may be incomplete at once at least."""
    usual = Limits()
    return replace(usual, message=message, assembling=max(usual.assembling, 4 * message))


class H2Transport:
    """A listening socket and the connections that came by it."""

    def __init__(
        self,
        runtime: Runtime,
        limits: Limits,
        listen: Listen,
        listening: list[socket.socket],
        encryption: ssl.SSLContext | None,
    ) -> None:
        self.runtime = runtime
        self.limits = limits
        self.closed = False
        self._draining = False
        self.endpoint = Tcp(listen.host, listening[0].getsockname()[1]) if isinstance(listen, Tcp) else listen
        self._encryption = encryption
        self._listening = listening
        self._shells: set[Shell] = set()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._retries: dict[socket.socket, asyncio.TimerHandle] = {}
        self._loop = asyncio.get_running_loop()
        self._peers = Peers(self._loop)
        for each in listening:
            self._hear(each)

    async def drain(self) -> None:
        """Takes no new connections and asks clients to go elsewhere; what is open goes on."""
        self._draining = True
        self._deaf()
        for shell in tuple(self._shells):
            shell.drain()

    async def close(self) -> None:
        """Ends all calls that are open with UNAVAILABLE, never as OK, and frees the endpoint."""
        self.closed = True
        self._peers.close()
        self._deaf()
        for shell in tuple(self._shells):
            shell.close(CLOSING)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gone(), FLUSH_GRACE)
        await tasks.cancel(*self._handshakes)
        for shell in tuple(self._shells):
            shell.abort()
        if isinstance(self.endpoint, Unix):
            sockets.remove(self.endpoint)

    def renew(self, tls: Tls) -> None:
        """Uses other certificates for the connections to come."""
        self._encryption = certificates.context(tls)

    def joined(self, shell: Shell) -> None:
        """A connection was made."""
        self._shells.add(shell)
        self._peers.joined(shell)
        if self._draining:  # its handshake took until now
            self._loop.call_soon(shell.drain)

    def left(self, shell: Shell) -> None:
        """A connection is gone."""
        self._shells.discard(shell)
        self._peers.left(shell)
        if not self._shells:
            self._empty.set()

    def _deaf(self) -> None:
        for retry in self._retries.values():
            retry.cancel()
        while self._listening:
            listening = self._listening.pop()
            self._loop.remove_reader(listening)
            listening.close()

    async def _gone(self) -> None:
        # Handshakes are waited for, too: uvloop forgets to tell of the loss of a connection whose making is cancelled.
        if self._handshakes:
            await asyncio.wait(self._handshakes)
        while self._shells:
            self._empty.clear()
            await self._empty.wait()

    def _hear(self, listening: socket.socket) -> None:
        # Not `sock_accept`: a task that is cancelled between the accepting and the waking up loses the connection.
        self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        try:
            accepted, address = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # the client has thought better of it
        except OSError:
            self._loop.remove_reader(listening)
            self._retries[listening] = self._loop.call_later(NO_DESCRIPTORS, self._hear, listening)
            return
        peer = "" if accepted.family == socket.AF_UNIX else str(address[0])
        if not self._peers.admit(peer):
            accepted.close()
            return
        accepted.setblocking(False)
        task = tasks.spawn(self._welcome(accepted, peer))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _welcome(self, accepted: socket.socket, peer: str) -> None:
        if accepted.family != socket.AF_UNIX:
            # A client's host that vanished is found in the end, and its descriptor freed.
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        timeout = None if self._encryption is None else HANDSHAKE
        try:
            await self._loop.connect_accepted_socket(
                lambda: Shell(self, self._loop, peer), accepted, ssl=self._encryption, ssl_handshake_timeout=timeout
            )
        except OSError:
            self._peers.failed(peer)
            accepted.close()  # the handshake failed, ran out of time, or the client had gone: nothing began


async def _listen(binding: Binding) -> list[socket.socket]:
    """Listening sockets: one for a path, one for each address that a host name stands for, all on one port."""
    listen = binding.listen
    made: list[socket.socket] = []
    try:
        if isinstance(listen, Unix):
            sockets.clear(listen)
            with sockets.created_with(binding.socket_mode):
                _bind(made, socket.AF_UNIX, listen.path)
        else:
            found = await asyncio.get_running_loop().getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)
            for family, _, _, _, address in dict.fromkeys(found):
                port = made[0].getsockname()[1] if made else listen.port
                _bind(made, family, (address[0], port, *address[2:]))
    except OSError as error:
        for each in made:
            each.close()
        raise ServeError(f"cannot listen at {listen}: {error.strerror}") from error
    return made


def _bind(made: list[socket.socket], family: int, address: tuple[object, ...] | str) -> None:
    listening = socket.socket(family, socket.SOCK_STREAM)
    made.append(listening)
    if family != socket.AF_UNIX:
        # An address in use is an error, but one that only lingers from an earlier process is not.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setblocking(False)
    listening.bind(address)
    listening.listen(BACKLOG)
