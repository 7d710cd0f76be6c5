"""`extproc check`: every error of a policy with its line and mend, or what the policy comes down to."""

import argparse
import sys
from pathlib import Path

from extproc.cli.common import Subparsers, compile_or_exit, load_with_notes_or_exit
from extproc.policy import Pipeline, Policy
from extproc.policy.processors import Step


def add_parser(subparsers: Subparsers) -> None:
    """Add `check` and its options."""
    parser = subparsers.add_parser("check", help="say what is wrong with a policy, line by line")
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="policy.yaml", help="the policy to check")


def run(args: argparse.Namespace) -> int:
    """Check the policy: 0 and a summary, or 2 and its problems."""
    loaded = load_with_notes_or_exit(args.config)
    for note in loaded.notes:
        print(f"note: {note}", file=sys.stderr)
    compile_or_exit(loaded)
    print(f"{args.config}: OK")
    for line in summary(loaded.policy):
        print(line)
    return 0


def summary(policy: Policy) -> list[str]:
    """What the policy comes down to, a line each."""
    default = policy.fallback_backend or "none"
    return [
        f"backends: {', '.join(f'{backend.name} ({backend.url})' for backend in policy.backends)}",
        f"models: {', '.join(model.name for model in policy.models) or 'none'}",
        f"unknown models: {policy.unknown_models}",
        f"default backend: {default}{'' if policy.default_backend else ' (the first)'}",
        *(f"pipeline {pipeline.name}: {_sides(pipeline)}" for pipeline in policy.pipelines),
    ]


def _sides(pipeline: Pipeline) -> str:
    sides = (("request", pipeline.request), ("response", pipeline.response))
    told = (f"{side}: {', '.join(_told(step) for step in steps)}" for side, steps in sides if steps)
    return "; ".join(told) or "nothing is looked at"


def _told(step: Step) -> str:
    return f"{step.name} {step.action}{' (shadow)' if step.mode == 'shadow' else ''}"
