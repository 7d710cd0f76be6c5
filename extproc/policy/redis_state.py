"""State in Redis or Valkey: where the server is, and how it is asked."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from msgspec import Struct
from pydantic import AfterValidator, Field, model_validator

from extproc.policy.address import is_dns_name, is_ip
from extproc.policy.base import Value, Written, matching, refusal
from extproc.policy.credentials import Source
from extproc.policy.guards import GuardTls
from extproc.policy.paths import PATH_MAX
from extproc.policy.units import Seconds

URL_MAX: Final = 2048
PORT: Final = 6379
PORT_MAX: Final = 65_535
DATABASE_MAX: Final = 1023
"""Numbers of databases; servers have 16 unless they are told otherwise."""
USERNAME_MAX: Final = 256

TIMEOUT_LEAST: Final = 0.001
TIMEOUT_MOST: Final = 5.0
"""Seconds that a request may wait for the state: a server nearby answers in half a millisecond."""

_URL: Final = re.compile(
    r"(?P<scheme>rediss?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/?#@\[\]]+)(?::(?P<port>[0-9]{1,5}))?(?:/(?P<db>[0-9]{0,4}))?"
)
_SOCKET: Final = re.compile(r"unix://(?P<path>/[^?#]+)(?:\?db=(?P<db>[0-9]{1,4}))?")
_FORMS: Final = "write redis://HOST:6379/0, rediss://HOST:6380/0 or unix:///run/redis.sock"

SECRETS: Final = ("password", "ca", "cert", "key")
"""The parts that are read from outside."""


def redis_secret(what: str) -> str:
    """Return the name under which one of `SECRETS` is handed on."""
    return f"state/redis/{what}"


class RedisAddress(Struct, frozen=True):
    """The address of a server. `path`: of a Unix socket, empty for TCP. `host` has no brackets."""

    host: str
    port: int
    path: str
    database: int
    secure: bool


def redis_address(url: str) -> RedisAddress | None:
    """Return the address that a URL names; None if it is none of a Redis."""
    if len(url) > URL_MAX or not url.isprintable():
        return None
    found = _SOCKET.fullmatch(url)
    if found is not None:
        return RedisAddress("", 0, found["path"], int(found["db"] or 0), secure=False) if _fits(found, url) else None
    found = _URL.fullmatch(url)
    if found is None or not _fits(found, url):
        return None
    host, port = found["host"].strip("[]"), int(found["port"] or PORT)
    if not (is_ip(host) or is_dns_name(host)) or not 1 <= port <= PORT_MAX:
        return None
    return RedisAddress(host, port, "", int(found["db"] or 0), secure=found["scheme"] == "rediss")


def _fits(found: re.Match[str], url: str) -> bool:
    return int(found["db"] or 0) <= DATABASE_MAX and len(url) <= PATH_MAX


def _url(url: str) -> str:
    if "@" in url:
        raise refusal("a password is never written into the policy", "write username: NAME and password: {env: NAME}")
    if redis_address(url) is None:
        raise refusal("this is not the URL of a Redis or Valkey server", _FORMS)
    return url


class RedisState(Value):
    """State in Redis or Valkey, which the workers of all hosts share.

    See [budgets.md](budgets.md#state-in-redis).
    """

    url: Annotated[str, AfterValidator(_url), Written("URL", "redis://redis.internal:6379/0")]
    """The server: `redis://HOST:PORT/DATABASE`, `rediss://` for TLS, or `unix:///PATH?db=DATABASE`."""
    username: (
        Annotated[
            str,
            matching(
                re.compile(rf"[\x21-\x7e]{{1,{USERNAME_MAX}}}"),
                f"a user's name has 1 to {USERNAME_MAX} characters without space",
                "write it as in the server's ACL",
            ),
            Written("user's name", "extproc"),
        ]
        | None
    ) = None
    """The user of the server's ACL; `default` if absent."""
    password: Source | None = None
    """The source of the user's password."""
    tls: GuardTls | None = None
    """Only for `rediss://`: the [TLS](#guard-tls) to the server."""
    prefix: Annotated[
        str,
        matching(
            re.compile(r"[A-Za-z0-9:._-]{1,64}"),
            "a prefix has 1 to 64 letters, digits, colons, dots, dashes and underscores",
            "write it like extproc:",
        ),
        Written("prefix", "extproc:"),
    ] = "extproc:"
    """The beginning of all keys, in braces, so that a cluster keeps them on one server. Gateways with the same prefix
    share their budgets."""
    timeout: Annotated[Seconds, Field(ge=TIMEOUT_LEAST, le=TIMEOUT_MOST)] = 0.02
    """Time for which a request waits for the server."""
    on_failure: Literal["block", "allow"] = "block"
    """The fate of a request that cannot be counted, because the server does not answer, is full, or answers with an
    error: `block` answers 503; `allow` serves it, uncounted."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.username is not None and self.password is None:
            raise refusal("a user needs a password", "add password: {env: NAME}, or delete `username`")
        if self.tls is not None and not self.address.secure:
            raise refusal("there is no TLS to this server", "write rediss:// in `url`, or delete `tls`")
        return self

    @property
    def address(self) -> RedisAddress:
        """The address of the server."""
        found = redis_address(self.url)
        assert found is not None, "it was checked"
        return found


class RedisAccess(Struct, frozen=True):
    """A Redis, and what it is shown. Has no rendering: it holds a password. `sni`: the name to ask for."""

    state: RedisState
    password: bytes | None = None
    ca: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = None

    @property
    def sni(self) -> str:
        """The name that the server's certificate must hold."""
        tls = self.state.tls
        return self.state.address.host if tls is None or tls.sni is None else tls.sni

    def __repr__(self) -> str:
        return f"RedisAccess({self.state.address.host or self.state.address.path})"


def redis_access(state: RedisState | None, read: Mapping[str, bytes]) -> RedisAccess | None:
    """Return what the state is asked with; `read` is what was read of it. None if there is no such state."""
    return None if state is None else RedisAccess(state, *(read.get(redis_secret(each)) for each in SECRETS))
