"""Shared parts of the commands: exit codes, and errors for people to read."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:  # a command that reads no policy does not wait for pydantic
    from collections.abc import Mapping

    from extproc.policy import Draft, LoadedPolicy
    from extproc.transaction.prepared import PreparedPolicy

FAILED: Final = 1
USAGE: Final = 2

STDIN: Final = Path("-")
"""Stands for standard input where a file is named."""

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  - it has no public name
"""The object to which a command adds its own parser."""


class CommandError(Exception):
    """Ends a command: the sentence goes to stderr without a traceback, the code to the shell."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def complain(message: str) -> None:
    """Say on stderr what went wrong."""
    print(f"extproc: {message}", file=sys.stderr)


def prepare_or_exit(path: Path, environ: "Mapping[str, str] | None" = None) -> "PreparedPolicy":
    """The policy in a file (`-` for standard input) and its plan.

    Prints every problem of a wrong one, a line each, and exits with 2. Without `environ` no credential is looked for:
    for commands that send nothing.
    """
    return prepared_or_exit(draft_or_exit(path), environ)


def draft_or_exit(path: Path) -> "Draft":
    """Return what a policy file says; exits with 2 if it cannot be read or is no YAML, or a plug-in cannot be used."""
    from extproc.policy import PolicyError, drafted  # noqa: PLC0415  - see above
    from extproc.policy.document import TEXT_MAX  # noqa: PLC0415  - see above
    from extproc.server import plugins  # noqa: PLC0415  - see above
    from extproc.server.files import draft  # noqa: PLC0415  - see above

    try:
        plugins.loaded()
        if path == STDIN:
            return drafted(sys.stdin.buffer.read(TEXT_MAX + 1), "<stdin>", Path())
        return draft(path)
    except PolicyError as error:
        print(error.render(), file=sys.stderr)
        raise SystemExit(USAGE) from None


def prepared_or_exit(draft: "Draft", environ: "Mapping[str, str] | None") -> "PreparedPolicy":
    """See `prepare_or_exit`."""
    from extproc.policy import PolicyError  # noqa: PLC0415  - see above
    from extproc.server.compiling import prepared_policy, quieten  # noqa: PLC0415  - see above
    from extproc.server.database_folder import keep_databases  # noqa: PLC0415  - see above

    keep_databases(os.environ)
    quieten(os.environ)
    try:
        return prepared_policy(draft, environ)
    except PolicyError as error:
        print(error.render(), file=sys.stderr)
        raise SystemExit(USAGE) from None


def copied_or_exit(loaded: "LoadedPolicy") -> None:
    """See that the policy can be handed to workers; exits with 2 if a plug-in's options cannot."""
    from extproc.policy import PolicyError  # noqa: PLC0415  - see above
    from extproc.server.policies import copied  # noqa: PLC0415  - see above

    try:
        copied(loaded.policy, loaded.name)
    except PolicyError as error:
        print(error.render(), file=sys.stderr)
        raise SystemExit(USAGE) from None
