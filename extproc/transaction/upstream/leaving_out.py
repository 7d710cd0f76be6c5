"""Failover of a request that carries one provider's sealed values: an attempt at another provider goes without them.

The request's own stream tells Envoy whose they are, and the stream of a later attempt takes them out, if its backend is
another maker's. It sees them without tags, so that it leaves out all of them, and is refused if one would be left.
"""

from typing import Final

from msgspec import Struct

from extproc.apis.seals.requests import dropped, read_sealed
from extproc.apis.seals.sealed import SealedApi
from extproc.apis.seals.tree import applied
from extproc.protocol.effects import Inspect
from extproc.protocol.errors import ClientError
from extproc.protocol.meter import Meter
from extproc.protocol.work import WorkResult
from extproc.routing.candidates import Choice
from extproc.transaction.requests.opened_body import TIMEOUT
from extproc.transaction.requests.sealing import SealedTurn
from extproc.transaction.responses.pending import LARGE_BYTES
from extproc.transaction.upstream.attempts import AttemptState

_TICKET: Final = 1
"""An attempt hands out one piece of work at the most."""


class UnsealedBody(WorkResult, frozen=True):
    """A request's body without sealed values. None: it cannot be read, or would not be valid without one of them."""

    body: bytes | None

    def __repr__(self) -> str:
        return f"UnsealedBody({self.body is not None})"


class LeavingOut(Struct, frozen=True):
    """The work of leaving out of a body every value that only one provider can read. It may be done in any thread."""

    body: bytes
    sealed: SealedApi | None

    @property
    def large(self) -> bool:
        """True if it is known to take long."""
        return len(self.body) > LARGE_BYTES

    def run(self, meter: Meter | None = None) -> UnsealedBody:  # noqa: ARG002  - bounded by the limit on values
        """Return the body without them, searched again: none of them is left in it."""
        if self.sealed is None:
            return UnsealedBody(None)
        try:
            members = read_sealed(self.body, self.sealed)
            if any(each.member.removal is None for each in members):
                return UnsealedBody(None)
            body = applied(self.body, dropped(members)) if members else self.body
            return UnsealedBody(None if members and read_sealed(body, self.sealed) else body)
        except ClientError:
            return UnsealedBody(None)

    def order(self, now: float) -> Inspect:
        """Return the order for it."""
        return Inspect(_TICKET, "", self, now + TIMEOUT)

    def __repr__(self) -> str:
        return f"LeavingOut({len(self.body)} bytes)"


def leaving(turn: SealedTurn, choice: Choice) -> str | None:
    """Return the maker whose values a request carries, if attempts at others are planned without them; else None."""
    maker = turn.maker
    if maker is None:
        return None
    return maker if any(each.destination.maker != maker for each in choice.plan) else None


def leaves(state: AttemptState, maker: str) -> bool:
    """True if an attempt at a backend of `maker` has to leave out what another one sealed."""
    return state.maker is not None and state.maker != maker
