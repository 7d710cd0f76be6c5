"""The policies that the tests here share."""

from typing import Final

_BACKENDS: Final = """\
version: 1
backends:
  - {name: north, url: $north/openai/v1, api: openai, credential: {bearer: {env: NORTH_KEY}}, models: [{name: listed}]}
  - {name: south, url: $south/v1, api: openai, credential: {header: x-south-key, env: SOUTH_KEY}}
  - {name: claude, url: $claude/v1, api: anthropic, credential: {header: x-api-key, env: CLAUDE_KEY}}
  - {name: own, url: $own/v1, api: openai, credential: client}
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
"""Each model has one way to be served: no response message is needed."""

CHOOSING: Final = (
    _BACKENDS
    + """\
  - name: share
    targets: [{backend: north, model: m80, weight: 80}, {backend: south, model: m20, weight: 20}]
"""
)
"""As above, and one model may go either way: the processor sees response headers."""
