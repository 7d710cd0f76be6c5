import json
from itertools import combinations

import pytest

from extproc.apis.streams import reader
from extproc.detectors import pii
from extproc.inspection.stage import Stage
from extproc.inspection.vault import Vault
from tests.apis.events.client import documents
from tests.apis.events.samples import chat, choice, chunk, event
from tests.gathered import gathered
from tests.inspection.answering import answer, cut, everything, masking, processor, run, stage

DIALECTS = ["openai.chat", "openai.completions", "openai.responses", "anthropic.messages", "mcp", ""]
CARD = 4012888888881881


def blocks_cards() -> Stage:
    return stage((processor(action="block"), pii.rules(("credit_card",))))


# -- long numbers


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_card_that_is_a_number_is_masked_as_a_number_in_every_dialect(dialect: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": {"card": CARD, "n": 12, "created": CARD}}}
    out = run(answer(everything(), dialect), [event(message)])
    # Of what a tool returns, numbers under the names of times and counts are read, too.
    assert out == event(message).replace(b"4012888888881881", b"0")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_card_under_the_name_of_a_time_is_one_where_tools_name_what_they_like(dialect: str) -> None:
    stream = answer(blocks_cards(), dialect)
    run(stream, [event({"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": {"created": CARD}}})])
    assert stream.blocked is not None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_card_that_is_a_number_is_blocked_in_every_dialect(dialect: str) -> None:
    stream = answer(blocks_cards(), dialect)
    out = run(stream, [event({"type": "response.new.delta", "choices": [{"delta": {"content": [CARD]}}]})])
    assert stream.blocked is not None
    assert b"4012" not in out
    assert "The answer was blocked." in json.dumps(documents(out))


def test_numbers_beside_pieces_of_text_are_masked_and_the_pieces_go_on() -> None:
    raws = [chunk([choice({"content": "a@b", "card": CARD})]), chunk([choice({"content": ".de ok"}, finish="stop")])]
    first, second = documents(run(answer(everything(), "openai.chat"), raws))
    assert first["choices"][0]["delta"] == {"content": "[EMAIL_1]", "card": 0}
    assert second["choices"][0]["delta"] == {"content": " ok"}


# -- lines


KEY = "AKIAQ3EGRTZ5WNXLKFHV"
LINES = (
    (b": mail a@b.de\n\n", b": mail [EMAIL_1]\n\n"),
    (b":a@b.de\r\n\r\n", b":[EMAIL_1]\r\n\r\n"),
    (b"event: a@b.de\rdata: 1\r\r", b"event: [EMAIL_1]\rdata: 1\r\r"),
    (b"id: a@b.de\nevent:a@b.de\n\n", b"id: [EMAIL_1]\nevent:[EMAIL_1]\n\n"),
    (b"a@b.de\nnote: a@b.de\n\n", b"[EMAIL_1]\nnote: [EMAIL_1]\n\n"),
    (b": a@b.de\ndata: [DONE]\n\n", b": [EMAIL_1]\ndata: [DONE]\n\n"),
    (b'data: {"a":"b@c.de"}\n: a@b.de\n\n', b'data: {"a":"[EMAIL_1]"}\n: [EMAIL_2]\n\n'),
    (b"data: not json mail a@b.de\n\n", b"data: not json mail [EMAIL_1]\n\n"),
    (b"data: x a@b.de, y\ndata: z a@b.de\n\n", b"data: x [EMAIL_1], y\ndata: z [EMAIL_1]\n\n"),
    (rb'data: he said "a\u0040b.de", not c@d.de', b'data: he said "[EMAIL_1]", not [EMAIL_2]'),
    (rb'data: {"a":"b\u0040c.de","d":4012888888881881,"e":"', b'data: {"a":"[EMAIL_1]","d":0,"e":"'),
    (rb'{"error":{"message":"b\u0040c.de"}}', b'{"error":{"message":"[EMAIL_1]"}}'),
    (b'{\n "n": 4012888888881881\n}\n', b'{\n "n": 0\n}\n'),
    (b'[\n "a@b.de",\n\n 1]\n', b'[\n "[EMAIL_1]",\n\n 1]\n'),
    (b'{"a":"b@c.de"}\n{"d":4012888888881881}\n', b'{"a":"[EMAIL_1]"}\n{"d":0}\n'),
    (b"Mail a@b.de\n\nor c@d.de", b"Mail [EMAIL_1]\n\nor [EMAIL_2]"),
)


@gathered(("data", "expected"), LINES)
@gathered("dialect", DIALECTS)
def test_what_stands_in_any_line_is_masked_and_every_cut_gives_the_same(
    dialect: str, data: bytes, expected: bytes
) -> None:
    def masked(chunks: list[bytes]) -> bytes:
        return run(answer(everything(), dialect, blocks_unread=False), chunks)

    assert masked([data]) == expected
    for at in range(len(data) + 1):
        assert masked(cut(data, [at])) == expected
    assert masked(cut(data, range(1, len(data)))) == expected


def test_every_two_cuts_of_a_line_give_the_same() -> None:
    data = b": a@b.de\r\n\r\nid: c@d.de\n\n"
    for places in combinations(range(len(data) + 1), 2):
        assert run(answer(masking(), "mcp"), cut(data, places)) == b": [EMAIL_1]\r\n\r\nid: [EMAIL_2]\n\n"


@gathered("form", [": {}\n\n", "event: {}\n\n", "id: {}\ndata: 1\n\n", "{}\n\n", "x: {}\n\n", "data: {}\n\n"])
@gathered("dialect", DIALECTS)
def test_what_is_to_be_blocked_in_any_line_blocks_the_answer(dialect: str, form: str) -> None:
    data = form.format("my 4012 8888 8888 1881").encode()
    for at in range(len(data) + 1):
        stream = answer(blocks_cards(), dialect)
        out = run(stream, cut(data, [at]))
        assert stream.blocked is not None
        assert b"8888" not in out
        assert b"The answer was blocked." in out


def test_a_body_that_is_no_event_stream_is_blocked_for_what_it_says() -> None:
    secret = json.dumps({"error": {"message": f"key {KEY} is wrong"}}, indent=1).encode()
    out = run(answer(everything(), "openai.chat"), [secret])
    assert KEY.encode() not in out
    assert json.loads(out)["error"]["message"] == "key [AWS_ACCESS_KEY_ID_1] is wrong"
    stream = answer(blocks_cards(), "openai.chat")
    assert b"4012" not in run(stream, [secret.replace(KEY.encode(), b"4012888888881881")])
    assert stream.blocked is not None


def test_a_value_that_comes_back_does_not_end_its_line() -> None:
    vault = Vault()
    vault.placeholder("email", 'a\r\ndata: "b"')
    out = run(answer(None, "mcp", vault, blocks_unread=False), [b": to [EMAIL_1]\n\ndata: x [EMAIL_1]\n\n"])
    assert out == b': to a data: "b"\n\ndata: x a data: "b"\n\n'


def test_events_that_are_added_are_written_like_those_that_have_data() -> None:
    raws = [b": a text\r\rid: b c\r\r", *chat(("wait",))]
    out = run(answer(masking(), "openai.chat"), raws)
    assert out.count(b"\r") == 4
    out = run(answer(blocks_cards(), "anthropic.messages"), [b": a text\n\n", b": 4012888888881881\n\n"])
    assert b"\n\nevent: error\n" in out


def test_lines_that_say_nothing_leave_the_way_past_the_walk_open(monkeypatch: pytest.MonkeyPatch) -> None:
    raws = [b"event: some.delta\n: ping\nretry: 3000\nid: 17\n" + raw for raw in chat(["one ", "two ", "three "])[1:4]]
    stream = answer(masking(), "openai.chat")
    out = stream.feed(raws[0]) + stream.feed(b": keep-alive\n\n")

    def fail(*_: object) -> None:
        pytest.fail("it was read as if it were new")

    monkeypatch.setattr(reader, "leaves", fail)
    out += b"".join(stream.feed(raw) for raw in raws[1:])
    assert out.count(b": ping") == 3
