"""The token without which nothing is changed over the admin port.

The port has no users, and whoever has an account on the host reaches a loopback address; so does a page in a browser,
by a name that it has resolve there. None of them can read the file. A browser sends no `authorization` header of its
own, and asks first before a page may, which is refused here.
"""

import hmac
from pathlib import Path
from typing import Final

from aiohttp import web

TOKEN_LEAST: Final = 16
"""Characters of a token: shorter ones can be guessed."""

TOKEN_MOST: Final = 4096
"""Bytes of the file."""

SCHEME: Final = "Bearer "


class AdminToken:
    """The token in a file, which is read for each change: a new one holds at once. None: nothing can be changed."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def check(self, request: web.Request) -> None:
        """Raise an HTTP error for a request that may change nothing."""
        if self._file is None:
            raise web.HTTPForbidden(text="changes need a token: start with --admin-token-file FILE\n")
        wanted = self._read(self._file)
        shown = request.headers.get("authorization", "")
        if not shown.startswith(SCHEME) or not hmac.compare_digest(shown[len(SCHEME) :].encode(), wanted):
            raise web.HTTPUnauthorized(
                text="send the token of --admin-token-file: `authorization: Bearer TOKEN`\n",
                headers={"www-authenticate": "Bearer"},
            )

    def _read(self, file: Path) -> bytes:
        try:
            with file.open("rb") as opened:
                token = opened.read(TOKEN_MOST).strip()
        except OSError:
            raise web.HTTPServiceUnavailable(text="the file of --admin-token-file cannot be read\n") from None
        if len(token) < TOKEN_LEAST:
            raise web.HTTPServiceUnavailable(text=f"the admin token has fewer than {TOKEN_LEAST} characters\n")
        return token

    def __repr__(self) -> str:
        return "AdminToken()"
