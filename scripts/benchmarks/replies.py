"""The cost of judges of replies: what each adds to an answer of 4 KiB, streamed in pieces of several sizes, and whole.

CPU time of this thread, in the processor alone. Each figure is the difference to the same answer without the judge;
both take turns, and the least of several runs counts.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

import msgspec

from extproc.apis.asked import Asked, AskedTool, OutputFormat
from extproc.inspection.judge import Job
from extproc.inspection.stage import Stage
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Blocked, Verdict
from extproc.pipe.pipe import AnswerPipe
from extproc.policy import loads
from extproc.protocol.errors import ClientError
from extproc.transaction import Plan
from scripts.benchmarks.report import Row

SIZE: Final = 4096
"""Characters of an answer."""
PIECES: Final = (4, 16, 64, 256)
"""Characters of a piece: a token, and what servers send that gather some."""
RUNS: Final = 30

MOST: Final = {"json_schema/prose/64": 200.0, "json_schema/prose/256": 200.0, "json_schema/prose/whole": 200.0}
"""Microseconds that were asked for, where an idle machine should keep them; decision 0093 has the others."""

_POLICY: Final = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local}]}]
pipelines:
  - {name: p, response: [{use: size, max_bytes: 1GiB}%s]}
"""
_JUDGES: Final = {
    "length": "{use: length, max_tokens: 100000}",
    "refusal": "{use: refusal}",
    "url": "{use: url, allow: [example.com]}",
    "grounded": "{use: grounded}",
}


def _member(at: int) -> dict[str, Any]:
    text = "A sentence of some length, as models write it."
    return {"id": at, "name": f"word {at}", "text": text, "tags": ["a", "b"], "price": at + 0.5, "open": True}


_TEXT: Final = {"type": "string"}
_ITEM: Final = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "name": _TEXT,
        "text": _TEXT,
        "tags": {"type": "array", "items": _TEXT},
        "price": {"type": "number"},
        "open": {"type": "boolean"},
    },
    "required": ["id", "name", "text", "tags", "price", "open"],
    "additionalProperties": False,
}
_MEMBERS: Final = {"type": "object", "properties": {"items": {"type": "array", "items": _ITEM}}, "required": ["items"]}
_PROSE: Final = {"type": "object", "properties": {"title": _TEXT, "summary": _TEXT}, "required": ["title", "summary"]}

_SENTENCE: Final = (
    "Prose is what most answers are made of, at https://example.com/a, and 1,234 words “make a long one”. "
)


def answers() -> Mapping[str, tuple[Any, str]]:
    """Schemas, and answers of about 4 KiB that fit them: many short members, or a long string."""
    members = json.dumps({"items": [_member(at) for at in range(SIZE // 150)]})
    prose = json.dumps({"title": "x", "summary": (_SENTENCE * 50)[: SIZE - 40]}, ensure_ascii=False)
    return {"members": (_MEMBERS, members), "prose": (_PROSE, prose)}


def measure(rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str]) -> list[Row]:  # noqa: ARG001
    """The rows of all judges."""
    subjects = [(name, run) for name, run in _subjects() if not only or name.split("/")[0] in only]
    values: dict[str, list[float]] = {name: [] for name, _ in subjects}
    for at in range(rounds):
        say(f"judges: round {at + 1} of {rounds}")
        for name, run in subjects:
            values[name].append(run())
    return [Row("added_us_per_answer", name, "us", tuple(found), most=MOST.get(name)) for name, found in values.items()]


def _subjects() -> Iterator[tuple[str, Callable[[], float]]]:
    plain = _stage("")
    for form, (schema, text) in answers().items():
        written = msgspec.json.encode(schema)
        asked = Asked(OutputFormat(written), (AskedTool("look", written),), documents=(_SENTENCE * 40,))
        judges = {
            "json_schema": "{use: json_schema}",
            **(_JUDGES if form == "prose" else {"tool_schema": "{use: tool_schema}"}),
        }
        for name, used in judges.items():
            own = _stage(f", {used}")
            calls = name == "tool_schema"
            for size in PIECES:
                events = _events(text, size, calls=calls)
                yield f"{name}/{form}/{size}", _difference(_streamed, own, plain, events, asked)
            yield f"{name}/{form}/whole", _difference(_whole, own, plain, [_body(text, calls=calls)], asked)


def _stage(used: str) -> Stage:
    (pipeline,) = Plan.compile(loads(_POLICY % used, "policy.yaml"), {}).pipelines
    assert pipeline.response is not None
    return pipeline.response


def _difference(
    run: Callable[[Stage, list[bytes], Asked], None], own: Stage, plain: Stage, data: list[bytes], asked: Asked
) -> Callable[[], float]:
    """Return what measures the microseconds that a judge adds."""

    def measured() -> float:
        least = [float("inf"), float("inf")]
        for _ in range(RUNS):
            for at, stage in enumerate((own, plain)):
                began = time.thread_time_ns()
                run(stage, data, asked)
                least[at] = min(least[at], time.thread_time_ns() - began)
        return (least[0] - least[1]) / 1000

    return measured


def _streamed(stage: Stage, events: list[bytes], asked: Asked) -> None:
    pipe = AnswerPipe(stage, None, Vault(), dialect="openai.chat", refusal=_refused, blocks_unread=True, asked=asked)
    for event in events:
        pipe.feed(event)
    pipe.close()
    assert not pipe.ended, "the answer is right"


def _whole(stage: Stage, bodies: list[bytes], asked: Asked) -> None:
    job = Job("p", stage, bodies[0], "application/json", {}, Vault(), True, asked=asked, dialect="openai.chat")
    result = job.run()
    assert isinstance(result, Verdict)
    assert result.blocked is None, "the answer is right"


def _refused(_: Blocked) -> ClientError:
    return ClientError(500, "blocked", "")


def _events(text: str, size: int, *, calls: bool) -> list[bytes]:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in pieces]
    if calls:
        function = {"index": 0, "id": "c", "function": {"name": "look", "arguments": ""}}
        rest = [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
        deltas = [{"tool_calls": [call]} for call in (function, *rest)]
    ends = "tool_calls" if calls else "stop"
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": ends})
    chunk = {"id": "x", "object": "chat.completion.chunk", "model": "m"}
    return [b"data: %s\n\n" % json.dumps({**chunk, "choices": [each]}).encode() for each in choices]


def _body(text: str, *, calls: bool) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": None if calls else text}
    if calls:
        message["tool_calls"] = [{"id": "c", "type": "function", "function": {"name": "look", "arguments": text}}]
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
