"""Through the real Envoy: a virtual key names its tenant, and no provider and no log ever sees it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from extproc.cli import main
from extproc.gateway.bootstrap import Json, Profile
from extproc.policy.tenants import KEY_FIELDS
from extproc.policy.virtual_keys import read_keys
from extproc.testing import eventually
from extproc.testing.clients import ClientRequest
from tests.e2e.gateway import PROFILES, TAG, VERSIONS, Gateway, Version, ext_proc, gateway, post, site, tagged

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai, credential: {bearer: {env: NORTH_KEY}}}
  - {name: south, url: $south/v1, api: anthropic, credential: {header: x-api-key, env: SOUTH_KEY}}
default_backend: north
models:
  - {name: chat, targets: [{backend: north}, {backend: south}]}
  - {name: other, targets: [{backend: north}]}
tenants: {from: {keys: FILE}}
limits: {request_timeout: 20s, drain_timeout: 5s}
"""
BODY: Final = b'{"model":"chat","messages":[{"role":"user","content":"hello"}],"max_tokens":5}'
SOON: Final = 3.0
"""Seconds within which a change of the file is in force in all workers; half a second where nothing else runs."""


class KeyFile:
    """A file of keys, changed by the command."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys

    def new(self, *more: str, tenant: str = "acme") -> str:
        assert main(["key", "new", "--file", str(self.path), "--tenant", tenant, *more]) == 0
        return self._capsys.readouterr().out.strip()

    def id(self, key: str) -> str:
        found = read_keys(self.path.read_bytes()).find(key.encode())
        assert found is not None
        return found.id

    def revoke(self, key: str) -> None:
        assert main(["key", "revoke", "--file", str(self.path), self.id(key)]) == 0
        self._capsys.readouterr()


@contextmanager
def behind(file: KeyFile, profile: Profile, patch: Any = id, workers: int = 1) -> Iterator[Gateway]:
    policy = POLICY.replace("FILE", str(file.path))
    with site(policy, "h2", workers=workers) as before, gateway(before, profile, patch) as running:
        yield running


def code(of: Gateway, *headers: tuple[str, str], version: Version = "http1", **more: Any) -> tuple[int, str]:
    """The status of a request and the code of its error."""
    answer = of.send(post(more.pop("body", BODY), *headers, tag=tagged(), **more), version)
    error = json.loads(answer.body).get("error", {})
    return answer.status, str(error.get("code") or error.get("type"))


def nowhere(of: Gateway, *secrets: str) -> None:
    """None of these stands in what a provider got, or in what the processor wrote."""
    got = [value for each in of.providers.values() for record in each.records for _, value in record.headers]
    text = "\n".join([*got, json.dumps(of.processor.lines("exchange")), json.dumps(of.processor.status())])
    assert [each for each in secrets if each in text] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_a_key_opens_its_tenants_models_and_reaches_no_provider(
    profile: Profile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = KeyFile(tmp_path / "keys.jsonl", capsys)
    good, limited = file.new(), file.new("--models", "other", tenant="globex")
    with behind(file, profile) as known:
        for version in VERSIONS:
            for name in KEY_FIELDS:
                shown = f"Bearer {good}" if name == "authorization" else good
                answer, got = known.ask(BODY, version, (name, shown), provider="north")
                line = known.line(answer)
                assert (line["tenant"], line["key"]) == ("acme", file.id(good))
                assert got.header("authorization") == "Bearer north-secret-1"
                assert not {"x-api-key", "api-key", "x-goog-api-key"} & {each.lower() for each, _ in got.headers}
        _, got = known.ask(BODY, "http1", ("x-api-key", good), provider="south", target="/v1/messages")
        assert got.header("x-api-key") == "south-secret-2"
        assert got.header("authorization") is None
        # A path of no API: multipart to images, for one.
        tag = tagged()
        fields = ((TAG, tag), ("authorization", f"Bearer {good}"), ("api-key", good), ("content-type", "text/plain"))
        known.send(ClientRequest("POST", f"/v1/files?key={good}", fields, b"x"))
        got = known.forwarded(tag, "north")
        assert (got.header("authorization"), got.header("api-key")) == ("Bearer north-secret-1", None)
        assert code(known, ("authorization", f"Bearer {limited}")) == (403, "model_not_allowed")
        listing = known.send(ClientRequest("GET", "/v1/models", (("x-api-key", limited),)))
        assert [each["id"] for each in json.loads(listing.body)["data"]] == ["other"]
        nowhere(known, good, limited, good[11:])
        known.check()


def test_who_shows_no_good_key_is_refused_in_its_dialect_and_nothing_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = KeyFile(tmp_path / "keys.jsonl", capsys)
    good, other, expired = file.new(), file.new(), file.new("--expires", "0s")
    with behind(file, "buffered") as known:
        assert code(known) == (401, "key_required")
        assert code(known, ("x-api-key", "sk-extproc-nobody")) == (401, "key_unknown")
        assert code(known, ("x-api-key", expired)) == (401, "key_expired")
        assert code(known, ("x-api-key", good), ("authorization", f"Bearer {other}")) == (400, "key_unclear")
        assert code(known, ("x-api-key", good), ("x-api-key", other)) == (400, "key_unclear")
        refused = known.send(post(BODY, ("x-api-key", "nobody"), target="/v1/messages"))
        assert json.loads(refused.body)["error"]["type"] == "authentication_error"
        for method, target in (("GET", "/v1/models"), ("POST", "/v1/files"), ("GET", "/"), ("DELETE", "/v1/files/1")):
            answer = known.send(ClientRequest(method, target))
            assert answer.status == 401, target
        known.check()


def test_a_revoked_key_stops_and_a_new_one_works_in_all_workers_without_a_reload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = KeyFile(tmp_path / "keys.jsonl", capsys)
    old = file.new()
    with behind(file, "buffered", workers=2) as known:
        policy = known.processor.status()["policy"]
        known.ask(BODY, "http1", ("x-api-key", old))
        file.revoke(old)
        began = time.monotonic()
        statuses: list[tuple[int, str]] = []

        def refused_everywhere() -> bool:
            # A connection each, so that both workers are asked.
            statuses[:] = [code(known, ("x-api-key", old)) for _ in range(8)]
            known.site.expected += sum(status == 200 for status, _ in statuses)
            return set(statuses) == {(401, "key_revoked")}

        assert eventually(refused_everywhere, SOON), statuses
        assert time.monotonic() - began < SOON
        fresh = file.new()
        assert eventually(lambda: len(known.processor.lines("keys_read")) == 4, SOON)
        for _ in range(8):
            known.ask(BODY, "http1", ("x-api-key", fresh))
        assert known.processor.status()["policy"] == policy
        assert known.processor.lines("reload") == []
        known.check()


def hiding(whole: Json, *, fingerprint: bool) -> None:
    """Has the filter show no field in which a key comes."""
    config = ext_proc(whole)
    patterns = config["forward_rules"]["allowed_headers"]["patterns"]
    config["forward_rules"]["allowed_headers"]["patterns"] = [p for p in patterns if p.get("exact") not in KEY_FIELDS]
    if not fingerprint:
        del config["grpc_service"]["initial_metadata"]


def test_an_envoy_that_shows_no_key_serves_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = KeyFile(tmp_path / "keys.jsonl", capsys)
    good = file.new()
    with behind(file, "buffered", partial(hiding, fingerprint=True)) as blind:
        assert code(blind, ("authorization", f"Bearer {good}")) == (401, "key_required")
        with gateway(blind.site, "buffered", partial(hiding, fingerprint=False)) as unknown:
            assert code(unknown, ("authorization", f"Bearer {good}")) == (503, "misconfigured")
        blind.check()


HEADER: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai, credential: {bearer: {env: NORTH_KEY}}}
  - {name: south, url: $south/v1, api: openai, credential: client}
default_backend: north
models:
  - {name: chat, targets: [{backend: north}]}
  - {name: own, targets: [{backend: south}]}
tenants: {from: {header: x-tenant-id FORWARD}}
limits: {request_timeout: 20s, drain_timeout: 5s}
"""


@pytest.mark.parametrize("profile", PROFILES)
def test_the_header_that_names_the_tenant_goes_no_further_unless_the_policy_says_so(profile: Profile) -> None:
    for forward, expected in (("", None), (", forward: true", "acme")):
        with site(HEADER.replace(" FORWARD", forward), "h2") as before, gateway(before, profile) as known:
            for model, provider in (("chat", "north"), ("own", "south")):
                body = BODY.replace(b"chat", model.encode())
                answer, got = known.ask(body, "http1", ("x-tenant-id", "acme"), ("x-other", "y"), provider=provider)
                assert known.line(answer)["tenant"] == "acme"
                assert (got.header("x-tenant-id"), got.header("x-other")) == (expected, "y")
            tag = tagged()
            known.send(ClientRequest("POST", "/v1/files", ((TAG, tag), ("x-tenant-id", "acme")), b"x"))
            assert known.forwarded(tag, "north").header("x-tenant-id") == expected
            known.check()
