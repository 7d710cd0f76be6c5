"""The policies that the tests here share."""

import re
from typing import Final

_BACKENDS: Final = """\
version: 1
backends:
  - {name: north, url: $north/openai/v1, api: openai, credential: {bearer: {env: NORTH_KEY}}, models: [{name: listed}]}
  - {name: south, url: $south/v1, api: openai, credential: {header: x-south-key, env: SOUTH_KEY}}
  - {name: claude, url: $claude/v1, api: anthropic, credential: {header: x-api-key, env: CLAUDE_KEY}}
  - {name: own, url: $own/v1, api: openai, credential: client}
default_backend: north
limits: {request_body: 8MiB, request_timeout: 20s, drain_timeout: 5s}
health: {failures: 10000, cooldown: 1ms}
models:
  - {name: chat, targets: [{backend: north}]}
  - {name: grow, targets: [{backend: north, model: a-name-much-longer-than-grow}]}
  - {name: a-name-much-longer-than-its-target, targets: [{backend: south, model: s}]}
  - {name: opus, targets: [{backend: claude, model: claude-opus}]}
  - {name: mine, targets: [{backend: own}]}
"""

DIRECT: Final = _BACKENDS
"""Each model has one way to be served: responses are looked at only for a backend's key that an error quotes."""

KEYLESS: Final = re.sub(r", credential: (?:client|\{[^{}]*(?:\{[^{}]*\})?\})", ", sealed_by: one", DIRECT)
"""As above, without a credential that could be quoted, and all keys are one maker's: no response message is needed."""

CHOOSING: Final = (
    _BACKENDS
    + """\
  - name: share
    targets: [{backend: north, model: m80, weight: 80}, {backend: south, model: m20, weight: 20}]
"""
)
"""As above, and one model may go either way: the processor sees response headers."""

MANY: Final = 48
"""How many backends of a kind there are: each test that brings one down takes a new one."""


def _numbered(line: str) -> str:
    return "".join(f"  - {line.replace('#', str(number))}\n" for number in range(MANY))


FAILING: Final = f"""\
version: 1
backends:
  - {{name: spare, url: $spare/v1, api: openai}}
  - {{name: claude, url: $claude/v1, api: anthropic}}
{_numbered("{name: down-#, url: $nowhere/v1, api: openai}")}\
{_numbered("{name: flaky-#, url: $flaky/v1, api: openai}")}\
{_numbered("{name: lost-#, url: $nowhere/v1, api: anthropic}")}\
models:
{_numbered("{name: down-#, targets: [{backend: down-#}], fallback: [{backend: spare, model: spare}]}")}\
{_numbered("{name: only-#, targets: [{backend: down-#}]}")}\
{_numbered("{name: lost-#, targets: [{backend: lost-#}], fallback: [{backend: claude}]}")}\
{_numbered("{name: flaky-#, targets: [{backend: flaky-#}], fallback: [{backend: spare, model: spare}]}")}\
  - {{name: steady, targets: [{{backend: spare}}]}}
default_backend: spare
limits: {{request_body: 1MiB, request_timeout: 10s, drain_timeout: 5s}}
health: {{failures: 3, cooldown: 60s}}
steering: {{retries: none}}
"""
"""Backends at which nobody listens, and such as fail when told to: three failures in a row take one out. Nothing is
tried again within a request: see test_failover for that."""
