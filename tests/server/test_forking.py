"""Messages between a supervisor and the template of its workers."""

import os
import socket
from collections.abc import Iterator

import msgspec
import pytest

from extproc.policy import Problem
from extproc.server.control import FRAME_MAX, framed
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
    next_descriptor,
    next_order,
    next_report,
    send,
    send_descriptor,
)
from extproc.server.policies import Sealed

ORDERS: list[TemplateOrder] = [
    Compile(1, b"version: 1", "/policy.yaml"),
    Settle(True),
    Restore(Sealed(b"policy", {"local": b"key"})),
    Fork(7),
]
REPORTS: list[TemplateReport] = [
    Compiled(1, b"key"),
    Wrong(2, (Problem("f", 1, 2, "a.b", "no", "yes"),)),
    Forked(7, 9),
    Ended(9, -9),
]

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(10)
        other.settimeout(10)
        yield one, other


def test_what_one_end_says_the_other_hears(ends: Ends) -> None:
    supervisor, template = ends
    for order in ORDERS:
        send(supervisor, order)
        assert next_order(template) == order
    for report in REPORTS:
        send(template, report)
        assert next_report(supervisor) == report


def test_an_end_is_told_from_a_message(ends: Ends) -> None:
    supervisor, template = ends
    supervisor.sendall(framed(msgspec.msgpack.encode(Fork(7)))[:-1])
    supervisor.close()
    assert next_order(template) is None


def test_a_message_at_the_limit_is_awaited_and_one_past_it_is_an_end(ends: Ends) -> None:
    supervisor, template = ends
    template.settimeout(0.05)
    supervisor.sendall(FRAME_MAX.to_bytes(4, "big"))
    with pytest.raises(TimeoutError):
        next_order(template)
    supervisor.sendall((FRAME_MAX + 1).to_bytes(4, "big"))
    assert next_order(template) is None


def test_a_descriptor_arrives_as_another_for_the_same_file(ends: Ends) -> None:
    supervisor, template = ends
    read, write = os.pipe()
    try:
        send_descriptor(supervisor, write)
        arrived = next_descriptor(template)
        assert arrived not in {None, write}
        os.write(arrived or -1, b"x")
        assert os.read(read, 2) == b"x"
        os.close(arrived or -1)
        supervisor.close()
        assert next_descriptor(template) is None
    finally:
        os.close(read)
        os.close(write)


def test_no_credential_shows_in_a_rendering() -> None:
    assert "key" not in repr(ORDERS[2]) + repr(REPORTS[0])
