"""nghttp2's own clients (Debian: nghttp2-client): the library that Envoy was built on for years."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from extproc.server.h2.listener import H2Transport
from extproc.server.health import CHECK, PROCESS
from extproc.server.listen import Tcp
from tests.server.h2.client import message
from tests.server.h2.serving import play, serving
from tests.server.support import body, headers

NEEDED = ("h2load", "nghttp")
pytestmark = pytest.mark.skipif(
    not all(shutil.which(each) for each in NEEDED), reason="h2load and nghttp are not here (Debian: nghttp2-client)"
)
GRPC = ("-H", "content-type: application/grpc", "-H", "te: trailers")


async def run(program: str, *arguments: str) -> str:
    """What a program prints; it must end well, in bounded time."""
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), 15)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, printed
    return printed.decode()


def url(transport: H2Transport, path: str) -> str:
    assert isinstance(transport.endpoint, Tcp)
    return f"http://127.0.0.1:{transport.endpoint.port}{path}"


@pytest.fixture
def exchange(tmp_path: Path) -> str:
    """A file with a whole exchange: headers and a body of 100 KB."""
    path = tmp_path / "exchange"
    path.write_bytes(message(headers("/")) + message(body(bytes(100_000))))
    return str(path)


@pytest.mark.parametrize(
    "how",
    [
        [],
        ["--padding=255"],
        ["--window-bits=10", "--connection-window-bits=16"],
        ["--header-table-size=0"],
        ["--header-table-size=65536"],
        ["--continuation"],
        ["--no-dep"],
        ["--multiply=20"],
        ["--max-concurrent-streams=1"],
        ["--trailer=x-checksum: 1"],
    ],
    ids=lambda how: "-".join(how) or "plain",
)
def test_nghttp_has_an_exchange(how: list[str], exchange: str) -> None:
    async def scene() -> None:
        async with serving() as transport:
            printed = await run("nghttp", "-nv", f"--data={exchange}", *how, *GRPC, url(transport, PROCESS))
            assert printed.count("grpc-status: 0") == (20 if "--multiply=20" in how else 1)
            assert "RST_STREAM" not in printed
            assert "error_code=NO_ERROR" in printed or "GOAWAY" not in printed
            assert transport.runtime.open == 0

    play(scene)


def test_nghttp_gets_an_answer_byte_by_byte(tmp_path: Path) -> None:
    path = tmp_path / "exchange"
    path.write_bytes(message(headers("/")) + message(body(bytes(1000))))

    async def scene() -> None:
        async with serving() as transport:
            printed = await run("nghttp", "-nv", f"--data={path}", "--window-bits=1", *GRPC, url(transport, PROCESS))
            assert printed.count("grpc-status: 0") == 1
            assert printed.count("recv DATA") > 1000

    play(scene)


@pytest.mark.parametrize("uvloop", [True, False], ids=["uvloop", "asyncio"])
def test_h2load_finds_every_exchange_answered(uvloop: bool, exchange: str) -> None:
    async def scene() -> None:
        async with serving() as transport:
            many = ("-n", "1000", "-c", "4", "-m", "50", "-d", exchange)
            printed = await run("h2load", *many, *GRPC, url(transport, PROCESS))
            assert re.search(r"1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed", printed), printed
            assert "status codes: 1000 2xx" in printed
            assert transport.runtime.open == 0

    play(scene, uvloop=uvloop)


def test_h2load_finds_every_health_check_answered(tmp_path: Path) -> None:
    question = tmp_path / "question"
    question.write_bytes(message(b""))

    async def scene() -> None:
        async with serving() as transport:
            many = ("-n", "5000", "-c", "2", "-m", "100", "-d", str(question))
            printed = await run("h2load", *many, *GRPC, url(transport, CHECK))
            assert "5000 succeeded, 0 failed" in printed

    play(scene)
