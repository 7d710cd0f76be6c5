"""Through the real Envoy: its own filter counts tokens, and the processor sees three messages per stream."""

import json
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.gateway.bootstrap.clusters import HTTP_OPTIONS
from extproc.gateway.bootstrap.counted import COUNTER
from extproc.testing.clients import Ending
from tests.e2e.bodies import said
from tests.e2e.canned import canned
from tests.e2e.gateway import PROFILES, gateway, post, site

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/openai/v1, api: openai}
  - {name: claude, url: $claude/v1, api: anthropic}
default_backend: none
models:
  - {name: chat, targets: [{backend: north, model: m}]}
  - {name: opus, targets: [{backend: claude}]}
usage: {from: envoy}
"""
PIPELINE: Final = "pipelines: [{name: p, response: [{use: pii, action: mask}]}]\n"
STREAMED: Final[dict[str, Any]] = {"stream": True, "stream_options": {"include_usage": True}}
COUNTS: Final = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_creation_input_tokens", "usage_source")


def asks(text: str) -> list[tuple[Any, bool]]:
    """Requests of every API that Envoy counts and the policy's backends speak, and whether each is a stream."""
    responses = {"model": "chat", "input": text}
    return [
        (post(said(text)), False),
        (post(said(text, **STREAMED)), True),
        (post(said(text, "opus", max_tokens=5), target="/v1/messages"), False),
        (post(said(text, "opus", max_tokens=5, stream=True), target="/v1/messages"), True),
        (post(json.dumps(responses).encode(), target="/v1/responses"), False),
        (post(json.dumps({**responses, "stream": True}).encode(), target="/v1/responses"), True),
    ]


@pytest.mark.parametrize("pipeline", ["", PIPELINE], ids=["unread", "read"])
@pytest.mark.parametrize("profile", PROFILES)
def test_whole_responses_and_streams_of_every_api_are_counted_by_envoy(profile: Profile, pipeline: str) -> None:
    with site(POLICY + pipeline, "h2") as before, gateway(before, profile) as running:
        for request, _ in asks("write to a@b.de twice"):
            answer = running.send(request)
            assert (answer.status, answer.ending) == (200, Ending.COMPLETE)
            line = running.line(answer)
            assert (line["usage_source"], line["decision"]) == ("envoy", "masked" if pipeline else "allowed"), line
            assert line["input_tokens"] > 0
            assert line["output_tokens"] > 0
            assert "misconfigured" not in line
        unasked = running.line(running.send(post(said("hello", stream=True))))
        assert unasked["input_tokens"] is None
        assert "misconfigured" not in unasked


USAGE: Final = {
    "input_tokens": 10,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 1000,
    "output_tokens": 7,
}


def test_anthropics_counts_are_made_inclusive_and_a_cut_response_has_none() -> None:
    policy = POLICY.replace("$claude", "http://127.0.0.1:%d")
    with canned() as backend, site(policy % backend.port, "h2") as before, gateway(before, "buffered") as running:
        backend.content_type = "application/json"
        backend.pieces = [json.dumps({"type": "message", "model": "opus-5", "content": [], "usage": USAGE}).encode()]
        line = running.line(running.send(post(said("hi", "opus", max_tokens=5), target="/v1/messages")))
        assert tuple(line.get(name) for name in COUNTS) == (1110, 7, 100, 1000, "envoy")
        cut = running.send(post(said("hi", **STREAMED), do="gap-20ms+cut-3+events-20"))
        assert cut.ending is not Ending.COMPLETE
        assert running.line(cut)["input_tokens"] is None


def uncounted(whole: Json) -> None:
    """Takes the filter out of the clusters."""
    for cluster in whole["static_resources"]["clusters"]:
        options = cluster.get("typed_extension_protocol_options", {}).get(HTTP_OPTIONS, {})
        if "http_filters" in options:
            options["http_filters"] = [each for each in options["http_filters"] if each["name"] != COUNTER]


def test_an_envoy_that_does_not_count_is_named() -> None:
    with site(POLICY, "h2") as before, gateway(before, "buffered", uncounted) as running:
        line = running.line(running.send(post(said("hello"))))
        assert (line["decision"], line["misconfigured"], line["input_tokens"]) == ("allowed", "token_usage", None)
        assert "ai_protocol_manager" in line["detail"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_stream_of_any_length_is_three_messages(profile: Profile) -> None:
    with site(POLICY, "h2") as before, gateway(before, profile) as running:
        sent = "http.extproc.ext_proc.stream_msgs_sent"
        for events in (3, 200):
            begun = running.envoy.stats(sent)[sent]
            answer = running.send(post(said("hi", **STREAMED), do=f"gap-2ms+events-{events}"))
            assert running.line(answer)["usage_source"] == "envoy"
            # The request's headers and its body, which is read for its model; then headers and trailers.
            more = 1 if profile == "full-duplex" else 0  # the end of the request's body comes by itself
            assert running.envoy.stats(sent)[sent] - begun <= 4 + more
