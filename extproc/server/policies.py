"""A policy as the server holds it: read with its credentials in one go, and handed to workers as one value."""

import pickle  # between our own processes, over a socket pair that nobody else holds
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from extproc.policy import Policy, drafted
from extproc.server.files import read_file
from extproc.signals.registry import REGISTRY, SignalRegistry
from extproc.transaction import Plan
from extproc.transaction.fingerprint import Demands
from extproc.transaction.prepared import prepare

DIGEST_CHARACTERS = 16
"""Hexadecimal digits shown of a policy's digest: enough to tell one's own policies apart."""


class Sealed(Struct, frozen=True):
    """A policy that was found right, and what it names and does not hold, on their way to a worker."""

    policy: bytes
    secrets: dict[str, bytes]

    def __repr__(self) -> str:
        return f"Sealed({len(self.policy)} bytes, secrets of {', '.join(self.secrets) or 'nobody'})"

    def open(self, signals: SignalRegistry = REGISTRY) -> Plan:
        """Return the plan, compiled anew."""
        policy = pickle.loads(self.policy)  # noqa: S301  - see the import
        assert isinstance(policy, Policy)
        return Plan.compile(policy, self.secrets, signals)


class Loaded(Struct, frozen=True):
    """A policy in force. `digest` tells policies apart by what they say, `at` is Unix time.

    `demands` is what Envoy must be configured with for it, `fingerprint` the short name of that.
    """

    policy: Policy
    sealed: Sealed
    digest: str
    at: float
    demands: Demands
    fingerprint: str


def compiled(
    raw: bytes, path: Path, environ: Mapping[str, str], now: float, signals: SignalRegistry = REGISTRY
) -> tuple[Loaded, Plan]:
    """Return the policy that the file at `path` holds as `raw`, and its plan; reads all that the policy names.

    Raises:
        PolicyError: with every problem.
    """
    draft = drafted(raw, str(path), path.parent, signals.vocabulary)
    prepared = prepare(draft, environ, read_file, signals)
    policy, plan = prepared.loaded.policy, prepared.plan
    digest = sha256(policy.model_dump_json().encode()).hexdigest()[:DIGEST_CHARACTERS]
    sealed = Sealed(pickle.dumps(policy), prepared.secrets)
    return Loaded(policy, sealed, digest, now, plan.demands, plan.fingerprint.decode()), plan
