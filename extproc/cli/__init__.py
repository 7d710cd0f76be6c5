"""The commands of `extproc`, one file each; only the one that is asked for is imported."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, Protocol, cast

from extproc.cli.common import FAILED, USAGE, CommandError, Subparsers, complain

COMMANDS: Final = {
    "up": ("extproc.cli.up", "start a real Envoy and the processor, wired from a policy"),
    "serve": ("extproc.cli.serve", "start the processor alone, for an Envoy that exists"),
    "check": ("extproc.cli.check", "say what is wrong with a policy, line by line"),
    "envoy": ("extproc.cli.envoy", "print the Envoy configuration for a policy"),
    "explain": ("extproc.cli.explain", "say what would happen to a request, and why"),
    "test": ("extproc.cli.test", "play your own cases against a policy"),
    "replay": ("extproc.cli.replay", "say which decisions a new policy would change"),
    "diff": ("extproc.cli.diff", "say in words what a change of the policy means"),
    "key": ("extproc.cli.key", "make, list and revoke virtual keys"),
    "budget": ("extproc.cli.budget", "show budgets, and change limits while the gateway runs"),
    "pins": ("extproc.cli.pins", "print the pins of a list of tools"),
    "audit": ("extproc.cli.audit", "verify an audit record, and more"),
    "eval": ("extproc.cli.eval", "measure a policy on labelled lines"),
}
"""name -> (module, help). A module has `add_parser(subparsers)` and `run(args) -> int`."""

BLAS_THREADS: Final = ("OPENBLAS_NUM_THREADS", "1")
"""The variable by which numpy's library is told how many threads share a product of matrices. One: those of a request
are small, and on two cores that work, the threads' waiting for each other took 2 to 18 ms where it takes 0.3."""

INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""


class Command(Protocol):
    """The functions that the module of a command must have."""

    def add_parser(self, subparsers: Subparsers) -> Any:
        """Add the command's own parser, under the command's name."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. 0: well; 1: failed while running; 2: wrong usage or a wrong policy."""
    words = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault(*BLAS_THREADS)  # before anything imports numpy; workers inherit it
    try:
        return _run(words)
    except CommandError as error:
        complain(str(error))
        return error.code
    except SystemExit as stop:  # argparse's way out, and that of load_policy_or_exit
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. Python would fail once more while flushing it on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _run(words: list[str]) -> int:
    # The parser has no options with a value before the command, so that the first plain word names it.
    chosen = next((word for word in words if not word.startswith("-")), None)
    command = _command(chosen) if chosen in COMMANDS else None
    parser, subparsers = _parser()
    for name, (_, summary) in COMMANDS.items():
        if command is not None and name == chosen:
            command.add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    args = parser.parse_args(words)
    if command is None:
        parser.print_help(sys.stderr)
        return USAGE
    code = command.run(args)
    sys.stdout.flush()  # here, where a reader that has gone is still answered
    return code


def _parser() -> tuple[argparse.ArgumentParser, Subparsers]:
    parser = argparse.ArgumentParser(prog="extproc", description="An AI payload processor for Envoy.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    return parser, parser.add_subparsers(dest="command", metavar="command", title="commands")


class _Version(argparse.Action):
    """Prints the version, which is looked up for nothing else."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from extproc import __version__  # noqa: PLC0415  - see above

        print(f"extproc {__version__}")
        parser.exit()


def _command(name: str) -> Command:
    module = COMMANDS[name][0]
    try:
        return cast("Command", import_module(module))
    except ModuleNotFoundError as error:
        if error.name == module:
            raise CommandError(f"{name} is not part of this version") from error
        raise CommandError(f"{name} needs the Python package {error.name}, which is not installed") from error
