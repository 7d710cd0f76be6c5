"""The template of workers: `python -m extproc.server.template_process FD FD TRANSPORT`, started by the supervisor.

It imports what a worker needs, compiles the policy, and forks each worker from itself: so a worker starts at once and
shares the memory of all that. It has no threads and no event loop, and imports no grpc, because a fork in the midst of
another thread's work copies locks that nobody ever frees. It ends when the supervisor has gone or has hung up; its
workers notice that by themselves.
"""

import gc
import os
import pickle  # between our own processes, as in `policies`
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, assert_never

from extproc.policy import PolicyError
from extproc.policy.document import TEXT_MAX
from extproc.server import compiling, plugins, process
from extproc.server.database_folder import keep_databases
from extproc.server.forking import (
    Compile,
    Compiled,
    Ended,
    Fork,
    Forked,
    Restore,
    Settle,
    TemplateReport,
    Wrong,
    next_descriptor,
    next_order,
    send,
)
from extproc.server.plugins import PluginError
from extproc.server.policies import Sealed
from extproc.server.reloads.seen import RecordedReading, seen_as
from extproc.server.transport import FORKABLE, TRANSPORTS
from extproc.transaction import Plan

IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that reach the whole process group, or all processes of a service: the supervisor decides what they mean."""


class Compiler:
    """The plans that workers start with: that of the policy in force, and one that may come into force."""

    def __init__(self) -> None:
        self._in_force: tuple[Sealed, Plan] | None = None
        self._offered: tuple[Sealed, Plan] | None = None

    @property
    def plans(self) -> Sequence[tuple[Sealed, Plan]]:
        """Return what a worker inherits."""
        return () if self._in_force is None else (self._in_force,)

    def compile(self, order: Compile) -> Compiled | Wrong:
        """Make a policy ready."""
        self._offered = None
        read = RecordedReading()
        try:
            loaded, plan = compiling.compiled(order.raw, Path(order.path), os.environ, time.time(), read)
        except PolicyError as error:
            return Wrong(order.ticket, error.problems, (seen_as(order.path, TEXT_MAX + 1, order.raw), *read.seen))
        self._offered = (loaded.sealed, plan)
        return Compiled(order.ticket, pickle.dumps(loaded))

    def settle(self, *, taken: bool) -> None:
        """Put what was made ready in force for workers to come, or forget it."""
        if taken and self._offered is not None:
            self._in_force = self._offered
        self._offered = None
        _share()

    def restore(self, sealed: Sealed) -> None:
        """Compile what is in force already. A worker that does not find its plan here compiles it by itself."""
        self._in_force = None
        with suppress(PluginError):  # each worker will refuse to start, and say why
            self._in_force = (sealed, sealed.open())
        _share()


class Nursery:
    """Carries out a supervisor's orders until it is a worker itself or the supervisor has gone."""

    def __init__(self, supervisor: socket.socket, descriptors: socket.socket) -> None:
        self._supervisor = supervisor
        self._descriptors = descriptors
        self._compiler = Compiler()
        self._workers: set[int] = set()
        # A signal that arrives between a look and a wait would be missed; a byte in this pair is not.
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno())
        signal.signal(signal.SIGCHLD, _nothing)

    def run(self) -> tuple[socket.socket, Sequence[tuple[Sealed, Plan]]] | None:
        """Return twice and more: in each worker its socket and the plans, here None at the end."""
        while True:
            ready, _, _ = select.select([self._supervisor, self._woken], [], [])
            if self._woken in ready:
                _emptied(self._woken)
                self._tell_ends()
            if self._supervisor in ready:
                order = next_order(self._supervisor)
                match order:
                    case None:
                        return None
                    case Compile():
                        self._tell(self._compiler.compile(order))
                    case Settle(taken=taken):
                        self._compiler.settle(taken=taken)
                    case Restore(sealed=sealed):
                        self._compiler.restore(sealed)
                    case Fork(ticket=ticket):
                        end = self._fork(ticket)
                        if end is not None:
                            return end, self._compiler.plans
                    case _:
                        assert_never(order)

    def _fork(self, ticket: int) -> socket.socket | None:
        """The socket of a worker, in that worker; None here."""
        descriptor = next_descriptor(self._descriptors)
        if descriptor is None:
            return None
        end = socket.socket(fileno=descriptor)
        pid = os.fork()
        if pid == 0:
            self._leave()
            return end
        end.close()
        self._workers.add(pid)
        self._tell(Forked(ticket, pid))
        return None

    def _leave(self) -> None:
        """Leaves behind what is the template's alone. A worker ignores what it ignores, but drains at SIGTERM."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        for each in (self._supervisor, self._descriptors, self._woken, self._waker):
            each.close()

    def _tell_ends(self) -> None:
        for pid in tuple(self._workers):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._workers.discard(pid)
                self._tell(Ended(pid, os.waitstatus_to_exitcode(status)))

    def _tell(self, report: TemplateReport) -> None:
        try:
            send(self._supervisor, report)
        except ConnectionError:
            return  # the supervisor has gone, as the next order will tell


def _share() -> None:
    """Frees what is garbage, and lets no later look for garbage write to the pages that workers share."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _emptied(end: socket.socket) -> None:
    try:
        while end.recv(4096):
            pass
    except BlockingIOError:
        return


def _nothing(*_: object) -> None:
    pass


def _import(transport: str) -> None:
    """Imports what a worker would import by itself once it runs. Problems of plug-ins are reported with each policy."""
    if transport in FORKABLE:
        import_module(TRANSPORTS[transport])
    if find_spec("uvloop") is not None:
        import_module("uvloop")
    plugins.looked()


def main(arguments: Sequence[str]) -> int:
    """Run the template whose two sockets and transport `arguments` name, and each of its workers."""
    orders, descriptors, transport = arguments
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    gc.disable()
    keep_databases(os.environ)
    compiling.quieten(os.environ)
    _import(transport)
    _share()
    nursery = Nursery(socket.socket(fileno=int(orders)), socket.socket(fileno=int(descriptors)))
    worker = nursery.run()
    if worker is None:
        return 0
    gc.enable()
    return process.work(*worker)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
