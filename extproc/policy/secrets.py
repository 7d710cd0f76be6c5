"""Reading what the policy names and does not hold: credentials, keys of hashes, files of rules.

None of it appears in an error or a rendering.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

from extproc.policy.base import Loc
from extproc.policy.credentials import Source
from extproc.policy.guards import Guard
from extproc.policy.model import Policy
from extproc.policy.parts import Parts, PlacedStep, parts_of
from extproc.policy.problems import Unusable, UnusableError
from extproc.policy.processors import Maskable, Secrets
from extproc.policy.redis_state import redis_secret
from extproc.policy.virtual_keys import KEY_FILE_MAX

SECRET_MAX: Final = 16 * 1024
"""Bytes of a credential: beyond any token; Envoy takes 60 KiB of headers in all. Of a key as well."""
KEY_MIN: Final = 16
"""Bytes of a hash's key: 128 bits, which nobody tries out."""
RULES_MAX: Final = 1 << 20
"""Bytes of a file of rules: ten times the set that gitleaks publishes. Of a file of pins as well: 10,000 tools."""

_RULES: Final = "rules in gitleaks' TOML"
_PRICES: Final = "prices, in YAML"
_PINS: Final = "pins, as `extproc pins` prints them"

PEM_MAX: Final = 1 << 20
"""Bytes of a PEM file; a bundle of all public authorities has 200 KB."""

ReadFile: TypeAlias = Callable[[Path, int], bytes]
"""Return the first bytes of a file, at most as many as are said. Raises OSError. The shell has one."""

_VISIBLE: Final = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_SPACE: Final = b" \t\r\n"
_PEM: Final = b"-----BEGIN "


def key_of(pipeline: str, side: str, processor: str) -> str:
    """The name under which a hash's key is handed on. No backend can have it: their names hold no slash."""
    return f"pipelines/{pipeline}/{side}/{processor}/key"


def rules_of(pipeline: str, side: str, processor: str) -> str:
    """The name under which the text of a file of rules is handed on."""
    return f"pipelines/{pipeline}/{side}/{processor}/gitleaks"


def guard_of(pipeline: str, side: str, processor: str, what: str) -> str:
    """The name under which a part of a guard's credential, or the `ca`, `cert` or `key` of its TLS, is handed on."""
    return f"pipelines/{pipeline}/{side}/{processor}/guard/{what}"


def pins_of(server: str) -> str:
    """The name under which a file of an MCP server's pins is handed on."""
    return f"mcp/{server}/pins"


OTLP_CREDENTIAL: Final = "telemetry/otlp/credential"
OTLP_CA: Final = "telemetry/otlp/ca"
"""The names under which a collector's credential, and the authorities of its TLS, are handed on."""

PRICE_FILE: Final = "prices/file"
"""The name under which the text of the file of prices is handed on."""

KEY_FILE: Final = "tenants/keys"
"""The name under which the text of the file of virtual keys is handed on."""

AUDIT: Final = "audit/"
"""The beginning of the names under which keys and credentials of the audit record are handed on: `audit/sign`."""

LISTED_PRICES: Final = "prices/list"
"""The name under which the public list's prices of the policy's models are handed on, as JSON."""


_PUBLIC: Final = re.compile(r"prices/.+|mcp/.+/pins|pipelines/.+/gitleaks")


def is_public(name: str) -> bool:
    """True if what is handed on under this name is no secret: rules, pins, prices. It decides, as the policy does."""
    return _PUBLIC.fullmatch(name) is not None


def read_secrets(policy: Policy, environ: Mapping[str, str], file: ReadFile) -> dict[str, bytes]:
    """All that is read from outside, by the name to hand it on under.

    By the backend's name its credential, if it has one of its own; by `key_of` and `rules_of` what processors need.
    `file` reads a file.

    Raises:
        UnusableError: with all that cannot be read.
    """
    return _whole(read_parts(parts_of(policy), environ, file))


def read_rule_files(parts: Parts, file: ReadFile) -> tuple[dict[str, bytes], list[Unusable]]:
    """Only the files of rules, of pins and of prices, which are no secret."""
    return _read([*_rules(parts, file), *_price_file(parts, file)])


def read_parts(parts: Parts, environ: Mapping[str, str], file: ReadFile) -> tuple[dict[str, bytes], list[Unusable]]:
    """Return what backends and processors need, by the names of `read_secrets`, and what of it cannot be read."""
    readings = (
        _credentials(parts, environ, file),
        _keys(parts, environ, file),
        _guards(parts, environ, file),
        _audit(parts, environ, file),
        _collector(parts, environ, file),
        _redis(parts, environ, file),
    )
    files = (_rules(parts, file), _price_file(parts, file), _virtual_keys(parts, file))
    return _read([*chain(*readings), *chain(*files)])


def missing_authorities(parts: Parts, exists: Callable[[Path], bool]) -> list[Unusable]:
    """Files of certificate authorities that are not there. Envoy reads them, which may run on another machine."""
    named = ((where, backend.tls.ca) for where, backend in parts.backends if backend.tls is not None)
    return [
        Unusable((*where, "tls", "ca"), f"the file {ca} is not on this machine", "see that it is on Envoy's")
        for where, ca in named
        if ca is not None and not exists(ca)
    ]


def stand_ins(policy: Policy) -> dict[str, bytes]:
    """Return what takes the place of credentials and keys where nothing is sent, so that none need be there."""
    credentials = {backend.name: b"-" for backend in policy.backends}
    parts = parts_of(policy)
    guards = {_guard_name(each, what): b"-" for each, step in _guarding(parts) for what in step.sources}
    return credentials | guards | {_key_name(each): b"-" * KEY_MIN for each, _ in _hashing(parts)}


class _Unreadable(Exception):  # noqa: N818  - what happened to the file
    """Why a source cannot be read, and what to do about it."""


_Reading = tuple[str, Loc, Callable[[], bytes]]
"""The name to hand it on under, its place in the policy, and how to read it (raises _Unreadable)."""


def _whole(found: tuple[dict[str, bytes], list[Unusable]]) -> dict[str, bytes]:
    read, unusable = found
    if unusable:
        raise UnusableError(unusable)
    return read


def _read(readings: Iterable[_Reading]) -> tuple[dict[str, bytes], list[Unusable]]:
    found: dict[str, bytes] = {}
    unusable: list[Unusable] = []
    for name, where, read in readings:
        try:
            found[name] = read()
        except _Unreadable as error:
            unusable.append(Unusable(where, *error.args))
    return found, unusable


def _credentials(parts: Parts, environ: Mapping[str, str], file: ReadFile) -> Iterator[_Reading]:
    for where, backend in parts.backends:
        if backend.credential is not None and backend.credential != "client":
            yield backend.name, (*where, "credential"), partial(_credential, backend.credential.source, environ, file)


def _keys(parts: Parts, environ: Mapping[str, str], file: ReadFile) -> Iterator[_Reading]:
    for each, source in _hashing(parts):
        yield _key_name(each), (*each.where, "key"), partial(_key, source, environ, file)


def _guards(parts: Parts, environ: Mapping[str, str], file: ReadFile) -> Iterator[_Reading]:
    for each, step in _guarding(parts):
        for what, source in step.sources.items():
            yield _guard_name(each, what), (*each.where, "credential"), partial(_credential, source, environ, file)
        for what in ("ca", "cert", "key"):
            path = getattr(step.tls, what, None)
            if path is not None:
                yield _guard_name(each, what), (*each.where, "tls", what), partial(_pem, path, file)


def _collector(parts: Parts, environ: Mapping[str, str], file: ReadFile) -> Iterator[_Reading]:
    otlp, where = parts.otlp, ("telemetry", "otlp")
    if otlp is None:
        return
    if otlp.credential is not None:
        yield OTLP_CREDENTIAL, (*where, "credential"), partial(_credential, otlp.credential.source, environ, file)
    if otlp.ca is not None:
        yield OTLP_CA, (*where, "ca"), partial(_pem, otlp.ca, file)


def _guarding(parts: Parts) -> Iterator[tuple[PlacedStep, Guard]]:
    return ((each, each.step) for each in parts.steps if isinstance(each.step, Guard))


def _guard_name(each: PlacedStep, what: str) -> str:
    return guard_of(each.pipeline, each.side, each.step.name, what)


def _rules(parts: Parts, file: ReadFile) -> Iterator[_Reading]:
    for each in parts.steps:
        if isinstance(each.step, Secrets) and each.step.gitleaks is not None:
            name = rules_of(each.pipeline, each.side, each.step.name)
            yield name, (*each.where, "gitleaks"), partial(_text, each.step.gitleaks, file)
    for where, server in parts.servers:
        if server.pins is not None and server.pins.file is not None:
            yield pins_of(server.name), (*where, "pins", "file"), partial(_text, server.pins.file, file, _PINS)


def _price_file(parts: Parts, file: ReadFile) -> Iterator[_Reading]:
    if parts.prices is not None:
        yield PRICE_FILE, ("prices", "file"), partial(_text, parts.prices, file, _PRICES)


def _virtual_keys(parts: Parts, file: ReadFile) -> Iterator[_Reading]:
    if parts.keys is not None:
        yield KEY_FILE, ("tenants", "from", "keys"), partial(_key_lines, parts.keys, file)


def _audit(parts: Parts, environ: Mapping[str, str], file: ReadFile) -> Iterator[_Reading]:
    audit = parts.audit
    if audit is None:
        return
    for name, key in (("sign", audit.sign), ("encrypt", audit.encrypt)):
        if key is not None:
            yield AUDIT + name, ("audit", name), partial(_key, key, environ, file)
    for name, service in (("otlp", audit.otlp), ("webhook", audit.webhook)):
        if service is not None and service.credential is not None:
            source, at = service.credential.source, ("audit", name, "credential")
            yield AUDIT + name, at, partial(_credential, source, environ, file)


def _redis(parts: Parts, environ: Mapping[str, str], file: ReadFile) -> Iterator[_Reading]:
    state = parts.redis
    if state is None:
        return
    if state.password is not None:
        password = partial(_credential, state.password, environ, file)
        yield redis_secret("password"), ("state", "redis", "password"), password
    for what in ("ca", "cert", "key"):
        path = getattr(state.tls, what, None)
        if path is not None:
            yield redis_secret(what), ("state", "redis", "tls", what), partial(_pem, path, file)


def _hashing(parts: Parts) -> Iterator[tuple[PlacedStep, Source]]:
    for each in parts.steps:
        if isinstance(each.step, Maskable) and each.step.key is not None:
            yield each, each.step.key


def _key_name(each: PlacedStep) -> str:
    return key_of(each.pipeline, each.side, each.step.name)


def _credential(source: Source, environ: Mapping[str, str], file: ReadFile) -> bytes:
    where, value = _value(source, environ, file, "credential")
    if len(value) > SECRET_MAX or _VISIBLE.fullmatch(value) is None:
        raise _Unreadable(
            f"what {where} holds cannot go into a header", f"write one line of at most {SECRET_MAX} characters"
        )
    return value


def _key(source: Source, environ: Mapping[str, str], file: ReadFile) -> bytes:
    where, value = _value(source, environ, file, "key")
    if not KEY_MIN <= len(value) <= SECRET_MAX:
        mend = (
            f"write {KEY_MIN} to {SECRET_MAX} bytes that nobody guesses, such as the output of `openssl rand -hex 32`"
        )
        raise _Unreadable(f"what {where} holds is no key", mend)
    return value


def _text(path: Path, file: ReadFile, named: str = _RULES) -> bytes:
    raw = _file(path, RULES_MAX, file)
    if len(raw) > RULES_MAX:
        raise _Unreadable(f"the file {path} is larger than {RULES_MAX >> 20} MiB", "take out what nobody needs")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _Unreadable(f"the file {path} is not UTF-8 text", f"name a file of {named}") from None
    return raw


def _key_lines(path: Path, file: ReadFile) -> bytes:
    raw = _file(path, KEY_FILE_MAX, file)
    if len(raw) > KEY_FILE_MAX:
        raise _Unreadable(f"the file {path} is larger than {KEY_FILE_MAX >> 20} MiB", "delete keys that have expired")
    return raw


def _pem(path: Path, file: ReadFile) -> bytes:
    raw = _file(path, PEM_MAX, file)
    if len(raw) > PEM_MAX or _PEM not in raw:
        raise _Unreadable(f"the file {path} is no PEM file", "name a file with -----BEGIN ...----- in it")
    return raw


def _value(source: Source, environ: Mapping[str, str], file: ReadFile, what: str) -> tuple[str, bytes]:
    """Return where a source is, for an error, and what it holds."""
    if source.file is not None:
        where, raw = f"the file {source.file}", _file(source.file, SECRET_MAX, file)
    else:
        assert source.env is not None  # a source has one of the two
        where, raw = f"the variable {source.env}", _variable(source.env, environ)
    value = raw.strip(_SPACE)  # editors and `echo` end a file with a newline
    if not value:
        raise _Unreadable(f"{where} is empty", f"write the {what} into it")
    return where, value


def _file(path: Path, most: int, file: ReadFile) -> bytes:
    """The first bytes of a file, a few more than there may be."""
    try:
        return file(path, most + 64)
    except OSError as error:
        raise _Unreadable(
            f"the file {path} cannot be read: {error.strerror}", "check the path and its permissions"
        ) from None


def _variable(name: str, environ: Mapping[str, str]) -> bytes:
    if name not in environ:
        raise _Unreadable(f"the variable {name} is not set", "set it for the processor")
    return environ[name].encode("utf-8", "surrogateescape")
