import gzip
import zlib
from typing import Any

import pytest

from extproc.apis.events.leaves import MAX_TOKENS
from extproc.inspection.answers import MAX_OPEN
from extproc.inspection.stage import Active, Stage
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Blocked, Failure
from extproc.matching.rule import Rule
from extproc.payload import sse
from tests.apis.events.client import documents, replaced
from tests.apis.events.samples import STREAMS, chat, chat_tools, choice, chunk, event
from tests.gathered import gathered
from tests.inspection.answering import EMAIL, SSN, answer, cut, masking, processor, run, said, stage

PIECES = ("ask bob@exam", "ple.com, BOOM", " or [EMA", "IL_1] and a@b.de ", "then")
BOOM = "BOOM"


def _raises(_: str) -> bool:
    raise RuntimeError("marker-of-the-detector")


BROKEN = (Rule(kind="boom", pattern=BOOM, validator=_raises, before="", after=""),)
"""A detector that raises as soon as it has something to look at."""


def failing(reserve: Stage | None = None, **more: Any) -> Stage:
    return stage((processor(0, **more), (*EMAIL, *BROKEN)), reserve=reserve)


def vault() -> Vault:
    made = Vault()
    made.placeholder("email", "own@value.org")
    return made


@pytest.mark.parametrize("name", list(STREAMS))
def test_a_detector_that_raises_ends_the_answer_if_it_may_not_fail(name: str) -> None:
    dialect, make = STREAMS[name]
    stream = answer(failing(), dialect)
    out = run(stream, make(PIECES))
    assert stream.blocked == Blocked("p0", "failure")
    assert stream.failures == (Failure("p0", "error", allowed=False),)
    assert b"BOOM" not in out
    assert b"example.com" not in out
    assert b"The answer was blocked." in out
    assert b"marker-of-the-detector" not in out


@pytest.mark.parametrize("more", [{"allows_failure": True}, {"shadow": True}])
@pytest.mark.parametrize("name", ["chat", "tools", "messages"])
def test_where_it_may_fail_the_rest_passes_unread_and_values_still_come_back(name: str, more: dict[str, Any]) -> None:
    dialect, make = STREAMS[name]
    stream = answer(failing(**more), dialect, vault())
    out = run(stream, make(PIECES))
    assert stream.blocked is None
    assert stream.failures == (Failure("p0", "error", allowed=True),)
    got = said(dialect, out)
    assert got == replaced(got, "[EMAIL_1]", "own@value.org")
    # The first text had its first value masked before; all that follows passes as it is.
    assert b"a@b.de" in out


@pytest.mark.parametrize("action", ["report", "mask"])
def test_a_processor_that_only_reports_blocks_by_its_failure_as_it_says(action: str) -> None:
    allowed = answer(failing(action=action, allows_failure=True), "openai.chat")
    run(allowed, chat(PIECES))
    assert allowed.blocked is None
    refused = answer(failing(action=action), "openai.chat")
    run(refused, chat(PIECES))
    assert refused.blocked == Blocked("p0", "failure")


def test_a_stand_in_judges_what_has_not_left() -> None:
    reserve = stage((processor(0, "guard"), EMAIL))
    stream = answer(failing(reserve, stand_in="guard"), "openai.chat", vault())
    out = run(stream, chat(("BOO", "M, write to", " c@d", ".de or [EMAIL_1]")))
    assert stream.blocked is None
    assert stream.failures == (Failure("p0", "error", allowed=True),)
    assert said("openai.chat", out) == said(
        "openai.chat", b"".join(chat(("BOOM, write to [EMAIL_2] or own@value.org",)))
    )
    assert {name for name, *_ in stream.counts} == {"guard"}


def test_a_stand_in_blocks_what_it_finds_in_the_text_held_back() -> None:
    reserve = stage((processor(0, "guard", "block"), SSN))
    stream = answer(failing(reserve, stand_in="guard"), "openai.chat")
    out = run(stream, chat(("BOOM, ssn 536-22-1847 or", " more")))
    assert stream.blocked == Blocked("guard", "finding")
    assert b"536" not in out


def test_a_stand_in_that_fails_has_nobody_in_its_place() -> None:
    reserve = stage((processor(0, "guard", stand_in="p0"), (*EMAIL, *BROKEN)))
    stream = answer(failing(reserve, stand_in="guard"), "openai.chat")
    run(stream, chat(PIECES))
    assert stream.blocked == Blocked("p0", "failure")
    assert [each.processor for each in stream.failures] == ["p0", "guard"]


@pytest.mark.parametrize("reserve", [None, stage((processor(0, "guard"), ()))])
def test_without_a_stand_in_that_can_read_streams_the_answer_ends(reserve: Stage | None) -> None:
    stream = answer(failing(reserve, stand_in="guard"), "openai.chat")
    run(stream, chat(PIECES))
    assert stream.blocked == Blocked("guard", "failure")


@gathered(
    "more", [{}, {"allows_failure": True}, {"stand_in": "guard"}, {"action": "report", "allows_failure": True}], parts=3
)
@gathered("name", ["chat", "tools", "choices", "responses"])
def test_a_failure_comes_at_the_same_place_for_any_cut(name: str, more: dict[str, Any]) -> None:
    dialect, make = STREAMS[name]
    of = failing(stage((processor(0, "guard"), EMAIL)), **more)
    data = b"".join(make(PIECES))
    expected = run(answer(of, dialect, vault()), [data])
    for at in range(0, len(data), 1 + len(data) // 50):
        assert run(answer(of, dialect, vault()), cut(data, [at])) == expected


def test_a_value_masked_in_part_stays_masked_when_the_detector_fails_in_its_middle() -> None:
    # The find begins in what was released, and its end is still held back for another rule.
    wide = Rule(kind="wide", pattern=r"secret( \w+){1,3}")
    of = stage((processor(0, allows_failure=True), (wide, *BROKEN)))
    for pieces in (("a secret word", " BOOM", " x y z"), ("a secret ", "word of BOOM", "s")):
        data = chat(pieces)
        stream = answer(of, "openai.chat")
        out = run(stream, data)
        assert run(answer(of, "openai.chat"), [b"".join(data)]) == out


def test_a_condition_that_failed_is_told_and_ends_an_answer_that_may_not_pass_without() -> None:
    given = processor(0, allows_failure=True)
    of = stage((given, EMAIL))
    stream = answer(of, "openai.chat", active=Active((False,), (given,)))
    raws = chat(PIECES)
    assert run(stream, raws) == b"".join(raws)
    assert stream.failures == (Failure("p0", "condition", allowed=True),)
    for stand_in, by in ((None, "p0"), ("guard", "guard")):
        given = processor(0, stand_in=stand_in)
        stream = answer(stage((given, EMAIL)), "openai.chat", active=Active((False,), (given,)))
        out = run(stream, raws)
        assert stream.blocked == Blocked(by, "failure")
        assert "error" in documents(out)[0]


HUGE = b"data: " + b"x" * (sse.MAX_EVENT + 10)
COMPLEX = event({"id": [0] * MAX_TOKENS})


@pytest.mark.parametrize(("raw", "reason"), [(HUGE, "size"), (COMPLEX, "complexity")], ids=["size", "complexity"])
@pytest.mark.parametrize("blocks", [True, False])
def test_an_event_beyond_the_limits_is_blocked_or_passes_with_all_that_follows(
    raw: bytes, reason: str, blocks: bool
) -> None:
    raws = chat(("mail bob@", "example.com now", " wait"))
    data = b"".join(raws[:3]) + raw + b"\n\n" + b"".join(raws[3:])
    outs = set()
    for chunks in ([data], cut(data, [700, 5_000, len(data) - 900, len(data) - 3])):
        stream = answer(masking(), "openai.chat", blocks_unread=blocks)
        outs.add(run(stream, chunks))
        assert stream.unread == {reason: 1}
        assert stream.blocked == (Blocked("pipeline", "uninspected") if blocks else None)
    (out,) = outs
    assert b"bob@" not in out
    assert out.endswith(b"[DONE]\n\n")
    assert (b"uninspected_content" in out) is blocks
    assert (raw + b"\n\n" + b"".join(raws[3:]) in out) is not blocks
    if not blocks:
        # What was held back leaves before it.
        assert said("openai.chat", out[: out.index(raw)])["choice 0"]["delta"]["content"] == "mail [EMAIL_1] now"


def test_an_event_at_the_limit_is_read() -> None:
    raw = event({"id": [0] * (MAX_TOKENS // 2 - 12), "object": "to a@b.de now", "choices": []})
    stream = answer(masking(), "openai.chat")
    assert b"[EMAIL_1]" in run(stream, [raw])
    assert not stream.unread


@pytest.mark.parametrize("blocks", [True, False])
def test_sound_in_an_answer_is_named_and_blocked_or_passes(blocks: bool) -> None:
    raws = chat(("Hello ", "there "))
    sound = chunk([choice({"audio": {"id": "a", "data": "QUJD" * 9}})])
    stream = answer(masking(), "openai.chat", blocks_unread=blocks)
    out = run(stream, [*raws[:2], sound, *raws[2:]])
    assert stream.unread == {"audio": 1}
    assert (sound in out) is not blocks
    assert stream.ended is blocks


@pytest.mark.parametrize("blocks", [True, False])
def test_texts_beyond_the_bound_are_not_read(blocks: bool) -> None:
    raws = [chunk([choice({"content": "a"}, at)]) for at in range(MAX_OPEN)]
    at_bound = answer(masking(), "openai.chat", blocks_unread=blocks)
    run(at_bound, raws)
    assert not at_bound.unread
    beyond = answer(masking(), "openai.chat", blocks_unread=blocks)
    more = chunk([choice({"content": "bob@example.com "}, MAX_OPEN)])
    out = run(beyond, [*raws, more])
    assert beyond.unread == {"complexity": 1}
    assert (more in out) is not blocks
    assert beyond.ended is blocks


GZIPPED = gzip.compress(b"".join(chat(("mail bob@", "example.com now"))))


def test_an_encoded_answer_is_undone_judged_and_not_encoded_again() -> None:
    plain = run(answer(masking(), "openai.chat"), chat(("mail bob@", "example.com now")))
    for at in range(len(GZIPPED)):
        stream = answer(masking(), "openai.chat", codings=("gzip",))
        assert run(stream, cut(GZIPPED, [at])) == plain
    twice = answer(masking(), "openai.chat", codings=("gzip", "deflate"))
    assert run(twice, [zlib.compress(GZIPPED)]) == plain


def test_an_encoding_cut_off_gives_what_it_gave() -> None:
    stream = answer(masking(), "openai.chat", codings=("gzip",))
    out = run(stream, [GZIPPED[:-20]])
    assert stream.blocked is None
    assert not stream.unread
    assert b"bob@" not in out


@pytest.mark.parametrize("blocks", [True, False])
def test_a_damaged_encoding_is_named_and_ends_the_answer(blocks: bool) -> None:
    # Whatever the policy says of what cannot be read: encoded bytes cannot follow decoded ones.
    stream = answer(masking(), "openai.chat", codings=("gzip",), blocks_unread=blocks)
    assert stream.feed(GZIPPED[:60]) is not None
    out = stream.feed(b"\xff" * 40) + stream.feed(b"\xfe" * 10) + stream.close()
    assert stream.unread == {"encoding": 1}
    assert stream.ended
    assert b"\xff" not in out
    assert b"uninspected_content" in out


@pytest.mark.parametrize("blocks", [True, False])
def test_a_bomb_is_an_oversize(blocks: bool) -> None:
    bomb = gzip.compress(b": " + b" " * (64 << 20))
    stream = answer(masking(), "openai.chat", codings=("gzip",), blocks_unread=blocks)
    assert len(run(stream, [bomb])) <= 2 * len(bomb)
    assert stream.unread == {"size": 1}
    assert stream.ended


@pytest.mark.parametrize("blocks", [True, False])
def test_an_encoding_that_cannot_be_undone_is_named_and_refused_or_passes(blocks: bool) -> None:
    stream = answer(masking(), "openai.chat", codings=("compress",), blocks_unread=blocks)
    out = run(stream, [b"abc", b"def"])
    assert stream.unread == {"encoding": 1}
    assert stream.ended is blocks
    assert (out == b"abcdef") is not blocks


def test_only_restoring_reads_damaged_events_as_texts() -> None:
    raws = [*chat_tools(("[EMAIL_1]",))[:3], b'data: {broken "[EMAIL_1]\n\n', b"data: [EMA"]
    out = run(answer(None, "openai.chat", vault(), blocks_unread=False), raws)
    assert b'{broken "own@value.org\n\n' in out
    assert out.endswith(b"data: [EMA")
