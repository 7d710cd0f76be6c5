"""Bodies that came whole and are streams: arrays of chunks, lines of documents, events under another type."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.streams.sequences import Sequence, sequence
from extproc.inspection.judge import Job
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Verdict
from extproc.pipe.whole import streamed
from tests.apis.events.apis import APIS, joined
from tests.apis.events.samples import chat, event
from tests.inspection.answering import EMAIL, blocking, masking, processor, stage

PIECES = ("Write to maria.gon", "zalez", "@example-mail.org soon. ")


def array(documents: list[object], between: str = "\n,\r\n") -> bytes:
    """As Gemini writes it."""
    return ("[" + between.join(json.dumps(each, indent=1) for each in documents) + "\n]").encode()


def lines(documents: list[object], end: str = "\n", before: str = "") -> bytes:
    return "".join(before + json.dumps(each) + end for each in documents).encode()


def verdict(body: bytes, **more: object) -> Verdict:
    given = {"stage": masking(), "blocks_unread": True, **more}
    job = Job("p", given["stage"], body, "", {}, Vault(), given["blocks_unread"])  # type: ignore[arg-type]
    found = streamed(job, "")
    assert found is not None
    return found


@pytest.mark.parametrize("name", APIS)
def test_a_value_cut_over_chunks_is_masked_in_an_array_and_in_lines(name: str) -> None:
    made = APIS[name](PIECES)
    for body in (array(made), lines(made), lines(made, "\r\n\r\n"), lines(made, before="\x1e")):
        found = verdict(body)
        assert found.blocked is None
        assert found.masked
        assert b"zalez" not in found.body
        bare = [each for line in found.body.split(b"\n") if (each := line.strip(b"\x1e \r"))]
        documents = json.loads(found.body) if body.startswith(b"[") else [json.loads(each) for each in bare]
        assert any("Write to [EMAIL_1] soon. " in text for text in joined(documents))


@pytest.mark.parametrize("name", sorted({*APIS} - {"thread"}))  # which holds back the quotes of its arguments
def test_where_nothing_is_found_the_body_is_the_very_same(name: str) -> None:
    body = array(APIS[name](("One. ", "Two. ")))
    found = verdict(body)
    assert found.body == body
    assert not found.masked
    assert not found.unread


def test_a_value_cut_over_chunks_blocks_the_whole_body() -> None:
    found = verdict(array(APIS["gemini"](PIECES)), stage=stage((processor(action="block"), EMAIL)))
    assert found.blocked is not None
    assert found.blocked.reason == "finding"


def test_events_under_another_type_are_joined() -> None:
    found = verdict(b"".join(chat(PIECES)))
    assert found.masked
    assert b"zalez" not in found.body


def test_a_line_that_is_no_document_among_chunks_is_uninspected() -> None:
    body = lines(APIS["llama"](PIECES)[:2]) + b'{"content": "x",}\n' + lines(APIS["llama"](PIECES)[2:])
    assert verdict(body).unread == {"malformed": 1}
    assert verdict(body, blocks_unread=False).unread == {"malformed": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"choices": []}',
        b'{\n "choices": []\n}\n',
        b"[]",
        b"[1, 2, 3]",
        b'[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]',
        b'[{"choices": []}]',
        b'[{"choices": []}, {"choices": []}',
        b'{"a": 1}\n{"b": 2}\n',
        b"plain text",
        b"a: 1\ndata: 2\n",
        b"[" * 5000,
    ],
)
def test_other_bodies_are_no_streams(body: bytes) -> None:
    assert sequence(body) is None


DOCUMENT = st.sampled_from(
    [{"choices": []}, {"content": "[1, {", "stop": False}, {"candidates": [[1], {"a": {}}]}, 7, [], "x"]
)


@given(st.lists(DOCUMENT, min_size=1, max_size=6), st.sampled_from([",", " ,\n", "\n,\r\n"]))
def test_what_is_taken_apart_is_the_same_put_together(documents: list[object], between: str) -> None:
    grow = [{"choices": []}, {"choices": [{}]}, *documents]
    for body in (array(grow, between), lines(grow), lines(grow, "\r\n")):
        found = sequence(body)
        assert found is not None
        assert [json.loads(each) for each in found.documents] == grow
        assert found.joined(found.documents) == body


def test_a_document_that_has_become_empty_takes_what_is_before_it_along() -> None:
    found = Sequence((b"1", b"2", b"3"), (b"[", b", ", b" ,", b"]"), b", ")
    assert found.joined([b"1", b"", b"3"]) == b"[1 ,3]"
    assert found.joined([b"", b"2", b"3"]) == b"[2 ,3]"
    assert found.joined([b"", b"", b""]) == b"[]"


def test_stand_ins_judge_a_stream_as_well() -> None:
    job = Job("p", blocking(), array(APIS["llama"](PIECES)), "", {}, Vault(), True, only=frozenset({"keys"}))
    found = streamed(job, "")
    assert found is not None
    assert not found.masked, "the one that masks was not called"


def test_a_single_event_under_another_type_is_read_as_one() -> None:
    assert sequence(event({"choices": []})) == Sequence()
