"""Work that a transaction has handed out, by its ticket."""

from msgspec import Struct

from extproc.inspection.stage import Processor
from extproc.protocol.messages import Side


class Handed(Struct, frozen=True):
    """The side that waits for a piece of work. `processor`: whose detector it is, if it is that of one alone."""

    side: Side
    processor: Processor | None = None
