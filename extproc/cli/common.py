"""What commands share: exit codes, and errors that a person reads."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:  # a command that reads no policy does not wait for pydantic
    from collections.abc import Mapping

    from extproc.policy import Loaded, Policy
    from extproc.transaction import Plan

FAILED: Final = 1
USAGE: Final = 2

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  - it has no public name
"""Where a command adds its own parser."""


class CommandError(Exception):
    """Ends a command: the sentence goes to stderr without a traceback, the code to the shell."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def complain(message: str) -> None:
    """Say on stderr what went wrong."""
    print(f"extproc: {message}", file=sys.stderr)


def load_policy_or_exit(path: Path) -> "Policy":
    """The policy in a file; prints every problem of a wrong one, a line each, and exits with 2."""
    return load_with_notes_or_exit(path).policy


def load_with_notes_or_exit(path: Path) -> "Loaded":
    """As load_policy_or_exit, with the notes on a policy that is not wrong."""
    from extproc.policy import PolicyError, load_with_notes  # noqa: PLC0415  - see above

    try:
        return load_with_notes(path)
    except PolicyError as error:
        print(error.render(), file=sys.stderr)
        raise SystemExit(USAGE) from None


def read_secrets_or_exit(policy: "Policy") -> dict[str, bytes]:
    """Credentials, keys and files of rules; says of each that cannot be read why, and exits with 1."""
    from extproc.policy import SecretsError, read_secrets  # noqa: PLC0415  - see above

    try:
        return read_secrets(policy, os.environ)
    except SecretsError as error:
        for problem in error.problems:
            complain(problem)
        raise SystemExit(FAILED) from None


def compile_or_exit(loaded: "Loaded", secrets: "Mapping[str, bytes] | None" = None) -> "Plan":
    """The plan of a policy; prints what in it cannot be put to use, with its line, and exits with 2.

    Without `secrets` only the files of rules are read (exits with 1): nothing is sent then, so no credential is needed.
    """
    from extproc.policy import SecretsError, UnusableError, read_rules, stand_ins  # noqa: PLC0415  - see above
    from extproc.transaction import Plan  # noqa: PLC0415  - see above

    try:
        if secrets is None:
            secrets = stand_ins(loaded.policy) | read_rules(loaded.policy)
        return Plan.compile(loaded.policy, secrets)
    except SecretsError as error:
        for problem in error.problems:
            complain(problem)
        raise SystemExit(FAILED) from None
    except UnusableError as error:
        print(loaded.located(error).render(), file=sys.stderr)
        raise SystemExit(USAGE) from None
