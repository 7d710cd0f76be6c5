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


class GuardService(Struct, frozen=True):
    """A service as one processor asks it. Equal ones share connections, a breaker and a cache.

    `fields`: header fields of every question, the credential's among them; they and the certificates have no rendering.
    """

    address: Address
    limits: GuardLimits
    fields: tuple[tuple[str, str], ...] = ()
    certificates: GuardCertificates | None = None

    def __repr__(self) -> str:
        return f"GuardService({self.address.authority})"


class GuardQuery(Struct, frozen=True):
    """One question: a POST of `body` to `path` below the service's prefix.

    `about`: the places of the statements that it is about, among those that were to be asked about.
    """

    path: str
    body: bytes
    about: tuple[int, ...]
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
