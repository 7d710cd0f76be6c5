"""Through the real Envoy: a pipeline that only watches changes and refuses nothing, whatever the size of a response."""

import json
from typing import Final

import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.testing.clients import Ending
from tests.e2e.bodies import said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, Version, ext_proc, post, tagged

pytestmark = pytest.mark.envoy

MIB: Final = 1024 * 1024
POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai}
  - {name: south, url: $south/v1, api: openai, credential: {header: x-south-key, env: SOUTH_KEY}}
default_backend: north
models:
  - {name: chat, targets: [{backend: north}]}
  - {name: keyed, targets: [{backend: south}]}
pipelines:
  - name: watching
    response: [{use: pii, kinds: [email], action: report}, {use: secrets, action: block, mode: shadow}]
"""
EMAIL: Final = "jane.doe@example.com"


def deaf(whole: Json) -> None:
    """Has Envoy ignore the processor's overrides."""
    ext_proc(whole)["allow_mode_override"] = False


@pytest.fixture
def watching(shared: Shared, profile: Profile) -> Gateway:
    return shared(POLICY, profile)


@pytest.mark.parametrize("model", ["chat", "keyed"])
def test_a_response_larger_than_envoy_would_buffer_passes_byte_for_byte(watching: Gateway, model: str) -> None:
    tag = tagged()
    request = post(said("hello", model=model), tag=tag, do=f"body-{40 * MIB}+chunked")
    answer = watching.send(request)
    record = watching.forwarded(tag)
    assert (answer.status, answer.ending, answer.surplus) == (200, Ending.COMPLETE, b"")
    assert len(answer.body) == 40 * MIB
    assert answer.body == watching.straight(record, "north" if model == "chat" else "south").body
    line = watching.line(answer)
    assert line["uninspected"] == [{"reason": "size", "count": 1}]
    assert (line["decision"], line["status"]) == ("allowed", 200)


@pytest.mark.parametrize("do", ["", "chunked", "trailers", "split-7", f"body-{MIB}", f"body-{MIB}+chunked"])
def test_a_response_passes_as_it_came_and_its_findings_are_told(watching: Gateway, version: Version, do: str) -> None:
    answer, record = watching.ask(said(f"write to {EMAIL}"), version, do=do)
    assert answer.body == watching.straight(record, "north").body
    line = watching.line(answer)
    assert [(each["kind"], each["count"]) for each in line["findings"]] == [("email", 1)]
    assert "uninspected" not in line


@pytest.mark.parametrize("text", [f"write to {EMAIL} now", "4111 " * 4000 + EMAIL])
def test_a_stream_passes_as_it_came_and_its_findings_are_told(watching: Gateway, version: Version, text: str) -> None:
    answer, record = watching.ask(said(text, stream=True), version, do="split-3000")
    assert answer.body == watching.straight(record, "north").body
    counts = {each["kind"]: each["count"] for each in watching.line(answer)["findings"]}
    assert counts["email"] == 1


def test_an_envoy_that_takes_no_override_is_watched_as_well(shared: Shared) -> None:
    gateway = shared(POLICY, "buffered", deaf)
    for stream in (False, True):
        answer, record = gateway.ask(said(f"write to {EMAIL} now", stream=stream))
        assert answer.body == gateway.straight(record, "north").body
        line = gateway.line(answer)
        assert [each["kind"] for each in line["findings"]] == ["email"]
        assert "misconfigured" not in line


def test_an_error_of_a_backend_is_cleaned_as_ever(watching: Gateway) -> None:
    tag = tagged()
    answer = watching.send(post(said("hello", model="keyed"), tag=tag, do="fail-401"))
    watching.forwarded(tag)
    assert answer.status == 401
    assert json.loads(answer.body)["error"]
