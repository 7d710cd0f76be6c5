"""A raw HTTP/1.1 client: its own writer, so that it can write anything, and h11 as the reader."""

from types import TracebackType
from typing import Any, Final, Literal, Self

import h11

from extproc.testing.clients.answer import ClientResponse, Ending, Field
from extproc.testing.clients.exchange import WITHIN, ClientExchange
from extproc.testing.clients.script import ClientRequest, End
from extproc.testing.clients.wire import Wire

MAX_HEAD: Final = 1024 * 1024
"""Bytes of an answer's head: more than any proxy sends."""


class Http1:
    """One connection, on which requests follow each other. `within` bounds each of them, in seconds."""

    def __init__(self, port: int, host: str = "127.0.0.1", *, within: float = WITHIN) -> None:
        self._wire = Wire(port, host)
        self._authority = f"{host}:{port}"
        self._within = within

    def request(self, request: ClientRequest) -> ClientResponse:
        """Send a request as its script says, and read what comes meanwhile and after."""
        return _Exchange1(self._wire, request, self._authority, self._within).run(request.steps())

    def raw(self, data: bytes, method: str = "POST") -> ClientResponse:
        """Send these bytes and nothing else; `method` says how to read the answer (one to HEAD has no body)."""
        exchange = _Exchange1(self._wire, ClientRequest(method=method), self._authority, self._within)
        exchange.out = bytearray(data)
        return exchange.run([End()])

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def http1(port: int, request: ClientRequest, *, within: float = WITHIN) -> ClientResponse:
    """One request on a connection of its own."""
    with Http1(port, within=within) as client:
        return client.request(request)


def _head(request: ClientRequest, authority: str) -> bytes:
    fields = list(request.headers)
    if request.header("host") is None:
        fields.insert(0, ("host", authority))
    if request.chunked:
        fields.append(("transfer-encoding", "chunked"))
    elif request.length and (request.body or request.method not in {"GET", "HEAD"}):
        fields.append(("content-length", str(request.size)))
    return f"{request.method} {request.target} HTTP/1.1\r\n".encode("latin-1") + _fields(tuple(fields)) + b"\r\n"


def _fields(fields: tuple[Field, ...]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1")


class _Exchange1(ClientExchange):
    """One request and its answer on an HTTP/1.1 connection."""

    def __init__(self, wire: Wire, request: ClientRequest, authority: str, within: float) -> None:
        super().__init__(wire, within)
        self._request = request
        self.out += _head(request, authority)
        self._reader = _reader(request.method)

    def piece(self, data: bytes) -> None:
        if data:
            self.out += b"%x\r\n%b\r\n" % (len(data), data) if self._request.chunked else data

    def finish(self) -> None:
        if self._request.chunked:
            self.out += b"0\r\n" + _fields(self._request.trailers) + b"\r\n"

    def leave(self, how: Literal["reset", "close"]) -> None:
        self.wire.leave(how)

    def receive(self, data: bytes) -> None:
        if self.over:
            self.note(surplus=self.answer.surplus + data)
            return
        try:
            self._reader.receive_data(data)
            while self._take(self._reader.next_event()):
                pass
        except h11.RemoteProtocolError:
            self.end(Ending.GARBLED if data else Ending.TRUNCATED)

    def _take(self, event: object) -> bool:
        """Take one event; True when there may be another."""
        match event:
            case h11.InformationalResponse(status_code=status):
                self.note(interim=(*self.answer.interim, status))
            case h11.Response(status_code=status):
                self.note(status=status, headers=_text(event.headers), headers_at=self.elapsed)
            case h11.Data(data=data):
                self.add(bytes(data))
            case h11.EndOfMessage():
                self.note(trailers=_text(event.headers), surplus=bytes(self._reader.trailing_data[0]))
                self.end(Ending.COMPLETE)
            case h11.ConnectionClosed():
                self.end(Ending.TRUNCATED)
            case _:
                return False
        return not self.over


def _reader(method: str) -> h11.Connection:
    reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    # h11 wants to have seen the request to read its answer; what it would write is not what we write.
    reader.send(h11.Request(method=method, target="/", headers=[("host", "unused")]))
    reader.send(h11.EndOfMessage())
    return reader


def _text(headers: Any) -> tuple[Field, ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw_items())
