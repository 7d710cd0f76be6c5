"""Through the real Envoy: a filter's header, a verified token or a certificate tells who calls, and no client does."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from extproc.gateway.bootstrap import Json
from extproc.gateway.bootstrap.values import typed
from tests.e2e.gateway import TAG, Gateway, Patch, gateway, manager, post, site, tagged

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai, region: us}
  - {name: south, url: $south/v1, api: openai, region: eu}
default_backend: none
models:
  - {name: chat, targets: [{backend: north}], fallback: [{backend: south}]}
residency: [{name: eu-data, when: 'tenant.region == "eu"', regions: [eu]}]
tenants: {from: FROM, required: true, known: {acme: {region: eu}, globex: {region: us}}}
limits: {request_timeout: 20s, drain_timeout: 5s}
"""
BODY: Final = b'{"model":"chat","messages":[{"role":"user","content":"hello"}]}'
SECRET: Final = b"a-key-of-the-identity-provider-of-32-bytes"
JWT: Final = "envoy.filters.http.jwt_authn"


@contextmanager
def before(source: str, patch: Patch = id) -> Iterator[Gateway]:
    with site(POLICY.replace("FROM", source), "h2") as behind, gateway(behind, "buffered", patch) as running:
        yield running


def asked(of: Gateway, *headers: tuple[str, str]) -> tuple[int, str, str]:
    """The status, the error's code if there is one, and the tenant of the log."""
    answer = of.send(post(BODY, *headers, tag=tagged()))
    line = of.line(answer)
    return answer.status, str(json.loads(answer.body).get("error", {}).get("code", "")), str(line.get("tenant", ""))


def served(of: Gateway, provider: str, tenant: str, *headers: tuple[str, str]) -> None:
    answer, _ = of.ask(BODY, "http1", *headers, provider=provider)
    assert of.line(answer)["tenant"] == tenant


def setting(whole: Json) -> None:
    """Adds a filter that knows who is calling, and says so over what a client says."""
    mutation = {
        "append": {
            "header": {"key": "x-tenant-id", "value": "%REQ(x-known-as)%"},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
    }
    name = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
    filter_ = {
        "name": "envoy.filters.http.header_mutation",
        "typed_config": typed(name, mutations={"request_mutations": [mutation]}),
    }
    manager(whole)["http_filters"].insert(0, filter_)


def test_a_header_is_the_clients_word_no_more_where_envoy_takes_it_out_and_a_filter_sets_it() -> None:
    with before("{header: x-tenant-id, trusted: false}") as bare:
        assert asked(bare, ("x-tenant-id", "acme")) == (401, "tenant_required", "")
        with gateway(bare.site, "full-duplex", setting) as known:
            served(known, "south", "acme", ("x-known-as", "acme"), ("x-tenant-id", "globex"))
            served(known, "north", "globex", ("x-known-as", "globex"), ("x-tenant-id", "acme"))
            assert asked(known, ("x-known-as", "mallory")) == (403, "tenant_unknown", "")
            known.check()
    with before("{header: x-tenant-id}") as trusting:  # on the loopback address alone
        served(trusting, "south", "acme", ("x-tenant-id", "acme"))
        assert asked(trusting, ("x-tenant-id", "globex"), ("x-tenant-id", "acme")) == (403, "tenant_unclear", "")
        trusting.check()


def signed(key: bytes, **claims: Any) -> str:
    """A token of these claims."""
    parts = [{"alg": "HS256", "typ": "JWT", "kid": "k"}, {"iss": "https://idp.example", **claims}]
    head = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    seal = base64.urlsafe_b64encode(hmac.digest(key, head, hashlib.sha256)).rstrip(b"=")
    return f"Bearer {(head + b'.' + seal).decode()}"


def verifying(whole: Json) -> None:
    """Adds Envoy's own filter for tokens, with the keys of the identity provider in place."""
    key = base64.urlsafe_b64encode(SECRET).rstrip(b"=").decode()
    keys = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "kid": "k", "k": key}]})
    provider = {
        "issuer": "https://idp.example",
        "local_jwks": {"inline_string": keys},
        "payload_in_metadata": "corp",
        "forward": True,
    }
    config = typed(
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        providers={"corp": provider},
        rules=[{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": REQUIREMENTS}}}],
    )
    manager(whole)["http_filters"].insert(0, {"name": JWT, "typed_config": config})


REQUIREMENTS: Final = [{"provider_name": "corp"}, {"allow_missing": {}}]


def test_a_claim_of_a_verified_token_is_the_tenant() -> None:
    with before(f"{{claim: org.id, metadata: {JWT}}}", verifying) as known:
        for provider, name in (("south", "acme"), ("north", "globex")):
            served(known, provider, name, ("authorization", signed(SECRET, org={"id": name})))
        assert asked(known, ("x-tenant-id", "acme")) == (401, "tenant_required", "")
        for claims in ({"org": {"id": ["acme"]}}, {"org": {"id": {"acme": 1}}}):
            assert asked(known, ("authorization", signed(SECRET, **claims))) == (403, "tenant_unclear", "")
        forged = known.send(post(BODY, ("authorization", signed(b"x" * 32, org={"id": "acme"})), tag=tagged()))
        assert forged.status == 401
        known.check()


def mutual(folder: Path, authority: trustme.CA, whole: Json) -> None:
    """Has clients show a certificate of an authority."""
    server = authority.issue_cert("gateway.test")
    paths = {"ca": folder / "ca.pem", "chain": folder / "chain.pem", "key": folder / "key.pem"}
    authority.cert_pem.write_to_path(paths["ca"])
    server.cert_chain_pems[0].write_to_path(paths["chain"])
    server.private_key_pem.write_to_path(paths["key"])
    tls = {
        "tls_certificates": [
            {"certificate_chain": {"filename": str(paths["chain"])}, "private_key": {"filename": str(paths["key"])}}
        ],
        "validation_context": {"trusted_ca": {"filename": str(paths["ca"])}},
    }
    name = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
    chain = whole["static_resources"]["listeners"][0]["filter_chains"][0]
    chain["transport_socket"] = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed(name, common_tls_context=tls, require_client_certificate=False),
    }


def identity(authority: trustme.CA, uri: str, folder: Path) -> Path:
    """A file with a client's certificate for a URI, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    signer = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(issuer.not_valid_before_utc)
        .not_valid_after(issuer.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *plain)
    path = folder / f"{tagged()}.pem"
    path.write_bytes(pem)
    return path


def over_tls(of: Gateway, trust: trustme.CA, shown: Path | None, tag: str) -> tuple[int, Any, str]:
    """The status, the body and the id of a request of a client with a certificate."""
    context = ssl.create_default_context()
    trust.configure_trust(context)
    if shown is not None:
        context.load_cert_chain(shown)
    with (
        socket.create_connection(("127.0.0.1", of.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="gateway.test") as sealed,
    ):
        client = http.client.HTTPConnection("gateway.test")
        client.sock = sealed
        fields = {"content-type": "application/json", "x-tenant-id": "globex", TAG: tag}
        client.request("POST", "/v1/chat/completions", BODY, fields)
        answer = client.getresponse()
        return answer.status, json.loads(answer.read()), str(answer.getheader("x-extproc-request-id"))


def _is_of(request_id: str, line: dict[str, Any]) -> bool:
    return bool(line["request_id"] == request_id)


def test_a_certificate_that_envoy_verified_is_the_tenant(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    names = POLICY.replace("acme:", '"spiffe://corp/acme":').replace("globex:", '"spiffe://corp/globex":')
    with (
        site(names.replace("FROM", "{identity: uri_san}"), "h2") as behind,
        gateway(behind, "buffered", partial(mutual, tmp_path, authority)) as known,
    ):
        for provider, name in (("south", "spiffe://corp/acme"), ("north", "spiffe://corp/globex")):
            status, _, request_id = over_tls(known, authority, identity(authority, name, tmp_path), tag := tagged())
            assert status == 200
            known.forwarded(tag, provider)
            line = known.processor.told(partial(_is_of, request_id))
            assert line["tenant"] == name
        status, body, _ = over_tls(known, authority, None, tagged())
        assert (status, body["error"]["code"]) == (401, "tenant_required")
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            over_tls(known, authority, identity(stranger, "spiffe://corp/acme", tmp_path), tagged())
        known.check()
