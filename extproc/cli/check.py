"""`extproc check`: every error of a policy with its line and mend, or what the policy comes down to."""

import argparse
import sys
from pathlib import Path

from extproc.cli.common import Subparsers, load_with_notes_or_exit
from extproc.policy import Policy


def add_parser(subparsers: Subparsers) -> None:
    """Add `check` and its options."""
    parser = subparsers.add_parser("check", help="say what is wrong with a policy, line by line")
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="policy.yaml", help="the policy to check")


def run(args: argparse.Namespace) -> int:
    """Check the policy: 0 and a summary, or 2 and its problems."""
    loaded = load_with_notes_or_exit(args.config)
    for note in loaded.notes:
        print(f"note: {note}", file=sys.stderr)
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
    ]
