"""Nothing is changed, delayed beyond its bounds or put elsewhere where nothing is masked; and nothing slips through."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from extproc.inspection.answers.events import MAX_OPEN
from extproc.inspection.answers.waiting import COUNTED, MAX_BEHIND, MAX_WAITING, PATIENCE, SMALL
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Blocked
from tests.apis.events.client import documents
from tests.apis.events.samples import chat, choice, chunk, event
from tests.gathered import gathered
from tests.inspection.answering import EMAIL, answer, cut, everything, masking, processor, run, stage
from tests.inspection.shapes import SHAPES

BOB = "bob@example.org"


def said(delta: dict[str, Any], at: int = 0, **more: Any) -> bytes:
    return chunk([choice(delta, at)], **more)


def deltas(out: bytes) -> list[dict[str, Any]]:
    return [each["choices"][0]["delta"] for each in documents(out) if each != "[DONE]" and each["choices"]]


def fed(raws: Sequence[bytes], **more: Any) -> list[bytes]:
    """What leaves after each event."""
    stream = answer(everything(), "openai.chat", **more)
    return [stream.feed(raw) for raw in raws]


def lags(raws: Sequence[bytes]) -> list[int]:
    """How many events wait after each, where none is changed."""
    ends = [sum(map(len, raws[: at + 1])) for at in range(len(raws))]
    sent, behind = 0, list[int]()
    for at, out in enumerate(fed(raws)):
        sent += len(out)
        behind.append(at + 1 - sum(end <= sent for end in ends))
    return behind


# -- nothing is changed where nothing is masked


@gathered("name", SHAPES)
def test_every_shape_leaves_byte_for_byte_whatever_the_cuts(name: str) -> None:
    dialect, make = SHAPES[name]
    stream = b"".join(make())
    for vault in (None, Vault()):
        stream_ = answer(everything(), dialect, vault)
        assert run(stream_, make()) == stream
        assert not stream_.counts
        assert stream_.unread.keys() <= {"encrypted"}
    assert run(answer(everything(), dialect), cut(stream, range(1, len(stream), 97))) == stream


@gathered("name", [name for name, (dialect, _) in SHAPES.items() if dialect == "openai.chat"])
def test_an_event_waits_for_few_others(name: str) -> None:
    behind = lags(SHAPES[name][1]())
    assert max(behind) <= 2 * PATIENCE + 2
    assert not behind[-1] or name == "usage_only", "the end mark lets everything leave"


def test_an_event_with_many_texts_that_come_whole_waits_no_longer_than_one() -> None:
    """A citation has four strings; each may recur, and all of them are waited for at the same time."""
    location = {"type": "web_search_result_location", "encrypted_index": "EqQB"}
    citation = {**location, "cited_text": "so it is", "title": "A page", "url": "https://example.org/a"}
    pieces: list[dict[str, Any]] = [{"type": "citations_delta", "citation": citation}]
    pieces += [{"type": "text_delta", "text": word} for word in ("The", " plan", " is", " simple", " and", " good")]
    raws = [event({"type": "content_block_delta", "index": 0, "delta": piece}) for piece in pieces]
    stream = answer(everything(), "anthropic.messages")
    left = [stream.feed(raw) for raw in raws]
    assert left[: PATIENCE + 1] == [b""] * (PATIENCE + 1)
    assert left[PATIENCE + 1] == b"".join(raws[: PATIENCE + 1])


def test_comments_and_pings_pass_what_waits() -> None:
    raws = [said({"content": "wait"}), b": keep-alive\n\n", said({"content": "ing "})]
    assert fed(raws) == [b"", raws[1], raws[0] + raws[2]]
    stream = answer(everything(), "anthropic.messages")
    delta = event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "wait"}})
    assert [stream.feed(raw) for raw in (delta, event({"type": "ping"}))] == [b"", event({"type": "ping"})]


# -- what is masked stands where it was


def test_a_mask_stands_in_the_event_in_which_the_value_begins_and_all_others_stay() -> None:
    pieces = ("Mail", " bob", "@exam", "ple.org", ", not", " me")
    raws = chat(pieces)
    out = run(answer(everything(), "openai.chat"), raws)
    assert out == b"".join(raws).replace(b'" bob"', b'" [EMAIL_1]"').replace(raws[3], b"").replace(raws[4], b"")


def test_log_probabilities_stay_in_the_events_that_stay() -> None:
    def spelled(piece: str) -> bytes:
        return chunk(
            [{**choice({"content": piece}), "logprobs": {"content": [{"token": piece, "bytes": list(piece.encode())}]}}]
        )

    raws = [spelled(piece) for piece in ("Mail", " bob", "@example.org", " now", ".")]
    first, masked, *rest = documents(run(answer(everything(), "openai.chat"), raws))
    assert first == documents(raws[0])[0]
    assert (masked["choices"][0]["delta"], masked["choices"][0]["logprobs"]) == (
        {"content": " [EMAIL_1]"},
        None,
    )
    assert rest == documents(b"".join(raws[3:]))


def test_a_masked_call_is_complete_before_the_next_one_begins() -> None:
    def call(at: int, **more: Any) -> dict[str, Any]:
        return {"tool_calls": [{"index": at, **more}]}

    named = {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    pieces = ('{"to":"bob@exam', "ple.org", '"}')
    raws = [said(call(0, **named)), *(said(call(0, function={"arguments": piece})) for piece in pieces)]
    raws += [said(call(1, **{**named, "id": "b"})), *(said(call(1, function={"arguments": piece})) for piece in pieces)]
    raws.append(said({}, finish_reason="tool_calls"))
    found = [each["tool_calls"][0] for each in deltas(run(answer(everything(), "openai.chat"), raws)) if each]
    assert [each["index"] for each in found] == sorted(each["index"] for each in found)
    for at in range(2):
        arguments = "".join(each["function"]["arguments"] for each in found if each["index"] == at)
        assert json.loads(arguments) == {"to": "[EMAIL_1]"}


def test_a_mask_beside_half_a_character_leaves_the_character_whole() -> None:
    for pieces in (
        (BOB + " \ud83d", "\ude00 ok"),
        ("\ud83d", "\ude00 " + BOB + " ok"),
        (BOB + "\ud83d", "\ude00" + BOB),
    ):
        whole = "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        raws = [said({"content": "@"}).replace(b"@", json.dumps(piece)[1:-1].encode()) for piece in pieces]
        out = "".join(each["content"] for each in deltas(run(answer(everything(), "openai.chat"), raws)))
        assert out.encode("utf-16-le", "surrogatepass").decode("utf-16-le") == whole.replace(BOB, "[EMAIL_1]")


def test_a_value_with_half_a_character_in_it_is_found() -> None:
    of = stage((processor(0), EMAIL))
    raws = [
        said({"content": "@"}).replace(b"@", piece) for piece in (rb"\ud83d", rb"\ude00 bob@exam", rb"ple.org \ud83d")
    ]
    out = run(answer(of, "openai.chat"), raws)
    assert b"ple.org" not in out
    assert rb'"content": "\ud83d"' in out


# -- a text that goes on after it seemed to have ended


def test_calls_with_one_index_are_told_apart_by_their_identifiers() -> None:
    def call(ident: str, arguments: str) -> bytes:
        function = {"name": "f", "arguments": arguments}
        return said({"tool_calls": [{"index": 0, "id": ident, "type": "function", "function": function}]})

    raws = [call("a", '{"to":"bob@exam'), call("b", 'ple.org"}'), call("c", f'{{"to":"{BOB}"}}')]
    out = run(answer(everything(), "openai.chat"), raws)
    assert out == b"".join(raws).replace(BOB.encode(), b"[EMAIL_1]"), "a value does not go over two calls"


def test_an_identifier_alone_does_not_make_a_call() -> None:
    def call(ident: str, arguments: str, **more: Any) -> bytes:
        return said({"tool_calls": [{"index": 0, "id": ident, "function": {"arguments": arguments, **more}}]})

    raws = [call("a", '{"to":"bob@exam', name="f"), call("b", 'ple.org"}'), call("", "")]
    out = run(answer(everything(), "openai.chat"), raws)
    assert b"ple.org" not in out, "a server that numbers every piece anew"
    assert b"[EMAIL_1]" in out


@pytest.mark.parametrize("between", [1, PATIENCE])
def test_a_value_in_texts_that_come_in_turn_is_masked_whole(between: int) -> None:
    raws = [said({"reasoning_content": "to bob@exam"})]
    raws += [said({"content": "x "})] * between
    raws += [said({"reasoning_content": "ple.org "}), said({"content": "y"})]
    out = run(answer(everything(), "openai.chat"), raws)
    assert "".join(each.get("reasoning_content", "") for each in deltas(out)) == "to [EMAIL_1] "
    assert [each.get("content") for each in deltas(out)].count("x ") == between


def test_of_a_value_that_goes_on_later_the_rest_is_masked() -> None:
    raws = [said({"reasoning_content": "to bob@exam"})]
    raws += [said({"content": "x "})] * (PATIENCE + 1)
    raws += [said({"reasoning_content": "ple.org "}), said({"content": "y"})]
    stream = answer(everything(), "openai.chat", blocks_unread=False)
    out = run(stream, raws)
    # What waited for the text had to leave: the response must not stand still. The value is found and counted even so.
    assert "".join(each.get("reasoning_content", "") for each in deltas(out)) == "to bob@exam[EMAIL_1] "
    assert sum(stream.counts.values()) == 1
    assert dict(stream.unread) == {"stream": 1}
    stream = answer(everything(), "openai.chat")
    run(stream, raws)
    assert stream.blocked == Blocked("pipeline", "uninspected")


@pytest.mark.parametrize(("first", "then"), [("to bob@exam", "ple.org "), ("card 4111 1111 11", "11 1111 ok")])
@pytest.mark.parametrize("reason", ["stop", "length"])
def test_a_value_that_goes_on_behind_a_finish_reason_is_uninspected(first: str, then: str, reason: str) -> None:
    end = said({}).replace(b'"finish_reason": null', b'"finish_reason": "%s"' % reason.encode())
    raws = [said({"content": first}), end, said({"content": then}), event("[DONE]")]
    ended, going = answer(everything(), "openai.chat"), answer(everything(), "openai.chat")
    run(ended, raws)
    assert ended.blocked == Blocked("pipeline", "uninspected")
    raws[1] = said({"role": "assistant"})
    out = run(going, raws)
    assert (going.blocked, going.masked) == (None, True)
    assert not any(word.encode() in out for word in (*first.split()[1:], *then.split()[:1]))


def test_a_value_that_goes_on_behind_a_finish_reason_is_found() -> None:
    raws = [said({"content": "to bob@exam"}, finish_reason="stop"), said({"content": "ple.org "}, finish_reason="stop")]
    raws = [raw.replace(b'"finish_reason": null', b'"finish_reason": "stop"') for raw in raws]
    out = run(answer(everything(), "openai.chat"), raws)
    assert b"ple.org" not in out


@pytest.mark.parametrize("behind", [MAX_BEHIND, MAX_BEHIND + 1])
def test_a_choice_that_stands_still_holds_up_so_many_events(behind: int) -> None:
    out = fed([said({"content": "wait"}), *[said({"content": "x "}, 1)] * behind])
    assert bool(b"".join(out)) is (behind > MAX_BEHIND)


# -- members that come whole


def test_a_word_that_every_event_repeats_holds_up_nothing() -> None:
    pieces = ("We", " go", " to", " see", ".\n") * 20
    without = fed([said({"reasoning": piece}) for piece in pieces])
    out = fed([said({"reasoning": piece, "channel": "analysis"}) for piece in pieces])
    assert [each.count(b"data:") for each in out[1:]] == [each.count(b"data:") for each in without[1:]]


@pytest.mark.parametrize("word", ["gpt-4o", "0b7c9a1e-1f2d-4c3b-9a8e-7d6f5e4c3b2a", "x" * 100])
def test_what_every_event_repeats_and_may_be_a_value_holds_up_few_events(word: str) -> None:
    raws = [said({"reasoning": piece, "note": word}) for piece in ("We", " go", " to", " see", ".\n") * 20]
    assert run(answer(everything(), "openai.chat"), raws) == b"".join(raws)
    assert max(lags(raws)) <= 2 * PATIENCE


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_a_value_of_repeated_pieces_is_none_of_those_words(size: int) -> None:
    digits = "4242424242424242"
    raws = [said({"note": digits[at : at + size]}) for at in range(0, len(digits), size)]
    stream = answer(everything(), "openai.chat", blocks_unread=False)
    out = run(stream, [said({"note": "card "}), *raws, said({"note": " ok"})])
    assert "42" * 8 not in "".join(each["note"] for each in deltas(out))


def test_a_value_cut_over_members_that_nobody_knows_is_masked() -> None:
    raws = [said({"novel": piece}) for piece in ("to bob@", "exam", "ple.org now")]
    assert (
        "".join(each["novel"] for each in deltas(run(answer(everything(), "openai.chat"), raws))) == "to [EMAIL_1] now"
    )


def test_a_value_that_comes_whole_in_a_member_that_nobody_knows_is_masked_in_its_event() -> None:
    raw = said({"content": "x", "provider_specific_fields": {"citation": {"cited_text": f"see {BOB}", "type": "page"}}})
    assert run(answer(everything(), "openai.chat"), [raw]) == raw.replace(BOB.encode(), b"[EMAIL_1]")


# -- bounds


def test_events_wait_up_to_their_bound_and_past_it_the_answer_is_uninspected() -> None:
    padding = "p" * (SMALL - 500)
    key = "-----BEGIN PRIVATE KEY-----\n"
    raws = [
        said({"content": key}),
        *[said({"content": "A"}, obfuscation=padding)] * (MAX_WAITING // SMALL + COUNTED + 1),
    ]
    stream = answer(everything(), "openai.chat")
    out = [stream.feed(raw) for raw in raws]
    assert not any(out[: MAX_WAITING // SMALL])
    assert stream.blocked == Blocked("pipeline", "uninspected")
    stream = answer(everything(), "openai.chat", blocks_unread=False)
    assert run(stream, raws)
    assert stream.blocked is None
    assert stream.unread == {"size": 1}


def test_a_large_event_alone_may_wait() -> None:
    raw = said({"content": "x" * 20 + " " * MAX_WAITING + "wait"})
    assert fed([raw, said({"content": " now "})]) == [b"", raw + said({"content": " now "})]


def test_calls_past_the_bound_are_not_told_apart_and_still_judged() -> None:
    def call(at: int, ident: str, arguments: str) -> bytes:
        function = {"name": "f", "arguments": arguments}
        return said({"tool_calls": [{"index": at, "id": ident, "function": function}]})

    raws = [call(at, f"call_{at}", "{} ") for at in range(MAX_OPEN - 1)]
    raws += [call(5000, "a", f'{{"to":"{BOB}"}} '), call(5001, "b", "{} ")]
    out = run(answer(masking(), "openai.chat", blocks_unread=False), raws)
    assert BOB.encode() not in out
