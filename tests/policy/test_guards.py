"""Guards in the policy file: what is wrong with one is told with its place and mend, and what it names is read."""

from pathlib import Path

import pytest
import trustme
from pydantic import TypeAdapter, ValidationError

from extproc.policy import PolicyError, drafted, loads, read_secrets, stand_ins
from extproc.policy.secrets import PEM_MAX, guard_of
from extproc.policy.units import Share
from extproc.server.compiling import prepared_policy
from extproc.server.files import read_file
from tests.gathered import gathered
from tests.policy.texts import processor

URL = "url: 'https://guard.test/v1'"
REQUEST = "pipelines[0].request[0]"


def webhook(*more: str) -> str:
    return processor(f"{{use: webhook, {', '.join([URL, *more])}}}")


WRONG = [
    (processor("{use: webhook}"), "url", "url is missing", "`url: https"),
    (processor("{use: webhook, url: guard}"), "url", "not a URL", "https://"),
    (processor("{use: webhook, url: 'http://a:b@guard/'}"), "url", "no user or password", "`credential`"),
    (processor("{use: webhook, url: 'http://guard', tls: {}}"), "tls", "reached over http", "https"),
    (webhook("credential: client"), "credential", "its own", "bearer"),
    (webhook("credential: s3cret"), "credential", "never written into the policy", "bearer"),
    (webhook("credential: {bearer: s3cret}"), "credential.bearer", "never written into the policy", "file"),
    (webhook("tls: {verify: false}"), "tls.verify", "there is no field verify", "known here"),
    (webhook("tls: {cert: x}"), "tls.cert", "belong together", "both `cert` and `key`"),
    (webhook("tls: {key: x}"), "tls.key", "belong together", "both `cert` and `key`"),
    (webhook("tls: {sni: 127.0.0.1}"), "tls.sni", "not a DNS name", "certificate"),
    (webhook("roles: []"), "roles", "list of roles", "delete the key"),
    (webhook("roles: [user, user]"), "roles", "each once", "delete the key"),
    (webhook("roles: [users]"), "roles[0]", "none of: user, system", "did you mean user?"),
    (webhook("sample: 10"), "sample", "not a percentage", "10%"),
    (webhook("sample: 0%"), "sample", "above 0%", "10%"),
    (webhook("sample: 100.1%"), "sample", "at most 100%", "10%"),
    (webhook("connections: 0"), "connections", "at least 1", "at least 1"),
    (webhook("connections: 1025"), "connections", "at most 1024", "at most 1024"),
    (webhook("waiting: -1"), "waiting", "at least 0", "at least 0"),
    (webhook("max_reply: 65MiB"), "max_reply", "at most 64MiB", "at most 64MiB"),
    (webhook("breaker: {failures: 0}"), "breaker.failures", "at least 1", "at least 1"),
    (webhook("breaker: {cooldown: 10}"), "breaker.cooldown", "needs its unit", "10s"),
    (webhook("cache: {ttl: 2d}"), "cache.ttl", "at most 1d", "at most 1d"),
    (webhook("cache: {entries: 1000001}"), "cache.entries", "at most 1000000", "at most 1000000"),
    (webhook("cache: 5m"), "cache", "a mapping belongs here", "indented"),
    (webhook("timeout: 2m"), "timeout", "at most 1m", "at most 1m"),
    (webhook("threshold: 1"), "threshold", "no field threshold", "known here"),
    (webhook("on_failure: spare"), "on_failure", "no processor spare", "known here"),
]

AWS = "{access_key_id: {env: ID}, secret_access_key: {env: KEY}}"
BEDROCK = f"region: eu-central-1, guardrail: gr1, version: '1', credential: {AWS}"


def of(use: str, fields: str) -> str:
    return processor(f"{{use: {use}, {URL}, {fields}}}")


WRONG += [
    (of("moderation", "threshold: 0"), "threshold", "more than 0", "more than 0"),
    (of("moderation", "threshold: 1.1"), "threshold", "at most 1", "at most 1"),
    (of("moderation", "categories: []"), "categories", "list of words", "delete the key"),
    (of("moderation", "categories: [Hate]"), "categories[0]", "not a category", "self-harm/intent"),
    (of("moderation", f"categories: [{', '.join(f'c{n}' for n in range(61))}]"), "categories", "at most 60", "fewer"),
    (of("presidio", "language: English"), "language", "not a language", "en"),
    (of("presidio", "entities: [person]"), "entities[0]", "not the name of an entity", "US_SSN"),
    (of("presidio", "entities: [PERSON, PERSON]"), "entities", "each once", "delete the key"),
    (of("llm_judge", "model: m"), "rubric", "rubric is missing", "`rubric: ...`"),
    (of("llm_judge", "rubric: r"), "model", "model is missing", "`model: ...`"),
    (of("llm_judge", "model: m, rubric: ' '"), "rubric", "1 to 8000", "object to"),
    (of("llm_judge", f"model: m, rubric: {'r' * 8001}"), "rubric", "1 to 8000", "object to"),
    (of("llm_judge", "model: m, rubric: r, max_tokens: 15"), "max_tokens", "at least 16", "at least 16"),
    (of("bedrock_guardrail", BEDROCK.replace("eu-central-1", "Frankfurt")), "region", "not a region", "eu-central-1"),
    (of("bedrock_guardrail", BEDROCK.replace("gr1", "a/b")), "guardrail", "identifier of a guardrail", "gr1abc"),
    (of("bedrock_guardrail", BEDROCK.replace("'1'", "'0'")), "version", "not a version", "DRAFT"),
    (of("bedrock_guardrail", BEDROCK.replace(AWS, "s3cret")), "credential", "never written", "access_key_id"),
    (of("azure_content_safety", "categories: [hate]"), "categories[0]", "none of: Hate", "did you mean Hate?"),
    (of("azure_content_safety", "severity: 8"), "severity", "at most 7", "at most 7"),
    (of("azure_content_safety", "blocklists: ['a b']"), "blocklists[0]", "name of a blocklist", "our-words"),
    (of("model_armor", "template: t"), "template", "name of a template", "projects/p"),
    (of("model_armor", "template: projects/p/locations/l/templates/../x"), "template", "template", "projects/p"),
]


@gathered(("text", "path", "message", "mend"), WRONG)
def test_a_wrong_guard_is_told_its_one_problem_with_place_and_mend(
    text: str, path: str, message: str, mend: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(text)
    (problem,) = caught.value.problems
    assert problem.path == f"{REQUEST}.{path}"
    assert problem.line == 9
    assert message in problem.message
    assert mend in problem.mend
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("written", "share"), [("100%", 1.0), ("10%", 0.1), ("0.5 %", 0.005), ("0.000001%", 1e-8)])
def test_a_share_is_written_in_percent(written: str, share: float) -> None:
    assert TypeAdapter(Share).validate_python(written) == pytest.approx(share)


@pytest.mark.parametrize("written", ["1", "-1%", "1e1%", "%", "1%%", 0.5, True, None, "1" * 20 + "%"])
def test_what_is_no_percentage_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Share).validate_python(written)


def name(what: str) -> str:
    return guard_of("default", "request", "webhook", what)


FILES = "tls: {ca: ca.pem, cert: cert.pem, key: key.pem}"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    authority = trustme.CA()
    client = authority.issue_cert("client.test")
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    (tmp_path / "cert.pem").write_bytes(client.cert_chain_pems[0].bytes())
    (tmp_path / "key.pem").write_bytes(client.private_key_pem.bytes())
    return tmp_path


def test_what_a_guard_names_is_read_with_the_credentials(files: Path) -> None:
    policy = loads(webhook("credential: {bearer: {env: KEY}}", FILES), folder=files)
    read = read_secrets(policy, {"KEY": "sesame"}, read_file)
    assert read.keys() == {name("credential"), name("ca"), name("cert"), name("key")}
    assert read[name("credential")] == b"sesame"
    assert read[name("ca")] == (files / "ca.pem").read_bytes()
    assert stand_ins(policy)[name("credential")] == b"-"


def problem(text: str, folder: Path, environ: dict[str, str] | None) -> tuple[str, str]:
    with pytest.raises(PolicyError) as caught:
        prepared_policy(drafted(text.encode(), "policy.yaml", folder), environ)
    (found,) = caught.value.problems
    assert found.line == 9
    return found.path.removeprefix(f"{REQUEST}."), found.message


def test_files_that_are_right_are_taken_and_missing_ones_do_not_matter_where_no_secrets_are_looked_for(
    files: Path,
) -> None:
    prepared_policy(drafted(webhook(FILES).encode(), "policy.yaml", files), {})
    prepared_policy(
        drafted(webhook(FILES, "credential: {bearer: {env: KEY}}").encode(), "policy.yaml", Path("/nowhere")), None
    )


@pytest.mark.parametrize("what", ["ca", "cert", "key"])
def test_a_file_that_is_missing_or_no_pem_is_told_with_its_place(files: Path, what: str) -> None:
    for content in (None, b"", b"x" * 10, b"-----BEGIN X-----" + b" " * PEM_MAX):
        path = files / f"{what}.pem"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        where, message = problem(webhook(FILES), files, {})
        assert where == f"tls.{what}"
        assert str(path) in message


def test_a_pair_that_does_not_belong_together_and_an_authority_that_is_none_are_told(files: Path) -> None:
    own = (files / "cert.pem").read_bytes()
    (files / "cert.pem").write_bytes(trustme.CA().issue_cert("a").cert_chain_pems[0].bytes())
    assert problem(webhook(FILES), files, {})[0] == "tls.cert"
    (files / "cert.pem").write_bytes(own)
    (files / "ca.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    assert problem(webhook(FILES), files, {})[0] == "tls.ca"


def test_a_credential_that_is_missing_is_told(tmp_path: Path) -> None:
    where, message = problem(webhook("credential: {header: x-api-key, env: KEY}"), tmp_path, {})
    assert where == "credential"
    assert "KEY is not set" in message
