"""A raw HTTP/2 client (prior knowledge, no TLS) on the h2 library."""

from types import TracebackType
from typing import Literal, Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from extproc.testing.clients.answer import ClientResponse, Ending, Field
from extproc.testing.clients.exchange import WITHIN, ClientExchange
from extproc.testing.clients.frames import GoAway, NoFrame, Splitter
from extproc.testing.clients.script import ClientRequest
from extproc.testing.clients.wire import Wire


class Http2:
    """One connection, on which requests follow each other. `within` bounds each of them, in seconds."""

    def __init__(self, port: int, host: str = "127.0.0.1", *, within: float = WITHIN) -> None:
        self._wire = Wire(port, host)
        self._authority = f"{host}:{port}"
        self._within = within
        # Nothing is checked or tidied on the way out: what a test sends wrong is to arrive wrong.
        config = h2.config.H2Configuration(
            header_encoding="latin-1", validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._connection = h2.connection.H2Connection(config)
        self._connection.initiate_connection()
        self._splitter = Splitter()

    def request(self, request: ClientRequest) -> ClientResponse:
        """Send a request on a stream of its own as its script says, and read what comes meanwhile and after."""
        exchange = _Exchange2(self._wire, self._connection, self._splitter, request, self._authority, self._within)
        return exchange.run(request.steps())

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def http2(port: int, request: ClientRequest, *, within: float = WITHIN) -> ClientResponse:
    """One request on a connection of its own."""
    with Http2(port, within=within) as client:
        return client.request(request)


class _Exchange2(ClientExchange):
    """One request and its answer on a stream.

    A body that is not scripted ends with its last DATA frame; the end of a scripted one is a frame of its own.
    """

    def __init__(
        self,
        wire: Wire,
        connection: h2.connection.H2Connection,
        splitter: Splitter,
        request: ClientRequest,
        authority: str,
        within: float,
    ) -> None:
        super().__init__(wire, within)
        self._connection = connection
        self._splitter = splitter
        self._request = request
        self._stream = connection.get_next_available_stream_id()
        self._last = b""
        self._ended = request.body == b"" and not request.trailers
        connection.send_headers(self._stream, _head(request, authority), end_stream=self._ended)
        self._flush()

    def piece(self, data: bytes) -> None:
        if isinstance(self._request.body, bytes) and not self._request.trailers:
            self._last = data
        else:
            self._send(data, end=False)

    def finish(self) -> None:
        if self._ended or self.unwanted:
            return
        if self._request.trailers:
            self._connection.send_headers(self._stream, list(self._request.trailers), end_stream=True)
            self._flush()
        else:
            self._send(self._last, end=True)

    def leave(self, how: Literal["reset", "close"]) -> None:
        if how == "close":
            self.wire.leave(how)
        elif not self.unwanted:
            self._connection.reset_stream(self._stream, h2.errors.ErrorCodes.CANCEL)
            self._flush()
            self.drain()

    def receive(self, data: bytes) -> None:
        if not data:
            self.unwanted = True
            self.end(Ending.TRUNCATED)
            return
        try:
            for frame in self._splitter.feed(data):
                self._take_frame(frame)
        except (h2.exceptions.ProtocolError, NoFrame):
            self.end(Ending.GARBLED)
        self._flush()

    def _take_frame(self, frame: bytes | GoAway) -> None:
        if isinstance(frame, GoAway):
            self.unwanted = self.unwanted or frame.last < self._stream
            self.note(goaway=True, code=frame.code)
            return
        for event in self._connection.receive_data(frame):
            self._take(event)

    def _take(self, event: h2.events.Event) -> None:
        if getattr(event, "stream_id", None) != self._stream:
            return
        match event:
            case h2.events.InformationalResponseReceived():
                self.note(interim=(*self.answer.interim, int(dict(_text(event.headers))[":status"])))
            case h2.events.ResponseReceived():
                headers = _text(event.headers)
                self.note(status=int(dict(headers)[":status"]), headers=headers, headers_at=self.elapsed)
            case h2.events.DataReceived():
                self.add(event.data or b"")
                self._connection.acknowledge_received_data(event.flow_controlled_length or 0, self._stream)
            case h2.events.TrailersReceived():
                self.note(trailers=_text(event.headers))
            case h2.events.StreamEnded():
                self.end(Ending.COMPLETE)
            case h2.events.StreamReset():
                # A reset after a whole answer only says that the rest of the request is not wanted (RFC 9113, 8.1).
                self.unwanted = True
                self.note(code=int(event.error_code or 0))
                self.end(Ending.RESET)
            case _:
                pass

    def _send(self, data: bytes, *, end: bool) -> None:
        """Send DATA frames as the peer's windows allow, reading meanwhile."""
        rest = memoryview(data)
        while not self.unwanted and not self.wire.broken:
            size = min(len(rest), self._connection.local_flow_control_window(self._stream), self._frame)
            if size or not rest:
                self._connection.send_data(self._stream, bytes(rest[:size]), end_stream=end and size == len(rest))
                self._flush()
                rest = rest[size:]
                if not rest:
                    return
            self.turn()

    @property
    def _frame(self) -> int:
        return self._connection.max_outbound_frame_size

    def _flush(self) -> None:
        self.out += self._connection.data_to_send()


def _head(request: ClientRequest, authority: str) -> list[Field]:
    pseudo = [(":method", request.method), (":scheme", "http"), (":path", request.target)]
    pseudo.append((":authority", request.header("host") or authority))
    fields = [(name, value) for name, value in request.headers if name.lower() != "host"]
    if request.length and request.body and not request.trailers:
        fields.append(("content-length", str(request.size)))
    return pseudo + fields


def _text(headers: object) -> tuple[Field, ...]:
    assert isinstance(headers, list), "h2 fills it in before it hands the event over"
    return tuple((str(name), str(value)) for name, value in headers)
