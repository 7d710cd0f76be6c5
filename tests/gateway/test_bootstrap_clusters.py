import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from extproc.gateway.bootstrap import Json, bootstrap
from extproc.gateway.process import validate
from extproc.policy import Policy
from extproc.transaction import Needs
from tests.gateway.rig import ANYWHERE, Rig, a_rig
from tests.gateway.scripted import steering
from tests.gateway.upstream import Upstream

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server(authority: trustme.CA, *names: str, alpn: str = "http/1.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    context.set_alpn_protocols([alpn])
    return context


@contextmanager
def over_tls(
    folder: Path, context: ssl.SSLContext, host: str = "localhost", **tls: Any
) -> Iterator[tuple[Rig, Upstream]]:
    """A gateway in front of one backend that is reached over https."""
    with Upstream(context=context) as secure:

        def policy(*_: Upstream) -> Policy:
            backend = {"name": "secure", "url": f"https://{host}:{secure.port}/v1", "api": "openai", "tls": tls}
            return Policy.model_validate({"version": 1, "backends": [backend]})

        with a_rig(folder, policy=policy) as rig:
            yield rig, secure


def ca_file(folder: Path, authority: trustme.CA) -> str:
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_backend_with_the_right_certificate_is_reached(tmp_path: Path, authority: trustme.CA, host: str) -> None:
    with over_tls(tmp_path, server(authority, host), host, ca=ca_file(tmp_path, authority)) as (rig, secure):
        assert rig.asks("POST", "/v1/files", content=b"{}").status_code == 200
        assert secure.seen[-1].get("host") == f"{host}:{secure.port}"


def test_a_certificate_for_another_name_is_refused(tmp_path: Path, authority: trustme.CA) -> None:
    context = server(authority, "other.example.com")
    with over_tls(tmp_path, context, ca=ca_file(tmp_path, authority)) as (rig, secure):
        assert rig.asks("POST", "/v1/files", content=b"{}").status_code == 503
        assert secure.seen == []


def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path, authority: trustme.CA) -> None:
    context = server(trustme.CA(), "localhost")
    with over_tls(tmp_path, context, ca=ca_file(tmp_path, authority)) as (rig, secure):
        assert rig.asks("POST", "/v1/files", content=b"{}").status_code == 503
        assert secure.seen == []


def test_names_of_the_policy_are_taken_in_place_of_the_host(tmp_path: Path, authority: trustme.CA) -> None:
    context, asked = server(authority, "llm.example.com"), []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    ca = ca_file(tmp_path, authority)
    with over_tls(tmp_path, context, ca=ca, sni="front.example.com", sans=["llm.example.com"]) as (rig, _):
        assert rig.asks("POST", "/v1/files", content=b"{}").status_code == 200
    assert set(asked) == {"front.example.com"}


def test_tls_below_1_2_is_refused(tmp_path: Path, authority: trustme.CA) -> None:
    context = server(authority, "localhost")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with over_tls(tmp_path, context, ca=ca_file(tmp_path, authority)) as (rig, secure):
        assert rig.asks("POST", "/v1/files", content=b"{}").status_code == 503
        assert secure.seen == []


def test_http2_is_spoken_to_a_backend_that_offers_it(tmp_path: Path, authority: trustme.CA) -> None:
    context = server(authority, "localhost", alpn="h2")
    with over_tls(tmp_path, context, ca=ca_file(tmp_path, authority)) as (rig, secure):
        rig.asks(
            "POST", "/v1/files", content=b"{}"
        )  # this backend cannot answer in HTTP/2; agreeing on it is the point
        assert secure.alpn[:1] == ["h2"]


def test_a_name_in_plain_http_is_looked_up(tmp_path: Path) -> None:
    def named(north: Upstream, _: Upstream) -> Policy:
        backend = {"name": "named", "url": f"http://localhost:{north.port}/v1", "api": "openai"}
        return Policy.model_validate({"version": 1, "backends": [backend]})

    with a_rig(tmp_path, policy=named) as rig:
        assert rig.asks("POST", "/v1/chat/completions", steering("named"), content=b"{}").status_code == 200


def cluster(url: str, **more: Any) -> Json:
    policy = Policy.model_validate({"version": 1, "backends": [{"name": "b", "url": url, "api": "openai"}], **more})
    made = bootstrap(policy, needs=Needs(), endpoints=["unix:/run/p"] * 2, listen=ANYWHERE)
    found: Json = made["static_resources"]["clusters"][1]
    return found


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://10.0.0.1/v1", "STATIC"),
        ("https://[2001:db8::1]:8443/v1", "STATIC"),
        ("http://vllm:8000/v1", "STRICT_DNS"),
        ("https://api.openai.com/v1", "LOGICAL_DNS"),
    ],
)
def test_how_a_backend_is_found_hangs_on_its_url(url: str, kind: str) -> None:
    assert cluster(url)["type"] == kind


def test_without_a_ca_the_authorities_of_the_system_are_trusted() -> None:
    context = cluster("https://api.openai.com/v1")["transport_socket"]["typed_config"]
    validation = context["common_tls_context"]["validation_context"]
    assert context["sni"] == "api.openai.com"
    assert validation["trusted_ca"] == {"filename": "/etc/ssl/certs/ca-certificates.crt"}
    assert validation["match_typed_subject_alt_names"] == [{"san_type": "DNS", "matcher": {"exact": "api.openai.com"}}]


def test_a_backend_takes_as_many_requests_as_the_workers_hold() -> None:
    bounds = cluster("http://10.0.0.1/v1", limits={"open_exchanges": 5000})["circuit_breakers"]["thresholds"]
    assert bounds == [{"max_connections": 10_000, "max_pending_requests": 10_000, "max_requests": 10_000}]


def test_envoy_takes_every_kind_of_backend(tmp_path: Path, authority: trustme.CA) -> None:
    urls = ["http://10.0.0.1/v1", "https://[2001:db8::1]:8443", "http://vllm:8000/v1", "https://api.openai.com/v1"]
    backends = [{"name": f"b{number}", "url": url, "api": "openai"} for number, url in enumerate(urls)]
    policy = Policy.model_validate({"version": 1, "backends": backends})
    ca = ca_file(tmp_path, authority)  # the system's may be elsewhere where this test runs
    for profile in ("buffered", "full-duplex"):
        validate(
            bootstrap(policy, needs=Needs(), endpoints=["unix:/run/p"], listen=ANYWHERE, profile=profile, system_ca=ca)
        )
