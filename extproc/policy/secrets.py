"""Reading credentials from where the policy says they are. Their values appear in no error and no rendering."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from extproc.policy.credentials import Source
from extproc.policy.model import Policy

SECRET_MAX: Final = 16 * 1024
"""Bytes of a credential: beyond any token; Envoy takes 60 KiB of headers in all."""

_VISIBLE: Final = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


class SecretsError(Exception):
    """Credentials that could not be read: a sentence for each, which names its backend and source."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_secrets(policy: Policy, environ: Mapping[str, str]) -> dict[str, bytes]:
    """The credential of each backend that has one of its own, by the backend's name. Raises SecretsError with all."""
    secrets: dict[str, bytes] = {}
    problems: list[str] = []
    for backend in policy.backends:
        if backend.credential is None or backend.credential == "client":
            continue
        try:
            secrets[backend.name] = _value(backend.credential.source, environ)
        except ValueError as error:
            problems.append(f"credential of backend {backend.name}: {error}")
    if problems:
        raise SecretsError(tuple(problems))
    return secrets


def _value(source: Source, environ: Mapping[str, str]) -> bytes:
    if source.file is not None:
        where, raw = f"the file {source.file}", _file(source.file)
    else:
        assert source.env is not None  # a source has one of the two
        where, raw = f"the variable {source.env}", _variable(source.env, environ)
    value = raw.strip(b" \t\r\n")  # editors and `echo` end a file with a newline
    if not value:
        raise ValueError(f"{where} is empty (write the credential into it)")
    if len(value) > SECRET_MAX or _VISIBLE.fullmatch(value) is None:
        raise ValueError(
            f"what {where} holds cannot go into a header (write one line of at most {SECRET_MAX} characters)"
        )
    return value


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SECRET_MAX + 64)
    except OSError as error:
        raise ValueError(
            f"the file {path} cannot be read: {error.strerror} (check the path and its permissions)"
        ) from None


def _variable(name: str, environ: Mapping[str, str]) -> bytes:
    if name not in environ:
        raise ValueError(f"the variable {name} is not set (set it for the processor)")
    return environ[name].encode("utf-8", "surrogateescape")
