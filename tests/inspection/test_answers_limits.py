import pytest

from extproc.inspection.answers.events import MAX_ENDED
from extproc.inspection.answers.repeated import MAX_PLACES
from extproc.inspection.answers.tally import MAX_TOLD, Tally
from extproc.inspection.verdict import MAX_FAILURES, Failure, Finding
from extproc.matching import scanner as scanners
from extproc.matching.pane import SPARE
from extproc.matching.window import Window
from tests.apis.events.samples import chat, choice, chunk, event
from tests.inspection.answering import answer, masking, run
from tests.inspection.texts import EXAMPLES, scanner, streamed
from tests.matching.test_holdback import PROSE


def _done(at: int, text: str) -> bytes:
    return event({"type": "response.output_text.done", "sequence_number": at, "output_index": at, "text": text})


def test_every_failure_up_to_the_bound_is_told() -> None:
    tally = Tally()
    failure = Failure("p", "error", allowed=True)
    tally.fail((failure,) * (MAX_FAILURES - 1))
    tally.fail((failure,))
    assert len(tally.failures) == MAX_FAILURES
    tally.fail((failure,) * 2)
    assert len(tally.failures) == MAX_FAILURES


def test_finds_beyond_the_bound_are_counted_and_not_told_one_by_one() -> None:
    for number, told in ((MAX_TOLD, MAX_TOLD), (MAX_TOLD + 1, MAX_TOLD)):
        details: list[Finding] = []
        stream = answer(masking(), "openai.chat", details=details)
        run(stream, chat(["a@b.de "] * number))
        assert len(details) == told
        assert sum(stream.counts.values()) == number


@pytest.mark.parametrize(("places", "counted"), [(MAX_PLACES, MAX_PLACES), (MAX_PLACES + 1, MAX_PLACES + 2)])
def test_repetitions_beyond_the_bound_are_masked_and_counted_again(places: int, counted: int) -> None:
    raws = [_done(at, "a@b.de") for at in range(places)]
    stream = answer(masking(), "openai.responses")
    assert b"a@b" not in run(stream, [*raws, *raws])
    assert sum(stream.counts.values()) == counted


@pytest.mark.parametrize(("before", "ends"), [(MAX_ENDED - 1, True), (MAX_ENDED, False)])
def test_beyond_the_bound_no_text_ends_before_the_answer(before: int, ends: bool) -> None:
    stream = answer(masking(), "openai.chat")
    for at in range(before):
        stream.feed(chunk([choice({"content": "a"}, at, finish="stop")]))
    raw, done = chunk([choice({"content": "bob@ex"}, MAX_ENDED, finish="stop")]), event("[DONE]")
    assert stream.feed(raw) == (raw if ends else b"")
    assert stream.feed(done) == (done if ends else raw + done)


def test_words_that_are_remembered_to_be_plain_give_the_same_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanners, "MOST_PLAIN", 3)
    text = PROSE[:400] + " ".join(EXAMPLES[:60])
    parts = [text[at : at + 7] for at in range(0, len(text), 7)]
    for _ in range(2):
        assert streamed(scanner(), parts) == (text, scanner().scan(text))
        assert len(scanner()._plain) <= 3


def test_words_beyond_the_bound_are_looked_at_each_time() -> None:
    own = scanners.Scanner.compile(scanner().rules[:3])
    at_bound, beyond = b"\n" + b"a" * (scanners.PLAIN - 1) + b" ", b"\n" + b"a" * scanners.PLAIN + b" "
    assert own.plain(at_bound, 1) == len(at_bound)
    assert own.plain(beyond, 1) == 0


def test_text_already_judged_is_kept_within_its_bound() -> None:
    window = Window(scanner())
    for at in range(0, 4_000, 5):
        window.feed(PROSE[at % 2_000 : at % 2_000 + 5])
        assert len(window._data) - window.held <= scanner().left * 4 + SPARE + 64
