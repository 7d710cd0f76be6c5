"""`extproc check`: every problem of a policy with its line and a suggested fix, or what the policy comes down to."""

import argparse
import os
import sys
import time
from pathlib import Path

from extproc.classify import tokens
from extproc.cli.common import FAILED, USAGE, CommandError, Subparsers, copied_or_exit, draft_or_exit, prepared_or_exit
from extproc.cli.operation import operation
from extproc.inspection.kinds import unknown_kinds
from extproc.inspection.windowing import unable
from extproc.policy import Pipeline, Policy, Unusable, VirtualModel, missing_authorities
from extproc.policy.endpoints import EndpointPool
from extproc.policy.residency import named_limits
from extproc.policy.step import Step
from extproc.server import plugins
from extproc.server.key_notes import key_notes
from extproc.server.price_list import price_notes
from extproc.signals.intent import missing
from extproc.transaction import Plan


def add_parser(subparsers: Subparsers) -> None:
    """Add `check` and its options."""
    parser = subparsers.add_parser(
        "check",
        help="report what is wrong with a policy, line by line",
        description="Exits with 0, or with 2 after every problem, a line each: what cannot be read, named or compiled, "
        "and plug-ins that cannot be used. With --against it exits with 1 if the policy is right and the Envoy "
        "configuration does not fit it.",
    )
    parser.add_argument(
        "-c", "--config", type=Path, required=True, metavar="policy.yaml", help="the policy to check; - reads stdin"
    )
    parser.add_argument(
        "--no-secrets",
        action="store_true",
        help="do not look for credentials and keys: for a machine that does not have them, such as one of CI",
    )
    parser.add_argument(
        "--against", type=Path, metavar="envoy.yaml", help="report what this Envoy configuration lacks for the policy"
    )


def run(args: argparse.Namespace) -> int:
    """Check the policy: 0 and a summary, or 2 and its problems; 1 if Envoy's configuration does not fit it."""
    draft = draft_or_exit(args.config)
    for note in draft.located(missing_authorities(draft.parts, Path.is_file)):
        print(f"note: {note}", file=sys.stderr)
    prepared = prepared_or_exit(draft, None if args.no_secrets else os.environ)
    loaded = prepared.loaded
    pipelines, calling = prepared.plan.pipelines, prepared.plan.calling
    found = (
        *unknown_kinds(loaded.policy, pipelines),
        *unable(loaded.policy, pipelines),
        *price_notes(loaded.policy, prepared.plan.prices),
        *token_notes(prepared.plan),
        *missing(loaded.policy),
        *key_notes(loaded.policy, None if calling is None or args.no_secrets else calling.ring, time.time()),
    )
    for note in (*loaded.notes, *draft.located(found)):
        print(f"note: {note}", file=sys.stderr)
    copied_or_exit(loaded)
    print(f"{loaded.name}: OK")
    for line in summary(loaded.policy):
        print(line)
    for each in plugins.loaded():
        print(f"plug-in: {each}")
    return 0 if args.against is None else _against(args.against, loaded.policy, prepared.plan)


def token_notes(plan: Plan) -> list[Unusable]:
    """Return the note on tokens that are estimated."""
    if not plan.reads.tokens or tokens.installed():
        return []
    mend = "install the extra `tokens` to have them counted"
    return [Unusable((), "input_tokens is an estimate here, a tenth off on average", mend)]


def _against(file: Path, policy: Policy, plan: Plan) -> int:
    """Report what an Envoy configuration lacks for the policy; 1 if it lacks anything."""
    from extproc.gateway import against  # noqa: PLC0415  - only this option needs it

    try:
        written = against.read(file.read_text("utf-8"))
        differences = against.compare(written, policy, plan)
        notes = against.notes(written, policy)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}", USAGE
        ) from None
    except against.UnreadableConfigError as error:
        raise CommandError(f"{file}: {error}", USAGE) from None
    for each in notes:
        print(f"note: {file}:{each.line}: {each.text}", file=sys.stderr)
    for each in differences:
        print(f"{file}:{each.line}: {each.text}" if each.line else f"{file}: {each.text}", file=sys.stderr)
    if not differences:
        print(f"{file}: OK for this policy")
    return FAILED if differences else 0


def summary(policy: Policy) -> list[str]:
    """Return what the policy comes down to, a line each."""
    return [
        f"backends: {', '.join(f'{backend.name} ({backend.url})' for backend in policy.backends)}",
        f"models: {', '.join(map(_model, policy.models)) or 'none'}",
        f"unknown models: {policy.unknown_models}",
        f"default backend: {policy.default_backend or 'none'}",
        *(f"residency {name}: {', '.join(each.regions)}" for name, each in named_limits(policy.residency)),
        *(f"endpoint pool {pool.name}: {_endpoints(pool)}" for pool in policy.endpoint_pools),
        *(f"pipeline {pipeline.name}: {_sides(pipeline)}" for pipeline in policy.pipelines),
        *operation(policy),
    ]


def _model(model: VirtualModel) -> str:
    rules = ", ".join(name for name, _ in model.named_rules())
    parts = (
        *((model.strategy,) if model.strategy != "weighted" else ()),
        *((f"canary: {model.canary.to.backend}",) if model.canary is not None else ()),
        *((f"rules: {rules}",) if rules else ()),
    )
    return f"{model.name} ({'; '.join(parts)})" if parts else model.name


def _endpoints(pool: EndpointPool) -> str:
    where = (
        f"{len(pool.endpoints)} endpoints" if pool.endpoints else f"file {pool.file}" if pool.file else "Envoy's hint"
    )
    return f"for {', '.join(pool.backends) or 'what Envoy leads on itself'}; {where}"


def _sides(pipeline: Pipeline) -> str:
    sides = (("request", pipeline.request), ("response", pipeline.response))
    told = (f"{side}: {', '.join(_told(step) for step in steps)}" for side, steps in sides if steps)
    return "; ".join(told) or "nothing is looked at"


def _told(step: Step) -> str:
    return f"{step.name} {step.action}{' (shadow)' if step.mode == 'shadow' else ''}"
