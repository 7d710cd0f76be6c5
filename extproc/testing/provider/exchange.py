"""One request to the stand-in provider and its answer."""

import asyncio
import re
from typing import Final

from extproc.testing.provider.answer import Who, early, orders_of, plan
from extproc.testing.provider.orders import OrderError, Orders
from extproc.testing.provider.record import IncomingRequest, Records
from extproc.testing.provider.request import PIECE, Head, IncomingBody
from extproc.testing.provider.response import Link, PeerDisconnectedError, send

MODEL_WITHIN: Final = PIECE
"""Bytes of a body in which a model is looked for before the body has ended."""

LINGER: Final = 0.2
"""Seconds between an early answer's end and the closing of a connection that still uploads. Closed at once, the
kernel would reset it and the peer might lose the answer; a real server's close has the same pause."""

_MODEL: Final = re.compile(rb'"model"\s*:\s*"([^"\\]*)"')


class _Left(Exception):  # noqa: N818  - named for what it says
    """The provider was told to leave."""


class ProviderExchange:
    """Reads a request into the records, and answers it: after that or, so ordered, before."""

    def __init__(self, who: Who, link: Link, head: Head, records: Records) -> None:
        self._who = who
        self._link = link
        self._head = head
        self._records = records
        self._intake = IncomingRequest(head, link.number)

    async def run(self) -> bool:
        """True when another request may follow on this connection.

        Raises:
            PeerDisconnectedError: the peer left before it had the whole answer.
            IncompleteReadError: it left before the request's end.
            Violation: its body is not HTTP/1.1.
        """
        try:
            kept = await self._read()
        except _Left:
            return False
        finally:
            self._records.add(self._intake.record())
        if kept is None:
            kept = await self._answer()
        return kept and self._head.get("connection").lower() != "close"

    async def _read(self) -> bool | None:
        """Read the request. If it was answered early, whether the connection can carry another; else None."""
        kept = await self._answer_early()
        if kept is None and self._head.get("expect").lower() == "100-continue":
            await self._link.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = IncomingBody(self._link.reader, self._head)
        async for piece in body.pieces():
            self._intake.take(piece)
            if kept is None and self._intake.size <= MODEL_WITHIN:
                kept = await self._answer_early()
        self._intake.trailers = body.trailers
        self._intake.complete = True
        return kept

    async def _answer_early(self) -> bool | None:
        orders = self._known_orders()
        if not orders.early:
            return None
        kept = await send(self._link, early(self._who, self._head, orders), orders)
        if orders.leave:
            if self._link.writer.can_write_eof():  # TLS cannot
                self._link.writer.write_eof()
            await asyncio.sleep(LINGER)
            raise _Left
        return kept

    def _known_orders(self) -> Orders:
        """The orders as far as the request was read."""
        found = _MODEL.search(self._intake.body, 0, MODEL_WITHIN)
        try:
            return orders_of(self._who, self._head, found[1].decode("latin-1") if found else "")
        except OrderError:
            return Orders()  # the request is answered with that error once it has been read

    async def _answer(self) -> bool:
        planned = plan(self._who, self._head, bytes(self._intake.body) if self._intake.whole else None)
        if planned.orders.hang:
            await self._link.until_lost()
            raise PeerDisconnectedError
        if planned.orders.drop:
            await self._link.cut()
            return False
        return await send(self._link, planned.answer, planned.orders, bodiless=self._head.method == "HEAD")
