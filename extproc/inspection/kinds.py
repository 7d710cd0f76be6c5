"""Kinds that conditions ask for: those of this program, of the policy's own rules, and of plug-ins."""

from collections.abc import Iterable, Iterator

from extproc.detectors import secrets
from extproc.detectors.contract import kinds_of
from extproc.inspection.keys import KIND as KEY
from extproc.inspection.pipeline import CompiledPipeline
from extproc.inspection.stage import Stage
from extproc.policy import Policy, Unusable
from extproc.policy.base import meant
from extproc.policy.kinds import PII_KINDS
from extproc.policy.parts import conditions_of

SIZES = ("bytes", "messages", "images")
"""The kinds of findings of `use: size`."""


def unknown_kinds(policy: Policy, pipelines: Iterable[CompiledPipeline]) -> Iterator[Unusable]:
    """Kinds that conditions compare findings with, and that no finding can have."""
    known = {*PII_KINDS, *(rule.kind for rule in secrets.RULES), *SIZES}
    for pipeline in pipelines:
        for stage in (pipeline.request, pipeline.response):
            known.update(_kinds(stage))
    for where, condition in conditions_of(policy):
        for kind in sorted(condition.kinds - known):
            yield Unusable(where, f"no finding has the kind {kind[:64]}", meant(kind, sorted(known)))


def _kinds(stage: Stage | None) -> Iterator[str]:
    return (kind for _, kind in stage_kinds(stage))


def stage_kinds(stage: Stage | None) -> Iterator[tuple[str, str]]:
    """Yield (processor, kind) for the kinds that findings of a stage and its stand-ins may have."""
    if stage is None:
        return
    if stage.scanner is not None:
        for rule in stage.scanner.rules:
            if rule.kind != KEY:
                yield stage.owners[rule.title].name, rule.kind
    for each in stage.processors:
        if each.reply is not None:
            yield from ((each.name, kind) for kind in each.reply.kinds)
        elif each.detector is not None:
            yield from ((each.name, kind) for kind in kinds_of(each.detector))
        elif each.limits is not None:
            yield from ((each.name, kind) for kind in SIZES)
    yield from stage_kinds(stage.reserve)
