"""The transport: listens, accepts, and ends connections, gently or not."""

import asyncio
import math
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from typing import Final

from extproc.protocol.errors import ServeError
from extproc.protocol.record import Scalar
from extproc.server import sockets, tasks
from extproc.server.h2 import certificates
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.peers import Peers
from extproc.server.h2.shell import Shell
from extproc.server.listen import Listen, Tcp, Unix
from extproc.server.log import Log
from extproc.server.runtime import Runtime
from extproc.server.tls import TlsContent
from extproc.server.transport import Binding, message_max

BACKLOG: Final = 128
"""Connections that wait to be accepted; the loop accepts in every turn."""

HANDSHAKE: Final = 10.0
"""Seconds for a TLS handshake."""

TELL_EVERY: Final = 1.0
"""Seconds between two lines of the log about handshakes that failed: a client may try as fast as it likes."""

NO_DESCRIPTORS: Final = 0.5
"""Seconds until accepting is tried again after it failed: for want of descriptors, as a rule."""

FLUSH_GRACE: Final = 0.5
"""Seconds that closing waits for last words to reach the peer, which is on the same host or in the same pod."""

CLOSING: Final = "the server shuts down"


async def serve(runtime: Runtime, binding: Binding, limits: ConnectionLimits | None = None) -> "H2Transport":
    """A listening server. Raises ServeError."""
    bounds = limits or _limits(message_max(runtime))
    encryption = None if binding.tls is None else certificates.context(binding.tls)
    listening = await _listen(binding)
    return H2Transport(runtime, bounds, binding.listen, listening, encryption)


def _limits(message: int) -> ConnectionLimits:
    """The defaults, for messages of a size that the policy sets: four of them may be incomplete at once at least."""
    usual = ConnectionLimits()
    return replace(usual, message=message, assembling=max(usual.assembling, 4 * message))


class H2Transport:
    """A listening socket and the connections that came by it."""

    def __init__(
        self,
        runtime: Runtime,
        limits: ConnectionLimits,
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
        self._failed = Handshakes(runtime.log)
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

    def renew(self, tls: TlsContent) -> None:
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
        peer = _peer(accepted)
        try:
            await self._loop.connect_accepted_socket(
                lambda: Shell(self, self._loop, peer), accepted, ssl=self._encryption, ssl_handshake_timeout=timeout
            )
        except OSError as error:
            self._peers.failed(peer)
            accepted.close()  # the handshake failed, ran out of time, or the client had gone: nothing began
            if self._encryption is not None:
                self._failed.tell(self._loop.time(), peer, error)


class Handshakes:
    """Tells of handshakes that failed, such as those of clients without a certificate: a line every now and then."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._silent_until = -math.inf
        self._untold = 0

    def tell(self, now: float, peer: str, error: OSError) -> None:
        """Logs a failure, unless one was logged a moment ago; then it is counted in the next line."""
        if now < self._silent_until:
            self._untold += 1
            return
        reason = getattr(error, "reason", None)  # of OpenSSL's errors
        facts: dict[str, Scalar] = {"peer": peer, "reason": reason or type(error).__name__, "untold": self._untold}
        self._log.event("tls_handshake_failed", facts)
        self._silent_until, self._untold = now + TELL_EVERY, 0


def _peer(accepted: socket.socket) -> str:
    try:
        name = accepted.getpeername()
    except OSError:
        return ""
    return str(name[0]) if isinstance(name, tuple) else ""


async def _listen(binding: Binding) -> list[socket.socket]:
    """Listening sockets: one for a path, one for each address that a host name stands for, all on one port."""
    listen = binding.listen
    made: list[socket.socket] = []
    try:
        if isinstance(listen, Unix):
            sockets.clear(listen)
            with sockets.created_with(binding.socket_mode):
                _bind(made, listen.path)
        else:
            made += await asyncio.to_thread(sockets.listening, listen, BACKLOG)  # looking a name up may take seconds
    except OSError as error:
        for each in made:
            each.close()
        raise ServeError(f"cannot listen at {listen}: {error.strerror}") from error
    return made


def _bind(made: list[socket.socket], path: str) -> None:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.append(listening)
    listening.setblocking(False)
    listening.bind(path)
    listening.listen(BACKLOG)
