"""Texts of the policy reference besides its tables: the example, and the language of conditions."""

from collections.abc import Iterable
from typing import Final

from extproc.policy.conditions import CONDITION_MAX
from extproc.policy.expressions import (
    FINDINGS_COUNTED,
    FUNCTIONS,
    MACROS,
    METHODS,
    NESTING_MAX,
)
from extproc.policy.signals import BUILT_IN, SignalDeclaration

EXAMPLE: Final = """\
version: 1

backends:
  - name: openai
    url: https://api.openai.com/v1
    api: openai
    region: us
    credential: {bearer: {file: /run/secrets/openai}}
    models:
      - {name: gpt-4o-mini, input_usd_per_mtok: 0.15, output_usd_per_mtok: 0.60, context_tokens: 128000}
  - name: anthropic
    url: https://api.anthropic.com/v1
    api: anthropic
    credential: {header: x-api-key, env: ANTHROPIC_API_KEY}
    tls: {ca: corporate-proxy.pem, sans: [api.anthropic.com]}
  - name: vllm-eu
    url: http://127.0.0.1:9001/v1
    api: openai
    region: eu

models:
  - name: chat
    targets:
      - {backend: openai, model: gpt-4o-mini, weight: 80}
      - {backend: vllm-eu, model: llama-3.1-8b, weight: 20}
    fallback:
      - {backend: vllm-eu, model: llama-3.1-8b}
  - name: claude
    targets: [{backend: anthropic, model: claude-sonnet-4-5}]
  - name: auto
    rules:
      - {name: personal, when: 'size(findings) > 0', to: [{backend: vllm-eu, model: llama-3.1-8b}]}
      - {name: agents, when: 'tools > 0', to: [{backend: openai, model: gpt-4o-mini}]}
    targets: [{backend: vllm-eu, model: llama-3.1-8b}]

pipelines:
  - name: default
    match: {path: /v1/}
    request:
      - {use: secrets, action: block}
      - {use: pii, kinds: [email, phone, credit_card, iban], action: mask, restore: true}
      - {use: pattern, name: projects, regex: 'Project (Titan|Orion)', action: mask, when: 'headers["x-team"] == ""'}
      - {use: size, max_messages: 200}
    response:
      - {use: pii, action: mask, allow: {values: [support@example.com]}}
    body_limit: 2MiB

unknown_models: reject
default_backend: none
steering: {cluster_header: x-extproc-cluster, model_header: x-extproc-model}
tenants: {from: {header: x-tenant-id}, required: true, known: {acme: {region: eu}, globex: {}}}
time_zone: Europe/Berlin
audit: {file: /var/log/extproc/audit.jsonl, sign: {file: /run/secrets/audit.pem}, on_failure: block}
limits: {request_body: 16MiB, exchange_timeout: 10m}
health: {failures: 3, cooldown: 10s}
"""


def code(names: Iterable[str]) -> str:
    """Names in a row, each as code."""
    return ", ".join(f"`{name}`" for name in names)


def signals() -> str:
    """The section on signals."""
    listed = "\n".join(f"| {_spelled(each)} | {_type(each)} | {each.cost} | {each.description} |" for each in BUILT_IN)
    return f"""\
## Signals

A signal is what a policy may ask about an exchange: in conditions, and to have it recorded (`recorded_signals`). It is
computed only if the policy reads it, at most once per exchange. A signal that only a model's rules read is computed
only for requests for that model. Signals of other costs than `headers` are known if the body is read: for requests of
an API, and for requests that a pipeline matches. Those of the cost `text` ask about the words of the user, those of the
cost `slow` take longer: a thread computes them, those of the cost `text` only if the body has more than 2 KiB.
Recording a signal does not make the processor read the body.

| signal | type | cost | value |
|---|---|---|---|
{listed}

A signal cannot be determined if the body is not read or is not JSON, or if `model` is given twice. It is never zero or
empty instead: a condition that reads it fails. If the condition is a processor's, its `on_failure` applies; if it is
that of a [rule](#rule), the client gets 503. The log shows null."""


def _spelled(each: SignalDeclaration) -> str:
    if each.type == "object":
        return code(f"{each.name}.{name}" for name in each.fields)
    return "`tenant.NAME`" if each.type == "attributes" else f"`{each.name}`"


def _type(each: SignalDeclaration) -> str:
    match each.type:
        case "named":
            return "truths by name" if isinstance(each.trial, bool) else "strings by name"
        case "attributes":
            return "string"
        case "object":
            assert isinstance(each.trial, dict)
            return "ints" if all(isinstance(value, int) for value in each.trial.values()) else "strings"
        case "objects":
            return f"list, each with {code(each.fields)}"
    return each.type


def conditions() -> str:
    """The section on conditions."""
    return f"""\
## Conditions

A condition (`when`) is an expression in CEL over [signals](#signals) that is true or false, of at most {CONDITION_MAX}
characters. It is checked when the policy is loaded.

- The operators are those of CEL; there are no mappings.
- Functions: {code(FUNCTIONS)}; of texts and lists {code(METHODS)}.
- The expression of `matches` is RE2, stands in quotes, and has no `\\w` and the like: they hold all of Unicode.
- Of `findings` and lists: {code(MACROS)}, {NESTING_MAX} of them within each other.
- A client chooses the header fields that it sends, also how often: of a field that is repeated, a condition sees all
  values, joined by commas. Envoy itself joins those that it knows (`user-agent`), and shows others one by one.
- `check` notes a condition on a field that only the processor sets (`x-extproc-*`), and a kind that no finding has.
- What would take longer than some milliseconds with {FINDINGS_COUNTED} findings is refused.

```yaml
when: 'findings.exists(f, f.kind == "email" && f.count > 3)'
when: 'model.startsWith("gpt-") && !(headers["x-team"] in ["legal", "hr"])'
```"""
