"""What the generated configuration has of tenants: what is read is sent, and no client names itself."""

from typing import Any

from extproc.gateway.against import compare, read
from extproc.gateway.bootstrap import Json, SocketAddress, bootstrap, render
from extproc.policy import loads
from extproc.transaction import Plan
from extproc.transaction.steering.fingerprint import differences
from tests.e2e.gateway import ext_proc, manager
from tests.gathered import gathered
from tests.policy.texts import root

JWT = "envoy.filters.http.jwt_authn"
CLAIM = f"{{claim: sub, metadata: {JWT}}}"


def plan(source: str | None) -> Plan:
    return Plan.compile(loads(policy(source)), {})


def policy(source: str | None) -> str:
    return root("default_backend: none", *([] if source is None else [f"tenants: {{from: {source}}}"]))


def made(source: str | None, host: str = "127.0.0.1") -> Json:
    listen = SocketAddress(host, 8080)
    return bootstrap(loads(policy(source)), needs=plan(source).needs, endpoints=["unix:/run/p"], listen=listen)


def removed(whole: Json) -> list[Any]:
    mutations = manager(whole)["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
    return [each["remove"] for each in mutations if "remove" in each]


@gathered(
    ("more", "host", "stays"),
    [
        ("", "127.0.0.1", True),
        ("", "::1", True),
        ("", "localhost", True),
        ("", "0.0.0.0", False),
        ("", "::", False),
        ("", "10.1.2.3", False),
        (", trusted: true", "0.0.0.0", True),
        (", trusted: true", "127.0.0.1", True),
        (", trusted: false", "0.0.0.0", False),
        (", trusted: false", "127.0.0.1", False),
    ],
)
def test_the_clients_own_header_is_taken_out_where_others_reach_envoy(more: str, host: str, stays: bool) -> None:
    whole = made(f"{{header: x-tenant-id{more}}}", host)
    assert ("x-tenant-id" not in removed(whole)) is stays
    shown = [each.get("exact") for each in ext_proc(whole)["forward_rules"]["allowed_headers"]["patterns"]]
    assert shown.count("x-tenant-id") == 1


def test_attributes_and_metadata_are_asked_for_by_those_who_read_them_alone() -> None:
    for source, attributes, namespaces in (
        (None, [], None),
        ("{identity: uri_san}", ["connection.uri_san_peer_certificate", "connection.mtls"], None),
        (CLAIM, [], {"untyped": [JWT]}),
    ):
        config = ext_proc(made(source))
        assert [name for name in config["request_attributes"] if name.startswith("connection.")] == attributes
        assert config["metadata_options"].get("forwarding_namespaces") == namespaces


@gathered("source", ["{header: x-tenant-id}", "{identity: dns_san}", CLAIM])
def test_an_envoy_that_does_not_send_what_tells_the_tenant_is_noticed(source: str) -> None:
    under = plan(source)
    written = read(render(made(source)))
    assert [each.text for each in compare(written, loads(policy(source)), under)] == []
    lacking = [each.text for each in compare(read(render(made(None))), loads(policy(source)), under)]
    assert any("tenants" in text or "x-tenant-id" in text for text in lacking)
    assert plan(None).fingerprint != under.fingerprint
    for one, other in ((under, plan(None)), (plan(None), under)):
        assert "who is calling" in differences(one.demands, other.demands)


def test_a_header_that_is_trusted_is_another_configuration() -> None:
    prints = {
        plan(f"{{header: x-tenant-id{more}}}").fingerprint for more in ("", ", trusted: true", ", trusted: false")
    }
    assert len(prints) == 3
