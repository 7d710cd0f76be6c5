"""Through the real Envoy: what one client sends keeps no other from being served."""

import gzip
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse
from tests.e2e.bodies import said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, post, tagged

pytestmark = pytest.mark.envoy

MIB: Final = 1024 * 1024
POLICY: Final = """\
version: 1
backends: [{name: north, url: $north/v1, api: openai}]
default_backend: north
models: [{name: chat, targets: [{backend: north, model: renamed}]}]
limits: {request_body: 3MiB, held_bodies: 3MiB, request_timeout: 20s, drain_timeout: 5s}
pipelines:
  - name: patient
    match: {headers: {x-mode: patient}}
    request: [{use: pii, kinds: [email, phone], action: mask, timeout: 15s}]
    body_limit: 3MiB
  - name: hasty
    match: {headers: {x-mode: hasty}}
    request: [{use: pii, kinds: [email, phone], action: mask, timeout: 200ms}]
    body_limit: 3MiB
"""
PATIENT: Final = ("x-mode", "patient")
HASTY: Final = ("x-mode", "hasty")
EMAIL: Final = "jane.doe@example.com"
COSTLY: Final = said("+14155552671 " * (2 * MIB // 13))
"""Seconds of work, if nobody stops it."""


@pytest.fixture
def gateway(shared: Shared, profile: Profile) -> Gateway:
    return shared(POLICY, profile)


@pytest.mark.parametrize("mode", [PATIENT, ("x-mode", "none")], ids=["inspected", "routed"])
def test_a_few_bytes_in_three_encodings_never_become_megabytes(gateway: Gateway, mode: tuple[str, str]) -> None:
    bomb = gzip.compress(gzip.compress(gzip.compress(said("a" * (31 * MIB)), mtime=0), mtime=0), mtime=0)
    assert len(bomb) < 400
    answer = gateway.send(post(bomb, ("content-encoding", "gzip, gzip, gzip"), mode))
    assert (answer.status, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_a_changed_body_that_grew_much_by_decoding_goes_on_encoded(gateway: Gateway) -> None:
    body = gzip.compress(said(EMAIL + " " * 500_000))
    tag = tagged()
    gateway.send(post(body, ("content-encoding", "gzip"), PATIENT, tag=tag))
    record = gateway.forwarded(tag, "north")  # who answers 400, as he reads no encodings
    assert record.header("content-encoding") == "gzip"
    assert len(record.body) < 10_000
    got = json.loads(gzip.decompress(record.body))
    assert got["model"] == "renamed"
    assert got["messages"][0]["content"].startswith("[EMAIL_1] ")


def test_work_that_was_given_up_leaves_its_thread_to_others(gateway: Gateway) -> None:
    assert {gateway.send(post(COSTLY, HASTY)).status for _ in range(8)} == {503}
    # Its threads would be busy with those for longer than this may wait.
    _, record = gateway.ask(said(EMAIL + " word" * (MIB // 5)), "http1", PATIENT)
    assert b"[EMAIL_1]" in record.body


def test_small_bodies_are_judged_while_large_ones_take_all_they_may(gateway: Gateway) -> None:
    with ThreadPoolExecutor(3) as clients:
        others = [clients.submit(gateway.send, post(COSTLY, HASTY)) for _ in range(3)]
        for _ in range(6):
            _, record = gateway.ask(said(EMAIL + " word" * 5_000), "http1", PATIENT)
            assert b"[EMAIL_1]" in record.body
        assert {each.result().status for each in others} == {503}


def test_bodies_that_are_held_leave_room_for_small_ones_and_the_others_are_told_when_to_try_again(
    shared: Shared,
) -> None:
    gateway = shared(POLICY, "full-duplex")
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {2 * MIB}\r\n\r\n"
    ).encode()
    with ExitStack() as stack:
        for _ in range(3):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
            slow.sendall(head + b"{" + b" " * MIB)
        large = said("x" * MIB)
        told: list[ClientResponse] = []

        def refused() -> bool:
            tag = tagged()
            told.append(gateway.send(post(large, tag=tag)))
            if told[-1].status == 200:
                gateway.forwarded(tag)
            return told[-1].status == 503

        assert eventually(refused, 10)
        assert told[-1].json()["error"]["code"] == "overloaded"
        assert told[-1].header("retry-after") == "1"
        assert gateway.line(told[-1])["reason"] == "overloaded"
        gateway.ask(said("hello"))
        gateway.ask(said(EMAIL + " word" * 5_000), "http1", PATIENT)
    assert eventually(lambda: gateway.site.open == 0, 10)
    gateway.ask(large)
