"""The policy reference, written from the models themselves; `scripts/docs` puts it into docs/policy.md."""

import ast
from functools import cache
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic.fields import FieldInfo

from extproc.policy.audit import Audit, AuditRotation, AuditService
from extproc.policy.backends import Backend, BackendModel
from extproc.policy.base import Value, Written
from extproc.policy.budgets import Budget, BudgetMatch, HeaderSubject
from extproc.policy.credential_headers import CREDENTIAL_ENDINGS, CREDENTIALS, HARMLESS_ENDINGS
from extproc.policy.credentials import Bearer, Credential, Header, Source
from extproc.policy.document import DEPTH_MAX, NODES_MAX, TEXT_MAX
from extproc.policy.endpoints import EndpointMetrics, EndpointPool, EndpointScorer, Shedding
from extproc.policy.guard_services import (
    AwsKeys,
    AzureContentSafety,
    BedrockGuardrail,
    GrpcGuard,
    LlmJudge,
    ModelArmor,
    Moderation,
    Presidio,
)
from extproc.policy.guards import Breaker, Guard, GuardCredential, GuardTls, KeyedGuard, VerdictCache, Webhook
from extproc.policy.intents import Intents
from extproc.policy.judges import DocumentLevel, Injection, LanguageFilter, LeakedPrompt, TopicFilter
from extproc.policy.kinds import PII_GROUPS
from extproc.policy.mcp import Mcp, McpList, McpPins, McpServer, McpTenant
from extproc.policy.model import Policy
from extproc.policy.overload import Overload
from extproc.policy.pipelines import Block, Match, Pipeline
from extproc.policy.prices import PriceEntry, Prices
from extproc.policy.processors import (
    ELSEWHERE_USES,
    Allow,
    Maskable,
    Pattern,
    Pii,
    Processor,
    Secrets,
    SizeLimit,
)
from extproc.policy.prose import EXAMPLE, code, conditions, signals
from extproc.policy.redis_state import RedisState
from extproc.policy.replies import Grounded, JsonSchema, Length, RefusalStep, ToolSchema, Url
from extproc.policy.residency import ResidencyRule
from extproc.policy.retries import Retry
from extproc.policy.settings import Health, Limits, SealedContent
from extproc.policy.stages import StageOptions
from extproc.policy.state import MemoryState, State
from extproc.policy.steering import Steering
from extproc.policy.step import Step, Windowed
from extproc.policy.strategy import Balance, Canary, CanaryTarget, Mirror
from extproc.policy.telemetry import MetricLabels, Otlp, Telemetry, Traces
from extproc.policy.tenants import Tenants, TenantSource
from extproc.policy.tls import Tls
from extproc.policy.units import written_duration, written_size
from extproc.policy.usage import UsageCost, UsageMetadata, UsageSection
from extproc.policy.virtual import RoutingRule, Target, VirtualModel
from extproc.policy.wording import UNSUPPORTED_APIS, UNSUPPORTED_FIELDS

SECTIONS: Final[dict[str, tuple[type[Value], ...]]] = {
    "The policy": (Policy,),
    "Backend": (Backend,),
    "Backend model": (BackendModel,),
    "Credential": (Bearer, Header, Source),
    "TLS": (Tls,),
    "Model": (VirtualModel,),
    "Rule": (RoutingRule,),
    "Balance": (Balance,),
    "Canary": (Canary, CanaryTarget),
    "Mirror": (Mirror,),
    "Retry": (Retry,),
    "Residency": (ResidencyRule,),
    "Target": (Target,),
    "Pipeline": (Pipeline,),
    "Match": (Match,),
    "Block": (Block,),
    "Processor": (Step, Maskable),
    "Processor pii": (Pii,),
    "Processor secrets": (Secrets,),
    "Processor pattern": (Pattern,),
    "Processor size": (SizeLimit,),
    "Processor injection": (Injection,),
    "Documents": (DocumentLevel,),
    "Processor leaked_prompt": (LeakedPrompt,),
    "Processor topics": (TopicFilter,),
    "Processor language": (LanguageFilter,),
    "Windows": (Windowed,),
    "Guard": (Guard, KeyedGuard),
    "Processor webhook": (Webhook,),
    "Processor grpc": (GrpcGuard,),
    "Processor moderation": (Moderation,),
    "Processor presidio": (Presidio,),
    "Processor llm_judge": (LlmJudge,),
    "Processor bedrock_guardrail": (BedrockGuardrail,),
    "AWS key": (AwsKeys,),
    "Processor azure_content_safety": (AzureContentSafety,),
    "Processor model_armor": (ModelArmor,),
    "Guard TLS": (GuardTls,),
    "Breaker": (Breaker,),
    "Cache": (VerdictCache,),
    "Processor json_schema": (JsonSchema,),
    "Processor tool_schema": (ToolSchema,),
    "Processor length": (Length,),
    "Processor refusal": (RefusalStep,),
    "Processor url": (Url,),
    "Processor grounded": (Grounded,),
    "Allow": (Allow,),
    "Intents": (Intents,),
    "Answer stage": (StageOptions,),
    "Tenants": (Tenants,),
    "Tenant source": (TenantSource,),
    "MCP": (Mcp,),
    "MCP server": (McpServer,),
    "MCP list": (McpList,),
    "MCP pins": (McpPins,),
    "MCP tenant": (McpTenant,),
    "Audit": (Audit,),
    "Audit service": (AuditService,),
    "Audit rotation": (AuditRotation,),
    "Budget": (Budget,),
    "Budget subject": (HeaderSubject,),
    "Budget match": (BudgetMatch,),
    "State": (State,),
    "Memory state": (MemoryState,),
    "Redis state": (RedisState,),
    "Prices": (Prices,),
    "Price entry": (PriceEntry,),
    "Usage": (UsageSection,),
    "Usage metadata": (UsageMetadata,),
    "Usage cost": (UsageCost,),
    "Steering": (Steering,),
    "Endpoint pool": (EndpointPool,),
    "Endpoint metrics": (EndpointMetrics,),
    "Scorer": (EndpointScorer,),
    "Shed": (Shedding,),
    "Limits": (Limits,),
    "Overload": (Overload,),
    "Health": (Health,),
    "Sealed content": (SealedContent,),
    "Telemetry": (Telemetry,),
    "Metric labels": (MetricLabels,),
    "OTLP": (Otlp,),
    "Traces": (Traces,),
}

_GROUPS: Final = "\n".join(
    [
        "\n\nGroups of kinds, whose names may stand wherever those of kinds may:\n",
        "| Group | Kinds |",
        "|---|---|",
        *(f"| `{name}` | {code(kinds)} |" for name, kinds in PII_GROUPS.items()),
    ]
)

_CREDENTIAL: Final = f"""\
How a credential is sent and where it is read from; the policy never holds one. One of:

- `{{bearer: {{file: PATH}}}}` or `{{bearer: {{env: NAME}}}}`: sent as `authorization: Bearer ...`
- `{{header: x-api-key, file: PATH}}` or `{{header: x-api-key, env: NAME}}`: sent as the header's whole value
- `client`: the client's own goes on as it came

Space and newlines at its ends are dropped. In any other case the client's own credentials
({", ".join(f"`{name}`" for name in sorted(CREDENTIALS))}) are removed, and header fields whose names end as
credentials do ({", ".join(f"`{ending}`" for ending in CREDENTIAL_ENDINGS)}), but for
{", ".join(f"`{ending}`" for ending in HARMLESS_ENDINGS)}."""


def markdown() -> str:
    """The whole page."""
    return (
        "\n\n".join(
            [
                _head(),
                *(_section(title, models) + _GROUPS * (models == (Pii,)) for title, models in SECTIONS.items()),
                signals(),
                conditions(),
                _units(),
            ]
        )
        + "\n"
    )


def _head() -> str:
    later, apis, uses = (code(sorted(names)) for names in (UNSUPPORTED_FIELDS, UNSUPPORTED_APIS, ELSEWHERE_USES))
    return f"""\
<!-- Written by scripts/docs from the models in extproc/policy; edit those. -->
# The policy file

One YAML file says which backends there are, which models clients may ask for, and what is looked at in requests and
responses. `extproc check -c policy.yaml` reports every problem at once, a line each (`file:line:column: path: message
(fix)`), and exits with 2; with 0 if there are none. A field that is not described here is an error, never ignored. The
format also names these, which this version does not support: {later}; and the APIs {apis}. For the
processors {uses}, use a guard ([guards.md](guards.md#names-of-persons-organisations-and-places)).

```yaml
{EXAMPLE}```

A file is UTF-8, at most {written_size(TEXT_MAX)}, with lists and mappings at most {DEPTH_MAX} deep and at most
{NODES_MAX} values after aliases are written out. What YAML readers read differently (`010`, `1:30`, merge keys, tags)
is refused. Text that looks like a number or a truth value (`5`, `on`) needs quotes."""


def _section(title: str, models: tuple[type[Value], ...]) -> str:
    parts = [f"## {title}"]
    parts.append(_CREDENTIAL if models[0] is Bearer else _sentence(models[0].__doc__))
    rows: dict[str, str] = {}
    for model in models:
        own = _own(model)
        fields = model.model_fields.items()
        rows |= {name: _row(field.alias or name, field, own[name]) for name, field in fields if name in own}
    table = ["| Field | Type | Default | Example | Meaning |", "|---|---|---|---|---|", *rows.values()]
    return "\n\n".join([*parts, "\n".join(table)])


def descriptions(model: type[Value]) -> dict[str, str]:
    """Return what the docstrings below a model's fields say, by the names of the fields.

    Pydantic can read them, too, but then does so whenever the models are imported, and from their source: that took a
    fifth of the time to import them.
    """
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, Value):
            for name in each.__annotations__:
                found.pop(name, None)  # a field that is declared anew says nothing unless it does so itself
            found |= _docstrings(each)
    return found


@cache
def _docstrings(model: type[Value]) -> dict[str, str]:
    (definition,) = ast.parse(dedent(getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: cleandoc(below.value.value)
        for field, below in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def _own(model: type[Value]) -> dict[str, str]:
    """The fields in a model's table; what processors have in common stands in a section of its own."""
    names = model.__annotations__ if issubclass(model, Step) else model.model_fields
    return {name: said for name, said in descriptions(model).items() if name in names}


def _row(name: str, field: FieldInfo, description: str) -> str:
    annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    cells = [f"`{name}`", _type(annotation), _default(field, annotation), _example(annotation)]
    return f"| {' | '.join([*cells, _sentence(description)])} |"


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", r"\|")


def _type(annotation: Any) -> str:
    if annotation in (Credential, GuardCredential):
        return "[credential](#credential)"
    if annotation == Processor:
        return "[processor](#processor)"
    if get_origin(annotation) is Annotated:
        written = _written(annotation)
        return (written.kind if written else _type(get_args(annotation)[0])) + _bounds(annotation)
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{word}`" for word in get_args(annotation))
    if get_origin(annotation) is tuple:
        return f"list of {_type(get_args(annotation)[0])}"
    if isinstance(annotation, type):
        return _link(annotation)
    return " or ".join(_type(part) for part in get_args(annotation) if part is not type(None))


def _link(model: type) -> str:
    title = next(title for title, models in SECTIONS.items() if model in models)
    return f"[{title.lower().replace('tls', 'TLS').replace('mcp', 'MCP')}](#{title.lower().replace(' ', '-')})"


def _written(annotation: Any) -> Written | None:
    """Return how the innermost kind is written; a field's own word on it stands after its type's."""
    return next((part for part in reversed(get_args(annotation)[1:]) if isinstance(part, Written)), None)


def _bounds(annotation: Any) -> str:
    """`, 1 to 1GiB` and the like; bounds stand in the metadata, some within pydantic's Field."""
    words: list[str] = []
    for part in _metadata(annotation):
        match part:
            case Ge(ge=limit):
                words.append(f"at least {_amount(limit, annotation)}")
            case Gt(gt=limit):
                words.append(f"more than {_amount(limit, annotation)}")
            case Le(le=limit):
                words.append(f"at most {_amount(limit, annotation)}")
            case Lt(lt=limit):
                words.append(f"less than {_amount(limit, annotation)}")
            case MaxLen(max_length=limit):
                words.append(f"at most {limit}")
            case _:
                pass
    return "".join(f", {word}" for word in words)


def _metadata(annotation: Any) -> list[Any]:
    found: list[Any] = []
    for part in get_args(annotation)[1:]:
        found += part.metadata if isinstance(part, FieldInfo) else [part]
    return found


def _amount(value: Any, annotation: Any) -> str:
    written = _written(annotation)
    match written.kind if written else "":
        case "size":
            return written_size(value)
        case "duration":
            return written_duration(value)
        case "percentage":
            return f"{value * 100:g}%"
        case _:
            return str(value)


def _default(field: FieldInfo, annotation: Any) -> str:
    default = field.default
    if field.is_required():
        return "required"
    if default is None or default in ((), {}):
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`[{', '.join(map(str, default))}]`"
    if default == "":
        return "the word in `use`"
    return "its defaults" if isinstance(default, Value) else f"`{_amount(default, annotation)}`"


def _example(annotation: Any) -> str:
    written = _written(annotation) if get_origin(annotation) is Annotated else None
    if written is not None:
        return f"`{written.example}`"
    if get_origin(annotation) is Literal:
        return f"`{get_args(annotation)[-1]}`"
    if annotation in (Credential, GuardCredential, Processor) or annotation in (None, type(None)):
        return ""
    return next((shown for part in get_args(annotation) if (shown := _example(part))), "")


def _units() -> str:
    return """\
## Sizes and durations

A size is a whole number of bytes, or a number with `KiB`, `MiB`, `GiB` (powers of 1024) or `kB`, `MB`, `GB` (powers of
1000). A duration is a number with `ms`, `s`, `m`, `h` or `d`; without its unit it is refused."""
