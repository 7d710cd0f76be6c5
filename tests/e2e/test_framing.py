"""Where a body ends: `content-length` is never wrong, whatever was done to the body, and no byte is left over."""

import gzip
import socket

import pytest

from extproc.testing.clients import ClientRequest, ClientResponse, End, Pause, ScriptStep
from extproc.testing.clients.http1 import Http1
from extproc.testing.provider import RecordedRequest
from tests.e2e.bodies import chat, pieces, said
from tests.e2e.gateway import TAG, Gateway, Version, post, tagged

pytestmark = pytest.mark.envoy

LONG = "a-name-much-longer-than-its-target"
RENAMES = {"grow": ("north", "a-name-much-longer-than-grow"), LONG: ("south", "s")}


def renamed(body: bytes, model: str) -> bytes:
    return body.replace(b'"%b"' % model.encode(), b'"%b"' % RENAMES[model][1].encode(), 1)


def framed(record: RecordedRequest) -> bool:
    """Whether the request says its length once and rightly, or else is chunked and says none."""
    lengths, codings = record.getall("content-length"), record.getall("transfer-encoding")
    return (lengths, codings) in (([str(record.size)], []), ([], ["chunked"]))


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("size", [0, 200_000, 6_000_000])
@pytest.mark.parametrize("model", RENAMES)
def test_a_renamed_model_changes_the_length_and_nothing_else(
    direct: Gateway, version: Version, model: str, size: int, length: bool
) -> None:
    body = chat(size, model)
    _, seen = direct.ask(body if length else pieces(body, 3), version, provider=RENAMES[model][0], length=length)
    assert seen.body == renamed(body, model)
    assert framed(seen)


def test_an_odd_length_is_written_plainly(direct: Gateway) -> None:
    """A client may send a length with leading zeros; the backend gets ours."""
    tag, body = tagged(), chat(100, "grow")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{TAG}: {tag}\r\ncontent-length: 00{len(body)}\r\n\r\n"
    with Http1(direct.port) as client:
        answer = client.raw(head.encode() + body)
    seen = direct.forwarded(tag, "north")
    assert (answer.status, answer.complete, framed(seen)) == (200, True, True)
    assert seen.body == renamed(body, "grow")


@pytest.mark.parametrize(
    "fields",
    [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: -5\r\n",
        "content-length: 5 5\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: xchunked\r\n",
    ],
)
@pytest.mark.parametrize("transport", ["h2", pytest.param("grpcio", marks=pytest.mark.deep)])
@pytest.mark.parametrize("profile", [pytest.param("buffered", marks=pytest.mark.deep), "full-duplex"])
def test_a_request_with_two_ends_reaches_nobody(direct: Gateway, fields: str) -> None:
    assert _two_ends(direct, fields).status in {400, 501}


def test_requests_that_are_sent_together_are_kept_apart(direct: Gateway) -> None:
    """Pipelined: the second head follows the first body without a pause."""
    tags = [tagged(), tagged()]
    bodies = [chat(300, "grow"), chat(70_000, LONG)]
    heads = [
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{TAG}: {tag}\r\ncontent-length: {len(body)}\r\n"
        + ("connection: close\r\n\r\n" if last else "\r\n")
        for tag, body, last in zip(tags, bodies, (False, True), strict=True)
    ]
    with socket.create_connection(("127.0.0.1", direct.port), 10) as connection:
        connection.sendall(heads[0].encode() + bodies[0] + heads[1].encode() + bodies[1])
        came = b"".join(iter(lambda: connection.recv(65536), b""))
    assert came.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert direct.forwarded(tags[0], "north").body == renamed(bodies[0], "grow")
    assert direct.forwarded(tags[1], "south").body == renamed(bodies[1], LONG)


def test_a_client_that_waits_for_a_100_gets_one(direct: Gateway) -> None:
    body = said("hello", "grow")
    steps: list[ScriptStep] = [Pause(0.1), body, End()]
    answer, seen = direct.ask(steps, "http1", ("expect", "100-continue"))
    assert answer.interim == (100,)
    assert (seen.body, seen.header("expect"), framed(seen)) == (renamed(body, "grow"), None, True)


def _two_ends(gateway: Gateway, fields: str) -> ClientResponse:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{fields}\r\n"
    with Http1(gateway.port) as client:
        return client.raw(head.encode() + b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n")


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (b"\x1f\x8b\x08\x00", "lzma", 415, "unsupported_encoding"),
        (b"\x1f\x8b\x08\x00", "gzip", 400, "malformed_encoding"),
    ],
)
def test_a_body_that_cannot_be_decoded_is_refused(
    direct: Gateway, version: Version, body: bytes, encoding: str, status: int, code: str
) -> None:
    answer = direct.send(post(body, ("content-encoding", encoding)), version)
    assert (answer.status, answer.complete, answer.json()["error"]["code"]) == (status, True, code)


@pytest.mark.parametrize("model", ["chat", "grow"])
def test_a_body_that_is_compressed_is_routed_and_decoded_only_if_it_changes(
    direct: Gateway, version: Version, model: str
) -> None:
    body, tag = gzip.compress(chat(1000, model)), tagged()
    direct.send(post(body, ("content-encoding", "gzip"), tag=tag), version)
    seen = direct.forwarded(tag, "north")
    if model == "chat":
        assert (seen.header("content-encoding"), seen.body) == ("gzip", body)
    else:
        assert seen.header("content-encoding") is None
        assert seen.json()["model"] == "a-name-much-longer-than-grow"


@pytest.mark.parametrize("size", [0, 100_000, 3_000_000])
def test_a_body_on_a_path_that_nobody_claims_keeps_its_framing(direct: Gateway, version: Version, size: int) -> None:
    tag, body = tagged(), bytes(range(256)) * (size // 256)
    request = ClientRequest(
        target="/v1/files?purpose=x", headers=((TAG, tag), ("content-type", "image/png")), body=body
    )
    answer = direct.send(request, version)
    seen = direct.forwarded(tag, "north")
    assert (answer.status, answer.complete, answer.sent) == (200, True, True)
    assert (seen.target, seen.body == body) == ("/openai/v1/files?purpose=x", True)
    assert seen.getall("content-length") == [str(len(body))]
