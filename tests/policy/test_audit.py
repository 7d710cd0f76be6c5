"""The policy section `audit`: sinks, keys, and what `extproc check` notes."""

import pytest

from extproc.policy import PolicyError, loads
from extproc.policy.advice import advice
from tests.gathered import gathered

POLICY = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local}]}]
default_backend: none
pipelines: [{name: p, request: [{use: pii}]}]
"""


def notes(audit: str, policy: str = POLICY) -> list[str]:
    return [message for where, message, _ in advice(loads(f"{policy}audit: {audit}\n")) if where[:1] == ("audit",)]


@gathered(
    ("audit", "said"),
    [
        ("{}", "the audit record goes nowhere"),
        ("{stdout: false}", "the audit record goes nowhere"),
        ("{stdout: true, capture: masked}", "captured bodies stand beside a file"),
        ("{file: a.jsonl, encrypt: {file: k}}", "nothing is captured"),
        ("{file: a.jsonl, sign: inline-key}", "never written into the policy"),
        ("{webhook: {url: 'ftp://x'}}", "http or https"),
        ("{webhook: {url: 'http://x', credential: client}}", "never written into the policy"),
        ("{file: a.jsonl, rotate: {size: 1MB}}", "at least 1MiB"),
        ("{file: a.jsonl, rotate: {keep: 0}}", "at least 1"),
        ("{file: a.jsonl, spans: 1025}", "at most 1024"),
        ("{file: a.jsonl, checkpoint: 50ms}", "at least 100ms"),
        ("{file: a.jsonl, values: true}", "values"),
    ],
)
def test_a_wrong_section_is_refused_with_what_is_wrong(audit: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(f"{POLICY}audit: {audit}\n")
    assert said in caught.value.render()


@gathered(
    ("audit", "policy", "said"),
    [
        ("{file: a.jsonl, sign: {file: k}}", POLICY, []),
        ("{file: a.jsonl}", POLICY, ["not signed"]),
        ("{file: a.jsonl, sign: {file: k}, rotate: {keep: 3}}", POLICY, ["deleted"]),
        ("{file: a.jsonl, sign: {file: k}, rotate: {keep: 3}, webhook: {url: 'http://x'}}", POLICY, []),
        ("{file: a.jsonl, sign: {file: k}, capture: masked}", POLICY, ["clear text"]),
        (
            "{file: a.jsonl, sign: {file: k}, capture: masked, encrypt: {file: k}}",
            POLICY.replace("pipelines: [{name: p, request: [{use: pii}]}]", ""),
            ["no pipeline inspects requests"],
        ),
    ],
)
def test_what_is_rarely_meant_is_noted(audit: str, policy: str, said: list[str]) -> None:
    found = notes(audit, policy)
    assert len(found) == len(said)
    assert all(text in note for text, note in zip(said, found, strict=True))
