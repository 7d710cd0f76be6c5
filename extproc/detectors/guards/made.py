"""The detector of a guard that the policy names, with the credentials and certificates that were read for it."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from extproc.detectors.contract import GuardDetector, GuardDialect
from extproc.detectors.guards import azure, bedrock, llm_judge, model_armor, webhook
from extproc.detectors.guards.grpc_texts import InspectorDialect
from extproc.detectors.guards.moderation import ModerationDialect, moderation_kinds
from extproc.detectors.guards.presidio import PresidioDialect, presidio_kinds
from extproc.detectors.service import AwsKey, GuardCertificates, GuardService, limits_of
from extproc.policy import guard_services as services
from extproc.policy.guards import Guard, KeyedGuard
from extproc.policy.parts import PlacedStep
from extproc.policy.secrets import guard_of

Contract: TypeAlias = tuple[tuple[str, ...], GuardDialect]
"""The kinds of a guard's findings, and what it is asked."""

AWS_SERVICE: Final = "bedrock"


def made_guard(placed: PlacedStep, step: Guard, read: Mapping[str, bytes]) -> GuardDetector:
    """Return the detector of a guard. `read`: see `policy.secrets`."""
    kinds, dialect = _contract(step)
    roles = None if step.roles is None else frozenset(step.roles)
    return GuardDetector(kinds, _service(placed, step, read), dialect, roles, step.sample, _threshold(step))


def _threshold(step: Guard) -> float | None:
    """The least score of a finding, where the policy sets it."""
    match step:
        case services.Moderation() | services.LlmJudge():
            return step.threshold
        case services.Presidio():
            return step.min_score
        case services.AzureContentSafety():
            return step.severity / azure.SEVERITY_MAX
        case _:
            return None


def _contract(step: Guard) -> Contract:
    match step:
        case services.GrpcGuard():
            return step.kinds, InspectorDialect()
        case services.Moderation():
            dialect = ModerationDialect(step.model, step.threshold, step.categories)
            return moderation_kinds(step.categories), dialect
        case services.Presidio():
            return presidio_kinds(step.entities), PresidioDialect(step.language, step.entities, step.min_score)
        case services.LlmJudge():
            judge = llm_judge.JudgeDialect(step.model, step.rubric, step.threshold, step.max_tokens)
            return llm_judge.KINDS, judge
        case services.BedrockGuardrail():
            return bedrock.KINDS, bedrock.BedrockDialect(step.guardrail, step.version)
        case services.AzureContentSafety():
            shields = step.prompt_shield
            return azure.KINDS, azure.AzureDialect(step.categories, step.severity, step.blocklists, shields)
        case services.ModelArmor():
            return model_armor.KINDS, model_armor.ArmorDialect(step.template)
        case _:
            return webhook.KINDS, webhook.WebhookDialect()


def _service(placed: PlacedStep, step: Guard, read: Mapping[str, bytes]) -> GuardService:
    def found(what: str) -> bytes | None:
        return read.get(guard_of(placed.pipeline, placed.side, step.name, what))

    def told(what: str) -> str:
        return (found(what) or b"").decode("ascii")

    fields: tuple[tuple[str, str], ...] = ()
    if isinstance(step, KeyedGuard) and step.credential is not None:
        fields = ((step.credential.field, step.credential.scheme + told("credential")),)
    signing = None
    if isinstance(step, services.BedrockGuardrail):
        key, token = (told("access_key_id"), told("secret_access_key")), told("session_token") or None
        signing = AwsKey(step.region, AWS_SERVICE, *key, token)
    address, certificates = step.address, None
    if address.secure:
        name = (step.tls.sni if step.tls is not None else None) or address.host
        certificates = GuardCertificates(name, found("ca"), found("cert"), found("key"))
    grpc = isinstance(step, services.GrpcGuard)
    return GuardService(address, limits_of(step), fields, certificates, signing, grpc)
