"""What would happen to a request, told by the very code that decides about it, without an Envoy and sending nothing."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct

from extproc.protocol.effects import Effect, Proceed, Record, Reject
from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Gone, Headers, Message, Side
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.transaction.plan import Plan
from extproc.transaction.shared import Shared
from extproc.transaction.transaction import Transaction

_CONFIG: Final = ProtocolConfig(BodyMode.BUFFERED, BodyMode.NONE)


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to judge, in a request line."""

    status: int = 200
    headers: dict[str, str] = {}
    body: Raw = Raw()


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A request to explain: one JSON object.

    A body that is a JSON string stands for its own characters, so that bodies that are not JSON can be told; any other
    value stands for its very bytes.
    """

    path: str
    method: str = "POST"
    headers: dict[str, str] = {}
    body: Raw = Raw()
    response: Answer | None = None


class Explanation(Struct, frozen=True):
    """What would happen. `body` is the request's (or the judged answer's) as it would go on; null where it would not.

    `answer` is what the client would get instead, on a refusal or where the processor answers by itself.
    """

    action: Literal["allow", "mask", "block", "reject"]
    status: int
    pipeline: str | None
    backend: str | None
    model: str | None
    findings: tuple[dict[str, object], ...]
    signals: dict[str, object]
    body: Raw | str | None
    answer: Raw | str | None
    why: tuple[str, ...]


def read_line(text: bytes) -> Line:
    """Decodes a request line. Raises ValueError with a sentence that quotes none of it."""
    try:
        return msgspec.json.decode(text, type=Line)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ValueError(_plain(error)) from None


def explain(plan: Plan, shared: Shared, line: Line, now: float = 0.0) -> Explanation:
    """Runs `line` through a transaction, as Envoy would in buffered mode."""
    transaction = Transaction(plan, shared, now)
    body = _bytes(line.body)
    effects: list[Effect] = []
    try:
        for message in _messages(line, body):
            effects += transaction.receive(message, now)
    except ProtocolViolation as violation:
        raise ValueError(str(violation)) from None
    (record,) = (e for e in transaction.receive(Gone(), now) if isinstance(e, Record))
    return _told(line, body, effects, record)


def _messages(line: Line, body: bytes) -> Iterable[Message]:
    yield Headers(Side.REQUEST, _request_fields(line), end=not body, config=_CONFIG)
    if body:
        yield Body(Side.REQUEST, body, end=True)
    if line.response is not None:
        yield Headers(Side.RESPONSE, _response_fields(line.response), end=True)


def _request_fields(line: Line) -> HeaderMap:
    pseudo = [
        (":method", line.method.encode()),
        (":path", line.path.encode()),
        (":scheme", b"http"),
        (":authority", b"-"),
    ]
    return HeaderMap([*pseudo, *_fields(line.headers)])


def _response_fields(answer: Answer) -> HeaderMap:
    return HeaderMap([(":status", str(answer.status).encode()), *_fields(answer.headers)])


def _fields(headers: dict[str, str]) -> Iterable[tuple[str, bytes]]:
    return ((name.lower(), value.encode()) for name, value in headers.items())


def _told(line: Line, body: bytes, effects: list[Effect], record: Record) -> Explanation:
    facts = record.facts
    refused = next((e for e in effects if isinstance(e, Reject)), None)
    judged = line.response
    status = refused.status if refused else judged.status if judged else 200
    onward = _bytes(judged.body) if judged else _onward(body, effects)
    return Explanation(
        action="reject" if refused and refused.status >= 400 else "allow",
        status=status,
        pipeline=None,
        backend=_text(facts["backend"]),
        model=_text(facts["upstream_model"]),
        findings=(),
        signals={},
        body=None if refused else _shown(onward),
        answer=_shown(refused.body) if refused else None,
        why=tuple(_reasons(record, refused, effects)),
    )


def _onward(body: bytes, effects: list[Effect]) -> bytes:
    changed = (e.body for e in effects if isinstance(e, Proceed) and e.side is Side.REQUEST and e.body is not None)
    return next(changed, body)


def _reasons(record: Record, refused: Reject | None, effects: list[Effect]) -> Iterable[str]:
    facts = record.facts
    if facts["dialect"] is None and refused is None:
        yield "no dialect claims this path and method: the request passes through untouched"
    elif facts["dialect"] is not None:
        yield f"{facts['path']} is {facts['dialect']}"
    stripped = sorted(
        {n for e in effects if isinstance(e, Proceed) and e.headers for n in e.headers.remove if _ours(n)}
    )
    if stripped:
        yield f"control headers from the client are removed: {', '.join(stripped)}"
    if refused is not None:
        yield f"answered with {refused.status} by the processor: {facts['reason']}"
    elif facts["backend"] is not None:
        yield because(facts)
        if facts["decision"] == "rerouted":
            yield "another backend would have been first, but is known to be down"
        if facts["model"] is not None and facts["upstream_model"] != facts["model"]:
            yield f"the model is renamed to {facts['upstream_model']}"
    elif facts["reason"] == "unknown-passed":
        yield "the model is not in the policy, and unknown_models: pass lets it through untouched"


def because(facts: Mapping[str, object]) -> str:
    """Why an exchange came out as its record says, in words."""
    reason = str(facts["reason"])
    sentence = _CHOICES.get(reason)
    return reason if sentence is None else sentence.format(backend=facts["backend"], model=facts["model"])


_CHOICES: Final = {
    "only": "{model} is served by {backend} alone",
    "weighted": "{model} is served by several targets; {backend} was drawn by weight",
    "fallback": "no target of {model} is up; {backend} is the first fallback that is",
    "listed": "{model} is not a model of the policy, but {backend} lists it",
    "default": "the model is not in the policy; {backend} is the default backend",
    "models": "the listing is made from the policy",
}


def _ours(name: str) -> bool:
    return name.startswith("x-extproc-")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _bytes(raw: Raw) -> bytes:
    data = bytes(raw)
    if data[:1] == b'"':
        return msgspec.json.decode(data, type=str).encode("utf-8", "surrogatepass")
    return b"" if data == b"null" else data


def _shown(body: bytes) -> Raw | str | None:
    """The bytes themselves where they are JSON, so that nothing of them changes; else their text."""
    if not body:
        return None
    try:
        msgspec.json.decode(body, type=Raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return body.decode("utf-8", "replace")
    # A line of output is one line: JSON allows a line break between tokens, so those are taken out.
    return Raw(body if b"\n" not in body and b"\r" not in body else _one_line(body))


def _one_line(body: bytes) -> bytes:
    return body.replace(b"\r", b" ").replace(b"\n", b" ")  # inside a JSON string, neither can stand unescaped


def _plain(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return "a request line has a path, and may have method, headers, body and response; " + str(error)
    return "this is not a JSON object"
