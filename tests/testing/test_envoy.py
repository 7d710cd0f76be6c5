"""Client, Envoy and provider together."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeAlias

import grpc
import pytest

from extproc.gateway.process import EnvoyProcess
from extproc.testing import eventually
from extproc.testing.clients import ClientRequest, ClientResponse, Disconnect, End, Ending, Pause, ScriptStep, Until
from extproc.testing.clients.http1 import Http1, http1
from extproc.testing.clients.http2 import Http2
from extproc.testing.envoy import assert_clean, ext_proc_stats, real_envoy
from extproc.testing.provider import HEADER, Provider, running_provider
from tests.testing.asking import CHAT, chat
from tests.testing.proxy import proxy

pytestmark = pytest.mark.envoy

Client: TypeAlias = Http1 | Http2
PROCEED = b"\x0a\x00"  # a ProcessingResponse with an empty answer to request headers
NOTHING = b""  # one that answers nothing, which is a fault
STREAM = chat("one two three", stream=True)


@pytest.fixture(scope="module")
def forwarding() -> Iterator[tuple[int, Provider]]:
    with running_provider("east") as provider, real_envoy(proxy(provider.port)) as envoy:
        yield envoy.port("main"), provider
        assert envoy.alive
        assert provider.violations == ()


@pytest.fixture
def provider(forwarding: tuple[int, Provider]) -> Provider:
    forwarding[1].clear()
    return forwarding[1]


@pytest.fixture(params=[Http1, Http2])
def client(forwarding: tuple[int, Provider], request: pytest.FixtureRequest) -> Iterator[Client]:
    with request.param(forwarding[0], within=20) as client:
        yield client


@contextmanager
def processor(answer: bytes) -> Iterator[int]:
    """An ext_proc server that answers every message with these bytes."""

    def process(messages: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        for _message in messages:
            yield answer

    handler = grpc.stream_stream_rpc_method_handler(process, bytes, bytes)
    service = grpc.method_handlers_generic_handler("envoy.service.ext_proc.v3.ExternalProcessor", {"Process": handler})
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait(5)


def ask(client: Client, body: bytes | list[ScriptStep], do: str = "", **request: object) -> ClientResponse:
    headers = ((HEADER, do),) if do else ()
    trailers = (("x-sum", "7"),) if request.get("trailers") else ()
    return client.request(ClientRequest(target=CHAT, headers=headers, body=body, trailers=trailers))


@pytest.mark.parametrize("size", [0, 1_000, 200_000, 6_000_000])
def test_the_provider_gets_the_bytes_that_the_client_sent(client: Client, provider: Provider, size: int) -> None:
    body = chat("x" * size) if size else b""
    answer = ask(client, body)
    (seen,) = provider.records
    assert (answer.status, answer.complete, answer.sent) == (200 if size else 400, True, True)
    assert (seen.body, seen.complete) == (body, True)


def test_the_client_gets_the_bytes_that_the_provider_sent(client: Client, provider: Provider) -> None:
    answer = ask(client, chat(), "body-6000000")
    assert answer.complete
    assert (
        answer.body
        == http1(provider.port, ClientRequest(target=CHAT, headers=((HEADER, "body-6000000"),), body=chat())).body
    )


def test_a_slow_upload_arrives_whole(client: Client, provider: Provider) -> None:
    answer = ask(client, [chat()[:7], Pause(0.1), chat()[7:20], Pause(0.1), chat()[20:]])
    assert answer.status == 200
    assert answer.headers_at >= 0.2
    assert provider.records[0].body == chat()


def test_events_arrive_one_by_one(client: Client) -> None:
    answer = ask(client, STREAM, "gap-60ms")
    assert answer.complete
    assert len(answer.pieces) >= len(answer.events()) == 7
    assert answer.pieces[-1].at - answer.pieces[0].at > 0.25


def test_trailers_pass_both_ways(client: Client, provider: Provider) -> None:
    answer = ask(client, chat(), "trailers", trailers=True)
    assert provider.records[0].trailers == (("x-sum", "7"),)
    assert answer.trailers == (("x-provider-trailer", "end"),)
    assert answer.complete


@pytest.mark.parametrize("how", ["reset", "close"])
def test_an_upload_that_the_client_leaves_never_ends_at_the_provider(
    client: Client, provider: Provider, how: str
) -> None:
    abort = Disconnect("reset") if how == "reset" else Disconnect("close")
    answer = ask(client, [chat()[:9], Pause(0.1), abort])
    (seen,) = provider.wait_for(1)
    assert answer.ending is Ending.ABORTED
    assert (seen.complete, seen.body) == (False, chat()[:9])


def test_an_answer_that_the_client_leaves_is_left_at_the_provider(client: Client, provider: Provider) -> None:
    gone = provider.gone
    answer = ask(client, [STREAM, End(), Until(1), Disconnect()], "gap-20ms+events-1000")
    assert (answer.status, answer.ending) == (200, Ending.ABORTED)
    assert eventually(lambda: provider.gone == gone + 1)


def test_a_cut_stream_is_no_clean_end(client: Client) -> None:
    answer = ask(client, STREAM, "cut-3")
    assert (answer.status, len(answer.events())) == (200, 3)
    assert answer.ending is (Ending.TRUNCATED if isinstance(client, Http1) else Ending.RESET)


def test_an_early_answer_reaches_a_client_that_still_sends(client: Client) -> None:
    answer = ask(client, [chat()[:9], Until(1), Pause(0.05), chat()[9:]], "early-503")
    assert answer.status == 503
    assert answer.json()["error"]["code"] == "early"


def test_a_failure_reaches_the_client_as_it_is(client: Client) -> None:
    answer = ask(client, chat(model="fail-429"))
    assert (answer.status, answer.header("retry-after")) == (429, "1")
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"


def test_a_connection_carries_one_request_after_the_other(client: Client, provider: Provider) -> None:
    assert [ask(client, chat(str(number))).status for number in range(5)] == [200] * 5
    assert len(provider.records) == 5


def test_an_http_2_connection_outlives_a_reset_stream(forwarding: tuple[int, Provider]) -> None:
    with Http2(forwarding[0]) as client:
        assert ask(client, [b"abc", Disconnect("reset")]).ending is Ending.ABORTED
        assert ask(client, chat()).status == 200


def test_an_http_2_request_that_is_malformed_ends_the_connection(
    forwarding: tuple[int, Provider], provider: Provider
) -> None:
    with Http2(forwarding[0]) as client:
        answer = client.request(ClientRequest(target=CHAT, headers=(("Upper-Case", "x"),), body=chat()))
    # Envoy 1.40 closes the connection and sends neither RST_STREAM nor GOAWAY.
    assert (answer.status, answer.code) == (0, None)
    assert answer.ending in {Ending.RESET, Ending.TRUNCATED}
    assert provider.records == ()


def test_a_clean_exchange_is_clean() -> None:
    with (
        running_provider() as provider,
        processor(PROCEED) as port,
        real_envoy(proxy(provider.port, port)) as envoy,
        Http1(envoy.port("main")) as client,
    ):
        assert ask(client, chat()).status == 200
        assert_clean(envoy)
        assert ext_proc_stats(envoy)["streams_started"] == 1


def test_an_answer_out_of_turn_is_not_clean() -> None:
    with (
        running_provider() as provider,
        processor(NOTHING) as port,
        real_envoy(proxy(provider.port, port)) as envoy,
        Http1(envoy.port("main")) as client,
    ):
        assert ask(client, chat()).status == 500
        with pytest.raises(AssertionError, match="spurious_msgs_received"):
            assert_clean(envoy)


def test_an_envoy_without_ext_proc_proves_nothing() -> None:
    with (
        running_provider() as provider,
        real_envoy(proxy(provider.port)) as envoy,
        pytest.raises(AssertionError, match="nothing was proved"),
    ):
        assert_clean(envoy)


def test_a_dead_envoy_is_not_clean() -> None:
    with running_provider() as provider, real_envoy(proxy(provider.port)) as envoy:
        envoy.stop()
        with pytest.raises(AssertionError, match="ended with code"):
            assert_clean(envoy)


def test_a_failure_beside_an_envoy_shows_the_end_of_its_log() -> None:
    with running_provider() as provider:
        with pytest.raises(AssertionError, match="on purpose") as caught, real_envoy(proxy(provider.port)):
            raise AssertionError("on purpose")
        (note,) = caught.value.__notes__
    assert note.startswith("Envoy runs; its log ends:\n")
    assert "starting main dispatch loop" in note


def test_a_failure_says_when_envoy_has_ended(forwarding: tuple[int, Provider]) -> None:
    def fail(envoy: EnvoyProcess) -> None:
        envoy.stop()
        raise AssertionError("on purpose")

    with pytest.raises(AssertionError) as caught, real_envoy(proxy(forwarding[1].port)) as envoy:
        fail(envoy)
    assert caught.value.__notes__[0].startswith("Envoy ended with code 0;")
