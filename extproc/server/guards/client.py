"""The HTTP client of one service: its connections, kept for the next question, and what of a response is taken."""

import asyncio
import ssl
import time
from typing import Final

import aiohttp
from yarl import URL

from extproc.detectors.guards.signing import signed
from extproc.detectors.service import GuardQuery, GuardService
from extproc.server.guards.certificates import client_context
from extproc.server.guards.failures import GuardFailedError, GuardFault

KEPT: Final = 30.0
"""Seconds that an idle connection is kept: less than most servers do, so that few end while a question is sent."""

_AGAIN: Final = (aiohttp.ServerDisconnectedError, ConnectionResetError)
"""A kept connection that the service has closed in the meantime looks like this. The question is sent once more: asking
twice changes nothing."""

_FIELDS: Final = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "extproc"}


class GuardClient:
    """Sends questions to a service. To be used in one loop. Redirects, cookies and proxies are never followed."""

    def __init__(self, service: GuardService) -> None:
        address = service.address
        self._service = service
        self._base = f"{address.scheme}://{address.authority}{address.prefix}"
        self._fields = {**_FIELDS, **dict(service.fields)}
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def post(self, query: GuardQuery) -> bytes:
        """Return the body of the response to a question. Raises GuardFailedError; may be cancelled at any time."""
        session = self._session or await self._opened()
        try:
            try:
                return await self._asked(session, query)
            except _AGAIN:
                return await self._asked(session, query)
        except (aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError, ssl.SSLError):
            raise GuardFailedError(GuardFault.TLS) from None
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError, aiohttp.InvalidURL):
            raise GuardFailedError(GuardFault.MALFORMED) from None
        except (aiohttp.ClientError, OSError):
            raise GuardFailedError(GuardFault.UNREACHABLE) from None

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _opened(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None:
                self._session = await self._open()
        return self._session

    async def _open(self) -> aiohttp.ClientSession:
        certificates = self._service.certificates
        try:
            # Reading the system's authorities takes 20 ms, for which no exchange should wait.
            context = None if certificates is None else await asyncio.to_thread(client_context, certificates)
        except (ssl.SSLError, ValueError):
            raise GuardFailedError(GuardFault.TLS) from None
        connector = aiohttp.TCPConnector(
            limit=self._service.limits.connections, ssl=context or True, keepalive_timeout=KEPT
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers=self._fields,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # whoever asks has a deadline
            trust_env=False,
            auto_decompress=False,
        )

    async def _asked(self, session: aiohttp.ClientSession, query: GuardQuery) -> bytes:
        certificates = self._service.certificates
        async with session.post(
            URL(self._base + query.path, encoded=True),
            data=query.body,
            headers=self._headers(query),
            allow_redirects=False,
            server_hostname=None if certificates is None else certificates.name,
        ) as response:
            if response.status != 200:
                raise GuardFailedError(GuardFault.STATUS)
            if not _is_json(response):
                raise GuardFailedError(GuardFault.CONTENT_TYPE)
            return await self._body(response)

    def _headers(self, query: GuardQuery) -> dict[str, str]:
        """The header fields of one question, besides those of all."""
        fields = {"content-type": query.content_type}
        key, address = self._service.signing, self._service.address
        if key is None:
            return fields
        path = address.prefix + query.path
        return fields | signed(key, path, {**fields, "host": address.authority}, query.body, time.time())

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        most, size, pieces = self._service.limits.max_reply, 0, []
        if (response.content_length or 0) > most:
            raise _too_large(response)
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > most:
                raise _too_large(response)
            pieces.append(piece)
        return b"".join(pieces)

    def __repr__(self) -> str:
        return f"GuardClient({self._service})"


def _is_json(response: aiohttp.ClientResponse) -> bool:
    kind = response.content_type
    plain = response.headers.get("content-encoding", "identity") == "identity"
    return plain and (kind == "application/json" or kind.endswith("+json"))


def _too_large(response: aiohttp.ClientResponse) -> GuardFailedError:
    response.close()  # the rest is not read, so that the connection is of no more use
    return GuardFailedError(GuardFault.TOO_LARGE)


def opened(service: GuardService) -> GuardClient:
    """Return a client, which opens its connections when the first question needs them."""
    return GuardClient(service)
