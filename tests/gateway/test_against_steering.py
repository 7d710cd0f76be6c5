"""What an Envoy configuration lacks for each mode of steering is said before."""

from collections.abc import Callable
from typing import Any

import pytest

from extproc.gateway.bootstrap import Json
from tests.e2e.gateway import ext_proc, manager
from tests.gateway.test_against import POLICY, host, lacks, made, noted, own, routes

KEYED = POLICY.replace("default_backend: north", "default_backend: route")
FREE = KEYED.replace(", credential: {bearer: {env: NORTH_KEY}}", "").replace(
    ", credential: {header: x-south-key, env: SOUTH_KEY}", ""
)
MODES = {
    "model_header": KEYED + "steering: {by: model_header, model_header: x-model}\n",
    "metadata": POLICY + "steering: {by: metadata, metadata_namespace: com.corp}\n",
    "envoy-ai-gateway": FREE + "steering: {by: envoy-ai-gateway}\n",
    "llm-d": FREE + "steering: {by: llm-d}\n",
    "semantic-router": FREE + "steering: {by: semantic-router}\n",
}


@pytest.mark.parametrize("mode", sorted(MODES))
def test_what_is_generated_for_a_mode_lacks_nothing(mode: str) -> None:
    assert lacks(made(text=MODES[mode]), MODES[mode]) == []


def unmatched(name: str) -> Callable[[list[Json]], object]:
    return lambda listed: listed.__setitem__(
        slice(None), [each for each in listed if name not in str(each.get("route", {}).get("cluster", ""))]
    )


def expression(listed: list[Json]) -> None:
    for each in listed[:-1]:
        for header in each["match"]["headers"]:
            header["string_match"] = {"safe_regex": {"regex": f"({header['string_match']['exact']})"}}


@pytest.mark.parametrize(
    ("mode", "change", "told"),
    [
        ("model_header", routes(unmatched("north")), "no route that matches x-model: chat leads to backend north"),
        ("metadata", routes(unmatched("north")), "the metadata com.corp, backend: north leads to backend north"),
        ("semantic-router", routes(unmatched("north")), "no route that matches x-selected-model: chat"),
        ("model_header", lambda w: manager(w).pop("early_header_mutation_extensions"), "does not remove x-model"),
        ("llm-d", lambda w: manager(w).pop("early_header_mutation_extensions"), "x-gateway-base-model-name"),
        ("model_header", host(request_headers_to_remove=[]), "request_headers_to_remove lacks x-model"),
        (
            "metadata",
            lambda w: ext_proc(w).update(metadata_options={"receiving_namespaces": {"untyped": ["extproc"]}}),
            "receiving_namespaces lacks com.corp: no request is steered",
        ),
        ("model_header", routes(expression), None),
    ],
)
def test_what_keeps_requests_from_being_steered_is_told(mode: str, change: Any, told: str | None) -> None:
    whole = made(text=MODES[mode])
    change(whole)
    found = lacks(whole, MODES[mode])
    assert found == [] if told is None else any(told in each for each in found), found


def test_a_note_says_that_steering_cannot_be_verified() -> None:
    whole = made()
    own(whole)
    ext_proc(whole)["request_attributes"].append("xds.cluster_name")
    assert noted(whole) == []
    ext_proc(whole)["response_attributes"].remove("xds.cluster_name")
    assert "response_attributes" in noted(whole)[0]
    ext_proc(whole)["processing_mode"]["response_header_mode"] = "SKIP"
    assert "response_header_mode: SEND" in noted(whole)[0]
