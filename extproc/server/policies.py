"""A policy as the server holds it: read with its credentials in one go, and handed to workers as one value."""

import pickle  # between our own processes, over a socket pair that nobody else holds
from importlib import import_module
from typing import TYPE_CHECKING

from msgspec import Struct

from extproc.policy import Policy, PolicyError, Problem
from extproc.server.reloads.seen import SeenFile

if TYPE_CHECKING:  # a supervisor compiles nothing
    from extproc.transaction import Plan
    from extproc.transaction.steering.fingerprint import Demands


class Sealed(Struct, frozen=True):
    """A policy that was found right, and what it names and does not hold, on their way to a worker.

    `generation`: a random name for the reading of the secrets.
    """

    policy: bytes
    secrets: dict[str, bytes]
    generation: str = ""

    def __repr__(self) -> str:
        return f"Sealed({len(self.policy)} bytes, secrets of {', '.join(self.secrets) or 'nobody'})"

    def open(self) -> "Plan":
        """Return the plan, compiled anew. Raises PluginError if this process cannot use its plug-ins."""
        from extproc.server import plugins  # noqa: PLC0415  - see above
        from extproc.transaction import Plan  # noqa: PLC0415  - see above

        plugins.loaded()

        policy = pickle.loads(self.policy)  # noqa: S301  - see the import
        assert isinstance(policy, Policy)
        plan = Plan.compile(policy, self.secrets, generation=self.generation)
        if plan.guards:
            # Here nobody waits for it: before workers are forked, or in a thread.
            import_module("extproc.server.guards.client")
        return plan


def copied(policy: Policy, name: str) -> bytes:
    """Return a policy as it goes to workers. `name` stands for it in errors.

    Raises:
        PolicyError: the options of a plug-in hold something that cannot leave its process.
    """
    try:
        return pickle.dumps(policy)
    except Exception as error:  # noqa: BLE001  - it is a plug-in's, and what it raises may quote the policy
        message = f"the options of a plug-in cannot be copied to a worker: {type(error).__name__}"
        mend = "tell its author: options are plain values, and all else is made by the plug-in's functions"
        raise PolicyError((Problem(name, 1, 1, "", message, mend),)) from None


class ActivePolicy(Struct, frozen=True):
    """A policy in force. `digest` tells policies apart (see `policy.digest`), `at` is Unix time.

    `demands` is what Envoy must be configured with for it, `fingerprint` the short name of that. `plugins`: a line for
    each plug-in of the process that compiled it. `files`: what it was read from.
    """

    policy: Policy
    sealed: Sealed
    digest: str
    at: float
    demands: "Demands"
    fingerprint: str
    plugins: tuple[str, ...] = ()
    files: tuple[SeenFile, ...] = ()
