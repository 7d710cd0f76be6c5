"""The template of workers as its supervisor sees it: it compiles policies, starts workers, and is itself restarted."""

import asyncio
import pickle  # between our own processes, as in `policies`
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, assert_never

from extproc.policy import PolicyError
from extproc.policy.document import TEXT_MAX
from extproc.protocol.errors import ServeError
from extproc.server import files
from extproc.server.control import ControlChannel
from extproc.server.forking import (
    Compile,
    Compiled,
    Ended,
    Fork,
    Forked,
    Restore,
    Settle,
    TemplateOrder,
    TemplateReport,
    Wrong,
    next_report,
    send,
    send_descriptor,
    template_reports,
)
from extproc.server.life import Life
from extproc.server.log import Log
from extproc.server.policies import ActivePolicy, Sealed
from extproc.server.reloads.seen import SeenFile
from extproc.server.tasks import first
from extproc.server.template import Template

ANSWER_TIMEOUT: Final = 60.0
"""Seconds for the template to carry out an order before it is killed: it compiles all rules in two, and a machine may
be busy. An order waits for the one before it."""

AGAIN_FIRST: Final = 0.1
AGAIN_MAX: Final = 10.0
"""Seconds before a template that ended is started again: doubled each time, as for workers."""

LASTED: Final = 30.0
"""Seconds a template must have lived for its next end to count as a first one."""


class Forker:
    """Keeps a template running. `compile_first` comes before `keep`, all else during it."""

    def __init__(self, template: Template, transport: str, log: Log) -> None:
        self._template = template
        self._transport = transport
        self._log = log
        self._ending = asyncio.Event()
        self._up = asyncio.Event()
        self._channel: ControlChannel[TemplateReport, TemplateOrder] | None = None
        self._tickets = 0
        self._asked: dict[int, asyncio.Future[Compiled | Wrong | Life | None]] = {}
        self._lives: dict[int, Life] = {}
        self.files: tuple[SeenFile, ...] = ()
        """What was read of the policy that was wrong last, and of the files that it names."""

    @property
    def pid(self) -> int:
        """Return the process number of the template."""
        return self._template.pid

    def compile_first(self, path: Path) -> ActivePolicy:
        """Return the policy in a file, compiled and in force for workers to come. Blocks.

        Raises:
            PolicyError: with every problem.
            ServeError: if the template ends or does not answer.
        """
        orders = self._template.orders
        orders.settimeout(ANSWER_TIMEOUT)
        try:
            send(orders, Compile(0, files.text(path), str(path)))
            report = next_report(orders)
            send(orders, Settle(taken=True))
        except OSError:
            report = None
        return self._loaded(report)

    async def compile(self, path: Path) -> ActivePolicy:
        """Return the policy in a file, compiled and not in force; `settle` follows. Raises as `compile_first` does."""
        self.files = (SeenFile(str(path), TEXT_MAX + 1, b""),)
        raw = files.text(path)
        await first(self._up, self._ending)
        ticket = self._ticket()
        answer = await self._ask(ticket, Compile(ticket, raw, str(path)))
        return self._loaded(None if isinstance(answer, Life) else answer)

    def settle(self, *, taken: bool) -> None:
        """Have workers to come start with what was compiled last, if it is `taken`."""
        if self._channel is not None:
            self._channel.send(Settle(taken))

    async def fork(self, end: socket.socket) -> Life | None:
        """Start a worker with this socket. None if there is no template, because it ended or is to end."""
        await first(self._up, self._ending)
        try:
            send_descriptor(self._template.descriptors, end.fileno())
        except OSError:  # it has just ended
            return None
        ticket = self._ticket()
        answer = await self._ask(ticket, Fork(ticket))
        return answer if isinstance(answer, Life) else None

    async def keep(self, sealed: Callable[[], Sealed]) -> None:
        """Has a template running until `stop`; `sealed` is the policy in force."""
        backoff, begun = AGAIN_FIRST, time.monotonic()
        await self._listen()
        while not self._ending.is_set():
            backoff = AGAIN_FIRST if time.monotonic() - begun > LASTED else min(backoff * 2, AGAIN_MAX)
            self._log.event("template_ended", {"exit_code": self._template.end(), "again_in_s": backoff})
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), backoff)
                break
            begun = time.monotonic()
            with suppress(OSError):  # no process or no descriptor is left: tried again, as if it had ended
                self._template = Template(self._transport)
                await self._listen(Restore(sealed()))
        self._template.end()

    def stop(self) -> None:
        """Ends the template: when its workers have ended, for their ends are not told of after this."""
        self._ending.set()
        self._template.kill()

    def _ticket(self) -> int:
        self._tickets += 1
        return self._tickets

    async def _ask(self, ticket: int, order: TemplateOrder) -> Compiled | Wrong | Life | None:
        if self._channel is None:
            return None
        answered = self._asked[ticket] = asyncio.get_running_loop().create_future()
        self._channel.send(order)
        try:
            return await asyncio.wait_for(answered, ANSWER_TIMEOUT)
        except TimeoutError:
            self._template.kill()
            return None
        finally:
            del self._asked[ticket]

    async def _listen(self, *orders: TemplateOrder) -> None:
        """One life of a template, which begins with these orders."""
        self._channel = await template_reports(self._template.orders)
        for order in orders:
            self._channel.send(order)
        self._up.set()
        try:
            while (report := await self._channel.receive()) is not None:
                self._heard(report)
        finally:
            self._channel.close()
            self._bury()

    def _heard(self, report: TemplateReport) -> None:
        match report:
            case Compiled(ticket=ticket) | Wrong(ticket=ticket):
                self._answer(ticket, report)
            case Forked(ticket=ticket, pid=pid):
                life = self._lives[pid] = Life(pid)
                self._answer(ticket, life)
            case Ended(pid=pid, code=code):
                self._lives.pop(pid).end(code)
            case _:
                assert_never(report)

    def _answer(self, ticket: int, answer: Compiled | Wrong | Life | None) -> None:
        asked = self._asked.get(ticket)
        if asked is not None and not asked.done():
            asked.set_result(answer)

    def _bury(self) -> None:
        self._up.clear()
        self._channel = None
        for ticket in self._asked:
            self._answer(ticket, None)
        for life in self._lives.values():
            life.end(None)
        self._lives.clear()

    def _loaded(self, report: TemplateReport | None) -> ActivePolicy:
        match report:
            case Compiled(loaded=pickled):
                loaded = pickle.loads(pickled)  # noqa: S301  - see the import
                assert isinstance(loaded, ActivePolicy)
                return loaded
            case Wrong(problems=problems):
                self.files = report.files
                raise PolicyError(problems)
            case _:
                ended = "the process that compiles it ended; see its last words"
                raise ServeError(f"the policy could not be compiled: {ended}")
