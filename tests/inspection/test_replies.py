"""The parts of replies in every recorded stream: no reply of a known API is unknown, and each text comes once."""

import json
from collections import defaultdict
from random import Random
from typing import Any

import pytest

from extproc.apis.events import StreamEvent
from extproc.apis.events.event import Scope
from extproc.apis.reply import ReplyPart
from extproc.apis.streams import StreamReader
from extproc.inspection.replies import ReplyReader
from tests.apis.events.apis import APIS, events
from tests.apis.events.samples import STREAMS
from tests.gathered import gathered
from tests.inspection.shapes import PIECES, SHAPES


def streams() -> dict[str, tuple[str, list[bytes]]]:
    """All recorded streams of APIs whose replies are read, each with the API of its request."""
    made = {name: (dialect, make()) for name, (dialect, make) in SHAPES.items()}
    made |= {f"sample {name}": (dialect, make(PIECES)) for name, (dialect, make) in STREAMS.items() if name != "mcp"}
    return made | {f"api {name}": ("", events(name, PIECES)) for name in APIS if name not in {"thread", "transcript"}}


def read(raws: list[bytes], dialect: str) -> list[StreamEvent]:
    reader = StreamReader(dialect)
    return [event for raw in raws for event in reader.feed(raw)] + reader.close()


def parts_of(raws: list[bytes], dialect: str) -> list[ReplyPart]:
    """The parts of a stream, taken as followers are given them."""
    reader = ReplyReader(dialect)
    found: list[ReplyPart] = []
    for event in read(raws, dialect):
        growing = reader.growing.get(event.deltas[0].channel) if len(event.deltas) == 1 else None
        if growing is not None and not event.ends and not event.calls and event.kind == "delta":
            piece = reader.paired(growing.part.path, event.deltas[0].text)
            reader.keep(growing.said, piece)
            found.append(growing.piece(piece))
        else:
            found += reader.event(event)
    return found


def joined(parts: list[ReplyPart]) -> dict[Scope, str]:
    """The texts that the parts make up."""
    texts: dict[Scope, str] = defaultdict(str)
    for part in parts:
        if part.kind in {"text", "refusal", "arguments"}:
            texts[part.path] = part.text if part.whole else texts[part.path] + part.text
    return dict(texts)


@gathered("name", streams())
def test_every_recorded_stream_is_read_and_the_quick_way_gives_what_the_json_gives(name: str) -> None:
    dialect, raws = streams()[name]
    quick = parts_of(raws, dialect)
    slow = ReplyReader(dialect)
    by_json: list[ReplyPart] = []
    for event in read(raws, dialect):
        by_json += slow.event(event)
    assert joined(quick) == joined(by_json)
    assert [part.kind for part in quick if part.kind in {"tool", "end"}] == [
        part.kind for part in by_json if part.kind in {"tool", "end"}
    ]


@pytest.mark.parametrize("name", [name for name in streams() if name.startswith("sample")])
def test_what_the_model_says_is_among_the_texts_once(name: str) -> None:
    dialect, raws = streams()[name]
    texts = list(joined(parts_of(raws, dialect)).values())
    said = "".join(PIECES)
    assert any(said in each or json.dumps(said)[1:-1] in each for each in texts), texts
    assert all(each.count(said) <= 1 for each in texts)


def test_a_text_that_comes_again_is_given_once_and_another_in_its_place_anew() -> None:
    reader = ReplyReader("openai.responses")
    at: dict[str, Any] = {"output_index": 0, "content_index": 0}

    def taken(kind: str, **more: Any) -> list[tuple[str, bool]]:
        event = {"type": f"response.output_text.{kind}", "item_id": "m", **at, **more}
        raw = f"event: response.output_text.{kind}\ndata: {json.dumps(event)}\n\n".encode()
        (read_,) = StreamReader("openai.responses").feed(raw)
        return [(part.text, part.whole) for part in reader.event(read_)]

    assert taken("delta", delta="hel") == [("hel", False)]
    assert taken("done", text="hello") == [("lo", False)]
    assert taken("done", text="hello") == []
    assert taken("done", text="other") == [("other", True)]


def test_random_cuts_of_bytes_give_the_same_parts() -> None:
    random = Random(7)
    for name, (dialect, raws) in streams().items():
        whole = b"".join(raws)
        reader, replies, found = StreamReader(dialect), ReplyReader(dialect), list[ReplyPart]()
        at = 0
        while at < len(whole):
            size = random.randint(1, 60)
            for event in reader.feed(whole[at : at + size]):
                found += replies.event(event)
            at += size
        for event in reader.close():
            found += replies.event(event)
        assert joined(found) == joined(parts_of(raws, dialect)), name
