from pathlib import Path

import pytest
from pydantic import ValidationError

from extproc.policy import Backend, Bearer, Header, Policy, Source, Target, VirtualModel, loads
from tests.policy.texts import GOOD, backend, root


def test_defaults_are_what_the_reference_says() -> None:
    policy = loads(backend())
    assert (policy.limits.request_body, policy.limits.open_exchanges) == (32 * 1024 * 1024, 10_000)
    assert (policy.limits.request_timeout, policy.limits.exchange_timeout, policy.limits.drain_timeout) == (
        60,
        3600,
        30,
    )
    assert (policy.health.failures, policy.health.cooldown) == (3, 10)
    assert (policy.steering.cluster_header, policy.steering.model_header) == ("x-extproc-cluster", "x-extproc-model")
    assert (policy.unknown_models, policy.request_trailers, policy.models) == ("reject", "reject", ())
    assert (policy.backends[0].credential, policy.backends[0].tls, policy.backends[0].region) == (None, None, None)


def test_there_is_no_default_backend_unless_one_is_named() -> None:
    assert loads(GOOD).fallback_backend is None
    assert loads(GOOD + "default_backend: route\n").fallback_backend is None
    assert loads(GOOD + "default_backend: local\n").fallback_backend == "local"
    assert loads(GOOD + "default_backend: none\n").fallback_backend is None


def test_a_backend_is_found_by_its_name() -> None:
    assert loads(GOOD).backend("local").api == "anthropic"
    with pytest.raises(KeyError):
        loads(GOOD).backend("nobody")


def test_policies_are_values() -> None:
    policy = loads(GOOD)
    assert policy == loads(GOOD)
    assert hash(policy) == hash(loads(GOOD))
    with pytest.raises(ValidationError, match="frozen"):
        policy.version = 1


def test_a_policy_made_in_code_is_checked_as_a_file_is() -> None:
    backends = (Backend(name="a", url="http://a", api="openai"),)
    with pytest.raises(ValidationError, match="there is no backend b"):
        Policy(version=1, backends=backends, models=(VirtualModel(name="m", targets=(Target(backend="b"),)),))
    targets = (Target(backend="a", weight=2),)
    with pytest.raises(ValidationError, match="has no weights"):
        Policy(version=1, backends=backends, models=(VirtualModel(name="m", targets=targets, fallback=targets),))


def test_errors_of_a_policy_made_in_code_do_not_show_what_was_written() -> None:
    with pytest.raises(ValidationError) as caught:
        Backend.model_validate({"name": "a", "url": "http://sk-secret@a", "api": "openai", "credential": "sk-secret"})
    assert "sk-secret" not in str(caught.value)


def test_names_as_long_as_their_limits_are_taken() -> None:
    policy = loads(
        root(f"models: [{{name: {'m' * 128}, targets: [{{backend: a, weight: 1000000}}]}}]").replace(
            "api: openai", f"api: openai\n    region: {'e' * 63}\n    credential: {{header: {'h' * 128}, env: A}}"
        )
    )
    assert len(policy.models[0].name) == 128
    assert len(Backend(name="b" * 63, url="http://a", api="openai").name) == 63


def test_a_bearer_credential_goes_into_authorization() -> None:
    credential = Bearer(bearer=Source(env="KEY"))
    assert (credential.field, credential.scheme, credential.source.env) == ("authorization", "Bearer ", "KEY")


def test_a_header_credential_is_the_whole_value_of_its_field() -> None:
    credential = Header(header="x-api-key", file=Path("/k"))
    assert (credential.field, credential.scheme, credential.source.file) == ("x-api-key", "", Path("/k"))


def test_the_clients_own_credential_is_a_word() -> None:
    assert loads(backend("credential: client")).backends[0].credential == "client"


def test_tls_names_are_kept_exactly() -> None:
    text = backend("tls: {sni: API.example, sans: [api.example, 'spiffe://corp/llm'], ca: /ca.pem}")
    tls = loads(text.replace("http:", "https:")).backends[0].tls
    assert tls is not None
    assert (tls.sni, tls.sans, tls.ca) == ("api.example", ("api.example", "spiffe://corp/llm"), Path("/ca.pem"))


def test_a_target_of_weight_zero_may_stand_beside_others() -> None:
    policy = loads(GOOD.replace("weight: 80", "weight: 0"))
    assert [target.weight for target in policy.models[0].targets] == [0, 20]
