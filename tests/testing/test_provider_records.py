import asyncio
import hashlib
import ssl
from contextlib import closing
from http.client import HTTPSConnection

import pytest
import trustme

from extproc.testing import eventually
from extproc.testing.clients import ClientRequest, Disconnect, End, Until
from extproc.testing.clients.http1 import Http1, http1
from extproc.testing.provider import HEADER, Provider, RecordedRequest, Records, read_records, running_provider
from extproc.testing.provider.record import MAX_BODY, dump
from extproc.testing.provider.request import HEAD_LIMIT
from tests.testing.asking import CHAT, ask, chat


def record(body: bytes = b"", target: str = "/") -> RecordedRequest:
    return RecordedRequest("POST", target, "HTTP/1.1", (), body, len(body), "", (), 1, "length", True)


def test_a_request_is_recorded_as_it_was_written() -> None:
    headers = (("X-Twice", "one"), ("accept", "*/*"), ("x-twice", "two  words"), ("X-Utf", "caf\xc3\xa9"))
    with running_provider() as provider:
        http1(provider.port, ClientRequest("PATCH", "/a%2Fb?q=1&q=2", headers, b"\x00\xffbody"))
        (seen,) = provider.records
    assert (seen.method, seen.target, seen.version) == ("PATCH", "/a%2Fb?q=1&q=2", "HTTP/1.1")
    assert seen.headers == (("host", f"127.0.0.1:{provider.port}"), *headers, ("content-length", "6"))
    assert (seen.body, seen.size, seen.framing, seen.complete) == (b"\x00\xffbody", 6, "length", True)
    assert seen.sha256 == hashlib.sha256(b"\x00\xffbody").hexdigest()


def test_headers_of_a_record_are_found_whatever_their_case() -> None:
    with running_provider() as provider:
        http1(provider.port, ClientRequest(headers=(("X-Twice", "one"), ("x-twice", "two"))))
        (seen,) = provider.records
    assert seen.header("x-TWICE") == "one"
    assert seen.getall("X-twice") == ["one", "two"]
    assert seen.header("x-none") is None


def test_chunks_and_trailers_are_recorded() -> None:
    trailers = (("X-Sum", "1"), ("x-sum", "2"))
    with running_provider() as provider:
        answer = ask(provider.port, [chat()[:9], chat()[9:]], trailers=trailers)
        (seen,) = provider.records
    assert answer.status == 200
    assert (seen.framing, seen.body, seen.trailers) == ("chunked", chat(), trailers)
    assert seen.header("content-length") is None


def test_a_request_without_a_body_has_no_framing() -> None:
    with running_provider() as provider:
        http1(provider.port, ClientRequest("GET", "/v1/models"))
        (seen,) = provider.records
    assert (seen.framing, seen.body, seen.complete) == ("none", b"", True)


def test_connections_are_told_apart() -> None:
    with running_provider() as provider:
        with Http1(provider.port) as client:
            client.request(ClientRequest(target=CHAT, body=chat()))
            client.request(ClientRequest(target=CHAT, body=chat()))
        ask(provider.port, chat())
        assert [seen.connection for seen in provider.records] == [1, 1, 2]
        assert provider.connections == 2


@pytest.mark.parametrize("length", [True, False])
def test_a_request_that_stops_in_the_middle_is_recorded_as_incomplete(length: bool) -> None:
    with running_provider() as provider:
        ask(provider.port, [chat()[:9], Disconnect("close")], length=length)
        (seen,) = provider.wait_for(1)
        assert (seen.complete, seen.body) == (False, chat()[:9])
        assert provider.violations == ()


def test_a_record_can_be_waited_for_in_vain() -> None:
    with running_provider() as provider, pytest.raises(TimeoutError, match="0 records"):
        provider.wait_for(1, within=0.05)


def test_a_record_shows_no_text_of_a_user() -> None:
    with running_provider() as provider:
        ask(provider.port, chat("secret words"), target=f"{CHAT}?x=1")
        shown = repr(provider.records)
    assert "secret" not in shown
    assert f"POST {CHAT}?x=1" in shown


def test_the_oldest_records_go_when_there_are_too_many() -> None:
    records = Records(max_records=2)
    for name in "abc":
        records.add(record(target=name))
    assert [seen.target for seen in records.all()] == ["b", "c"]


def test_as_many_records_as_allowed_are_kept() -> None:
    records = Records(max_records=2, max_bytes=8)
    records.add(record(b"1234"))
    records.add(record(b"5678"))
    assert [seen.body for seen in records.all()] == [b"1234", b"5678"]


def test_the_oldest_records_go_when_they_hold_too_many_bytes() -> None:
    records = Records(max_bytes=8)
    for body in (b"1234", b"5678", b"9"):
        records.add(record(body))
    assert [seen.body for seen in records.all()] == [b"5678", b"9"]


def test_clearing_forgets_records_and_their_bytes() -> None:
    records = Records(max_bytes=4)
    records.add(record(b"1234"))
    records.clear()
    records.add(record(b"5678"))
    assert [seen.body for seen in records.all()] == [b"5678"]


def test_records_survive_json() -> None:
    seen = (record(b"\x00\xff"), record(b"", "/caf\xe9"))
    assert tuple(read_records(dump(seen))) == seen


def test_the_records_are_served_and_cleared_without_being_recorded() -> None:
    with running_provider() as provider:
        ask(provider.port, chat())
        served = http1(provider.port, ClientRequest("GET", "/_records"))
        assert tuple(read_records(served.body)) == provider.records
        assert http1(provider.port, ClientRequest("DELETE", "/_records")).status == 204
        assert provider.records == ()


def test_a_body_longer_than_is_kept_is_counted_and_digested_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extproc.testing.provider.record.MAX_BODY", 100_000)
    body = chat("x" * 100_000)
    with running_provider() as provider:
        answer = ask(provider.port, body)
        (seen,) = provider.records
    assert answer.status == 200
    assert (seen.size, seen.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert seen.body == body[:100_000]


def test_a_kept_body_is_twice_what_a_policy_allows() -> None:
    assert MAX_BODY == 2 * 32 * 1024 * 1024


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"what\r\n\r\n", 400, "a request line that is none"),
        (b"GET / HTTP/1.0\r\n\r\n", 505, "a version other than HTTP/1.1"),
        (b"GET /a b HTTP/1.1\r\n\r\n", 400, "a request line that is none"),
        (b"GET / HTTP/1.1\r\nbad name: x\r\n\r\n", 400, "a header field that is none"),
        (b"GET / HTTP/1.1\r\n folded: x\r\n\r\n", 400, "a header field that is none"),
        (b"GET / HTTP/1.1\r\nx: a\nb: c\r\n\r\n", 400, "a header field that is none"),
        (
            b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            400,
            "content-length and transfer-encoding in one request",
        ),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", 400, "a transfer-encoding other than chunked"),
        (b"POST / HTTP/1.1\r\ncontent-length: +1\r\n\r\n", 400, "a content-length that is none, or two of them"),
        (
            b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n",
            400,
            "a content-length that is none, or two of them",
        ),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", 400, "a chunk size that is none"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n", 400, "a chunk longer than it says"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * HEAD_LIMIT + b"\r\n\r\n", 431, "a head that is too long"),
        (
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + (b"x: " + b"y" * 9000 + b"\r\n") * 30,
            431,
            "trailers that are too long",
        ),
        (
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"y" * HEAD_LIMIT + b"\r\n",
            431,
            "a line that is too long",
        ),
    ],
)
def test_what_is_not_http_is_refused_and_counted(data: bytes, status: int, said: str) -> None:
    with running_provider() as provider:
        with Http1(provider.port) as client:
            assert client.raw(data).status == status
        assert provider.violations == (said,)


def test_a_long_head_within_the_limit_is_taken() -> None:
    with running_provider() as provider:
        answer = http1(provider.port, ClientRequest("GET", "/v1/models", headers=(("x", "y" * (HEAD_LIMIT - 200)),)))
        assert (answer.status, provider.violations) == (200, ())


def test_bytes_behind_a_body_are_a_violation() -> None:
    with running_provider() as provider:
        with Http1(provider.port) as client:
            client.raw(b"POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nabcdef\r\n\r\n")
        provider.wait_for(1)
        with Http1(provider.port) as client:
            client.request(ClientRequest("GET", "/healthz"))
        assert provider.violations == ("a request line that is none",)


def test_a_provider_runs_on_the_loop_of_its_user() -> None:
    async def main() -> tuple[RecordedRequest, ...]:
        async with Provider("east") as provider:
            answer = await asyncio.to_thread(ask, provider.port, chat())
            assert answer.json()["provider"] == "east"
            return provider.records

    assert len(asyncio.run(main())) == 1


def test_a_provider_speaks_tls() -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    with running_provider(tls=server) as provider:
        for do, status in (("", 200), ("early-413-close", 413), ("fail-503", 503)):
            connection = HTTPSConnection(provider.host, provider.port, context=client, timeout=10)
            with closing(connection):
                connection.request("POST", CHAT, chat(), {HEADER: do})
                assert connection.getresponse().status == status
        assert provider.url.startswith("https://")
        assert sorted(seen.complete for seen in provider.wait_for(3)) == [False, True, True]


def test_a_head_that_stops_in_the_middle_is_a_violation() -> None:
    with running_provider() as provider:
        with Http1(provider.port, within=0.2) as client:
            client.raw(b"GET / HTTP/1.1\r\nx: ")
        assert eventually(lambda: provider.violations == ("a head that stops in the middle",))


def test_a_connection_without_a_request_is_no_violation() -> None:
    with running_provider() as provider:
        with Http1(provider.port):
            assert eventually(lambda: provider.open_connections == 1)
        assert eventually(lambda: provider.open_connections == 0)
        assert (provider.violations, provider.gone, provider.records) == ((), 0, ())


def test_a_peer_that_resets_between_requests_is_no_violation() -> None:
    with running_provider() as provider:
        with Http1(provider.port) as client:
            client.request(ClientRequest(body=[b"x", End(), Until(1), Disconnect("reset")]))
        assert eventually(lambda: provider.open_connections == 0)
        assert (provider.violations, provider.gone) == ((), 0)


def test_what_a_provider_was_sent_can_be_forgotten() -> None:
    with running_provider() as provider:
        ask(provider.port, chat())
        provider.clear()
        assert provider.records == ()


def test_stopping_a_provider_twice_is_stopping_it_once() -> None:
    async def main() -> None:
        provider = await Provider().start()
        await provider.stop()
        await provider.stop()

    asyncio.run(main())


def test_a_stopped_provider_comes_back_on_its_port() -> None:
    with running_provider() as first:
        pass
    with running_provider(port=first.port) as second:
        assert ask(second.port, chat()).status == 200


def test_a_taken_port_is_an_error() -> None:
    with running_provider() as first, pytest.raises(OSError, match="in use"), running_provider(port=first.port):
        pass
