"""Tenants in the policy: every bound at it and past it, and who is refused."""

import pytest

from extproc.policy import PolicyError, loads
from extproc.policy.tenants import (
    ATTRIBUTE_VALUE_MAX,
    ATTRIBUTES_MAX,
    CLAIM_MAX,
    KNOWN_MAX,
    NAMESPACE_MAX,
    TENANT_MAX,
    Tenants,
)
from tests.gathered import gathered
from tests.policy.texts import root


def tenants(written: str) -> Tenants:
    found = loads(root(f"tenants: {written}")).tenants
    assert found is not None
    return found


def known(entries: str) -> str:
    return f"{{from: {{header: x-tenant-id}}, known: {{{entries}}}}}"


def claimed(claim: str, namespace: str) -> str:
    return f"{{from: {{claim: {claim}, metadata: {namespace}}}}}"


@gathered(
    ("at", "past"),
    [
        (known("t" * TENANT_MAX + ": {}"), known("t" * (TENANT_MAX + 1) + ": {}")),
        (
            known("a: {region: " + "v" * ATTRIBUTE_VALUE_MAX + "}"),
            known("a: {r: " + "v" * (ATTRIBUTE_VALUE_MAX + 1) + "}"),
        ),
        (known("a: {" + "r" * 64 + ": eu}"), known("a: {" + "r" * 65 + ": eu}")),
        (
            known("a: {" + ", ".join(f"r{n}: eu" for n in range(ATTRIBUTES_MAX)) + "}"),
            known("a: {" + ", ".join(f"r{n}: eu" for n in range(ATTRIBUTES_MAX + 1)) + "}"),
        ),
        (
            known(", ".join(f"t{n}: {{}}" for n in range(KNOWN_MAX))),
            known(", ".join(f"t{n}: {{}}" for n in range(KNOWN_MAX + 1))),
        ),
        (claimed("c" * CLAIM_MAX, "jwt"), claimed("c" * (CLAIM_MAX + 1), "jwt")),
        (claimed("org.id", "n" * NAMESPACE_MAX), claimed("org.id", "n" * (NAMESPACE_MAX + 1))),
        (claimed("org.id", "jwt"), claimed("org..id", "jwt")),
        (claimed("org.id", "a.b/c-d_e"), claimed("org.id", "'a b'")),
    ],
)
def test_a_bound_is_a_bound(at: str, past: str) -> None:
    tenants(at)
    with pytest.raises(PolicyError) as caught:
        tenants(past)
    assert len(caught.value.problems) == 1


@gathered(
    ("more", "rejects"),
    [
        ("", False),
        (", known: {a: {}}", True),
        (", known: {a: {}}, unknown: pass", False),
        (", known: {a: {}}, unknown: reject", True),
        (", unknown: pass", False),
    ],
)
def test_once_tenants_are_listed_others_are_refused_unless_the_policy_lets_them_pass(more: str, rejects: bool) -> None:
    assert tenants(f"{{from: {{header: x-tenant-id}}{more}}}").rejects_unknown is rejects


def test_each_source_says_what_envoy_has_to_send() -> None:
    header, claim, identity = (
        tenants(f"{{from: {source}}}")
        for source in ("{header: x-tenant-id}", "{claim: sub, metadata: jwt}", "{identity: subject}")
    )
    assert (header.fields, header.namespaces, header.attributes) == (("x-tenant-id",), (), ())
    assert (claim.fields, claim.namespaces, claim.attributes) == ((), ("jwt",), ())
    read = ("connection.subject_peer_certificate", "connection.mtls")
    assert (identity.fields, identity.namespaces, identity.attributes) == ((), (), read)


@gathered("header", ["host", "x-request-id", "x-extproc-cluster", "x-envoy-peer", "user-agent", "authorization"])
def test_a_header_with_a_meaning_of_its_own_names_no_tenant(header: str) -> None:
    with pytest.raises(PolicyError) as caught:
        tenants(f"{{from: {{header: {header}}}}}")
    assert "x-tenant-id" in str(caught.value.problems[0]), header
