"""Nothing that a client or a backend says reaches a log line, a metric or the text of an error, whatever goes wrong."""

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from extproc.matching.scanner import Scanner
from extproc.policy import loads
from extproc.protocol.effects import AbortCode, Inspect
from extproc.protocol.headers import Field, HeaderMap
from extproc.protocol.messages import Body, Failed, Headers, Inspected, Message, Side, Trailers
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.server.exchange import admit
from extproc.server.inspections import ERROR, Answer, Cancel
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.telemetry import exposition
from extproc.telemetry.families import BLOCKED, FINDINGS, INSPECTION_FAILURES, UNINSPECTED
from extproc.transaction import Plan
from extproc.transaction.requests.opened_body import OpenedBody
from extproc.transaction.requests.opening import Opening
from extproc.transaction.responses.streaming import StreamPiece
from extproc.transaction.responses.work import ResponseWork
from extproc.wire.pb.processor_pb2 import ProcessingResponse
from tests.server.support import MARKER
from tests.wire.requests import payload

KEY: Final = "AKIAZ7XQ4HNRTW2LPYKM"
IBAN: Final = "GB82WEST12345698765432"
SAID: Final = f"{MARKER} planted@example.com {KEY} {IBAN} Titan +49 30 901820"
PLANTED: Final = (MARKER, "planted", KEY, IBAN, "901820", "Titan")

LARGE: Final = 40_000
"""Bytes of a body that is judged in a thread."""

CHAT: Final = "/v1/chat/completions"
JSON: Final = ("content-type", b"application/json")
SSE: Final = ("content-type", b"text/event-stream")
DUPLEX: Final = BodyMode.FULL_DUPLEX_STREAMED

POLICY: Final = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local, model: llama}]}]
pipelines:
  - name: default
    request:STEPS
    response:STEPS
    on_uninspected: UNREAD
"""
STEPS: Final = """
      - {use: pii, action: ACTION, mode: MODE, on_failure: FAILURE}
      - {use: secrets, action: ACTION, mode: MODE, on_failure: FAILURE}
      - {use: pattern, name: words, regex: 'T[i]tan', action: ACTION, mode: MODE, on_failure: FAILURE}
      - {use: size, max_bytes: 100, action: report}
      - use: pattern
        name: guarded
        regex: 'T[i]tan'
        action: report
        on_failure: FAILURE
        when: 'headers["x-number"] != "" && int(headers["x-number"]) > 1'
"""


def plan(action: str, mode: str, failure: str) -> Plan:
    text = POLICY.replace("STEPS", STEPS).replace("ACTION", action).replace("MODE", mode).replace("FAILURE", failure)
    return Plan.compile(loads(text.replace("UNREAD", failure), "policy.yaml"), {})


class Stream:
    """What a transport would have sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.aborts: list[str] = []

    def send(self, answer: bytes) -> None:
        self.sent.append(answer)

    def abort(self, code: AbortCode, reason: str) -> None:
        self.aborts.append(f"{code} {reason}")


class Witness:
    """A worker, and all that it says to others than the two ends of an exchange."""

    def __init__(self, own: Plan, path: Path) -> None:
        self._path = path
        self._log = Log(Sink(str(path)))
        self._work: list[tuple[Inspect, Answer]] = []
        self.runtime = Runtime(own, self._log, clock=lambda: 100.0)
        self.runtime.submit = self._submit
        self.errors: list[str] = []

    def _submit(self, order: Inspect, answer: Answer) -> Cancel:
        self._work.append((order, answer))
        return lambda: None

    def plays(self, *messages: Message, modes: BodyMode = DUPLEX) -> None:
        stream = Stream()
        exchange = admit(self.runtime, stream)
        assert exchange is not None
        config = ProtocolConfig(modes, modes)
        for message in messages:
            assert isinstance(message, Headers | Body | Trailers)
            stream.sent += exchange.receive(payload(message if message is not messages[0] else _first(message, config)))
            while self._work:
                order, answer = self._work.pop()
                answer(_done(order))
        exchange.gone(True)
        answers = [ProcessingResponse.FromString(each) for each in stream.sent]
        self.errors += [str(each) for each in answers if each.HasField("immediate_response")] + stream.aborts

    def told(self) -> str:
        """The log, the metrics, and the errors, as one text."""
        self._log.close()
        return "\n".join([self._path.read_text(), exposition.text(self.runtime.snapshot()).decode(), *self.errors])


def _first(message: Message, config: ProtocolConfig) -> Headers:
    assert isinstance(message, Headers)
    return Headers(message.side, message.fields, message.end, message.attributes, config)


def _done(order: Inspect) -> Inspected | Failed:
    assert isinstance(order.work, OpenedBody | Opening | StreamPiece | ResponseWork)
    try:
        return Inspected(order.ticket, order.work.run())
    except Exception:  # noqa: BLE001  - as the threads do
        return Failed(order.ticket, ERROR)


def asks(data: bytes, *fields: Field, path: str = CHAT, method: str = "POST") -> tuple[Message, ...]:
    pseudo = ((":method", method.encode()), (":path", path.encode()), (":scheme", b"http"))
    named = (*pseudo, ("authorization", MARKER.encode()))
    headers = Headers(Side.REQUEST, HeaderMap([*named, *(fields or (JSON,))]), end=not data)
    return (headers, Body(Side.REQUEST, data, end=True)) if data else (headers,)


def answers(data: bytes, *fields: Field, cut: int = 10_000_000) -> tuple[Message, ...]:
    headers = Headers(Side.RESPONSE, HeaderMap([(":status", b"200"), *fields, ("x-said", MARKER.encode())]))
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    return (headers, *(Body(Side.RESPONSE, each) for each in pieces), Body(Side.RESPONSE, b"", end=True))


def said(text: str, **more: Any) -> bytes:
    messages = [{"role": "user", "content": text}, {"role": "user", "content": [{"type": "text", "text": text}]}]
    return json.dumps({"model": "chat", "messages": messages, SAID: SAID, **more}).encode()


def answered(text: str) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}).encode()


def sse(*texts: str) -> bytes:
    events = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts]
    return b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in events) + b"data: [DONE]\n\n"


def exchanges() -> Iterator[Sequence[Message]]:
    """Requests and answers with planted text in every place, sound and broken."""
    long = f"{SAID} {'x ' * LARGE}"
    plain, asked = b'{"model": "chat", "messages": [{"role": "user", "content": "hello"}]}', said(SAID)
    number = ("x-number", MARKER.encode())
    # The id of a JSON-RPC request has to be in its answer, so it is none that is looked for.
    rpc = {"jsonrpc": "2.0", "id": 7, "method": MARKER, "params": {"name": MARKER, "arguments": {MARKER: SAID}}}
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:{MARKER};base64,AAAA"}}]}
    yield asks(asked)
    yield asks(said(long))
    yield asks(asked, JSON, number)
    yield asks(said(long), JSON, number)
    yield asks(asked, JSON, ("x-request-id", MARKER.encode()), path=f"{CHAT}?q={MARKER}")
    yield asks(said(SAID, model=MARKER))
    yield asks(said(SAID, model=[MARKER]))
    yield asks(b'{"model": "chat", "' + SAID.encode())
    yield asks(b'{"model": "chat", "messages": "\xff' + SAID.encode() + b'"}')
    yield asks(gzip.compress(asked), JSON, ("content-encoding", b"gzip"))
    yield asks(asked, JSON, ("content-encoding", b"gzip"))
    yield asks(asked, JSON, ("content-encoding", MARKER.encode()))
    yield asks(json.dumps({"model": "chat", "messages": [image] * 2}).encode())
    yield asks(json.dumps(rpc).encode(), path=f"/mcp/{MARKER}")
    yield asks(SAID.encode(), ("content-type", b"text/plain"), path=f"/{MARKER}")
    yield asks(b"\x00\xff" + SAID.encode(), ("content-type", b"image/" + MARKER.encode()), path=f"/{MARKER}")
    form = b'--%s\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n--%s--\r\n'
    boundary = MARKER.encode()
    yield asks(
        form % (boundary, boundary, SAID.encode(), boundary),
        ("content-type", b"multipart/form-data; boundary=" + boundary),
        path="/forms",
    )
    yield asks(b"", path=f"/v1/models/{MARKER}", method="GET")
    yield asks(b"", path=CHAT, method=MARKER)
    for cut in (7, 10_000_000):
        yield (*asks(plain), *answers(answered(SAID), JSON, cut=cut))
        yield (*asks(plain), *answers(sse(SAID[:30], SAID[30:], "more"), SSE, cut=cut))
        yield (*asks(asked), *answers(sse("[EMAIL_1] and ", SAID), SSE, cut=cut))
        yield (*asks(plain), *answers(b"data: {" + SAID.encode() + b"\n\n", SSE, cut=cut))
    yield (*asks(plain), *answers(answered(long), JSON))
    yield (*asks(plain, JSON, number), *answers(answered(SAID), JSON))
    yield (*asks(plain, JSON, number), *answers(sse(SAID), SSE))
    yield (*asks(plain), *answers(b"{" + SAID.encode(), JSON))
    yield (*asks(plain), *answers(SAID.encode(), ("content-type", MARKER.encode())))
    yield (*asks(plain), *answers(answered(SAID), JSON, ("content-encoding", MARKER.encode())))
    yield (*asks(plain), *answers(answered(SAID), JSON, ("content-encoding", b"gzip")))
    yield (*asks(plain), *answers(sse(SAID), SSE, ("content-encoding", b"gzip")))
    yield (*asks(plain), Trailers(Side.REQUEST, HeaderMap([(MARKER.lower(), MARKER.encode())])))
    yield (*asks(plain), Body(Side.RESPONSE, SAID.encode()))


@pytest.mark.parametrize("failure", ["block", "allow"])
@pytest.mark.parametrize("failing", ["none", "find", "scan"])
@pytest.mark.parametrize(
    ("action", "mode"), [("report", "enforce"), ("mask", "enforce"), ("block", "enforce"), ("block", "shadow")]
)
def test_what_was_said_is_told_to_nobody_else(
    action: str,
    mode: str,
    failure: str,
    failing: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = plan(action, mode, failure)
    if failing != "none":
        monkeypatch.setattr(Scanner, failing, _raises)
    witness = Witness(own, tmp_path / "log")
    for exchange in exchanges():
        for modes in (DUPLEX, BodyMode.BUFFERED):
            witness.plays(*exchange, modes=modes)
    told = witness.told()
    shown = capfd.readouterr()
    for text in (told, shown.out, shown.err, caplog.text):
        for planted in PLANTED:
            assert planted not in text, _around(text, planted)
    # What was looked for was there to be found.
    assert "internal_error" not in told
    counter = witness.runtime.metrics.counter
    assert counter(UNINSPECTED)
    if failing == "none":
        assert {labels[3] for labels in counter(FINDINGS) if labels[0] == "pii"} == {"request", "response"}
    else:
        assert any(labels[1] == "error" for labels in counter(INSPECTION_FAILURES))
    assert any(labels[1] == "condition" for labels in counter(INSPECTION_FAILURES))
    if failure == "block":
        assert counter(BLOCKED)


def _raises(_: object, text: object, *__: object) -> None:
    raise ValueError(text)


def _around(text: str, planted: str) -> str:
    at = text.index(planted)
    return text[max(0, at - 300) : at + 100]
