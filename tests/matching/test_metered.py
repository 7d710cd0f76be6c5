"""The work of judging, counted: costly texts are given up early, the verdict on others is the same, and work stops.

No clock is read: a step is about a microsecond, and that no single one is long is what keeps others from waiting.
"""

import json
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from extproc.inspection.body_texts import STEPS_A_FINDING
from extproc.inspection.judge import Job
from extproc.inspection.masking import STEPS_A_MASK, STEPS_AN_EDIT
from extproc.inspection.vault import Vault
from extproc.matching.escapes import PLAINED_A_STEP
from extproc.matching.hyperscan import LOOK, SHORT, Fast, Hits
from extproc.matching.ignorable import STEPS_A_RUN
from extproc.matching.looks import STEPS_A_LOOK
from extproc.matching.regions import STEPS_A_REGION
from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner
from extproc.matching.window import Window
from extproc.protocol.meter import ENDLESS, Meter, SpentError
from tests.inspection.answering import EMAIL, everything, processor, stage
from tests.inspection.judging import decided, job, said
from tests.inspection.texts import scanner

COSTLY = (
    *("tokens=", "token=1", "password=", "pwd=a1-", "authorization: ", "curl -u a:b1 ", "password is ", "bearer a"),
    *("+14155552671 ", "4111 ", "123 ", "12 ", "ssn 123-45-6789 ", "DE89370400440532013000 "),
    *("order_004 ", "a_1", "\u00a0", "\u202f1", "\x1b[31m", "[31m", "%41", '{"a":"b"}\n', '[1,"a",'),
    *("a@b.co ", "a.b@", "1.1.1.1 ", "::1 ", "https://a:b1c2@x ", "AKIA", "eyJhbGciOiJIUzI1NiJ9."),
)
"""Texts that are dear when they are said over and over."""

INLINE = 1000
"""Steps that work between two messages may take."""

LONGEST = 400
"""Steps that are spent in one go at the most, on bodies of 16 KiB."""


class Watched(Meter, eq=False):
    """A meter that remembers the most that was spent at once, and may stop itself after some calls."""

    most: int = 0
    calls: int = 1 << 30

    def spend(self, steps: int) -> None:
        self.most = max(self.most, steps)
        self.calls -= 1
        if self.calls < 0:
            self.stop()
        super().spend(steps)


def body(text: str, size: int = 16_000) -> bytes:
    said = (text * (size // len(text) + 1))[:size]
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": said}]}).encode()


def work(data: bytes) -> Job:
    return job(everything(), data, Vault())


@pytest.mark.parametrize("text", COSTLY)
def test_a_text_full_of_candidates_is_given_up_within_its_steps(text: str) -> None:
    meter = Watched(INLINE)
    cheap = False
    try:
        work(body(text)).run(meter)
        cheap = True
    except SpentError:
        pass
    assert meter.most <= INLINE + LONGEST
    assert cheap or meter.left >= -LONGEST


@pytest.mark.parametrize(
    "data",
    [
        b'{"x":[' + b'"",' * 5000 + b"1]}",
        b'{"x":[' + b"[]," * 5000 + b"1]}",
        b'{"x":[' + b'"{}",' * 3000 + b"1]}",
        b"{" + b",".join(b'"name%d":1' % number for number in range(1200)) + b"}",
        json.dumps({"x": ["a@b.co"] * 1500}).encode(),
    ],
    ids=["strings", "arrays", "documents", "names", "addresses"],
)
def test_a_body_of_many_values_is_given_up_within_its_steps(data: bytes) -> None:
    meter = Watched(INLINE)
    with pytest.raises(SpentError):
        work(data).run(meter)
    assert meter.left >= -LONGEST


def test_each_stretch_in_which_a_match_may_begin_counts_though_there_is_none() -> None:
    """A gate of one digit hits everywhere, and the expression matches nowhere."""
    rule = Rule(kind="k", pattern="1(?:x[0-9]){3}", sign="1", before="", after="")
    places, counted = 400, Meter()
    assert Scanner.compile([rule]).scan(("1" + "-" * 100) * places, meter=counted) == []
    assert ENDLESS - counted.left >= places * STEPS_A_REGION
    limited = Meter(places * STEPS_A_REGION // 2)
    with pytest.raises(SpentError):
        Scanner.compile([rule]).scan(("1" + "-" * 100) * places, meter=limited)
    assert limited.left >= -LONGEST


@pytest.mark.parametrize("text", ["\u00a0", "\uff11", "\x1b[31m", "[31m", "\\n"])
def test_a_text_is_not_read_without_its_escapes_for_nothing(text: str) -> None:
    many = (text * 8000)[:8000]
    plain, counted = Meter(), Meter()
    scanner().scan("x" * len(many.encode()), meter=plain)
    scanner().scan(many, meter=counted)
    assert plain.left - counted.left >= len(many) // PLAINED_A_STEP


@pytest.mark.parametrize("text", ["\u00a0", "\x1b[31m", "[31m", "\\n", "%41", "a\u00ad", "k\u200be\u200by"])
def test_several_texts_are_not_read_without_their_escapes_for_nothing(text: str) -> None:
    limited = Watched(INLINE // 4)
    with pytest.raises(SpentError):
        scanner().scan_all([(text * 8000)[:8000], "chat"], meter=limited)


@pytest.mark.parametrize("texts", [["a\u00ad" * 4000], ["a\u00ad" * 4000, "chat"]], ids=["one", "two"])
def test_what_nobody_sees_counts_by_the_run_that_is_left_out(texts: list[str]) -> None:
    meter = Meter()
    scanner().scan_all(texts, meter=meter)
    assert ENDLESS - meter.left >= 4000 * STEPS_A_RUN


def test_a_stream_counts_what_nobody_sees_by_the_run_that_is_left_out() -> None:
    meter = Meter()
    Window(scanner(), meter=meter).feed("a\u00ad" * 4000)
    assert ENDLESS - meter.left >= 4000 * STEPS_A_RUN


MANY = 100
"""Findings in a body."""


def _finding(meter: Meter) -> int:
    of = stage((processor(), EMAIL))
    return sum(decided(job(of, said(*["a@b.co"] * MANY), Vault(), listed=0).run(meter)).counts.values())


def test_what_becomes_of_findings_counts_too() -> None:
    meter = Watched()
    assert _finding(meter) == MANY
    assert ENDLESS - meter.left >= MANY * (STEPS_A_LOOK + STEPS_A_FINDING + STEPS_A_MASK + STEPS_AN_EDIT)
    for calls in range(Watched().calls - meter.calls):
        with pytest.raises(SpentError):
            _finding(Watched(calls=calls))


def test_prose_of_that_size_costs_a_tenth_of_the_steps() -> None:
    meter = Meter(INLINE)
    work(body("The quick brown fox jumps over the lazy dog. ")).run(meter)
    assert meter.left > INLINE * 9 // 10


@pytest.mark.parametrize("text", [*COSTLY, "no finding at all "])
def test_a_verdict_is_the_same_with_a_meter_and_without(text: str) -> None:
    data = body(text, 600)
    assert work(data).run(Meter()) == work(data).run()


@pytest.mark.parametrize("calls", [0, 1, 5, 40])
def test_work_that_nobody_waits_for_ends_at_its_next_step(calls: int) -> None:
    meter = Watched(calls=calls)
    with pytest.raises(SpentError):
        work(body("tokens=")).run(meter)
    assert meter.calls == -1


def test_work_that_was_given_up_may_be_begun_again_with_the_same_vault() -> None:
    vault, data = Vault(), body("call +14155552671, ", 2000)
    once = work(data).run()
    judged = replace(work(data), vault=vault)
    with pytest.raises(SpentError):
        judged.run(Meter(300))
    assert judged.run() == once


def test_a_detector_that_is_stopped_is_not_one_that_failed() -> None:
    # Else `on_failure: allow` would let a body pass because it takes long.
    with pytest.raises(SpentError):
        work(body("4111 ")).run(Meter(INLINE))


def test_one_pass_over_a_large_text_ends_where_its_meter_does() -> None:
    meter, telephone = Watched(5000), "see +14155552671"
    before = scanner().scan(telephone)
    with pytest.raises(SpentError):
        scanner().scan("123 " * 100_000, None, meter)
    assert meter.most <= LOOK
    # The next pass of the same scanner sees its own hits alone.
    assert len(before) == 1
    assert scanner().scan(telephone) == before


def looks(numbers: Sequence[int], meter: Meter) -> int:
    """How many hits are noted until the pass ends."""
    hits = Hits(meter)
    for number in numbers:
        hits.append((0, number))
        if len(hits) >= hits.until and not hits.goes_on():
            break
    return len(hits)


def test_hits_are_noted_up_to_what_the_meter_can_pay_for() -> None:
    assert looks(range(10_000), Meter()) == 10_000
    assert 200 <= looks(range(10_000), Meter(100)) <= 300


@pytest.mark.parametrize("size", [SHORT, SHORT + 1])
def test_the_hits_of_a_pass_are_paid_for_whether_it_is_short_or_not(size: int) -> None:
    fast, data = Fast({0: b"a"}), b"a" * size
    meter = Meter()
    before = meter.left
    assert len(fast.hits(data, meter)) == size
    assert before - meter.left >= size // 2
    with pytest.raises(SpentError):
        fast.hits(data, Meter(size // 4))
    # The next pass sees its own hits alone.
    assert len(fast.hits(b"aa", Meter())) == 2
    assert len(fast.hits(data)) == size
