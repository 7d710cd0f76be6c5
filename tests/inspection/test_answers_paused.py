"""A text that pauses within JSON: the rest leaves as if it had ended, and is judged with what follows all the same."""

import json
from typing import Any

import pytest

from extproc.inspection.answers.waiting import PATIENCE
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Blocked
from tests.apis.events.client import documents
from tests.apis.events.samples import choice, chunk, event
from tests.inspection.answering import answer, everything, masking, run

OTHERS = [chunk([choice({"content": f" {word}"})]) for word in "abcdefgh"[: PATIENCE + 1]]


def call(piece: str, **more: Any) -> bytes:
    return chunk([choice({"tool_calls": [{"index": 0, **more, "function": {"arguments": piece}}]})])


def paused(first: str, then: str) -> list[bytes]:
    """The arguments of a call, with a text between them that holds up nothing for long."""
    return [call(first, id="c", type="function"), *OTHERS, call(then), event("[DONE]")]


def arguments(out: bytes) -> str:
    """The arguments as a client joins them."""
    deltas = [each["choices"][0]["delta"] for each in documents(out) if each != "[DONE]"]
    return "".join([each["function"]["arguments"] for delta in deltas for each in delta.get("tool_calls", ())])


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        ('{"mail": "bob@exam', 'ple.org"}', '{"mail": "bob@exam[EMAIL_1]"}'),
        ('{"mail": "bob@example.org', '", "n": 1}', '{"mail": "[EMAIL_1]", "n": 1}'),
        (r'{"x": "{\"mail\": \"bob@exam', r'ple.org\"}"}', r'{"x": "{\"mail\": \"bob@exam[EMAIL_1]\"}"}'),
        ('{"card": 4012888888881881', "}", '{"card": 0}'),
        ('{"card": 40128888', "88881881}", '{"card": 401288880}'),
        ('{"bob@example.org', '": 1}', '{"[EMAIL_1]": 1}'),
    ],
)
def test_of_a_value_in_json_the_rest_is_masked_and_it_counts_once(first: str, then: str, said: str) -> None:
    stream = answer(everything(), "openai.chat", blocks_unread=False)
    out = arguments(run(stream, paused(first, then)))
    assert out == said
    assert json.loads(out)
    assert sum(stream.counts.values()) == 1


@pytest.mark.parametrize(
    ("first", "then", "refused"),
    [
        ('{"mail": "bob@exam', 'ple.org"}', True),
        (r'{"x": "{\"mail\": \"bob@exam', r'ple.org\"}"}', True),
        ('{"mail": "to ', 'bob@example.org"}', False),
        ('{"mail": "bob@example.org', '"}', False),
        ('{"mail": "bob@example.org', '.uk"}', False),  # what left was a mask
        ('{"card": 40128888', "88881881}", True),
        ('{"card": 4012888888881881', "}", False),
        ('{"bob@exam', 'ple.org": 1}', True),
        ('{"type": "base64", "data": "bWFpbCBib2JA', 'ZXhhbXBsZS5vcmcgbm93"}', True),
        ("card 40128888", "88881881", True),  # which pauses again, at the finish reason
    ],
)
def test_a_value_in_json_whose_beginning_has_left_is_uninspected(first: str, then: str, refused: bool) -> None:
    stream = answer(everything(), "openai.chat")
    run(stream, [*paused(first, then)[:-1], chunk([choice({}, finish="tool_calls")]), event("[DONE]")])
    assert stream.blocked == (Blocked("pipeline", "uninspected") if refused else None)
    assert dict(stream.unread) == ({"stream": 1} if refused else {})


@pytest.mark.parametrize(
    ("first", "then"),
    [('{"mail": "bo', 'b"}'), (r'{"x": "a\u00', r'e4b"}'), ('{"n', 'ame": 1}'), ('{"n": 12345', "6}"), ("{", "}")],
)
def test_json_that_pauses_leaves_byte_for_byte_where_nothing_is_found(first: str, then: str) -> None:
    raws = paused(first, then)
    stream = answer(everything(), "openai.chat", Vault())
    assert run(stream, raws) == b"".join(raws)
    assert not stream.counts


def test_a_number_that_left_as_a_mask_has_no_digits_behind_it() -> None:
    out = run(answer(everything(), "openai.chat"), paused('{"card": 4012888888881881', "5}"))
    assert json.loads(arguments(out)) == {"card": 0}


def test_a_placeholder_that_pauses_is_none() -> None:
    vault = Vault()
    vault.placeholder("email", "bob@example.org")
    for first, then in (('{"x": "[EMA', 'IL_1] [EMAIL_1]"}'), ('{"x": "a [EMAIL', '_1] [EMAIL_1]"}')):
        out = arguments(run(answer(masking(), "openai.chat", vault), paused(first, then)))
        assert json.loads(out)["x"].endswith("[EMAIL_1] bob@example.org")


def test_halves_of_a_character_in_json_stay_in_their_events() -> None:
    def said(piece: str) -> bytes:
        half = json.dumps(piece)[1:-1].encode()
        return chunk([choice({"content": "HERE"})]).replace(b"HERE", half)

    raws = [said('{"x": "a '), said("\ud83d"), said('\ude00 b"}'), event("[DONE]")]
    stream = answer(everything(), "openai.chat")
    assert run(stream, raws) == b"".join(raws)
    masked = run(
        answer(everything(), "openai.chat"), [raws[0], said("\ud83d"), said('\ude00 bob@example.org"}'), raws[3]]
    )
    joined = "".join([each["choices"][0]["delta"]["content"] for each in documents(masked) if each != "[DONE]"])
    assert json.loads(joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le")) == {
        "x": "a \U0001f600 [EMAIL_1]"
    }


def spelled(text: str) -> str:
    """The text in escapes alone, halves of pairs among them."""
    octets = text.encode("utf-16-be")
    return "".join(f"\\u{octets[at : at + 2].hex()}" for at in range(0, len(octets), 2))


@pytest.mark.parametrize(
    "value", ["bob@example.org", "4012888888881881", "\U0001f600bob@example.org\U0001f600", "a\nb"]
)
@pytest.mark.parametrize("depth", [0, 1])
def test_a_pause_within_an_escape_breaks_no_json_and_shows_no_value(value: str, depth: int) -> None:
    text = f'{{"q": "{spelled(value)}", "n": 12}}'
    text = json.dumps({"note": text}) if depth else text
    for at in range(1, len(text)):
        stream = answer(everything(), "openai.chat", blocks_unread=False)
        out = json.loads(arguments(run(stream, paused(text[:at], text[at:]))))
        said = json.loads(out["note"])["q"] if depth else out["q"]
        assert "bob@example.org" not in said
        assert "4012888888881881" not in said
        assert said.encode()  # which halves of pairs refuse
        assert "\n" in said or value != "a\nb"


@pytest.mark.parametrize("at", [6, 12])
def test_the_halves_of_a_character_stay_with_each_other_over_a_pause(at: int) -> None:
    text = spelled("\U0001f600bob@example.org" if at == 6 else "\U0001f600")
    raws = [
        chunk([choice({"reasoning_content": "?"})]).replace(b'"?"', b'"%s"' % part.encode())
        for part in (text[:at], text[at:])
    ]
    out = documents(run(answer(everything(), "openai.chat"), [raws[0], *OTHERS, raws[1]]))
    said = "".join([each["choices"][0]["delta"].get("reasoning_content", "") for each in out])
    joined = said.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    assert joined == ("\U0001f600[EMAIL_1]" if at == 6 else "\U0001f600")
