"""A processor that does what a test tells it, over grpcio: what it is sent is what Envoy really sends."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf.struct_pb2 import Struct

from extproc.wire.pb.headers_pb2 import HeaderMutation, HeaderValue, HeaderValueOption
from extproc.wire.pb.modes_pb2 import ProcessingMode
from extproc.wire.pb.processor_pb2 import (
    CommonResponse,
    HttpStatus,
    ImmediateResponse,
    ProcessingRequest,
    ProcessingResponse,
)

Script = Callable[[Iterator[ProcessingRequest]], Iterable[ProcessingResponse]]
"""One exchange: reads messages, yields answers. When it ends, the rest of the messages is read and not answered."""

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"


class Scripted:
    """A running processor. `script` may be changed between exchanges; `seen` holds every message since `forget`."""

    def __init__(self, script: Script, address: str, credentials: grpc.ServerCredentials | None = None) -> None:
        self.script = script
        self.seen: list[ProcessingRequest] = []
        self.exchanges = 0
        self.serving = True
        self._pool = ThreadPoolExecutor(32)
        self._server = grpc.server(
            self._pool, options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
        )
        handler = grpc.stream_stream_rpc_method_handler(
            self._process, ProcessingRequest.FromString, ProcessingResponse.SerializeToString
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Process": handler}),))
        check = grpc.unary_unary_rpc_method_handler(self._check)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check}),)
        )
        if credentials is None:
            port = self._server.add_insecure_port(address)
        else:
            port = self._server.add_secure_port(address, credentials)
        self.endpoint = address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End at once; streams in flight fail."""
        self._server.stop(0).wait(5)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _process(
        self, messages: Iterator[ProcessingRequest], _context: grpc.ServicerContext
    ) -> Iterator[ProcessingResponse]:
        self.exchanges += 1
        read = self._noted(messages, self.seen)
        yield from self.script(read)
        for _ in read:  # a clean early end would tell Envoy to go on without us
            pass

    def _check(self, _request: bytes, _context: grpc.ServicerContext) -> bytes:
        return b"\x08\x01" if self.serving else b"\x08\x02"  # a HealthCheckResponse, as it is on the wire

    def forget(self) -> None:
        """Only exchanges that begin from now on are noted: the last messages of one may come after its answer."""
        self.seen = []

    @staticmethod
    def _noted(messages: Iterator[ProcessingRequest], seen: list[ProcessingRequest]) -> Iterator[ProcessingRequest]:
        for message in messages:
            seen.append(message)
            yield message


def is_duplex(message: ProcessingRequest) -> bool:
    """Whether the filter is configured so; only an exchange's first message tells."""
    return message.protocol_config.request_body_mode == ProcessingMode.FULL_DUPLEX_STREAMED


def passing(messages: Iterator[ProcessingRequest]) -> Iterator[ProcessingResponse]:
    """Lets everything pass as it is, in either profile."""
    duplex = False
    for message in messages:
        part = kind(message)
        duplex = duplex or is_duplex(message)
        if part.endswith("_body") and duplex:
            body = getattr(message, part)
            yield chunk(part, body.body, end=body.end_of_stream)
        elif part.endswith("trailers"):
            response = ProcessingResponse()
            getattr(response, part).SetInParent()
            yield response
        else:
            yield answer(part)


def steering(cluster: str, body: bytes | None = None, fields: Mapping[str, str] | None = None) -> Script:
    """Sends every request to a cluster, with another body if one is given; and more fields set."""
    sets = {"x-extproc-cluster": cluster, **(fields or {})}

    def script(messages: Iterator[ProcessingRequest]) -> Iterator[ProcessingResponse]:
        held, duplex = b"", False
        for message in messages:
            part = kind(message)
            duplex = duplex or is_duplex(message)
            if part == "request_headers" and message.request_headers.end_of_stream:
                yield told(answer(part, header_mutation=mutation(sets), clear_route_cache=True))
            elif part == "request_headers":
                yield from () if duplex else (answer(part),)
            elif part == "request_body":
                held += message.request_body.body
                if duplex and not message.request_body.end_of_stream:
                    continue
                out = held if body is None else body
                exact = mutation({**sets, "content-length": str(len(out))})
                change = {"header_mutation": exact, "clear_route_cache": True}
                if duplex:
                    yield told(answer("request_headers", **change))
                    yield chunk(part, out, end=True)
                else:
                    yield told(answer(part, **change, body_mutation={"body": out}))
            elif part == "response_body" and duplex:
                yield chunk(part, message.response_body.body, end=message.response_body.end_of_stream)
            else:
                yield answer(part)

    return script


def told(response: ProcessingResponse) -> ProcessingResponse:
    """With the metadata of a decision."""
    facts = {"version": "1", "decision": "allowed", "model": "m-1", "backend": "south"}
    response.dynamic_metadata.CopyFrom(metadata(extproc=facts))
    return response


def refusing(status: int, **reply: Any) -> Script:
    """Answers every request itself."""

    def script(messages: Iterator[ProcessingRequest]) -> Iterator[ProcessingResponse]:
        next(messages)
        facts = metadata(extproc={"version": "1", "decision": "rejected"})
        yield ProcessingResponse(
            immediate_response=ImmediateResponse(status=_status(status), details="extproc_test", **reply),
            dynamic_metadata=facts,
        )

    return script


def _status(code: int) -> HttpStatus:
    return HttpStatus.FromString(b"\x08" + _varint(code))  # the enumeration is open, its stub names no member


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + _varint(number >> 7)


def failing(_: Iterator[ProcessingRequest]) -> Iterator[ProcessingResponse]:
    """Breaks down."""
    raise RuntimeError("told to fail")


def unix(folder: Path, name: str = "p") -> str:
    """The address of a Unix socket in a folder."""
    return f"unix:{folder / name}"


def mutation(given: Mapping[str, str], remove: Iterable[str] = ()) -> HeaderMutation:
    """A header mutation."""
    options = [HeaderValueOption(header=HeaderValue(key=k, raw_value=v.encode())) for k, v in given.items()]
    return HeaderMutation(set_headers=options, remove_headers=remove)


def metadata(**namespaces: Mapping[str, Any]) -> Struct:
    """Dynamic metadata."""
    struct = Struct()
    struct.update({name: dict(values) for name, values in namespaces.items()})
    return struct


def answer(part: str, **common: Any) -> ProcessingResponse:
    """An answer to a message of the named kind, such as `request_headers`."""
    response = ProcessingResponse()
    getattr(response, part).response.MergeFrom(CommonResponse(**common))
    return response


def chunk(part: str, data: bytes, *, end: bool) -> ProcessingResponse:
    """A piece of a body in full-duplex."""
    return answer(part, body_mutation={"streamed_response": {"body": data, "end_of_stream": end}})


def kind(message: ProcessingRequest) -> str:
    """Which message it is."""
    return message.WhichOneof("request") or ""
