"""Guards from elsewhere: services that judge texts, where they are reached, and how much is asked of them."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from extproc.policy.address import Address, Url, parse
from extproc.policy.base import Value, Written, refusal, refusals
from extproc.policy.credentials import Bearer, Header, Source
from extproc.policy.names import Label, ProcessorName
from extproc.policy.paths import FilePath
from extproc.policy.step import Windowed
from extproc.policy.tls import HostName
from extproc.policy.units import MIB, Count, Seconds, Share, Size

Role: TypeAlias = Literal["user", "system", "assistant", "tool_result", "tool_definition", "file", "other"]
"""Whose words a text is, as `apis.roles` has them."""

CONNECTIONS_MAX: Final = 1024
"""Connections of one worker to one guard: as many as a worker asks remote detectors at all."""

CACHED_MAX: Final = 1_000_000
"""Verdicts that a worker keeps of one guard, about 200 MB."""

DAY: Final = 86400.0


def _roles(roles: tuple[Role, ...]) -> tuple[Role, ...]:
    if not roles or len(set(roles)) < len(roles):
        raise refusal("this is a list of roles, each once", "write it like [user, tool_result], or delete the key")
    return roles


def _credential_form(value: Any) -> str:
    if isinstance(value, Header) or (isinstance(value, dict) and "header" in value):
        return "(header)"
    return "(bearer)" if isinstance(value, Bearer | dict) else "(word)"


def _no_word(_: Any) -> Any:
    raise refusal(
        "a guard's credential is its own, and never written into the policy",
        "write {bearer: {file: PATH}}, {bearer: {env: NAME}} or {header: x-api-key, file: PATH}",
    )


GuardCredential: TypeAlias = Annotated[
    Annotated[Bearer, Tag("(bearer)")]
    | Annotated[Header, Tag("(header)")]
    # The last form takes nothing: a client's credential never goes to a guard.
    | Annotated[Bearer, BeforeValidator(_no_word), Tag("(word)")],
    Discriminator(_credential_form),
]
"""A credential as backends have it, without `client`."""


class GuardTls(Value):
    """TLS to a guard. Its certificate is always checked: there is no way to switch that off."""

    sni: HostName | None = None
    """The name to ask for, which the certificate must hold; the URL's host if absent."""
    ca: Annotated[FilePath, Written("path", "guards-ca.pem")] | None = None
    """PEM file of the authorities to trust instead of the system's; read by the processor, with the credentials."""
    cert: Annotated[FilePath, Written("path", "client.pem")] | None = None
    """PEM file of the certificate that the processor shows, with its chain."""
    key: Annotated[FilePath, Written("path", "client.key")] | None = None
    """PEM file of its private key, without a password."""

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if (self.cert is None) != (self.key is None):
            field = "key" if self.key is not None else "cert"
            error = refusal("a certificate and its key belong together", "write both `cert` and `key`, or neither")
            raise refusals("GuardTls", [((field,), error)])
        return self


class Breaker(Value):
    """When a guard is left alone. While it is, its processor fails at once, with the reason `circuit_open`."""

    failures: Annotated[Count, Field(ge=1, le=10_000), Written("whole number", "5")] = 5
    """Failures in a row after which no more is asked. A few may be chance."""
    cooldown: Annotated[Seconds, Field(gt=0, le=DAY), Written("duration", "10s")] = 10.0
    """Time after which a single question tries it again; if that fails, the time begins anew."""


class VerdictCache(Value):
    """Verdicts that are remembered by a keyed hash of the question. No text is kept, nor a verdict that holds some."""

    ttl: Annotated[Seconds, Field(gt=0, le=DAY), Written("duration", "5m")] = 300.0
    """Time for which a verdict holds."""
    entries: Annotated[Count, Field(ge=1, le=CACHED_MAX), Written("whole number", "10000")] = 10_000
    """Most verdicts of a worker; beyond it the one that was used least recently goes. 10,000 take about 2 MB."""
    version: Label | None = None
    """The guard's version: another one, and nothing that was remembered counts any more."""


class Guard(Windowed):
    """Fields of the guards from elsewhere, which are asked over the network. A text goes to no other service."""

    url: Url
    """Scheme, host, port and path prefix of the service. Redirects are not followed, and no proxy of the environment is
    used."""
    tls: GuardTls | None = None
    """Only for https: by whom its certificate must be signed, and what the processor shows of its own."""
    roles: (
        Annotated[tuple[Role, ...], AfterValidator(_roles), Written("list of roles", "[user, tool_result]")] | None
    ) = None
    """Whose words are sent to it: `user`, `system`, `assistant`, `tool_result`, `tool_definition`, `file`, `other`; all
    if absent. All texts of a response are the assistant's. Words of the API itself, such as the name of the model, are
    never sent."""
    sample: Share = 1.0
    """The share of bodies that it is asked about, chosen by chance; the others pass it."""
    connections: Annotated[Count, Field(ge=1, le=CONNECTIONS_MAX), Written("whole number", "32")] = 32
    """Questions of a worker that are on their way at once, each with a connection, which is kept for the next one."""
    waiting: Annotated[Count, Field(ge=0, le=65536), Written("whole number", "128")] = 128
    """Questions of a worker that wait for one of these; more have failed, as `overloaded`. At 32 connections and
    100 ms, the last of 128 waits for 0.4 s."""
    max_reply: Annotated[Size, Field(ge=1, le=64 * MIB), Written("size", "4MiB")] = MIB
    """Largest response of the guard; a larger one is a failure. A verdict is small; one that masks repeats the
    texts."""
    breaker: Breaker = Breaker()
    """When the guard is left alone after failures."""
    cache: VerdictCache | None = None
    """Verdicts that are remembered; none if absent."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """The sources of what it is sent to be let in, by the names under which they are handed on."""
        return {}

    @cached_property
    def address(self) -> Address:
        """The URL, taken apart."""
        return parse(self.url)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.tls is not None and not self.address.secure:
            error = refusal("TLS is set for a guard that is reached over http", "write https in `url` or delete `tls`")
            raise refusals(type(self).__name__, [(("tls",), error)])
        return self


class KeyedGuard(Guard):
    """A guard with a credential in a header."""

    credential: GuardCredential | None = None
    """The credential that is sent to it, as a backend's is; none if absent."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """See `Guard.sources`."""
        return {} if self.credential is None else {"credential": self.credential.source}


class Webhook(KeyedGuard):
    """A guardrail webhook, with the contract of kgateway and agentgateway: `POST /request` and `POST /response`."""

    use: Literal["webhook"]
    name: ProcessorName = "webhook"
    action: Literal["report", "mask", "block"] = "mask"
    """The reaction to its verdicts: `mask` does what it says, so that texts it changed go on as it wrote them, and
    what it
    rejects is blocked; `block` blocks both; `report` only lists them."""
