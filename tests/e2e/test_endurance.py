"""Much, and for long: what the processor holds does not grow with the size of a body, nor with how many it has seen."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Final

import pytest

from extproc.gateway.bootstrap import Json, Profile
from tests.e2e.gateway import Gateway, Patch, gateway, post, site, tagged

pytestmark = [pytest.mark.envoy, pytest.mark.deep]

POLICY: Final = """\
version: 1
backends:
  - {{name: north, url: $north/v1, api: openai}}
  - {{name: fixed, url: "http://127.0.0.1:{port}/v1", api: openai}}
models: [{{name: chat, targets: [{{backend: fixed, model: served}}]}}]
default_backend: north
"""
MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB
UPLOAD_MOST: Final = 48 * MIB
"""What a worker may hold of an upload of 1 GiB beyond what it held before: Envoy's and our windows, and allocators."""

REQUESTS: Final = 1_000_000
WARM: Final = 100_000
"""Requests after which what is remembered and pooled is."""
GROWTH_MOST: Final = 2 * MIB
"""What a worker may grow by over a million requests: two bytes each, below what any list of them would take."""


@pytest.fixture(params=["full-duplex", "buffered"])
def profile(request: pytest.FixtureRequest) -> Profile:
    chosen: Profile = request.param
    return chosen


@pytest.fixture
def standing(profile: Profile) -> Iterator[Gateway]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The backend that answers a million times is Envoy itself: a program beside it would be most of the work.
    with site(POLICY.format(port=port), "h2") as before, gateway(before, profile, _answering(port)) as up:
        yield up


def _answering(port: int) -> Patch:
    """Adds a listener that answers everything by itself."""

    def patch(whole: Json) -> None:
        listener = deepcopy(whole["static_resources"]["listeners"][0])
        listener["name"] = "backend"
        listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
        own = listener["filter_chains"][0]["filters"][0]["typed_config"]
        own["http_filters"] = own["http_filters"][-1:]
        answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "{}"}}}
        own["route_config"] = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]}
        whole["static_resources"]["listeners"].append(listener)

    return patch


def resident(pid: int, field: str = "VmRSS") -> int:
    """Bytes of a process in memory: now, or at its most (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(field)


@pytest.mark.parametrize("profile", ["full-duplex"], indirect=True)
def test_a_gigabyte_passes_in_full_duplex_and_little_of_it_is_ever_held(standing: Gateway) -> None:
    pid = standing.processor.status()["workers"][0]["pid"]
    standing.ask(b"{}", target="/v1/files")
    before = resident(pid)
    tag, piece = tagged(), bytes(range(256)) * 4096
    answer = standing.send(post([piece] * 1024, tag=tag, target="/v1/files", length=False), within=300)
    assert answer.status == 200
    assert standing.forwarded(tag, "north", within=60).size == GIB
    assert resident(pid, "VmHWM") - before < UPLOAD_MOST


@pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load (nghttp2-client)")
def test_a_million_requests_leave_nothing_behind(standing: Gateway, tmp_path: Path) -> None:
    pid = standing.processor.status()["workers"][0]["pid"]
    body = tmp_path / "body"
    body.write_bytes(b'{"model": "chat", "messages": [{"role": "user", "content": "x"}]}')
    url = f"http://127.0.0.1:{standing.port}/v1/chat/completions"

    def send(count: int) -> None:
        command = ["h2load", "-n", str(count), "-c", "4", "-m", "8", "-d", str(body)]
        command += ["-H", "content-type: application/json", url]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1500).stdout
        assert f"status codes: {count} 2xx" in told, told

    send(WARM)
    before = resident(pid)
    send(REQUESTS)
    assert resident(pid) - before < GROWTH_MOST
