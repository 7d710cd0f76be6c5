import copy
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import get_args

import pytest
import trustme
import yaml

from extproc.gateway.bootstrap import Json, Profile, SocketAddress, bootstrap
from extproc.gateway.process import validate
from extproc.server.files import load
from extproc.testing.envoy import assert_clean, real_envoy
from extproc.transaction import Plan
from tests.gateway.rig import Rig
from tests.gateway.scripted import Scripted, passing, refusing, steering, unix
from tests.gateway.upstream import Upstream

SHIPPED = Path(__file__).parents[2] / "envoy"
PROFILES = get_args(Profile)
CHAT = "/v1/chat/completions"


def by_hand(profile: str) -> Json:
    made: Json = yaml.safe_load((SHIPPED / f"{profile}.yaml").read_text())
    # One part under two anchors is one object in Python; what is changed in one place is not to change in another.
    return copy.deepcopy(made)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_written_configuration_is_the_generated_one(profile: Profile) -> None:
    policy = load(SHIPPED / "policy.yaml")
    generated = bootstrap(
        policy,
        needs=Plan.compile(policy, {backend.name: b"-" for backend in policy.backends}).needs,
        endpoints=["unix:/run/extproc.sock", "unix:/run/extproc.sock.1"],
        profile=profile,
        listen=SocketAddress("127.0.0.1", 8080),
        admin=SocketAddress("127.0.0.1", 9901),
        access_log="/dev/stdout",
    )
    assert by_hand(profile) == generated


def moved(made: Json, endpoint: str, openai: int, vllm: int, ca: Path) -> None:
    """Put the parts of a shipped configuration where this test has them."""
    made["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] = 0
    made["admin"]["address"]["socket_address"]["port_value"] = 0
    processor, *others = made["static_resources"]["clusters"]
    processor["load_assignment"]["endpoints"][0]["lb_endpoints"] = [
        {"endpoint": {"address": {"pipe": {"path": endpoint.removeprefix("unix:")}}}}
    ]
    for cluster in others:
        port = openai if cluster["name"] in {"openai", "openai:retry"} else vllm
        [locality] = cluster["load_assignment"]["endpoints"]
        [entry] = locality["lb_endpoints"]
        entry["endpoint"]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
        if port == openai:
            context = cluster["transport_socket"]["typed_config"]["common_tls_context"]
            context["validation_context"]["trusted_ca"]["filename"] = str(ca)


@contextmanager
def running(profile: str, folder: Path) -> Iterator[Rig]:
    """A shipped configuration at work; `north` is OpenAI, `south` is vLLM."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.openai.com").configure_cert(context)
    with ExitStack() as stack:
        openai, vllm = stack.enter_context(Upstream(context=context)), stack.enter_context(Upstream())
        processor = stack.enter_context(Scripted(passing, unix(folder)))
        made = by_hand(profile)
        moved(made, processor.endpoint, openai.port, vllm.port, folder / "ca.pem")
        envoy = stack.enter_context(real_envoy(made, log_level="warning"))
        yield Rig(envoy, processor, openai, vllm)


@pytest.mark.envoy
@pytest.mark.parametrize("profile", PROFILES)
def test_envoy_takes_the_written_configuration(profile: str, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")  # the system's may be elsewhere where this test runs
    made = by_hand(profile)
    moved(made, "unix:/run/extproc.sock", 9001, 9002, tmp_path / "ca.pem")
    validate(made)


@pytest.mark.envoy
@pytest.mark.parametrize("profile", PROFILES)
def test_the_written_configuration_routes_refuses_and_passes(profile: str, tmp_path: Path) -> None:
    with running(profile, tmp_path) as rig:
        for http2 in (False, True):
            sent = steering("vllm", b'{"model":"llama"}', {"x-extproc-model": "llama"})
            routed = rig.asks("POST", CHAT, sent, http2=http2, content=b'{"model":"chat"}')
            assert (routed.status_code, routed.headers["x-extproc-decision"]) == (200, "allowed")
            assert rig.last(rig.south).body == b'{"model":"llama"}'
            hosted = steering("openai", fields={":authority": "api.openai.com"})
            assert rig.asks("GET", "/v1/files", hosted, http2=http2).status_code == 200
            assert (rig.last(rig.north).get("host"), rig.last(rig.north).path) == ("api.openai.com", "/v1/files")
            unnamed = rig.asks("GET", "/v1/files", passing, http2=http2, headers={"x-extproc-cluster": "vllm"})
            assert (unnamed.status_code, unnamed.json()["error"]["code"]) == (404, "not_found")
            refused = rig.asks("POST", CHAT, refusing(404, body=b'{"ours":1}'), http2=http2, content=b"{}")
            assert (refused.status_code, refused.content) == (404, b'{"ours":1}')
            unknown = rig.asks("POST", "/v1/messages", steering("nowhere"), http2=http2, content=b"{}")
            assert (unknown.status_code, unknown.json()["error"]["type"]) == (503, "overloaded_error")
        assert_clean(rig.envoy)
