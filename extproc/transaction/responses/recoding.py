"""A body that was decoded and changed, encoded again as it came."""

from typing import Final

from msgspec import Struct

from extproc.payload.encodings import codings as encodings
from extproc.protocol.meter import Meter
from extproc.protocol.work import WorkResult
from extproc.transaction.requests.admission import overloaded
from extproc.transaction.requests.opened_body import Refusal
from extproc.transaction.responses.pending import LARGE_BYTES

RECODED_RATIO: Final = 16
"""Bytes of a changed body for each that came in an encoding, beyond which it goes on encoded again. JSON shrinks to a
tenth; who sends more of nothing than that pays for what it becomes."""

RECODED_BYTES: Final = 64 * 1024
"""Bytes of a changed body up to which it goes on decoded, whatever it was: a request in use has as many."""

TIMEOUT: Final = 5.0
"""Seconds that it may take: ten times what 32 MiB do."""


def swells(changed: bytes, came: bytes) -> bool:
    """True if a body that came in an encoding has become so much larger that it has to go on in that."""
    return len(changed) > RECODED_BYTES and len(changed) > RECODED_RATIO * len(came)


class Recoded(WorkResult, frozen=True):
    """The body as it goes on."""

    body: bytes

    def __repr__(self) -> str:
        return f"Recoded({len(self.body)} bytes)"


class Recoding(Struct, frozen=True):
    """The work on one body. It may be done in any thread."""

    name: str
    body: bytes
    codings: tuple[str, ...]
    timeout: float = TIMEOUT

    @property
    def large(self) -> bool:
        """True if it is known to take long."""
        return len(self.body) > LARGE_BYTES

    def run(self, meter: Meter | None = None) -> Recoded:  # noqa: ARG002  - bounded by the limit on what is decoded
        """Return the body in its codings."""
        return Recoded(encodings.encode(self.body, self.codings))

    def given_up(self, reason: str) -> Refusal:  # noqa: ARG002  - as other work
        """Return what becomes of the body when it was not encoded in time: nobody is sent so much for so little."""
        return Refusal(overloaded())

    def __repr__(self) -> str:
        return f"Recoding({self.name}, {len(self.body)} bytes)"
