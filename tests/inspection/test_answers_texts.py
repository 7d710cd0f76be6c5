import json
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Finding
from extproc.protocol.messages import Side
from tests.apis.events.client import documents, replaced
from tests.apis.events.samples import STREAMS, chat, chat_tools, choice, chunk, event, messages, responses
from tests.inspection.answering import (
    EMAIL,
    answer,
    cut,
    every_rule,
    everything,
    masked,
    masking,
    processor,
    run,
    said,
    stage,
)
from tests.inspection.texts import texts

OWN = 'own "name"\\@value.org'


def vault(*values: str) -> Vault:
    made = Vault()
    for value in values or (OWN,):
        made.placeholder("email", value)
    return made


def content(out: bytes, at: int = 0) -> str:
    found: str = said("openai.chat", out)[f"choice {at}"]["delta"]["content"]
    return found


# -- the forms of events


def said_in(content: str) -> str:
    """A chunk of a chat with this in it, as it stands in JSON."""
    return f'{{"choices":[{{"index":0,"delta":{{"content":"{content}"}}}}]}}'


ESCAPED = said_in(r"to bob\u0040exam"), said_in(r"ple.\u0063om \ud83d\ude00 n\u00f6"), said_in(r"a\u0040b.")
LINES = said_in("to bob@exam").replace('"delta"', '\ndata: "delta"').replace('"to', '\ndata: "to')
FORMS = (
    f"data: {ESCAPED[0]}\n\ndata: {ESCAPED[1]}\n\n",
    f"\ufeff: hi\n\n:\ndata: {LINES}\n\nid: 7\ndata:{said_in('ple.com x')}\nretry: 1\n\n: bye\n\n",
    f"data: {said_in('to bob@exam')}\r\n\r\n:人\r\n\r\ndata: {said_in('ple.com 人😀')}\r\n\r\ndata: [DONE]",
    f"data: {said_in('to bob@exam')}\r\rdata: {said_in('ple.com')}\r",
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_event_is_read_and_every_cut_gives_the_same(form: str) -> None:
    data = form.encode()
    expected = run(answer(everything(), "openai.chat"), [data])
    assert content(expected + b"\n\n").startswith("to [EMAIL_1]")
    for at in range(len(data) + 1):
        assert run(answer(everything(), "openai.chat"), cut(data, [at])) == expected
    assert run(answer(everything(), "openai.chat"), cut(data, range(1, len(data)))) == expected


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.deep)])
def test_every_two_cuts_of_a_short_answer_give_the_same(step: int) -> None:
    """Five bytes apart, and all."""
    data = f"data: {ESCAPED[2]}\r\n\r\ndata: {said_in('de 😀')}\n\n".encode()
    expected = run(answer(masking(), "openai.chat"), [data])
    assert content(expected) == "[EMAIL_1] 😀"
    for places in combinations(range(0, len(data) + 1, step), 2):
        assert run(answer(masking(), "openai.chat"), cut(data, places)) == expected


def test_comments_and_unknown_events_pass_as_they_came() -> None:
    data = b': keep-alive\n\nevent: x\n\ndata\n\ndata: {"a":1.50,"b":[ ]}\n\n\n\n'
    assert run(answer(masking(), "openai.chat"), [data]) == data


# -- nothing of a value leaves


@given(st.sampled_from([name for name in STREAMS if name != "mcp"]), st.data())
def test_what_has_left_at_any_time_is_the_beginning_of_what_leaves_in_all(name: str, data: st.DataObject) -> None:
    dialect, make = STREAMS[name]
    words = st.sampled_from(("bob@example", ".com", " ", "ssn ", "536-22", "-1847", "my ", "x", "4111 1111", "é"))
    pieces = data.draw(st.lists(st.lists(words, max_size=3).map("".join), max_size=8))
    stream = b"".join(make(pieces))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=5))
    whole = run(answer(masking(), dialect), [stream])
    one, out = answer(masking(), dialect), b""
    for piece in cut(stream, cuts):
        out += one.feed(piece)
        assert whole.startswith(out)
    assert out + one.close() == whole


PIECES = st.lists(st.one_of(texts(0, 1), st.text("ab1 5-.@:/+(é人\n", max_size=6)), min_size=1, max_size=6)


@given(st.sampled_from(("chat", "choices", "completions", "parts")), PIECES)
def test_an_answer_in_pieces_is_masked_as_if_it_had_come_whole(name: str, pieces: list[str]) -> None:
    dialect, make = STREAMS[name]
    text = "".join(pieces)
    of = every_rule()
    assert of.scanner is not None
    whole = masked(text, of.scanner.scan(text))
    assert said(dialect, run(answer(of, dialect), make(pieces))) == said(dialect, b"".join(make([whole])))


# -- values that come back


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 100])
def test_a_cut_placeholder_is_restored_in_text_and_in_arguments(size: int) -> None:
    text = "to [EMAIL_1], not [EMAIL_2] or [EMAIL"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    restored = text.replace("[EMAIL_1]", OWN)
    assert content(run(answer(None, "openai.chat", vault()), chat(pieces))) == restored
    calls = said("openai.chat", run(answer(None, "openai.chat", vault()), chat_tools(pieces)))
    for at in range(2):
        arguments = calls["choice 0"]["delta"]["tool_calls"][at]["function"]["arguments"]
        assert json.loads(arguments) == {"city": restored, "n": 12}


def test_a_placeholder_that_is_no_json_comes_back_as_it_does_in_a_whole_response() -> None:
    call = {"index": 0, "function": {"arguments": "[EMAIL_1]"}}
    raws = [chunk([choice({"tool_calls": [call]})]), chunk([choice({}, finish="tool_calls")])]
    found = said("openai.chat", run(answer(None, "openai.chat", vault()), raws))
    assert found["choice 0"]["delta"]["tool_calls"][0]["function"]["arguments"] == OWN


def test_values_come_back_beside_masks_and_masks_never_come_back() -> None:
    kept = vault()
    out = content(
        run(answer(masking(), "openai.chat", kept), chat(("[EMAIL_1] or bob@x.de, [EMA", "IL_2] or [EMAIL_1]")))
    )
    assert out == f"{OWN} or [EMAIL_2], [EMAIL_2] or {OWN}"


def test_without_values_nothing_is_looked_for() -> None:
    raws = chat(("[EMAIL_1] ", "[EM"))
    assert run(answer(None, "openai.chat", Vault()), raws) == b"".join(raws)
    assert run(answer(None, "openai.chat"), raws) == b"".join(raws)


# -- several texts


def test_texts_in_turn_do_not_see_each_other() -> None:
    halves = [("bob@exam", 0), ("x a@", 1), ("ple.com", 0), ("b.de", 1), (" or", 0), (" y", 1)]
    raws = [chunk([choice({"content": piece}, at)]) for piece, at in halves]
    raws += [chunk([choice({}, at, "stop") for at in (0, 1)]), event("[DONE]")]
    out = run(answer(masking(), "openai.chat"), raws)
    # Numbers are given in the order in which finds are sure.
    assert (content(out, 0), content(out, 1)) == ("[EMAIL_1] or", "x [EMAIL_2] y")


def test_held_back_text_leaves_in_front_of_the_finish_reason() -> None:
    raws = [chunk([choice({"content": "wait"})]), chunk([choice({}, finish="stop")]), event("[DONE]")]
    events = documents(run(answer(masking(), "openai.chat"), raws))
    told = [(each["choices"][0]["delta"].get("content"), each["choices"][0]["finish_reason"]) for each in events[:-1]]
    assert [each for each in told if each[0] != ""] == [("wait", None), (None, "stop")]


def test_a_finish_reason_with_every_piece_ends_nothing_twice() -> None:
    pieces = ("mail ", "bob@exam", "ple.com", " and a@", "b.de")
    for reason in ("", "stop"):
        raws = [chunk([choice({"content": piece}, finish=reason)]) for piece in pieces] + [event("[DONE]")]
        out = content(run(answer(masking(), "openai.chat"), raws))
        # The first end is believed.
        assert out.startswith("mail [EMAIL_1] and [EMAIL_2]")


def test_usage_ids_and_reasons_are_as_they_were() -> None:
    raws = chat(("a@b.de ", "b@c.de"))
    before, after = documents(b"".join(raws)), documents(run(answer(masking(), "openai.chat"), raws))
    assert before[-2] == after[-2]
    assert {each["id"] for each in before[:-1]} == {each["id"] for each in after[:-1]}
    assert after[-1] == "[DONE]"


# -- texts that are told more than once


def test_what_repeats_a_text_is_masked_the_same_and_counted_once() -> None:
    details: list[Finding] = []
    stream = answer(masking(), "openai.responses", details=details)
    data = b"".join(responses(("bob@exam", "ple.com, a@b.de")))
    out = run(stream, [data])
    expected = replaced(replaced(said("openai.responses", data), "bob@example.com", "[EMAIL_1]"), "a@b.de", "[EMAIL_2]")
    assert said("openai.responses", out) == expected
    # A summary, a text, a refusal, and arguments, each of two finds.
    assert stream.counts == {("p0", "email", "mask", Side.RESPONSE, False): 8}
    assert len(details) == 8


def test_a_text_that_only_the_repetition_has_is_judged_and_counted() -> None:
    raws = [raw for raw in responses(("bob@example.com",)) if b".delta" not in raw]
    stream = answer(masking(), "openai.responses")
    assert b"bob@" not in run(stream, raws)
    assert stream.counts == {("p0", "email", "mask", Side.RESPONSE, False): 4}


def test_log_probabilities_go_with_the_text_that_they_spell() -> None:
    spelled = {"content": [{"token": "a@b.de", "bytes": [97], "top_logprobs": [{"token": "c@d.de"}]}]}
    raws = [
        chunk([{**choice({"content": "a@b.de "}), "logprobs": spelled}]),
        chunk([{**choice({"content": "fine "}), "logprobs": None}]),
    ]
    out = run(answer(masking(), "openai.chat"), raws)
    assert b"a@b" not in out
    assert b"c@d" not in out
    assert documents(out)[0]["choices"][0]["logprobs"] in (None, {"content": []})


def test_partial_masks_and_hashes_are_written_in_streams_as_well() -> None:
    of = stage((processor(0, format="partial"), EMAIL))
    assert content(run(answer(of, "openai.chat"), chat(("bob@exam", "ple.com ok")))) == "****.com ok"
    of = stage((processor(0, format="hash", key=b"k"), EMAIL))
    out = content(run(answer(of, "openai.chat"), chat(("bob@exam", "ple.com ok"))))
    assert out == content(run(answer(of, "openai.chat"), chat(("bob@example.com ok",))))
    assert out.startswith("[EMAIL:")


def test_a_mask_in_arguments_leaves_them_json() -> None:
    for make, dialect in ((chat_tools, "openai.chat"), (messages, "anthropic.messages")):
        for pieces in (('"bob@exam', 'ple.com"\n'), ("\\bob@example.com", "\\")):
            out = run(answer(masking(), dialect), make(pieces))
            assert said(dialect, out) == replaced(said(dialect, b"".join(make(pieces))), "bob@example.com", "[EMAIL_1]")
