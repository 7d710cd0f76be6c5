"""The pages of budgets: who has spent what, and limits that are changed while the gateway runs."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from aiohttp import web
from msgspec import Struct

from extproc.admin.token import AdminToken
from extproc.telemetry.lines import LogValue

if TYPE_CHECKING:  # a supervisor without budgets imports nothing of them
    from extproc.server.state.desk import BudgetDesk, BudgetLine

CHANGE_MAX: Final = 1024
"""Bytes of a change: a number."""


class BudgetChange(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a change: a limit for `PUT`, or `reset: true` for `POST`."""

    limit: float | None = None
    reset: bool = False


class BudgetSource(Protocol):
    """The source of budgets: a supervisor."""

    def budgets(self) -> "BudgetDesk":
        """The budgets of the policy in force."""

    def told(self, event: str, details: Mapping[str, LogValue]) -> None:
        """Write a line of the log."""


class BudgetPages:
    """`/budgets` and `/budgets/NAME/SUBJECT`. What changes anything needs the token."""

    def __init__(self, source: BudgetSource, token: AdminToken) -> None:
        self._source = source
        self._token = token

    def add(self, app: web.Application) -> None:
        """Add the pages to an application."""
        one = "/budgets/{budget}/{subject:.*}"
        app.router.add_get("/budgets", self._all)
        app.router.add_get(one, self._one)
        app.router.add_put(one, self._set)
        app.router.add_delete(one, self._unset)
        app.router.add_post(one, self._reset)

    async def _all(self, request: web.Request) -> web.Response:
        budget = request.query.get("budget")
        found: list[BudgetLine] = []

        async def read() -> None:
            found.extend(await self._source.budgets().lines(budget))

        await _answered(read)
        return _json(found)

    async def _one(self, request: web.Request) -> web.Response:
        return await self._line(request, lambda desk, budget, subject: desk.line(budget, subject))

    async def _set(self, request: web.Request) -> web.Response:
        change = await self._change(request)
        if change.limit is None or change.reset:
            raise web.HTTPBadRequest(text='write {"limit": NUMBER}\n')
        limit = change.limit
        return await self._line(request, lambda desk, budget, subject: desk.set_limit(budget, subject, limit))

    async def _unset(self, request: web.Request) -> web.Response:
        self._token.check(request)
        return await self._line(request, lambda desk, budget, subject: desk.set_limit(budget, subject, None))

    async def _reset(self, request: web.Request) -> web.Response:
        change = await self._change(request)
        if change.limit is not None or not change.reset:
            raise web.HTTPBadRequest(text='write {"reset": true}\n')
        return await self._line(request, lambda desk, budget, subject: desk.reset(budget, subject))

    async def _change(self, request: web.Request) -> BudgetChange:
        """Return what is to be changed. Raises an HTTP error."""
        self._token.check(request)
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="send content-type: application/json\n")
        try:
            return msgspec.json.decode(await request.read(), type=BudgetChange)
        except (msgspec.DecodeError, web.HTTPRequestEntityTooLarge):
            raise web.HTTPBadRequest(text='write {"limit": NUMBER} or {"reset": true}\n') from None

    async def _line(
        self, request: web.Request, act: "Callable[[BudgetDesk, str, str], Awaitable[BudgetLine]]"
    ) -> web.Response:
        budget, subject = request.match_info["budget"], request.match_info["subject"]
        found: list[BudgetLine] = []

        async def done() -> None:
            found.append(await act(self._source.budgets(), budget, subject))

        await _answered(done)
        if request.method != "GET":
            line = found[0]
            details: dict[str, LogValue] = {
                "method": request.method,
                "budget": budget,
                "subject": subject,
                "limit": line.limit,
            }
            self._source.told("budget_changed", details)
        return _json(found[0])


async def _answered(act: Callable[[], Awaitable[None]]) -> None:
    """Do something with budgets. Raises an HTTP error for what goes wrong."""
    from extproc.server.state.desk import UnknownBudgetError  # noqa: PLC0415  - see above
    from extproc.usage.budgets.ledger import LedgerError  # noqa: PLC0415  - see above

    try:
        await act()
    except UnknownBudgetError as error:
        raise web.HTTPNotFound(text=f"{error}\n") from None
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
    except LedgerError as error:
        raise web.HTTPServiceUnavailable(text=f"the state of budgets cannot be used: {error.fault}\n") from None


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.format(msgspec.json.encode(value)) + b"\n", content_type="application/json")
