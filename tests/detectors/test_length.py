"""The length of replies."""

from typing import Any

import pytest

from extproc.detectors.length import Measured
from tests.gathered import gathered
from tests.inspection.replying import FORMS, asking, judging, kinds, outcome, streamed, whole, whole_call

TEXT = "one two  three\nfour äöü 日本語 "


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_add_up(size: int) -> None:
    once, pieced = Measured(), Measured()
    once.add(TEXT)
    for at in range(0, len(TEXT), size):
        pieced.add(TEXT[at : at + size])
    assert (once.chars, once.words, once.tokens) == (pieced.chars, pieced.words, pieced.tokens)
    assert (once.chars, once.words) == (len(TEXT), 6)


@gathered("api", FORMS)
@gathered(
    ("limit", "text", "at"),
    [
        ("max_chars: 10", "0123456789", None),
        ("max_chars: 10", "0123456789a", 10),
        ("max_words: 3", "one two three ", None),
        ("max_words: 3", "one two three four", 14),
        ("max_tokens: 3", "x" * 11, None),
        ("max_tokens: 3", "x" * 12, 11),
    ],
)
def test_a_reply_at_a_limit_passes_and_past_it_does_not(api: str, limit: str, text: str, at: int | None) -> None:
    own = judging(f"{{use: length, {limit}}}")
    for response in (whole(api, text), streamed(api, [text[:4], text[4:9], text[9:]]), streamed(api, list(text))):
        found = outcome(own, api, asking(api), response)
        assert [(each.kind, each.start, each.why) for each in found.findings] == (
            [] if at is None else [("too_long", at, limit.partition(":")[0])]
        )


@pytest.mark.parametrize("api", FORMS)
@pytest.mark.parametrize(("text", "short"), [("0123456789", False), ("012345678", True)])
def test_a_reply_below_a_limit_is_too_short_when_it_ends(api: str, text: str, short: bool) -> None:
    own = judging("{use: length, min_chars: 10}")
    for response in (whole(api, text), streamed(api, list(text))):
        assert kinds(outcome(own, api, asking(api), response)) == (["too_short"] if short else [])


def test_a_reply_that_was_cut_off_or_calls_a_tool_may_be_short() -> None:
    own = judging("{use: length, min_words: 10}")
    assert kinds(outcome(own, "chat", asking("chat"), whole("chat", "x", 1))) == []
    assert kinds(outcome(own, "chat", asking("chat"), whole_call("chat", "look", "{}"))) == []


@pytest.mark.parametrize(("per", "found"), [("message", []), ("response", ["too_long"])])
def test_messages_are_measured_alone_or_together(per: str, found: list[str]) -> None:
    own = judging(f"{{use: length, max_chars: 6, per: {per}}}")
    choices: Any = [{"index": at, "message": {"content": "four"}, "finish_reason": "stop"} for at in range(2)]
    assert kinds(outcome(own, "chat", asking("chat"), {"choices": choices})) == found


@pytest.mark.parametrize("options", ["", ", min_chars: 5, max_chars: 4"])
def test_limits_that_make_no_sense_are_errors_of_the_policy(options: str) -> None:
    with pytest.raises(Exception, match="1 problem in the policy"):
        judging(f"{{use: length{options}}}")
