"""Connections by their peers: how many there may be, and how long one may do nothing. Time is told, not waited for."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from extproc.server.h2 import peers
from extproc.server.h2.peers import IDLE, LOOKS, Peers


class Handle:
    """A timer that never fires by itself."""

    def cancel(self) -> None:
        pass


class Loop:
    """A clock that is set by hand, and the last thing it was asked to call."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.due: Callable[[], None] = lambda: None

    def time(self) -> float:
        return self.now

    def call_later(self, _: float, due: Callable[[], None]) -> Handle:
        self.due = due
        return Handle()

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds / (IDLE / LOOKS))):
            self.now += IDLE / LOOKS
            self.due()


class Connection:
    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.mark = 0
        self.ends: list[str] = []

    def drain(self) -> None:
        self.ends.append("drain")

    def abort(self) -> None:
        self.ends.append("abort")


@pytest.fixture
def loop() -> Loop:
    return Loop()


def made(loop: Loop) -> Peers:
    return Peers(cast("asyncio.AbstractEventLoop", loop))


def joined(among: Peers, peer: str) -> Connection:
    assert among.admit(peer)
    connection = Connection(peer)
    among.joined(connection)
    return connection


def test_a_connection_without_calls_is_asked_to_end_and_then_made_to(loop: Loop) -> None:
    among = made(loop)
    idle = joined(among, "a")
    loop.passes(IDLE * (LOOKS - 1) / LOOKS)
    assert idle.ends == []
    loop.passes(IDLE / LOOKS)
    assert idle.ends == ["drain"]
    loop.passes(IDLE)
    assert idle.ends[-1] == "abort"


def test_a_connection_with_a_call_or_that_had_one_meanwhile_stays(loop: Loop) -> None:
    among = made(loop)
    open_, used = joined(among, "a"), joined(among, "a")
    open_.mark = -1
    for mark in range(3, 30, 2):
        loop.passes(IDLE * (LOOKS - 1) / LOOKS)
        used.mark = mark
        loop.passes(IDLE / LOOKS)
    assert open_.ends == used.ends == []


def test_a_peer_may_have_as_many_connections_and_not_one_more(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEER_CONNECTIONS", 3)
    among = made(loop)
    busy = [joined(among, "a") for _ in range(3)]
    for each in busy:
        each.mark = -1
    loop.now += 5
    assert not among.admit("a")
    assert among.admit("b"), "another peer has its own"
    among.left(busy[0])
    assert among.admit("a")


def test_room_is_made_by_the_connection_that_was_idle_longest(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEER_CONNECTIONS", 3)
    among = made(loop)
    first = joined(among, "a")
    loop.now += 1
    second, third = joined(among, "a"), joined(among, "a")
    third.mark = -1
    assert among.admit("a")
    assert (first.ends, second.ends, third.ends) == (["abort"], [], [])
    among.left(first)
    # What came less than a second ago may be about to begin.
    assert not among.admit("a")
    loop.now += 1
    assert among.admit("a")
    assert second.ends == ["abort"]


def test_all_peers_together_have_a_bound(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "CONNECTIONS", 2)
    among = made(loop)
    one, other = joined(among, ""), joined(among, "a")
    one.mark = other.mark = -1
    loop.now += 5
    loop.due()
    assert not among.admit("b")
    one.mark = 1
    loop.due()
    loop.now += 5
    assert among.admit("b")
    assert one.ends == ["abort"]


def test_clients_of_a_unix_socket_are_not_told_apart(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEER_CONNECTIONS", 1)
    among = made(loop)
    assert all(among.admit("") for _ in range(5))


def test_a_connection_that_was_not_made_is_not_counted(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEER_CONNECTIONS", 1)
    among = made(loop)
    for _ in range(3):
        assert among.admit("a")
        among.failed("a")
    joined(among, "a")
