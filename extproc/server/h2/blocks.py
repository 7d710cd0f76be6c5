"""Header blocks: decoded by `hpack`, and remembered by their bytes once that is safe.

A block may be remembered only if decoding it neither depends on the dynamic table nor changes it: otherwise the same
bytes mean something else the next time, which would hand one request the path or credentials of another. That holds
from the moment when the peer has acknowledged our SETTINGS_HEADER_TABLE_SIZE of 0 (from then on `hpack` refuses any
larger size) and has set its encoder to 0, too (RFC 7541, 4.2, makes it say so in its first block after that). The
table is empty then and stays so: an index beyond the static table is an error, and a field "with incremental indexing"
is larger than the table and not added (RFC 7541, 4.4). Neither condition can be undone.
"""

import logging

from hpack import Decoder, HPACKError, OversizedHeaderListError

from extproc.server.h2 import requests
from extproc.server.h2.frames import ConnectionFault, ErrorCode
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.requests import RequestHead

# hpack writes every header field to its log at DEBUG level, values included.
logging.getLogger("hpack").setLevel(logging.WARNING)


class HeaderBlocks:
    """Decodes the header blocks of one connection, each exactly once and in order, as HPACK's state demands."""

    __slots__ = ("_capacity", "_decoder", "_longest", "_requests")

    def __init__(self, limits: ConnectionLimits) -> None:
        self._decoder = Decoder(max_header_list_size=limits.header_list)
        self._requests: dict[bytes, RequestHead] = {}
        self._capacity = limits.cached_blocks
        self._longest = limits.cached_block_size

    def acknowledged(self) -> None:
        """The peer has our SETTINGS: it may no longer use a dynamic table."""
        self._decoder.max_allowed_table_size = 0

    @property
    def pure(self) -> bool:
        """True if decoding a block depends on nothing but its bytes, now and for ever."""
        return self._decoder.max_allowed_table_size == 0 and self._decoder.header_table_size == 0

    def request(self, block: bytes) -> RequestHead:
        """The request that a block opens.

        Raises:
            ConnectionFault: the block cannot be decoded; HPACK's state is lost with it.
            StreamFault: it can, but is no request.
        """
        # Only pure blocks are in the dict, so a hit needs no further question.
        known = self._requests.get(block)
        if known is not None:
            return known
        pure = self.pure
        request = requests.parse(self.fields(block))
        if pure and len(block) <= self._longest:
            self._remember(block, request)
        return request

    def fields(self, block: bytes) -> list[tuple[bytes, bytes]]:
        """The fields of a block: trailers, or what must be decoded only to be dropped.

        Raises:
            ConnectionFault: as above.
        """
        try:
            return list(self._decoder.decode(block, raw=True))
        # Not chained: hpack quotes the block in its messages.
        except OversizedHeaderListError:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "header list too large") from None
        except HPACKError:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, "header block not decodable") from None

    def __len__(self) -> int:
        return len(self._requests)

    def _remember(self, block: bytes, request: RequestHead) -> None:
        if len(self._requests) >= self._capacity:
            # The oldest goes: a client whose blocks all differ (it sends trace ids) gains nothing either way.
            del self._requests[next(iter(self._requests))]
        self._requests[block] = request
