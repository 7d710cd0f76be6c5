"""A real Envoy between a client and a backend, with a processor that plays from a script over plain gRPC."""

import http.client
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Any, Self

import grpc

from extproc.gateway.process import EnvoyProcess
from extproc.protocol.effects import Effect
from extproc.protocol.messages import Message
from extproc.wire import decode, encode

Script = Callable[[Message], Iterable[Effect]]

EXTENSIONS = "type.googleapis.com/envoy.extensions"
METADATA_HEADERS = [
    {"header": {"key": "x-decision", "value": "%DYNAMIC_METADATA(extproc:decision)%"}},
    {"header": {"key": "x-tokens", "value": "%DYNAMIC_METADATA(extproc:tokens)%"}},
    {"header": {"key": "x-cached", "value": "%DYNAMIC_METADATA(extproc:cached)%"}},
]


@dataclass(frozen=True)
class Seen:
    """A request as the backend got it."""

    path: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Gateway:
    """The whole chain, as a context manager. `modes` are the filter's processing modes, by their names in Envoy."""

    folder: Path
    script: Script
    modes: dict[str, str]
    attributes: Sequence[str] = ()
    heard: list[Message] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        with ExitStack() as starting:
            backend = starting.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), self._backend()))
            starting.callback(backend.shutdown)
            Thread(target=backend.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            server = grpc.server(starting.enter_context(ThreadPoolExecutor(8)))
            process = grpc.stream_stream_rpc_method_handler(self._process)
            service = "envoy.service.ext_proc.v3.ExternalProcessor"
            server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {"Process": process})])
            port = server.add_insecure_port("127.0.0.1:0")
            server.start()
            starting.callback(lambda: server.stop(0).wait(5))
            self.envoy = starting.enter_context(EnvoyProcess(self._bootstrap(port, backend.server_address[1])))
            self.port = self.envoy.port("gateway")
            self._stack = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def post(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        """One request and its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", "/v1/chat/completions", body, {"x-api-key": "client's", "x-twice": "1"})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def stat(self, name: str) -> int:
        """A counter of the ext_proc filter."""
        return self.envoy.stats("http.gateway.ext_proc.")[f"http.gateway.ext_proc.{name}"]

    def details(self) -> str:
        """The route and the %RESPONSE_CODE_DETAILS% of every exchange, a line each, once there is one.

        A line is written when the exchange is over for Envoy, which may be after the client has the answer.
        """
        log, deadline = self.folder / "access.log", monotonic() + 5
        while not (lines := log.read_text()) and monotonic() < deadline:
            self.envoy.ask("/reopen_logs", "POST")  # which also writes out what Envoy holds back
            Event().wait(0.02)
        return lines

    def _process(self, payloads: Iterator[bytes], _: object) -> Iterator[bytes]:
        # Never returns before Envoy is done: a clean early end would let the rest pass unseen.
        for payload in payloads:
            message = decode(payload)
            self.heard.append(message)
            for effect in self.script(message):
                yield encode(effect)

    def _backend(self) -> type[BaseHTTPRequestHandler]:
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                seen.append(Seen(self.path, list(self.headers.items()), _body(self)))
                self.send_response(200)
                self.send_header("content-length", "12")
                self.send_header("content-type", "text/plain")
                self.end_headers()
                self.wfile.write(b"from backend")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - the base class's name for it
                pass

        return Handler

    def _bootstrap(self, processor: int, backend: int) -> dict[str, Any]:
        ext_proc = {
            "@type": f"{EXTENSIONS}.filters.http.ext_proc.v3.ExternalProcessor",
            "grpc_service": {"envoy_grpc": {"cluster_name": "processor"}},
            "processing_mode": self.modes,
            "allow_mode_override": True,
            "message_timeout": "5s",
            "request_attributes": list(self.attributes),
            "metadata_options": {"receiving_namespaces": {"untyped": ["extproc"]}},
        }
        manager = {
            "@type": f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "gateway",
            "http_protocol_options": {"enable_trailers": True},
            "access_log": [_access_log(self.folder / "access.log")],
            "route_config": {"virtual_hosts": [_host()]},
            "http_filters": [
                {"name": "processor", "typed_config": ext_proc},
                {"name": "router", "typed_config": {"@type": f"{EXTENSIONS}.filters.http.router.v3.Router"}},
            ],
        }
        listener = {
            "name": "gateway",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "enable_reuse_port": False,
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }
        h2 = {
            "@type": f"{EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        processor_cluster = _cluster("processor", processor) | {
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": h2}
        }
        return {
            "static_resources": {"listeners": [listener], "clusters": [processor_cluster, _cluster("backend", backend)]}
        }


def _host() -> dict[str, Any]:
    return {
        "name": "all",
        "domains": ["*"],
        "response_headers_to_add": METADATA_HEADERS,
        "routes": [
            {
                "name": "steered",
                "match": {"prefix": "/", "headers": [{"name": "x-extproc-cluster", "present_match": True}]},
                "route": {"cluster_header": "x-extproc-cluster"},
            },
            {"name": "start", "match": {"prefix": "/"}, "route": {"cluster": "backend"}},
        ],
    }


def _access_log(path: Path) -> dict[str, Any]:
    return {
        "name": "file",
        "typed_config": {
            "@type": f"{EXTENSIONS}.access_loggers.file.v3.FileAccessLog",
            "path": str(path),
            "log_format": {"text_format_source": {"inline_string": "%ROUTE_NAME% %RESPONSE_CODE_DETAILS%\n"}},
        },
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]}
    return {"name": name, "type": "STATIC", "load_assignment": assignment}


def _body(request: BaseHTTPRequestHandler) -> bytes:
    size = request.headers.get("content-length")
    if size is not None:
        return request.rfile.read(int(size))
    body = b""
    while count := int(request.rfile.readline(), 16):
        body += request.rfile.read(count)
        request.rfile.readline()
    while request.rfile.readline().strip():
        pass  # trailers
    return body
