"""Stand-ins for model servers: they answer as themselves, and report metrics as vLLM does."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Engine:
    """One server. What it reports may be changed at any time; `seen` are the requests that it got."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting = 0.0
        self.running = 0.0
        self.cache = 0.0
        self.scraped = 0
        self.seen: list[dict[str, str]] = []
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/metrics":
                    engine.scraped += 1
                    self.reply(engine.page().encode())
                else:
                    self.served()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.served()

            def served(self) -> None:
                engine.seen.append({name.lower(): value for name, value in self.headers.items()})
                self.close_connection = True  # so that none is left when the server ends
                self.reply(json.dumps({"served_by": engine.name}).encode())

            def reply(self, body: bytes) -> None:
                self.send_response(200)
                if self.close_connection:
                    self.send_header("connection", "close")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def page(self) -> str:
        """The page of metrics, with other families between those that count."""
        label = '{engine="0",model_name="m{}"}'
        return (
            "# HELP vllm:num_requests_running Requests in a batch.\n# TYPE vllm:num_requests_running gauge\n"
            f"vllm:num_requests_running{label} {self.running}\n"
            f"vllm:num_requests_waiting{label} {self.waiting}\n"
            f'vllm:num_requests_waiting_by_reason{{reason="x"}} 1000\n'
            f"vllm:kv_cache_usage_perc{label} {self.cache}\n"
        )

    def close(self) -> None:
        """End: connections are refused from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@contextmanager
def engines(*names: str) -> Iterator[tuple[Engine, ...]]:
    """Running servers."""
    with ExitStack() as stack:
        found = tuple(Engine(name) for name in names)
        for each in found:
            stack.callback(each.close)
        yield found
