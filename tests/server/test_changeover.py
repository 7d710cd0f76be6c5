"""Reloads that need another Envoy: taken if Envoy is known to have it, or tells nothing; refused if it has another."""

import pytest
from msgspec.structs import replace

from extproc.policy import loads
from extproc.server.changeover import FRESH, Envoys, refusal, warning
from extproc.server.policies import ActivePolicy, Sealed

POLICY = loads("{version: 1, backends: [{name: a, url: 'http://127.0.0.1:1/v1', api: openai}]}", "policy.yaml")
NOW = ActivePolicy(POLICY, Sealed(b"", {}), "digest", 0.0, {"backends": 1, "responses": 2}, "1-now")
NEW = replace(NOW, demands={"backends": 1, "responses": 3}, fingerprint="1-new")
LONG_AGO = FRESH + 0.1


@pytest.mark.parametrize(
    ("heard", "taken", "warned"),
    [
        ([], True, True),
        ([{"": 1.0}], True, True),
        ([{"1-new": 1.0}], True, False),
        ([{"1-now": 1.0}], False, None),
        ([{"1-now": LONG_AGO}], False, None),
        ([{"1-other": 1.0}], False, None),
        ([{"1-now": LONG_AGO, "1-new": 1.0}], True, False),
        ([{"1-now": 1.0, "1-new": 0.5}], False, None),
        ([{"1-now": LONG_AGO}, {"1-new": 1.0}], True, False),
        ([{"1-now": FRESH}, {"1-new": 1.0}], False, None),
        ([{"1-now": LONG_AGO, "": 0.1}], True, True),
    ],
)
def test_a_reload_that_needs_another_envoy(heard: list[dict[str, float]], taken: bool, warned: bool | None) -> None:
    told = refusal(NOW, NEW, Envoys(heard), "my policy.yaml")
    assert (told is None) is taken
    if told is not None:
        assert "extproc envoy -c 'my policy.yaml'" in told
        assert "responses" in told
        assert "1-new" in told
    else:
        assert (warning(NOW, NEW, Envoys(heard)) is not None) is warned


def test_a_reload_that_needs_the_same_envoy_is_taken_whatever_there_is() -> None:
    other = Envoys([{"1-other": 0.0}])
    assert refusal(NOW, replace(NEW, fingerprint="1-now"), other, "p") is None
    assert warning(NOW, replace(NEW, fingerprint="1-now"), other) is None
