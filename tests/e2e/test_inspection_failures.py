"""Through the real Envoy: what cannot be read, what is too large, and what others notice of a large body."""

import gzip
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final, Literal

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, Disconnect, End, Ending
from extproc.testing.clients.script import Pause, ScriptStep
from tests.e2e.bodies import pieces, said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import WITHIN, Gateway, Version, post, tagged

pytestmark = pytest.mark.envoy

_PIPELINE: Final = """\
  - name: {name}
    match: {{headers: {{x-mode: {name}}}}}
    request: [{{use: pii, kinds: [email], action: mask, restore: true}}]
    response: [{{use: pii, kinds: [iban], action: mask}}]
    body_limit: {limit}
    on_oversize: {word}
    on_uninspected: {word}
"""
FAILING: Final = (
    """\
version: 1
backends: [{name: north, url: $north/v1, api: openai}]
default_backend: north
models: [{name: chat, targets: [{backend: north}]}]
limits: {request_body: 8MiB, request_timeout: 20s, drain_timeout: 5s}
pipelines:
"""
    + "".join(
        _PIPELINE.format(name=f"{size}-{word}", limit=limit, word=word)
        for size, limit in (("small", "64KiB"), ("large", "2MiB"))
        for word in ("block", "allow")
    )
    + """\
  - name: refusing
    match: {headers: {x-mode: refusing}}
    request: [{use: pii, kinds: [email], action: block, timeout: 20s}]
"""
)
"""A request says in `x-mode` which pipeline is for it: how much that reads, and what it does about what it does not."""

SMALL: Final = 64 * 1024
EMAIL: Final = "jane.doe@example.com"
IBAN: Final = "GB82WEST12345698765432"
BOTH: Final = ("block", "allow")
MEGABYTE: Final = said(("word " * 9 + "a@b.de ") * 19_000)
"""So many finds that judging it takes 0.1 s, where a megabyte of prose takes a few milliseconds."""


@pytest.fixture
def failing(shared: Shared, profile: Profile) -> Gateway:
    return shared(FAILING, profile)


def mode(size: str, word: str = "block") -> tuple[str, str]:
    return "x-mode", f"{size}-{word}"


def content(answer: ClientResponse) -> str:
    """What a chat that is no stream says."""
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text


# -- what cannot be read

ENCODED: Final = {
    "damaged": ("gzip", gzip.compress(said(EMAIL))[:-9] + b"x" * 9),
    "unknown": ("lzma", said(EMAIL)),
}


@pytest.mark.parametrize("word", BOTH)
@pytest.mark.parametrize("cause", ENCODED)
def test_a_body_that_cannot_be_decoded_is_refused_or_passes_as_it_came(failing: Gateway, cause: str, word: str) -> None:
    coding, body = ENCODED[cause]
    tag = tagged()
    request = post(body, ("content-encoding", coding), mode("large", word), tag=tag, target="/mcp")
    answer = failing.send(request)
    if word == "allow":
        record = failing.forwarded(tag, "north")
        assert answer.status == 200
        assert (record.body, record.header("content-encoding")) == (body, coding)
        return
    assert (answer.status, answer.json()["error"]["code"]) == (403, "uninspected_content")
    assert answer.header("x-extproc-decision") == "blocked"
    line = failing.line(answer)
    assert (line["blocked_by"], line["blocked_for"]) == ("large-block", "uninspected")
    assert line["uninspected"] == [{"reason": "encoding", "count": 1}]


@pytest.mark.parametrize("cause", ENCODED)
def test_a_chat_that_cannot_be_decoded_is_refused_whatever_the_policy_says(failing: Gateway, cause: str) -> None:
    coding, body = ENCODED[cause]
    answer = failing.send(post(body, ("content-encoding", coding), mode("large", "allow")))
    assert answer.status == (415 if cause == "unknown" else 400)


@pytest.mark.parametrize("word", BOTH)
def test_an_image_in_a_request_is_refused_or_passes_and_the_text_beside_it_is_masked(
    failing: Gateway, version: Version, word: str
) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    parts = [{"type": "text", "text": f"of {EMAIL}"}, image]
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": parts}]}).encode()
    if word == "allow":
        answer, record = failing.ask(body, version, mode("large", word))
        assert record.body == body.replace(EMAIL.encode(), b"[EMAIL_1]")
    else:
        answer = failing.send(post(body, mode("large", word)), version)
        assert (answer.status, answer.json()["error"]["code"]) == (403, "uninspected_content")
    assert failing.line(answer)["uninspected"] == [{"reason": "image", "count": 1}]


# -- what is too large


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("word", BOTH)
@pytest.mark.parametrize("target", ["/v1/chat/completions", "/mcp"])
def test_a_request_over_the_limit_is_refused_or_passes_unread(
    failing: Gateway, version: Version, target: str, word: str, length: bool
) -> None:
    body = said(EMAIL.ljust(SMALL + 1 - len(said(""))))
    assert len(body) == SMALL + 1
    tag = tagged()
    framed = body if length else pieces(body, 8)
    answer = failing.send(post(framed, mode("small", word), tag=tag, target=target, length=length), version)
    if word == "allow":
        assert answer.status == 200
        assert failing.forwarded(tag, "north").body == body
        return
    assert (answer.status, answer.json()["error"]["code"]) == (413, "request_too_large")
    line = failing.line(answer)
    assert (line["decision"], line["blocked_by"], line["blocked_for"]) == ("blocked", "small-block", "oversize")


@pytest.mark.parametrize("target", ["/v1/chat/completions", "/mcp"])
def test_a_request_at_the_limit_is_judged(failing: Gateway, target: str) -> None:
    body = said(EMAIL.ljust(SMALL - len(said(""))))
    tag = tagged()
    assert failing.send(post(body, mode("small"), tag=tag, target=target, do="events-1")).status == 200
    assert failing.forwarded(tag, "north").body == body.replace(EMAIL.encode(), b"[EMAIL_1]")


@pytest.mark.parametrize("framing", ["", "+chunked"])
@pytest.mark.parametrize("word", BOTH)
@pytest.mark.parametrize(("size", "pipeline"), [(SMALL + 1, "small"), (3_000_000, "large")])
def test_an_answer_over_the_limit_is_refused_or_passes_unread(
    failing: Gateway, size: int, pipeline: str, word: str, framing: str
) -> None:
    tag = tagged()
    request = post(said(IBAN), mode(pipeline, word), tag=tag, do=f"body-{size}{framing}")
    answer = failing.send(request)
    record = failing.forwarded(tag, "north")
    if word == "allow":
        assert (answer.status, answer.ending) == (200, Ending.COMPLETE)
        assert answer.body == failing.straight(record, "north").body
    else:
        assert (answer.status, answer.json()["error"]["code"]) == (502, "response_too_large")
    assert IBAN.encode() not in answer.body or word == "allow"
    assert failing.line(answer)["uninspected"] == [{"reason": "size", "count": 1}]


def test_an_answer_of_a_megabyte_and_a_half_is_masked(failing: Gateway, version: Version) -> None:
    size = 3 << 19
    answer, record = failing.ask(said(f"for {IBAN} now"), version, mode("large"), do=f"body-{size}")
    straight = failing.straight(record, "north").body
    assert len(straight) == size
    assert answer.body == straight.replace(IBAN.encode(), b"[IBAN_1]")
    assert answer.header("content-length") in {str(len(answer.body)), None}


# -- beside others


def longest_wait(arrivals: Sequence[float], begun: float, ended: float) -> float:
    """The share of a stretch of time in which nothing arrived."""
    times = [begun, *(at for at in arrivals if begun < at < ended), ended]
    return max(later - earlier for earlier, later in pairwise(times)) / (ended - begun)


def test_a_stream_keeps_its_pace_while_large_prompts_are_judged(failing: Gateway) -> None:
    # They are refused in the end: a provider in this process would keep the stream waiting itself.
    request = post(said("go", stream=True), mode("large"), tag=(tag := tagged()), do="gap-10ms+events-200")
    prompts: list[tuple[float, float]] = []
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as other:
        streaming = other.submit(failing.send, request)
        failing.forwarded(tag, "north")
        while len(prompts) < 8:
            sent = time.monotonic() - begun
            assert failing.send(post(MEGABYTE, ("x-mode", "refusing"))).status == 403
            if streaming.done():
                break
            prompts.append((sent, time.monotonic() - begun))
        answer = streaming.result(WITHIN)
    assert answer.ending is Ending.COMPLETE
    # Were the stream to wait for prompts, it would for most of the time that each of them takes. That other things keep
    # the machine from either is no matter: one prompt beside which the stream went on shows that it may.
    arrivals = [piece.at for piece in answer.pieces]
    assert min(longest_wait(arrivals, *prompt) for prompt in prompts) < 1 / 2


def test_a_hundred_requests_at_once_get_each_its_own_values_back(failing: Gateway) -> None:
    def one(number: int) -> tuple[ClientResponse, str]:
        own = f"person.{number:03}@example.com"
        # Every other one is so large that it is judged in a thread.
        text = f"{'word ' * (8_000 if number % 2 else 8)}{own}"
        tag = tagged()
        answer = failing.send(post(said(text), mode("large"), tag=tag))
        return answer, own

    with ThreadPoolExecutor(100) as clients:
        for answer, own in clients.map(one, range(100)):
            assert answer.status == 200
            assert content(answer).count("@") == 1
            assert own in content(answer)
    provider = failing.providers["north"]
    failing.site.expected += 100
    assert len(provider.records) == 100
    assert all(b"person." not in record.body and b"[EMAIL_1]" in record.body for record in provider.records)


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_client_that_leaves_while_its_body_is_judged_leaves_nothing_behind(
    failing: Gateway, how: Literal["reset", "close"]
) -> None:
    def judging() -> bool:
        told = failing.processor.lines()
        return any(line["reason"] == "client_gone" and line["request_bytes"] == len(MEGABYTE) for line in told[before:])

    before = len(failing.processor.lines())
    # How long a body is on its way, before it is judged for 0.1 s, is the machine's affair: the client leaves
    # later each time, until it has left in the middle.
    waits = (number * 0.005 for number in range(1, 60))
    while not judging():
        leaving: list[ScriptStep] = [MEGABYTE, End(), Pause(next(waits)), Disconnect(how)]
        failing.send(post(leaving, ("x-mode", "refusing")))
        assert eventually(lambda: failing.site.open == 0, 5)
    answer, record = failing.ask(said(EMAIL), "http1", mode("large"))
    assert EMAIL in content(answer)
    assert EMAIL.encode() not in record.body
