"""`explain` with detectors of plug-ins: scored ones run, remote ones are not asked, what is stopped stays stopped."""

import pytest

from extproc.explain.rehearsal import NOT_ASKED, Half, Rehearsed, rehearse
from extproc.protocol.headers import HeaderMap
from extproc.transaction import Shared
from tests.seams.playing import CHAT, JSON, answered, plan, said

FIELDS = HeaderMap([(":method", b"POST"), (":path", CHAT.encode()), JSON])
ANSWERED = HeaderMap([(":status", b"200"), JSON])


def explained(request: str, text: str, response: str = "", answer: str = "fine") -> Rehearsed:
    half = Half(ANSWERED, answered(answer)) if response else None
    return rehearse(plan(request, response), Shared(), Half(FIELDS, said(text)), half, 0.0)


def test_a_scorer_is_run() -> None:
    assert explained("{use: shouting}", "quiet words").refusal is None
    loud = explained("{use: shouting}", "THIS IS SHOUTED").refusal
    assert loud is not None
    assert loud.status == 403


@pytest.mark.parametrize(("word", "status"), [("allow", None), ("block", 503)])
def test_a_guard_is_not_asked_and_has_failed(word: str, status: int | None) -> None:
    found = explained(f"{{use: toy-guard, on_failure: {word}}}", "jailbreak")
    assert (found.refusal.status if found.refusal is not None else None) == status
    (failure,) = found.record.failures
    assert (failure.processor, failure.reason) == ("toy-guard", NOT_ASKED)


def test_detectors_that_were_stopped_are_not_run() -> None:
    found = explained("{use: shouting}, {use: shouting, name: second}, {use: toy-guard}", "THIS IS SHOUTED")
    assert found.refusal is not None
    assert [each.processor for each in found.record.findings] == ["shouting"]
    assert found.record.failures == ()


def test_an_answer_is_explained_as_well() -> None:
    found = explained("{use: pii}", "hello", "{use: shouting}", "THIS IS SHOUTED")
    assert found.record.blocked_by == "shouting"
    assert [each.side for each in found.record.findings] == ["response"]
