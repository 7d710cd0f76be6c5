"""Every recorded stream with values planted anywhere, cut anywhere, spelled in any way: a search for what differs.

`python -m tests.inspection.forms [SEED]` goes on until something is found; a test takes the first seeds.
"""

import json
import random
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from extproc.inspection.judge import Job
from extproc.inspection.stage import Stage
from extproc.inspection.vault import Vault
from extproc.pipe.pipe import AnswerPipe
from tests.apis.events.apis import APIS, events, joined
from tests.apis.events.client import documents
from tests.apis.events.samples import STREAMS
from tests.inspection.answering import answer, cut, everything, run
from tests.inspection.judging import decided
from tests.inspection.shapes import PIECES, SHAPES

PLAIN: Final = ("bob@example.com", "4012 8888 8888 1881", "AKIAZYMLOPIFQYF7M2NX")
VALUES: Final = (*(f" {value} " for value in PLAIN), ' "bob@example.com" \\ 😀 now ')
_EVENT = re.compile(rb"(?s)\A(event: [^\n]*\n)?data: (.*)\n\n\Z")
_ESCAPABLE = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f", '"': '\\"', "\\": "\\\\", "/": "\\/"}

Path = tuple[str | int, ...]
Event = tuple[bytes, Any]


@cache
def streams() -> dict[str, list[bytes]]:
    """All recorded streams, by name."""
    made = {name: make() for name, (_, make) in SHAPES.items()}
    return made | {f"api {name}": events(name, PIECES) for name in (*APIS, *STREAMS)}


def read(raws: list[bytes]) -> list[Event]:
    """Each event as the line of its name and its document; those that are none as they are, with no document."""
    made: list[Event] = []
    for raw in raws:
        found = _EVENT.match(raw)
        known = found is not None and found[2][:1] == b"{"
        made.append((found[1] or b"", json.loads(found[2])) if known and found is not None else (raw, None))
    return made


def strings(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places of all strings in a document."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict | list):
        for step, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from strings(each, (*path, step))


def planted(value: Any, path: Path, text: str) -> Any:
    """The document with another string at a place."""
    if not path:
        return text
    made: Any = value.copy()
    made[path[0]] = planted(value[path[0]], path[1:], text)
    return made


def spelled(value: Any, rng: random.Random) -> str:
    """A document in some spelling: escapes, white space."""
    blank = rng.choice(["", "", " ", "  "])
    if isinstance(value, str):
        return f'"{"".join(_character(char, rng) for char in value)}"{blank}'
    if isinstance(value, dict):
        members = (f"{_name(name, rng)}{blank}:{blank}{spelled(each, rng)}" for name, each in value.items())
        return f"{{{blank}{','.join(members)}}}{blank}"
    if isinstance(value, list):
        return f"[{blank}{','.join(spelled(each, rng) for each in value)}]{blank}"
    return json.dumps(value)


def _name(name: str, rng: random.Random) -> str:
    return f'"{"".join(_character(char, rng) for char in name)}"' if rng.random() < 0.1 else json.dumps(name)


def _character(char: str, rng: random.Random) -> str:
    if char in _ESCAPABLE and (char in '"\\' or ord(char) < 32 or rng.random() < 0.5):
        return _ESCAPABLE[char]
    if rng.random() < 0.8 and ord(char) >= 32 and not "\ud800" <= char <= "\udfff":
        return char
    octets = char.encode("utf-16-be", "surrogatepass")
    units = [octets[at : at + 2].hex() for at in range(0, len(octets), 2)]
    return "".join("\\u" + (unit.upper() if rng.random() < 0.5 else unit) for unit in units)


def written(made: list[Event], rng: random.Random | None = None) -> bytes:
    """The stream, each document as Python spells it, or in any spelling."""
    parts: list[bytes] = []
    for head, value in made:
        text = json.dumps(value) if rng is None else spelled(value, rng)
        parts.append(head if value is None else b"%sdata: %s\n\n" % (head, text.encode()))
    return b"".join(parts)


class Outcome:
    """What a stream comes to: its findings, its doubts, what a client reads."""

    def __init__(self, stream: AnswerPipe, out: bytes) -> None:
        self.ended = stream.blocked is not None
        self.told = (dict(stream.counts), dict(stream.unread), stream.blocked)
        # Usage in events of ours counts what was read of it before.
        self.documents = [
            {name: said for name, said in each.items() if name != "usage"} if isinstance(each, dict) else each
            for each in documents(out)
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outcome) and (self.told, self.documents) == (other.told, other.documents)

    __hash__ = None  # type: ignore[assignment]  # nobody asks for it

    def __repr__(self) -> str:
        return f"{self.told} {json.dumps(self.documents)}"


def outcome(data: list[bytes], of: Stage) -> Outcome:
    """What becomes of a stream in these chunks."""
    stream = answer(of, "")
    return Outcome(stream, run(stream, data))


def check(seed: int) -> None:
    """One stream, one place, one value: planted whole or cut over two events, in two spellings."""
    rng = random.Random(seed)
    name, raws = rng.choice(list(streams().items()))
    made = read(raws)
    places = [(at, path) for at, (_, value) in enumerate(made) if value is not None for path in strings(value)]
    at, path = rng.choice(places)
    value = rng.choice(VALUES)
    head, document = made[at]
    where = f"seed {seed}: {name}, event {at}, {path}"
    halves = [value]
    if rng.random() < 0.5:
        middle = rng.randrange(1, len(value))
        halves = [value[:middle], value[middle:]]
    made[at : at + 1] = [(head, planted(document, path, half)) for half in halves]
    first = outcome([written(made)], everything())
    again = written(made, rng)
    chunks = cut(again, sorted(rng.randrange(len(again)) for _ in range(rng.randrange(6))))
    assert outcome(chunks, everything()) == first, f"{where}: another spelling or other chunks"
    if len(halves) == 1:
        _check_whole(made[at][1], where)
        shown = json.dumps(first.documents)
        assert first.ended or not any(each in shown for each in PLAIN), f"{where}: shown"
    elif not (_single(path) or str(document.get("type")).endswith(".done")):
        assert first.ended or not _shown(first.documents), f"{where}: shown by two events"


def _shown(read: list[Any]) -> bool:
    return any(each in text for text in joined(read) for each in PLAIN)


_NAMING = frozenset(
    {"id", "object", "model", "modelVersion", "role", "type", "event_type", "status", "item_id", "call_id"}
)
_ONCE = frozenset(
    {
        "response",
        "message",
        "item",
        "part",
        "citations",
        "search_results",
        "traceId",
        "provider",
        "result",
        "params",
        "content_block",
    }
)
_WORDS = frozenset({"system_fingerprint", "responseId", "obfuscation", "p", "format", "severity", "finish_reason"})


def _single(path: Path) -> bool:
    """True for places of which no client joins the strings of several events: names, and what is sent as a whole."""
    named = [step for step in path if isinstance(step, str)]
    return named[0] in _ONCE or named[-1] in _NAMING | _WORDS


def _check_whole(document: Any, where: str) -> None:
    """The same document as a whole body and as the only event of a stream."""
    data = json.dumps(document).encode()
    whole = decided(Job("pipeline", everything(), data, "application/json", {}, Vault(), blocks_unread=True).run())
    stream = answer(everything(), "")
    out = run(stream, [b"data: %s\n\n" % data])
    if "stream" in stream.unread:
        return  # of an unknown shape
    assert (dict(whole.unread), whole.blocked) == (dict(stream.unread), stream.blocked), f"{where}: whole"
    if whole.blocked is None:
        assert json.loads(whole.body) == documents(out)[0], f"{where}: whole text"


def main() -> None:
    """Search until something is found."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    while True:
        check(seed)
        seed += 1


if __name__ == "__main__":
    main()
