"""The bytes of bodies that are kept until all of a body is there, or was judged; over all exchanges of a worker."""

from typing import Final

from extproc.transaction.requests.admission import overloaded
from extproc.transaction.shared import Shared

SMALL_BYTES: Final = 64 * 1024
"""Bytes of a body that always find room, so that clients who send much, slowly, keep no usual request out. Bounded all
the same, by `limits.open_exchanges`: 640 MB, should 10,000 clients do so at once."""


class Held:
    """The count of the bytes that one side of an exchange keeps of its body."""

    __slots__ = ("_shared", "size")

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.size = 0

    def add(self, size: int, limit: int) -> None:
        """Counts bytes that are kept from now on. `limit`: those of all bodies together.

        Raises:
            ClientError: 503, there is no room for them.
        """
        shared, mine = self._shared, self.size + size
        if mine > SMALL_BYTES and shared.held + size > limit:
            raise overloaded()
        self.size = mine
        shared.held += size

    def hold(self, size: int, limit: int) -> None:
        """Counts `size` bytes in the place of those that were counted. Raises as `add` does."""
        if size >= self.size:
            self.add(size - self.size, limit)
        else:
            self._shared.held -= self.size - size
            self.size = size

    def clear(self) -> None:
        """Counts them no longer. May be called more than once."""
        self._shared.held -= self.size
        self.size = 0
