"""The transport on grpcio's `grpc.aio`: generic handlers that pass bytes on, no generated stubs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

import grpc
from grpc import aio

from extproc.protocol.effects import AbortCode
from extproc.protocol.errors import ServeError
from extproc.server import health, sockets
from extproc.server.exchange import admit
from extproc.server.health import TooManyWatchersError, service_of
from extproc.server.listen import LOOPBACKS, Listen, Tcp, Unix, is_localhost
from extproc.server.runtime import Runtime
from extproc.server.tasks import spawn
from extproc.server.tls import TlsContent
from extproc.server.transport import Binding, message_max
from extproc.transaction.steering import fingerprint

IDLE: Final = 300.0
"""Seconds without a call after which a connection ends. How many there may be grpc has no option for; the transport h2
bounds them."""

OPTIONS: Final = (
    # Two workers on one port would share connections, not streams: an address in use is to be an error.
    ("grpc.so_reuseport", 0),
    # Envoy's keepalive is what finds a frozen worker; by default grpc takes frequent pings for an attack.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    # Envoy makes a new connection when it needs one again, and loses no call by it.
    ("grpc.max_connection_idle_ms", int(IDLE * 1000)),
    # No `grpc.max_concurrent_streams`: a low one makes Envoy fail requests. `limits.open_exchanges` bounds them.
)

FLUSH_GRACE: Final = 3.0
"""Seconds that closing waits for what is finished to reach the peer. It is on the same host or in the same pod."""

DRAIN_FOREVER: Final = 7 * 86400.0
"""Grace in seconds handed to grpc while draining: the worker, not grpc, ends what takes too long."""

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


async def serve(runtime: Runtime, binding: Binding) -> "GrpcioTransport":
    """A listening server. Raises ServeError."""
    limit = message_max(runtime)
    options = (*OPTIONS, ("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", -1))
    server = aio.server(options=options)
    server.add_generic_rpc_handlers((_Services(runtime),))
    certificates = None if binding.tls is None else _Certificates(binding.tls)
    endpoint = _bind(server, binding, certificates)
    await server.start()
    return GrpcioTransport(server, endpoint, certificates)


class GrpcioTransport:
    """A `grpc.aio` server."""

    def __init__(self, server: aio.Server, endpoint: Listen, certificates: "_Certificates | None") -> None:
        self.endpoint = endpoint
        self._server = server
        self._certificates = certificates

    async def drain(self) -> None:
        """Takes nothing new; what is open goes on."""
        spawn(self._server.stop(DRAIN_FOREVER))
        await asyncio.sleep(0)

    async def close(self) -> None:
        """Ends all; calls that are still open get UNAVAILABLE."""
        await self._server.stop(FLUSH_GRACE)
        if isinstance(self.endpoint, Unix):
            sockets.remove(self.endpoint)

    def renew(self, tls: TlsContent) -> None:
        """Uses other certificates for the handshakes to come."""
        if self._certificates is not None:
            self._certificates.renew(tls)


class _Certificates:
    """The certificates that grpc asks for at each handshake, because they may have changed."""

    def __init__(self, tls: TlsContent) -> None:
        self._mutual = tls.client_ca is not None
        self._latest: Any = None
        self._first = _pair(tls)

    def credentials(self) -> Any:
        return grpc.dynamic_ssl_server_credentials(self._first, self._fetch, self._mutual)

    def renew(self, tls: TlsContent) -> None:
        self._latest = _pair(tls)

    def _fetch(self) -> Any:
        latest, self._latest = self._latest, None
        return latest


def _pair(tls: TlsContent) -> Any:
    return grpc.ssl_server_certificate_configuration([(tls.key, tls.cert)], tls.client_ca)


def _bind(server: aio.Server, binding: Binding, certificates: _Certificates | None) -> Listen:
    listen = binding.listen
    if isinstance(listen, Unix):
        sockets.clear(listen)
    try:
        with sockets.created_with(binding.socket_mode):
            port = _port(server, listen, certificates)
    except RuntimeError as error:
        # grpc tells no reason; the address is all there is to say.
        raise ServeError(f"cannot listen at {listen}: the address is in use, not ours, or not permitted") from error
    return Tcp(listen.host, port) if isinstance(listen, Tcp) else listen


def _port(server: aio.Server, listen: Listen, certificates: "_Certificates | None") -> int:
    """Adds the address; its port. Raises RuntimeError. To grpc, `0.0.0.0` is every address of IPv6, too."""
    if isinstance(listen, Unix) or not is_localhost(listen.host):
        return _added(server, str(listen), certificates)
    # Not by the name: the machine's list of hosts may have one of its addresses only.
    port = _added(server, str(Tcp(LOOPBACKS[0], listen.port)), certificates)
    for other in LOOPBACKS[1:]:
        with suppress(RuntimeError):  # a machine without IPv6
            _added(server, str(Tcp(other, port)), certificates)
    return port


def _added(server: aio.Server, address: str, certificates: "_Certificates | None") -> int:
    if certificates is None:
        return int(server.add_insecure_port(address))
    return int(server.add_secure_port(address, certificates.credentials()))


class _Services(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc comes without types
    """Method -> handler."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._handlers = {
            health.PROCESS: grpc.stream_stream_rpc_method_handler(self._process),
            health.CHECK: grpc.unary_unary_rpc_method_handler(self._check),
            health.WATCH: grpc.unary_stream_rpc_method_handler(self._watch),
        }

    def service(self, handler_call_details: Any) -> Any:
        return self._handlers.get(handler_call_details.method)

    async def _process(self, _: Any, context: Any) -> None:
        call = _Call(context)
        exchange = admit(self._runtime, call, _configuration(context))
        clean = False
        try:
            while exchange is not None and call.ending is None:
                payload = await context.read()
                if payload is aio.EOF:
                    clean = not context.cancelled()  # grpc learns of a reset late: most look like a half-close here
                    return
                await call.write(exchange.receive(payload))
        except asyncio.CancelledError:
            if call.ending is None:
                raise
        except aio.BaseError:
            if context.done():
                return  # the peer has gone; nobody is left to be told a status
            call.ending = (grpc.StatusCode.UNAVAILABLE, "extproc_transport")
        finally:
            if exchange is not None:
                exchange.gone(clean)
        await call.end()

    async def _check(self, payload: bytes, context: Any) -> bytes:
        if configuration := _configuration(context):
            self._runtime.heard(configuration, self._runtime.clock())
        service = service_of(payload)
        if service is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not a HealthCheckRequest")
        answer = self._runtime.health.answer(service or "")
        if answer is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        assert answer is not None
        return answer

    async def _watch(self, payload: bytes, context: Any) -> AsyncIterator[bytes]:
        service = service_of(payload)
        if service is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not a HealthCheckRequest")
        changed = asyncio.Event()
        try:
            stop = self._runtime.health.watch(changed.set)
        except TooManyWatchersError:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watchers")
        try:
            while True:
                yield self._runtime.health.answer(service or "") or health.UNKNOWN
                await changed.wait()
                changed.clear()
        finally:
            stop()


def _configuration(context: Any) -> bytes:
    """The fingerprint of Envoy's configuration."""
    for name, value in context.invocation_metadata() or ():
        if name == fingerprint.CONFIG_HEADER:
            return fingerprint.read(value.encode("latin-1", "replace"))
    return b""


class _Call:
    """The transport's side of one `Process` call (`extproc.server.exchange.ExchangeStream`).

    `ending` is the status that it is to end with, once one was ordered.
    """

    def __init__(self, context: Any) -> None:
        self.ending: tuple[Any, str] | None = None
        self._context = context
        self._handler = asyncio.current_task()
        self._writing = asyncio.Lock()  # grpc takes one write at a time, and two tasks may write
        self._late: list[bytes] = []

    def send(self, payload: bytes) -> None:
        """Sends a message from outside the handler."""
        self._late.append(payload)
        if len(self._late) == 1:
            spawn(self._send_late())

    def abort(self, code: AbortCode, reason: str) -> None:
        """Has the handler end the call, wherever it waits."""
        self.ending = (_CODES[code], reason)
        if self._handler is not None and asyncio.current_task() is not self._handler:
            self._handler.cancel()

    async def write(self, payloads: list[bytes]) -> None:
        """Sends messages, in order; what was given to `send` before goes first."""
        if payloads or self._late:
            payloads, self._late = [*self._late, *payloads], []
            async with self._writing:
                for payload in payloads:
                    await self._context.write(payload)

    async def end(self) -> None:
        """Ends the call with the status that was ordered."""
        assert self.ending is not None  # the handler gets here only then
        await self._context.abort(*self.ending)

    async def _send_late(self) -> None:
        with suppress(aio.BaseError, asyncio.CancelledError):  # the peer has gone; the handler sees that by itself
            await self.write([])
