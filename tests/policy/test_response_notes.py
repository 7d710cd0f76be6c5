"""A policy that leaves the counting of tokens to Envoy is told what that does not count."""

from extproc.policy import loads
from extproc.policy.response_notes import usage_notes
from tests.gathered import gathered

POLICY = "version: 1\nbackends: [{name: a, url: 'http://127.0.0.1:1/v1', api: openai}]\n"
PASSES = POLICY + "unknown_models: pass\n"


@gathered(
    ("text", "notes"),
    [
        (PASSES, []),
        (PASSES + "usage: {}\n", []),
        (PASSES + "usage: {from: none}\n", []),
        (PASSES + "usage: {from: envoy}\n", ["requests to other APIs have no tokens", "have no tokens"]),
    ],
)
def test_what_envoy_does_not_count_is_noted(text: str, notes: list[str]) -> None:
    found = list(usage_notes(loads(text)))
    assert [place for place, _, _ in found] == [("usage", "from")] * len(notes)
    assert all(part in message for part, (_, message, _) in zip(notes, found, strict=True))
