"""What an Envoy configuration lacks for retries is said before."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from extproc.gateway.bootstrap import Json, Profile
from tests.e2e.gateway import manager
from tests.gateway.test_against import POLICY, lacks, made, noted, own, routes
from tests.gathered import gathered

RETRIED = POLICY.replace("targets: [{backend: north}]", "targets: [{backend: north}], fallback: [{backend: south}]")


def upstream(name: str) -> Callable[[Json], Json]:
    """Finds the filter before a cluster."""

    def found(whole: Json) -> Json:
        cluster = next(each for each in whole["static_resources"]["clusters"] if each["name"] == name)
        (options,) = cluster["typed_extension_protocol_options"].values()
        config: Json = options["http_filters"][0]["typed_config"]
        return config

    return found


SOUTH = upstream("south:retry")


def without(name: str) -> Callable[[Json], object]:
    def drop(whole: Json) -> object:
        clusters = whole["static_resources"]["clusters"]
        clusters[:] = [each for each in clusters if each["name"] != name]
        return clusters

    return drop


def unfiltered(whole: Json) -> object:
    cluster = next(each for each in whole["static_resources"]["clusters"] if each["name"] == "north:retry")
    (options,) = cluster["typed_extension_protocol_options"].values()
    return options.pop("http_filters")


@pytest.mark.parametrize("profile", get_args(Profile))
def test_what_is_generated_for_retries_lacks_nothing(profile: Profile) -> None:
    assert lacks(made(profile, RETRIED), RETRIED) == []


@gathered(
    ("change", "told"),
    [
        (routes(lambda listed: listed.pop(0)), "no route matches x-extproc-retry: 0-2"),
        (
            routes(lambda listed: listed[0]["route"]["retry_policy"].pop("refresh_cluster_on_retry")),
            "the same backend is asked again",
        ),
        (lambda w: manager(w).pop("early_header_mutation_extensions"), "removes x-envoy-attempt-count"),
        (without("south:retry"), "there is no cluster south:retry"),
        (unfiltered, "cluster north:retry has no ext_proc filter"),
        (lambda w: SOUTH(w)["grpc_service"].pop("initial_metadata"), "initial_metadata has to be x-extproc-config: 3-"),
        (
            lambda w: SOUTH(w)["processing_mode"].update(request_body_mode="NONE"),
            "request_body_mode has to be BUFFERED",
        ),
        (lambda w: SOUTH(w).update(failure_mode_allow=True), "with failure_mode_allow"),
        (lambda w: SOUTH(w)["metadata_options"].pop("forwarding_namespaces"), "forwarding_namespaces lacks extproc"),
        (lambda w: SOUTH(w).pop("request_attributes"), "lacks upstream.request_attempt_count"),
    ],
)
def test_what_keeps_attempts_from_being_made_is_told(change: Any, told: str) -> None:
    whole = made(text=RETRIED)
    change(whole)
    found = lacks(whole, RETRIED)
    assert any(told in each for each in found), found


READING = RETRIED.replace("fallback: [{backend: south}]", "fallback: [{backend: south}], retry: {on: [context_length]}")


def test_where_errors_are_read_first_attempts_have_clusters_of_their_own() -> None:
    assert lacks(made(text=READING), READING) == []
    whole = made(text=READING)
    without("north:first")(whole)
    assert any("there is no cluster north:first" in each for each in lacks(whole, READING))


def test_an_envoy_without_a_fingerprint_is_told_that_it_gets_no_second_attempt() -> None:
    whole = made(text=RETRIED)
    own(whole)
    assert any("no request is sent to a second backend" in each for each in noted(whole, RETRIED))
    assert not any("second backend" in each for each in noted(whole, RETRIED + "steering: {retries: none}\n"))
