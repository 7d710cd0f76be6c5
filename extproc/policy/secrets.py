"""Reading what the policy names and does not hold: credentials, keys of hashes, files of rules.

None of it appears in an error or a rendering.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from extproc.policy.credentials import Source
from extproc.policy.model import Policy
from extproc.policy.processors import Maskable, Secrets, Step

SECRET_MAX: Final = 16 * 1024
"""Bytes of a credential: beyond any token; Envoy takes 60 KiB of headers in all. Of a key as well."""
KEY_MIN: Final = 16
"""Bytes of a hash's key: 128 bits, which nobody tries out."""
RULES_MAX: Final = 1 << 20
"""Bytes of a file of rules: ten times the set that gitleaks publishes."""

_VISIBLE: Final = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_SPACE: Final = b" \t\r\n"


class SecretsError(Exception):
    """What could not be read: a sentence for each, which names what it is for and its source."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def key_of(pipeline: str, side: str, processor: str) -> str:
    """The name under which a hash's key is handed on. No backend can have it: their names hold no slash."""
    return f"pipelines/{pipeline}/{side}/{processor}/key"


def rules_of(pipeline: str, side: str, processor: str) -> str:
    """The name under which the text of a file of rules is handed on."""
    return f"pipelines/{pipeline}/{side}/{processor}/gitleaks"


def read_secrets(policy: Policy, environ: Mapping[str, str]) -> dict[str, bytes]:
    """All that is read from outside, by the name to hand it on under. Raises SecretsError with all that cannot be read.

    By the backend's name its credential, if it has one of its own; by `key_of` and `rules_of` what processors need.
    """
    return _read([*_credentials(policy, environ), *_keys(policy, environ), *_rules(policy)])


def read_rules(policy: Policy) -> dict[str, bytes]:
    """Only the files of rules, which are no secret. Raises SecretsError."""
    return _read(_rules(policy))


def stand_ins(policy: Policy) -> dict[str, bytes]:
    """What takes the place of credentials and keys where nothing is sent, so that none need be there."""
    credentials = {backend.name: b"-" for backend in policy.backends}
    return credentials | {key_of(*place): b"-" * KEY_MIN for place, _ in _hashing(policy)}


_Place = tuple[str, str, str]
_Reading = tuple[str, str, Callable[[], bytes]]
"""The name to hand it on under, what to call it in an error, and how to read it (ValueError with the reason)."""


def _read(readings: Iterable[_Reading]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    problems: list[str] = []
    for name, what, read in readings:
        try:
            found[name] = read()
        except ValueError as error:
            problems.append(f"{what}: {error}")
    if problems:
        raise SecretsError(tuple(problems))
    return found


def _credentials(policy: Policy, environ: Mapping[str, str]) -> Iterator[_Reading]:
    for backend in policy.backends:
        if backend.credential is not None and backend.credential != "client":
            source = backend.credential.source
            yield backend.name, f"credential of backend {backend.name}", partial(_credential, source, environ)


def _keys(policy: Policy, environ: Mapping[str, str]) -> Iterator[_Reading]:
    for place, source in _hashing(policy):
        yield key_of(*place), f"key of {_called(place)}", partial(_key, source, environ)


def _rules(policy: Policy) -> Iterator[_Reading]:
    for place, step in _steps(policy):
        if isinstance(step, Secrets) and step.gitleaks is not None:
            yield rules_of(*place), f"rules of {_called(place)}", partial(_text, step.gitleaks)


def _hashing(policy: Policy) -> Iterator[tuple[_Place, Source]]:
    for place, step in _steps(policy):
        if isinstance(step, Maskable) and step.key is not None:
            yield place, step.key


def _steps(policy: Policy) -> Iterator[tuple[_Place, Step]]:
    for pipeline in policy.pipelines:
        for side, steps in (("request", pipeline.request), ("response", pipeline.response)):
            for step in steps:
                yield (pipeline.name, side, step.name), step


def _called(place: _Place) -> str:
    pipeline, side, processor = place
    return f"processor {processor} in the {side} of pipeline {pipeline}"


def _credential(source: Source, environ: Mapping[str, str]) -> bytes:
    where, value = _value(source, environ, "credential")
    if len(value) > SECRET_MAX or _VISIBLE.fullmatch(value) is None:
        raise ValueError(
            f"what {where} holds cannot go into a header (write one line of at most {SECRET_MAX} characters)"
        )
    return value


def _key(source: Source, environ: Mapping[str, str]) -> bytes:
    where, value = _value(source, environ, "key")
    if not KEY_MIN <= len(value) <= SECRET_MAX:
        raise ValueError(
            f"what {where} holds is no key (write {KEY_MIN} to {SECRET_MAX} bytes that nobody guesses, such as the"
            " output of `openssl rand -hex 32`)"
        )
    return value


def _text(path: Path) -> bytes:
    raw = _file(path, RULES_MAX)
    if len(raw) > RULES_MAX:
        raise ValueError(f"the file {path} is larger than {RULES_MAX >> 20} MiB (take out rules that nobody needs)")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is not UTF-8 text (name a file of rules in gitleaks' TOML)") from None
    return raw


def _value(source: Source, environ: Mapping[str, str], what: str) -> tuple[str, bytes]:
    """Where a source is, for an error, and what it holds."""
    if source.file is not None:
        where, raw = f"the file {source.file}", _file(source.file, SECRET_MAX)
    else:
        assert source.env is not None  # a source has one of the two
        where, raw = f"the variable {source.env}", _variable(source.env, environ)
    value = raw.strip(_SPACE)  # editors and `echo` end a file with a newline
    if not value:
        raise ValueError(f"{where} is empty (write the {what} into it)")
    return where, value


def _file(path: Path, most: int) -> bytes:
    """The first bytes of a file, a few more than there may be."""
    try:
        with path.open("rb") as file:
            return file.read(most + 64)
    except OSError as error:
        raise ValueError(
            f"the file {path} cannot be read: {error.strerror} (check the path and its permissions)"
        ) from None


def _variable(name: str, environ: Mapping[str, str]) -> bytes:
    if name not in environ:
        raise ValueError(f"the variable {name} is not set (set it for the processor)")
    return environ[name].encode("utf-8", "surrogateescape")
