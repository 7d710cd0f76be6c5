"""The service of a guard from elsewhere: where and how it is reached, and one question to it."""

from typing import Final

from msgspec import Struct

from extproc.policy.address import Address
from extproc.policy.guards import Guard, VerdictCache

JSON: Final = "application/json"


class GuardCertificates(Struct, frozen=True):
    """The content of the PEM files of a guard's TLS, and the name that its certificate must hold."""

    name: str
    ca: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = None

    def __repr__(self) -> str:
        return f"GuardCertificates({self.name})"


class GuardLimits(Struct, frozen=True):
    """Bounds on what is asked of a service; see `policy.guards.Guard`. Times in seconds."""

    timeout: float
    connections: int
    waiting: int
    max_reply: int
    failures: int
    cooldown: float
    cache: VerdictCache | None = None


class AwsKey(Struct, frozen=True):
    """The keys that sign requests to AWS, by version 4 of its signatures. It has no rendering."""

    region: str
    service: str
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return f"AwsKey({self.service}, {self.region})"


class GuardService(Struct, frozen=True):
    """A service as one processor asks it. Equal ones share connections, a breaker and a cache.

    `grpc`: it speaks gRPC. `fields`: header fields of every question, the credential's among them; they and the
    certificates have no rendering.
    """

    address: Address
    limits: GuardLimits
    fields: tuple[tuple[str, str], ...] = ()
    certificates: GuardCertificates | None = None
    signing: AwsKey | None = None
    grpc: bool = False

    def __repr__(self) -> str:
        return f"GuardService({self.address.authority})"


class Excerpt(Struct, frozen=True, gc=False):
    """A part of a statement, or all of it: code points `start` to `end` (exclusive), None for its end.

    `place`: that of the statement among those that were to be asked about.
    """

    place: int
    start: int = 0
    end: int | None = None


class GuardQuery(Struct, frozen=True):
    """One question: a POST of `body` to `path` below the service's prefix.

    `about`: the texts that it is about.
    """

    path: str
    body: bytes
    about: tuple[Excerpt, ...]
    content_type: str = JSON

    def __repr__(self) -> str:
        return f"GuardQuery({self.path}, {len(self.body)} bytes)"


def limits_of(step: Guard) -> GuardLimits:
    """Return the bounds that the policy sets for a guard."""
    return GuardLimits(
        step.timeout,
        step.connections,
        step.waiting,
        step.max_reply,
        step.breaker.failures,
        step.breaker.cooldown,
        step.cache,
    )
