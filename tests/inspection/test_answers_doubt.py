"""Events that some client reads otherwise than others: joined as all of them do, or named and refused."""

import json
from collections.abc import Callable

import pytest

from extproc.apis.events.leaves import document
from extproc.inspection.judge import Job
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Verdict
from extproc.pipe.pipe import AnswerPipe
from extproc.pipe.whole import streamed
from tests.apis.events.samples import event
from tests.gathered import gathered
from tests.inspection.answering import answer, cut, everything, run
from tests.inspection.judging import decided

FIRST, SECOND = "card 4012 8888", " 8888 1881 ok"


def whole_as(dialect: str) -> Callable[..., Verdict | None]:
    return lambda job, meter=None: streamed(job, dialect, meter)


def chunk(text: str) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]})


A, B = chunk(FIRST), chunk(SECOND)


def both(form: str) -> bytes:
    """The two halves of a card in this form."""
    return "".join(form.replace("{}", each) for each in (A, B)).encode()


def inside(form: str) -> bytes:
    """The two halves in chunks that have this beside their choices."""
    return "".join(f"data: {each[:-1]}, {form}}}\n\n" for each in (A, B)).encode()


def with_text(form: str) -> bytes:
    """The two halves in chunks whose text stands in this."""
    return "".join(f"data: {form.replace('{}', each)}\n\n" for each in (FIRST, SECOND)).encode()


MALFORMED = {
    "a trailing comma": both("data: {},\n\n"),
    "a trailing comma inside": inside('"p": [1,],'),
    "a comment": both("data: /* x */ {}\n\n"),
    "a comment of lines": both("data: {} // x\n\n"),
    "single quotes": with_text("{'choices': [{'index': 0, 'delta': {'content': '{}'}}]}"),
    "names without quotes": with_text('{choices: [{"index": 0, "delta": {"content": "{}"}}]}'),
    "a control character": with_text('{"choices": [{"index": 0, "delta": {"content": "\x01{}"}}]}'),
    "a tab": with_text('{"choices": [{"index": 0, "delta": {"content": "\t{}"}}]}'),
    "two documents": both("data: {}{}\n\n"),
    "a document and a word": both("data: {} x\n\n"),
    "a mark in the data": both("data: \ufeff{}\n\n"),
    "a mark before the line": both(": x\n\n\ufeffdata: {}\n\n"),
    "events one line end apart": both("data: {}\n"),
    "events one line end apart, ended": both("data: {}\n") + b"\n",
    "a document in a line of another": both('data: {"pad": [\ndata: {}\ndata: ]}\n\n'),
    "a blank before the field": both(" data: {}\n\n"),
    "another case": both("Data: {}\n\n"),
    "a blank before the colon": both("data : {}\n\n"),
    "no field": both("{}\n"),
    "no field, blank lines": both("{}\n\n"),
    "a number's zeros": inside('"p": 007'),
    "hexadecimal": inside('"p": 0x1f'),
    "a plus": inside('"p": +1'),
    "CR beside LF": both("data: {}\n\n: x\rdata: {}\n\n"),
    "CR, then LF": both("data: {}\r\r: x\n\n"),
    "a done in two lines": both("data: [DONE]\ndata: {}\n\n"),
    "the first of a name": inside('"choices": [{"index": 0, "delta": {"content": "x"}}]'),
    "the last of a name": with_text('{"choices": [], "choices": [{"index": 0, "delta": {"content": "{}"}}]}'),
    "a name twice within": with_text('{"choices": [{"index": 0, "delta": {"content": "x", "content": "{}"}}]}'),
    "a name twice, escaped": with_text('{"choices": [{"index": 0, "delta": {"content": "x", "cont\\u0065nt": "{}"}}]}'),
    "an index twice": b"".join(
        [
            b'data: {"choices": [{"index": 0, "delta": {"content": "card 4012 8888"}}]}\n\n',
            b'data: {"choices": [{"index": 0, "index": 1, "delta": {"content": " 8888 1881"}}]}\n\n',
        ]
    ),
    "another case of a name": with_text('{"choices": [{"index": 0, "Delta": {"content": "{}"}}]}'),
    "another case that folds": with_text('{"choices": [{"index": 0, "delta": {"rea\u017foning": "{}"}}]}'),
    "a byte that is no UTF-8": with_text('{"choices": [{"index": 0, "delta": {"content": "{}?"}}]}').replace(
        b"?", b"\xff"
    ),
    "UTF-16": both("data: {}\n\n").decode().encode("utf-16"),
}
"""Halves of a card in two events each, which some client reads and others do not."""


def outcome(data: bytes, *, blocks: bool = True) -> tuple[AnswerPipe, bytes]:
    stream = answer(everything(), "openai.chat", blocks_unread=blocks)
    return stream, run(stream, [data])


@gathered("name", MALFORMED)
def test_an_event_that_is_read_in_two_ways_is_uninspected(name: str) -> None:
    data = MALFORMED[name]
    stream, out = outcome(data)
    assert stream.unread == {"malformed": 1}
    assert stream.blocked is not None
    assert stream.blocked.reason == "uninspected"
    assert b"8888 1881" not in out
    assert b"uninspected_content" in out
    for at in range(0, len(data), 5):
        again = answer(everything(), "openai.chat")
        assert run(again, cut(data, [at])) == out


@gathered("name", MALFORMED)
def test_where_it_may_pass_it_is_named_and_goes_on_as_it_came(name: str) -> None:
    stream, out = outcome(MALFORMED[name], blocks=False)
    assert stream.unread["malformed"] >= 1
    assert stream.blocked is None
    assert stream.masked or out.count(b"8888") == MALFORMED[name].count(b"8888")


READ = {
    "NaN": inside('"p": NaN'),
    "Infinity": inside('"p": [-Infinity]'),
    "a number that overflows": inside('"p": 1e999'),
    "a number of many digits": inside(f'"created": 1{"0" * 5000}'),
    "half a pair": inside(r'"p": "\ud83d"'),
    "escapes in names": with_text(r'{"cho\u0069ces": [{"index": 0, "delta": {"\u0063ontent": "{}"}}]}'),
    "data over lines": both("data: {}\n\n").replace(b'"delta"', b'\ndata: "delta"'),
    "no blank after the colon": both("data:{}\n\n"),
    "CRLF": both("data: {}\r\n\r\n"),
    "CR": both("data: {}\r\r"),
    "a mark at the start": b"\xef\xbb\xbf" + both("data: {}\n\n"),
    "a name of another event": both("event: ping\ndata: {}\n\n"),
    "an identifier and a time": both("id: 7\nretry: 10\ndata: {}\n\n"),
    "comments between": both(": keep-alive\n\ndata: {}\n\n: OPENROUTER PROCESSING\n\n"),
    "words that keep it open": both("data: ping\n\ndata:\n\ndata: {}\n\n"),
    "blanks around": both("data:  \t{} \n\n"),
    "a name twice that says nothing": inside('"object": "a", "object": "b"'),
    "a role twice": with_text(
        '{"choices": [{"index": 0, "delta": {"role": "assistant", "role": "assistant", "content": "{}"}}]}'
    ),
}
"""The same in forms that all clients read alike."""


@gathered("name", READ)
def test_an_event_that_all_clients_read_alike_is_joined(name: str) -> None:
    stream, out = outcome(READ[name])
    assert stream.blocked is None
    assert not stream.unread
    assert stream.masked
    assert b"[CREDIT_CARD_1]" in out
    assert b"1881" not in out


def test_of_a_name_given_twice_what_either_reader_takes_is_masked() -> None:
    data = inside('"note": "a@b.de", "note": "c@d.de", "note": "e@f.de"')
    stream, out = outcome(data)
    assert stream.blocked is None
    assert b"@" not in out
    assert b"[CREDIT_CARD_1]" in out


def test_what_a_stream_broke_off_in_the_middle_of_a_document_is_no_event() -> None:
    for end in range(len("data: "), len(B) + 5):
        stream, _ = outcome(event(json.loads(A)) + event(json.loads(B))[:end])
        assert stream.blocked is None
        assert not stream.unread


def test_a_finding_in_a_malformed_event_counts_for_more() -> None:
    stream, _ = outcome(b"data: {my 4012 8888 8888 1881}\n\n")
    assert [key[1] for key in stream.counts] == ["credit_card"]
    assert stream.unread == {"malformed": 1}


@pytest.mark.parametrize(
    "data", [b"NaN", b"[-Infinity]", b"1e999", b"-1e-999", b"[" + b"9" * 4000 + b"]", rb'"\ud800"', b"null"]
)
def test_numbers_of_any_size_and_halves_of_pairs_are_json(data: bytes) -> None:
    assert document(data)[0]


@pytest.mark.parametrize("data", [b"nan", b"{}{}", b"\xef\xbb\xbf{}", b'"\xff"', b'"\n"'])
def test_what_only_some_readers_take_is_not_json(data: bytes) -> None:
    assert not document(data)[0]


DOCUMENTS = [f"{A},", f"/* x */ {A}", f"{A}{B}", A.replace('"', "'"), f"{A} x"]


@pytest.mark.parametrize("data", [*(each.encode() for each in DOCUMENTS), A.encode().replace(b"card", b"\xff")])
def test_the_same_document_has_the_same_verdict_streamed_and_whole(data: bytes) -> None:
    for blocks in (True, False):
        whole = decided(Job("pipeline", everything(), data, "application/json", {}, Vault(), blocks).run())
        stream = answer(everything(), "openai.chat", blocks_unread=blocks)
        run(stream, [b"data: %s\n\n" % data])
        assert whole.unread == stream.unread == {"malformed": 1}
        assert whole.blocked == stream.blocked


TWOFOLD = {
    "a text twice": '{"choices": [{"index": 0, "delta": {"content": "x", "content": "{}"}}]}',
    "choices twice": '{"choices": [], "choices": [{"index": 0, "delta": {"content": "{}"}}]}',
    "an index twice": '{"choices": [{"index": 0, "index": 1, "delta": {"content": "{}"}}]}',
    "an unknown text of a delta twice": '{"choices": [{"index": 0, "delta": {"note": "x", "note": "{}"}}]}',
    "a message's text twice": '{"choices": [{"index": 0, "message": {"content": "x", "content": "{}"}}]}',
    "a candidate's text twice": '{"candidates": [{"content": {"parts": [{"text": "x", "text": "{}"}]}}]}',
    "a message twice": '{"model": "m", "done": false, "message": {"content": "x"}, "message": {"content": "{}"}}',
    "a delta twice": '{"type": "response.output_text.delta", "delta": "x", "delta": "{}"}',
    "a whole text twice": '{"type": "response.output_text.done", "text": "x", "text": "{}"}',
    "a block's text twice": '{"type": "content_block_delta", "index": 0, "delta": {"text": "x", "text": "{}"}}',
    "a delta in another case": '{"choices": [{"index": 0, "Delta": {"content": "{}"}}]}',
    "a message in another case": '{"choices": [{"index": 0, "Message": {"content": "{}"}}]}',
    "a byte order mark": '\ufeff{"choices": [{"index": 0, "delta": {"content": "{}"}}]}',
    "a byte order mark behind": '{"choices": [{"index": 0, "delta": {"content": "{}"}}]}\ufeff',
    "two byte order marks": '\ufeff\ufeff{"choices": [{"index": 0, "message": {"content": "{}"}}]}',
}
"""Documents that are read in two ways."""

ONEFOLD = {
    "a role twice": '{"choices": [{"index": 0, "delta": {"role": "assistant", "role": "assistant", "content": "{}"}}]}',
    "an unknown member twice": '{"note": "x", "note": "{}", "choices": [{"index": 0, "delta": {"content": "y"}}]}',
    "words of the API twice": '{"id": "a", "id": "b", "object": "{}", "choices": []}',
    "an error's message twice": '{"error": {"message": "x", "message": "{}"}}',
    "a message of JSON-RPC": '{"jsonrpc": "2.0", "id": 1, "result": {"content": [{"text": "x", "text": "{}"}]}}',
    "a model twice": '{"model": "m", "model": "n", "done": false, "message": {"content": "{}"}}',
    "arguments with a name twice": '{"model": "m", "done": false, "message": {"tool_calls": [{"function": '
    '{"arguments": {"q": "x", "Text": "{}", "Value": "a"}}}]}}',
}
"""Documents in which a name that is given twice, or in another case, changes no text of a model."""


def verdicts(document: str, *, blocks: bool) -> list[tuple[object, ...]]:
    """What the same document comes to whole and as the one event of a stream."""
    data = document.encode()
    whole = decided(Job("pipeline", everything(), data, "application/json", {}, Vault(), blocks).run())
    stream = answer(everything(), "", blocks_unread=blocks)
    out = run(stream, [b"data: %s\n\n" % data])
    masked = b"" if whole.blocked else b"data: %s\n\n" % whole.body
    return [
        (dict(whole.unread), whole.blocked, masked),
        (dict(stream.unread), stream.blocked, b"" if stream.blocked else out),
    ]


@gathered("name", TWOFOLD)
@gathered("said", ["y", "to bob@example.com"])
def test_a_document_that_is_read_in_two_ways_is_uninspected_in_both_forms(name: str, said: str) -> None:
    for blocks in (True, False):
        whole, stream = verdicts(TWOFOLD[name].replace("{}", said), blocks=blocks)
        assert whole == stream
        assert whole[0] == {"malformed": 1}
        assert (whole[1] is not None) == blocks


@pytest.mark.parametrize("name", ONEFOLD)
@pytest.mark.parametrize("said", ["y", "to bob@example.com"])
def test_a_name_that_changes_no_text_of_a_model_is_read_in_both_forms(name: str, said: str) -> None:
    whole, stream = verdicts(ONEFOLD[name].replace("{}", said), blocks=True)
    assert whole == stream
    assert whole[:2] == ({}, None)
    assert b"bob@example.com" not in whole[2]  # type: ignore[operator]  # it is the body


@pytest.mark.parametrize("form", ["[{0},{1}]", "{0}\n{1}"])
def test_chunks_behind_a_byte_order_mark_are_joined_and_named(form: str) -> None:
    body = ("\ufeff" + form.format(A, B)).encode()
    for blocks in (True, False):
        job = Job("p", everything(), body, "application/json", {}, Vault(), blocks, streamed=whole_as("openai.chat"))
        verdict = decided(job.run())
        assert verdict.unread == {"malformed": 1}
        assert (verdict.blocked is not None) == blocks
        assert blocks or b"8888" not in verdict.body
