import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import trustme

from extproc.gateway.bootstrap import Json, ProcessorTls, Profile, SocketAddress, bootstrap
from extproc.gateway.bootstrap.clusters import HTTP_OPTIONS
from extproc.gateway.bootstrap.processor import endpoint_address
from extproc.gateway.bootstrap.values import own_address
from extproc.policy import Policy
from extproc.testing.envoy import real_envoy
from extproc.transaction import Needs
from extproc.wire.pb.processor_pb2 import ProcessingRequest, ProcessingResponse
from tests.gateway.rig import ANYWHERE, a_policy, a_rig, client_of
from tests.gateway.scripted import Scripted, steering, unix
from tests.gateway.upstream import Upstream

pytestmark = pytest.mark.envoy

CHAT = "/v1/chat/completions"


def eventually(holds: Callable[[], bool], within: float = 10.0) -> bool:
    """Whether it comes to hold in time."""
    deadline, pause = time.monotonic() + within, threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
@pytest.mark.parametrize("size", [100, 200_000])
def test_a_worker_that_is_gone_costs_new_exchanges_nothing(tmp_path: Path, profile: Profile, size: int) -> None:
    body, script = b"x" * size, steering("south")
    with Scripted(script, unix(tmp_path, "other")) as other, a_rig(tmp_path, profile=profile, beside=[other]) as rig:
        rig.processor.script = script
        with rig.client() as client:
            before = [client.post(CHAT, content=body).status_code for _ in range(10)]
            assert (other.exchanges, rig.processor.exchanges) == (5, 5)
            other.kill()
            answers = Counter(client.post(CHAT, content=body).status_code for _ in range(50))
        # Full-duplex: Envoy offers no more than 64 KiB to a second worker; the first larger body finds out, no other.
        lost = 1 if profile == "full-duplex" and size > 65536 else 0
        assert set(before) == {200}
        assert answers[200] >= 50 - lost
        assert {len(request.body) for request in rig.south.seen} == {size}
        assert len(rig.south.seen) == 10 + answers[200]


def test_a_worker_that_drains_gets_no_new_exchanges_and_comes_back(tmp_path: Path) -> None:
    script = steering("south")
    with (
        Scripted(script, unix(tmp_path, "other")) as other,
        a_rig(tmp_path, beside=[other]) as rig,
        rig.client() as client,
    ):
        rig.processor.script = script

        def asked(times: int) -> int:
            before = other.exchanges
            assert {client.post(CHAT, content=b"{}").status_code for _ in range(times)} == {200}
            return other.exchanges - before

        assert asked(6) == 3
        other.serving = False
        assert eventually(lambda: asked(2) == 0)
        assert asked(6) == 0
        other.serving = True
        assert eventually(lambda: asked(2) == 1)


def test_a_processor_without_a_health_service_is_used_all_the_same(tmp_path: Path) -> None:
    with a_rig(tmp_path) as rig:
        rig.processor.serving = False
        stats = "cluster.extproc.membership_healthy"
        assert eventually(lambda: rig.envoy.stats(stats)[stats] == 0)
        assert rig.asks("GET", "/v1/files").status_code == 200


def hanging(messages: Iterator[ProcessingRequest]) -> Iterator[ProcessingResponse]:
    """Reads and never answers."""
    yield from ()
    for _ in messages:
        pass


def the_processor(made: Json) -> Json:
    found: Json = made["static_resources"]["clusters"][0]
    return found


def common(made: Json) -> Json:
    found: Json = the_processor(made)["typed_extension_protocol_options"][HTTP_OPTIONS]["common_http_protocol_options"]
    return found


def test_a_processor_that_never_answers_is_given_up_in_full_duplex_too(tmp_path: Path) -> None:
    def shorter(made: Json) -> None:
        assert common(made)["max_stream_duration"] == "3610s"
        common(made)["max_stream_duration"] = "0.3s"

    with a_rig(tmp_path, profile="full-duplex", change=shorter) as rig:
        answer = rig.asks("POST", CHAT, hanging, content=b"{}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert rig.north.seen == []


def test_a_processor_that_never_answers_is_504_in_the_buffered_profile(tmp_path: Path) -> None:
    def shorter(made: Json) -> None:
        manager = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"][0]["typed_config"]["message_timeout"] = "0.3s"

    with a_rig(tmp_path, change=shorter) as rig:
        answer = rig.asks("POST", CHAT, hanging, content=b"{}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
        assert rig.north.seen == []


@pytest.mark.parametrize(
    ("name", "known", "status"),
    [("localhost", True, 200), ("127.0.0.1", True, 200), ("other.example.com", True, 503), ("localhost", False, 503)],
)
def test_the_processor_is_reached_over_mtls(tmp_path: Path, name: str, known: bool, status: int) -> None:
    authority = trustme.CA()
    ours, envoys = authority.issue_cert("localhost", "127.0.0.1"), authority.issue_cert("envoy.example.com")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    envoys.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    envoys.private_key_pem.write_to_path(tmp_path / "key.pem")
    pairs = [(ours.private_key_pem.bytes(), ours.cert_chain_pems[0].bytes())]
    credentials = grpc.ssl_server_credentials(pairs, authority.cert_pem.bytes(), require_client_auth=True)
    own = {"certificate": tmp_path / "cert.pem", "key": tmp_path / "key.pem"} if known else {}
    tls = ProcessorTls(ca=tmp_path / "ca.pem", name=name, **own)
    with Scripted(steering("south"), "127.0.0.1:0", credentials) as processor, Upstream() as south:
        made = bootstrap(
            a_policy(south, south), needs=Needs(), endpoints=[processor.endpoint], listen=ANYWHERE, processor_tls=tls
        )
        with real_envoy(made, log_level="warning") as envoy, client_of(envoy) as client:
            assert client.post(CHAT, content=b"{}").status_code == status


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValueError, match="certificate and its key"):
        ProcessorTls(ca=Path("ca.pem"), name="localhost", certificate=Path("cert.pem"))


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("unix:/run/extproc.sock", {"pipe": {"path": "/run/extproc.sock"}}),
        ("127.0.0.1:9000", {"socket_address": {"address": "127.0.0.1", "port_value": 9000}}),
        ("[::1]:9000", {"socket_address": {"address": "::1", "port_value": 9000}}),
        ("extproc:65535", {"socket_address": {"address": "extproc", "port_value": 65535}}),
    ],
)
def test_an_endpoint_is_a_socket_file_or_a_host_and_port(endpoint: str, address: Json) -> None:
    assert endpoint_address(endpoint) == address


NO_ENDPOINTS = ["", "unix:", "unix:extproc.sock", "unix:/" + "x" * 200, "9000", ":9000", "host:", "host:0", "host:9x"]
NO_ENDPOINTS += ["host:65536", "::1:9000", "[127.0.0.1]:9000", "http://host:9000", "ho st:1"]


@pytest.mark.parametrize("endpoint", NO_ENDPOINTS)
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match=r"address|path|host"):
        endpoint_address(endpoint)


def for_endpoints(*endpoints: str) -> Json:
    backend = {"name": "b", "url": "http://127.0.0.1:9001", "api": "openai"}
    policy = Policy.model_validate({"version": 1, "backends": [backend], "limits": {"open_exchanges": 7}})
    return the_processor(bootstrap(policy, needs=Needs(), endpoints=endpoints, listen=ANYWHERE))


def test_endpoints_with_names_are_looked_up() -> None:
    assert for_endpoints("unix:/a", "127.0.0.1:1")["type"] == "STATIC"
    assert for_endpoints("extproc:1", "127.0.0.1:1")["type"] == "STRICT_DNS"


@pytest.mark.parametrize(("endpoints", "message"), [((), "at least one"), (("extproc:1", "unix:/a"), "host names")])
def test_endpoints_that_envoy_cannot_hold_together_are_refused(endpoints: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        for_endpoints(*endpoints)


def test_every_worker_adds_what_it_holds_to_the_circuit_breakers() -> None:
    [bounds] = for_endpoints("unix:/a", "unix:/b")["circuit_breakers"]["thresholds"]
    assert bounds == {"max_pending_requests": 28, "max_requests": 28, "max_retries": 28}


@pytest.mark.parametrize(("host", "address"), [("0.0.0.0", "127.0.0.1"), ("[::]", "127.0.0.1"), ("[::1]", "::1")])
def test_an_endpoint_is_where_the_processor_is_reached_and_not_where_it_listens(host: str, address: str) -> None:
    assert endpoint_address(f"{host}:9000") == {"socket_address": {"address": address, "port_value": 9000}}


def test_localhost_is_looked_up_as_the_names_of_backends_are() -> None:
    with Upstream() as north, Upstream() as south:
        policy = a_policy(north, south)
    made = bootstrap(policy, needs=Needs(), endpoints=["localhost:9000"], listen=ANYWHERE)
    processor = made["static_resources"]["clusters"][0]
    assert (processor["type"], processor["dns_lookup_family"]) == ("STRICT_DNS", "V4_PREFERRED")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", {"address": "127.0.0.1"}),
        ("::", {"address": "::", "ipv4_compat": True}),
        ("0.0.0.0", {"address": "0.0.0.0"}),
        ("::1", {"address": "::1"}),
    ],
)
def test_envoy_listens_where_the_processor_would(host: str, address: Json) -> None:
    with Upstream() as north, Upstream() as south:
        policy = a_policy(north, south)
    where = SocketAddress(host, 0)
    made = bootstrap(policy, needs=Needs(), endpoints=["unix:/p"], listen=where, admin=where)
    expected = {"socket_address": {**address, "port_value": 0}}
    assert made["static_resources"]["listeners"][0]["address"] == expected
    assert made["admin"]["address"] == expected
    with pytest.raises(ValueError, match="an IP address or at localhost"):
        bootstrap(policy, needs=Needs(), endpoints=["unix:/p"], listen=SocketAddress("gateway.example", 0))


@pytest.mark.parametrize("host", ["localhost", "::"])
def test_a_listener_of_envoy_is_reached_by_its_ipv4_address(tmp_path: Path, host: str) -> None:
    def moved(made: Json) -> None:
        made["static_resources"]["listeners"][0]["address"] = own_address(SocketAddress(host, 0))

    with a_rig(tmp_path, change=moved) as rig:
        assert rig.asks("POST", CHAT, steering("south"), content=b"{}").status_code == 200
