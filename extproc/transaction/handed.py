"""Work that is handed out: what is too much to be done between two messages, and who waits for it."""

from typing import Final

from msgspec import Struct

from extproc.inspection.stage import CompiledProcessor
from extproc.protocol.messages import Side

INLINE_BYTES: Final = 16 * 1024
"""Largest body that is judged between two messages; a larger one goes to another thread."""

INLINE_STEPS: Final = 1000
"""Steps of a meter, about a millisecond, after which a smaller one goes there, too: that is what others wait for it."""

LARGE_BYTES: Final = 256 * 1024
"""Bytes from which on work is known to take long: 10 ms, if it is prose."""

INLINE_INFLATED: Final = 64
"""Bytes that may come out of decoding between two messages for each step that is left: 62 KiB, which take 0.2 ms."""


class Handed(Struct, frozen=True):
    """The side that waits for a piece of work. `processor`: whose detector it is, if it is that of one alone."""

    side: Side
    processor: CompiledProcessor | None = None
