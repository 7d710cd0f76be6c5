"""A policy for the tests of the transaction: three OpenAI backends, one Anthropic, each with its own traits.

Those of OpenAI read each other's sealed content, so that no response is read for that.
"""

from textwrap import dedent

from extproc.policy import credential_headers, loads
from extproc.protocol.effects import HeaderMutation, Phase, Proceed
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode, ModeOverride
from extproc.transaction import Plan

POLICY = """
    version: 1
    backends:
      - name: hosted
        url: https://api.example.com/openai/v1
        api: openai
        sealed_by: ours
        credential: {bearer: {env: HOSTED_KEY}}
        models: [{name: gpt-listed}]
      - {name: local, url: "http://127.0.0.1:9001/v1", api: openai, sealed_by: ours}
      - name: claude
        url: https://api.anthropic.example/v1
        api: anthropic
        credential: {header: x-api-key, env: CLAUDE_KEY}
      - {name: open, url: "http://127.0.0.1:9002/v1", api: openai, sealed_by: ours, credential: client}
    models:
      - name: chat
        targets:
          - {backend: hosted, model: gpt-4o-mini, weight: 80}
          - {backend: local, model: llama-3.1-8b, weight: 20}
        fallback:
          - {backend: open, model: spare}
      - {name: plain, targets: [{backend: local}]}
      - {name: renamed, targets: [{backend: hosted, model: gpt-4o-mini}]}
      - {name: claude, targets: [{backend: claude, model: claude-sonnet}]}
      - {name: own-key, targets: [{backend: open, model: theirs}]}
"""
UNCOUNTED = "\nusage: {from: none, metadata: null}\n"
"""The line by which a policy reads nothing for its usage."""

SECRETS = {"hosted": b"planted-hosted-key", "claude": b"planted-claude-key"}


def plan(extra: str = "", **keys: bytes) -> Plan:
    """The policy above with `extra` top-level lines, compiled. `keys`: other credentials than those above.

    Nobody counts tokens unless `extra` says so: tests that are about other things see no response for that.
    """
    uncounted = "" if "usage:" in extra else UNCOUNTED
    return Plan.compile(loads(dedent(POLICY) + dedent(extra) + uncounted, "policy.yaml"), SECRETS | keys)


CREDENTIALS = tuple(credential_headers.CREDENTIALS)
"""The fields of a client's own credentials."""
ROUTED = "default_backend: route"
"""What no dialect claims goes where Envoy's own routes lead."""


def passed(mode: BodyMode, *removed: str, end: bool = False) -> Proceed:
    """The answer to a request's headers that goes on by Envoy's own routes: without the client's credentials."""
    at_once = mode in {BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL} and not end
    return Proceed(
        Side.REQUEST,
        Phase.HEADERS,
        HeaderMutation(remove=(*CREDENTIALS, *removed)),
        modes=ModeOverride(BodyMode.NONE, BodyMode.NONE) if at_once else None,
        lasting=not removed,
    )
