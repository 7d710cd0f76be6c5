"""Asking a Redis: one connection, made anew when it is lost, and left alone for a while when it fails."""

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from extproc.detectors.service import GuardCertificates
from extproc.policy.redis_state import RedisAccess
from extproc.server.guards.breaker import CircuitBreaker
from extproc.server.guards.certificates import client_context
from extproc.server.state.redis.connection import (
    WAITING_MAX,
    DisconnectedError,
    Late,
    RedisConnection,
    RedisError,
    Word,
)
from extproc.server.state.redis.scripts import SCRIPTS, RedisScript
from extproc.server.tasks import spawn
from extproc.usage.budgets.ledger import LedgerError, LedgerFault

CONNECT_WITHIN: Final = 1.0
"""Seconds for a connection with its TLS, password and scripts. Requests wait for their own timeout at most."""

FAILURES: Final = 5
"""Failures in a row after which the server is left alone: a few may be chance, or one slow moment."""

COOLDOWN: Final = 1.0
"""Seconds for which it is left alone before one request tries it again."""

STALLED: Final = 5.0
"""Seconds without any reply after which a connection is taken for dead: its other end may be gone without a word."""

_FAULTS: Final[dict[str, LedgerFault]] = {"OOM": "full", "WRONGTYPE": "broken"}
_GONE: Final = frozenset(
    {"READONLY", "LOADING", "MASTERDOWN", "MISCONF", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS"}
)
"""Errors of a server that cannot serve now, be it a replica, or one that starts or cannot write its disk."""

_MOVED: Final = frozenset({"READONLY", "MOVED", "ASK"})
"""Errors by which the server is the wrong one by now: the name is asked for anew."""


BegunQuestion: TypeAlias = tuple[RedisConnection, asyncio.Future[Any]]
"""A question that was sent, and on which connection."""


class RedisClient:
    """A Redis, for one loop."""

    def __init__(self, access: RedisAccess) -> None:
        self._access = access
        self._connection: RedisConnection | None = None
        self._connecting: asyncio.Task[RedisConnection] | None = None
        self._tls: ssl.SSLContext | None = None
        self.breaker = CircuitBreaker(FAILURES, COOLDOWN)
        self.timeout = access.state.timeout
        self._tag = f"{{{access.state.prefix}}}"

    def key(self, account: bytes) -> str:
        """Return the key of an account. All have one tag in braces, so that a cluster keeps them on one server."""
        return f"{self._tag}a:{account.hex()}"

    @property
    def pattern(self) -> str:
        """The pattern of the keys of accounts."""
        return f"{self._tag}a:{'[0-9a-f]' * 32}"

    @property
    def crowded(self) -> bool:
        """True if the server has too much to answer already."""
        return self._connection is not None and self._connection.waiting >= WAITING_MAX

    def drop_stalled(self) -> None:
        """Close a connection from which nothing has come for `STALLED`, though questions wait."""
        if self._connection is not None and self._connection.silent >= STALLED:
            self.drop()

    def drop(self) -> None:
        """Close the connection; the next question makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def refresh(self, access: RedisAccess) -> None:
        """Use another password or certificate from the next connection on."""
        self._access, self._tls = access, None

    async def ready(self) -> None:
        """See that there is a connection. Raises as `call` does."""
        if self._connection is None:
            await self._connected()

    def begin(
        self, script: RedisScript, keys: Sequence[str], words: Iterable[Word], late: Late
    ) -> BegunQuestion | None:
        """Send the question of a `call` now, to wait for it then; None if there is no connection."""
        connection = self._connection
        if connection is None:
            return None
        return connection, connection.ask(b"EVALSHA", script.digest, len(keys), *keys, *words, late=late)

    async def call(
        self,
        script: RedisScript,
        keys: Sequence[str],
        words: Iterable[Word],
        late: Late | None = None,
        begun: BegunQuestion | None = None,
    ) -> Any:
        """Run a script and return its reply. Raises LedgerError, DisconnectedError, and what connecting raises.

        `late` gets the reply if nobody waits for it any more. `begun`: the same question, if it was sent before.
        """
        words = tuple(words)
        if begun is None:
            connection = self._connection or await self._connected()
            begun = connection, connection.ask(b"EVALSHA", script.digest, len(keys), *keys, *words, late=late)
        connection, asked = begun
        try:
            return await self._reply(asked, late)
        except RedisError as error:
            if error.code != "NOSCRIPT":
                raise self._failed(connection, error) from None
        try:  # somebody has emptied the cache of scripts
            return await self._reply(connection.ask(b"EVAL", script.text, len(keys), *keys, *words, late=late), late)
        except RedisError as error:
            raise self._failed(connection, error) from None

    async def command(self, *words: Word) -> Any:
        """Send a command and return its reply. Raises as `call` does."""
        connection = self._connection or await self._connected()
        try:
            return await connection.ask(*words)
        except RedisError as error:
            raise self._failed(connection, error) from None

    @staticmethod
    async def _reply(future: "asyncio.Future[Any]", late: Late | None) -> Any:
        try:
            return await future
        except asyncio.CancelledError:
            # The reply came in the very moment in which the question was given up.
            if late is not None and future.done() and not future.cancelled() and future.exception() is None:
                late(future.result())
            raise

    def close(self) -> None:
        """Let go of the server."""
        if self._connecting is not None:
            self._connecting.cancel()
        self.drop()

    # -- connecting

    def _failed(self, connection: RedisConnection, error: RedisError) -> LedgerError:
        if error.code in _MOVED:
            connection.close()
            self._lost(connection)
        return LedgerError("unavailable" if error.code in _GONE else _FAULTS.get(error.code, "error"))

    async def _connected(self) -> RedisConnection:
        """Return the connection, which all who wait for it share."""
        if self._connecting is None:
            self._connecting = spawn(self._connect())
            self._connecting.add_done_callback(self._told)
        return await asyncio.shield(self._connecting)

    def _told(self, task: "asyncio.Task[RedisConnection]") -> None:
        self._connecting = None
        if not task.cancelled() and task.exception() is None:
            self._connection = task.result()

    def _lost(self, connection: RedisConnection) -> None:
        if self._connection is connection:
            self._connection = None

    async def _connect(self) -> RedisConnection:
        """Connect, and show name and password. Raises OSError, ssl.SSLError, TimeoutError, LedgerError."""
        address, loop = self._access.state.address, asyncio.get_running_loop()
        connection: RedisConnection | None = None
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                if address.path:
                    _, connection = await loop.create_unix_connection(self._made, address.path)
                else:
                    tls, name = (self._context(), self._access.sni) if address.secure else (None, None)
                    _, connection = await loop.create_connection(
                        self._made, address.host, address.port, ssl=tls, server_hostname=name
                    )
                await self._greet(connection)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        return connection

    async def _greet(self, connection: RedisConnection) -> None:
        """Log in and load the scripts, all in one go. Raises LedgerError."""
        access = self._access
        asked = []
        if access.password is not None:
            user = () if access.state.username is None else (access.state.username,)
            asked.append(connection.ask(b"AUTH", *user, access.password))
        if access.state.address.database:
            asked.append(connection.ask(b"SELECT", access.state.address.database))
        loads = [connection.ask(b"SCRIPT", b"LOAD", each.text) for each in SCRIPTS]
        replies = await asyncio.gather(*asked, *loads, return_exceptions=True)
        for reply in replies[: len(asked)]:
            if isinstance(reply, RedisError):
                raise self._failed(connection, reply)
        for reply in replies:
            if isinstance(reply, DisconnectedError):
                raise reply
        # An ACL may forbid SCRIPT: the first question sends its text then.

    def _made(self) -> RedisConnection:
        return RedisConnection(self._lost)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            access = self._access
            self._tls = client_context(GuardCertificates("", access.ca, access.cert, access.key))
        return self._tls

    def __repr__(self) -> str:
        return f"RedisClient({self._access!r})"
