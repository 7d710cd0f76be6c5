"""Work that is handed out, and its result, as far as a shell has to know them."""

from typing import Protocol, runtime_checkable

from msgspec import Struct

from extproc.protocol.meter import Meter


class WorkResult(Struct, frozen=True):
    """The base of every result of work. Whoever ordered the work knows which of them it may be."""


class Work(Protocol):
    """Work for a thread."""

    @property
    def large(self) -> bool:
        """True if it is known to take long, so that it is not tried in the quick lane."""

    def run(self, meter: Meter | None = None) -> WorkResult:
        """Return the result. Called in a thread.

        Raises:
            SpentError: `meter` ran out. It may be called again.
        """


class NetworkWork(Struct, frozen=True):
    """The base of work that the shell does over the network, which knows what there may be and how it is done."""


@runtime_checkable
class RemoteAsk(Protocol):
    """Work that somebody else does: nobody's thread is needed for it."""

    async def ask(self) -> WorkResult:
        """Return the result. Awaited in the loop, and cancelled when nobody waits for it any more."""
