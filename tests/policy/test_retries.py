"""What a policy may say of retries, and what it is told that it asks for in vain."""

import pytest

from extproc.policy import PolicyError, drafted, loads
from extproc.policy.retries import ATTEMPTS_MAX, CONTENT_REASONS, REASONS
from tests.gathered import gathered

POLICY = """\
version: 1
backends:
  - {name: a, url: "http://127.0.0.1:1", api: openai}
  - {name: b, url: "http://127.0.0.1:2", api: openai}
  - {name: own, url: "http://127.0.0.1:3", api: openai, credential: client}
default_backend: none
models:
  - {name: m, targets: [{backend: a}], fallback: [{backend: b}]RETRY}
"""


def written(retry: str, more: str = "") -> str:
    return POLICY.replace("RETRY", f", retry: {retry}") + more


def test_what_is_not_said_is_retried_for_every_reason() -> None:
    (model,) = loads(written("{}")).models
    assert model.retry is not None
    assert (model.retry.attempts, model.retry.on, model.retry.per_try_timeout) == (ATTEMPTS_MAX, REASONS, None)


def test_statuses_may_be_written_as_numbers() -> None:
    (model,) = loads(written("{attempts: 2, on: [5xx, 429], per_try_timeout: 20s}")).models
    assert model.retry is not None
    assert (model.retry.attempts, model.retry.on, model.retry.per_try_timeout) == (2, ("5xx", "429"), 20.0)


def test_errors_about_the_request_are_reasons_only_where_they_are_named() -> None:
    (model,) = loads(written("{on: [5xx, 429, connect, timeout, context_length]}")).models
    assert model.retry is not None
    assert model.retry.on[-1] == "context_length"
    assert CONTENT_REASONS.isdisjoint(REASONS)


@gathered(
    ("text", "where", "told"),
    [
        (written("{attempts: 0}"), "models[0].retry.attempts", "at least 1"),
        (written(f"{{attempts: {ATTEMPTS_MAX + 1}}}"), "models[0].retry.attempts", f"at most {ATTEMPTS_MAX}"),
        (written("{on: []}"), "models[0].retry.on", "without a reason nothing is retried"),
        (written("{on: [429, '429']}"), "models[0].retry.on", "twice"),
        (written("{on: [500]}"), "models[0].retry.on[0]", "none of"),
        (written("{per_try_timeout: 0s}"), "models[0].retry.per_try_timeout", "more than 0"),
        (written("{}", "steering: {by: metadata, retries: envoy}\n"), "steering.retries", "no routes for retries"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, where: str, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(text, "policy.yaml")
    assert [each.path for each in caught.value.problems] == [where]
    assert told in caught.value.problems[0].message


@gathered(
    ("text", "where", "told"),
    [
        (written("{}", "steering: {retries: none}\n"), "models[0].retry", "nothing is retried within a request"),
        (written("{}", "steering: {by: metadata}\n"), "models[0].retry", "nothing is retried within a request"),
        (written("{}").replace("], fallback: [{backend: b}]", "]"), "models[0].retry", "one target"),
        (
            written("{}").replace("fallback: [{backend: b}", "fallback: [{backend: own}"),
            "models[0].fallback[0]",
            "a client's key",
        ),
        (written("{attempts: 1}", "steering: {retries: none}\n"), None, ""),
        (written("{}"), None, ""),
    ],
)
def test_what_is_asked_for_in_vain_is_noted(text: str, where: str | None, told: str) -> None:
    notes = drafted(text).loaded().notes
    assert [each.path for each in notes] == ([where] if where else [])
    assert all(told in each.message for each in notes)
