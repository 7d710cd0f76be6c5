"""What fails while replies are followed: a follower, its contract, the schema, the request; whole and in mid-stream."""

import json
from collections.abc import Sequence
from typing import Final, Literal

import pytest

from extproc.apis.asked import Asked
from extproc.apis.reply import ReplyPart
from extproc.detectors import DetectorKind, DetectorOptions, Noticed, ReplyDetector, ReplyFinding, registered
from extproc.detectors.contract import DETECTIONS_MAX
from extproc.detectors.schema.values import LEVELS_MAX, NAME_MAX
from extproc.inspection import replies
from extproc.policy import PolicyError, UnusableError
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Shared, Transaction
from tests.inspection.replying import SCHEMA, asking, judging, kinds, outcome, streamed, whole
from tests.seams.playing import CHAT, JSON, SSE, answered, plan, played, said
from tests.seams.playing import streamed as chunks


class FragileOptions(DetectorOptions):
    use: Literal["fragile"]
    what: str = "take"


class Fragile:
    """Fails in the way that its options say, at the word `now`."""

    def __init__(self, what: str) -> None:
        self._what = what

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        if "now" not in part.text:
            return ()
        match self._what:
            case "take":
                raise RuntimeError(part.text)
            case "kind":
                return [ReplyFinding("undeclared")]
            case "score":
                return [ReplyFinding("word", score=2.0)]
            case "span":
                return [ReplyFinding("word", start=5, end=4)]
            case "many":
                return [ReplyFinding("word")] * (DETECTIONS_MAX + 1)
            case "shape":
                return ["word"]  # type: ignore[list-item]
        return ()

    def finish(self) -> Sequence[Noticed]:
        if self._what == "finish":
            raise RuntimeError
        return ()


def fragile(options: FragileOptions) -> ReplyDetector:
    def opened(_: Asked | None) -> Fragile:
        if options.what == "open":
            raise RuntimeError
        return Fragile(options.what)

    return ReplyDetector(("word",), opened)


KIND: Final = DetectorKind("fragile", FragileOptions, fragile)
WAYS: Final = pytest.mark.parametrize("way", ["open", "take", "kind", "score", "span", "many", "shape", "finish"])


@WAYS
@pytest.mark.parametrize(("on_failure", "action"), [("block", "block"), ("allow", "allow")])
def test_a_follower_that_fails_is_settled_by_on_failure_alone(way: str, on_failure: str, action: str) -> None:
    with registered(KIND):
        own = judging(
            f"{{use: fragile, what: {way}, on_failure: {on_failure}}}, {{use: pii, kinds: [email], action: mask}}"
        )
        text = "write to a@example.org now "
        for response in (whole("chat", text), streamed("chat", ["write to ", "a@example.org ", "now "])):
            found = outcome(own, "chat", asking("chat"), response)
            assert found.action == ("mask" if action == "allow" else action)
            assert any("fragile could not judge it (error)" in each for each in found.why)
            if action == "allow":
                assert "[EMAIL_1]" in str(bytes(found.body) if not isinstance(found.body, str) else found.body)  # type: ignore[arg-type]


def test_a_stand_in_judges_a_whole_reply_and_cannot_judge_what_has_left_of_a_stream() -> None:
    with registered(KIND):
        own = judging("{use: fragile, on_failure: words}, {use: pattern, name: words, literals: [secret]}")
        assert outcome(own, "chat", asking("chat"), whole("chat", "the secret now")).action == "block"
        assert outcome(own, "chat", asking("chat"), whole("chat", "nothing now")).action == "allow"
        assert outcome(own, "chat", asking("chat"), streamed("chat", ["nothing ", "now"])).action == "block"


def test_a_follower_may_stand_in_for_another_processor() -> None:
    with registered(KIND):
        own = judging("{use: fragile, on_failure: json_schema}, {use: json_schema}")
        request = asking("chat", schema=SCHEMA)
        assert kinds(outcome(own, "chat", request, whole("chat", "now"))) == ["prose", "not_json"]
        assert outcome(own, "chat", request, whole("chat", '{"age": 3, "name": "now"}')).action == "allow"
        assert kinds(outcome(own, "chat", request, whole("chat", "later"))) == []


def test_a_failure_in_mid_stream_ends_it_in_the_clients_form_and_the_record_says_so() -> None:
    with registered(KIND), played(plan("", "{use: fragile}"), duplex=True) as exchange:
        exchange.asks(said("hi")).replies(chunks("one ", "two ", "now ", "four"), SSE)
        body = exchange.body(Side.RESPONSE, b"").decode()
        assert "one " in body
        assert "now" not in body
        assert "inspection_failed" in body
        record = exchange.record()
        assert record["failures"] == [{"processor": "fragile", "reason": "error", "allowed": False}]
        assert "now" not in json.dumps(record)


@pytest.mark.parametrize("mode", ["shadow", "report"])
def test_what_has_no_effect_is_recorded(mode: str) -> None:
    own = judging("{use: json_schema, mode: shadow}" if mode == "shadow" else "{use: json_schema, action: report}")
    request = asking("chat", schema=SCHEMA)
    for response in (whole("chat", '{"age": "3"}'), streamed("chat", ['{"age": "3"', "}"])):
        found = outcome(own, "chat", request, response)
        assert (found.action, kinds(found)) == ("allow", ["type"])
        assert found.findings[0].shadow == (mode == "shadow")


def test_a_repair_in_the_shadow_changes_nothing() -> None:
    own = judging("{use: json_schema, action: repair, mode: shadow}")
    text = '```{"age": 3}```'
    found = outcome(own, "chat", asking("chat", schema=SCHEMA), whole("chat", text))
    assert (found.action, kinds(found)) == ("allow", ["fenced", "fenced"])
    stream = outcome(own, "chat", asking("chat", schema=SCHEMA), streamed("chat", list(text)))
    assert stream.action == "allow"
    assert stream.body == streamed("chat", list(text))


@pytest.mark.parametrize("more", [0, 1])
def test_levels_have_a_bound(more: int) -> None:
    own = judging("{use: json_schema, fits: {type: array}}")
    text = "[" * (LEVELS_MAX + more) + "]" * (LEVELS_MAX + more)
    for response in (whole("chat", text), streamed("chat", list(text))):
        found = outcome(own, "chat", asking("chat"), response)
        assert found.action == ("block" if more else "allow")
        assert any("not inspected: complexity" in each for each in found.why) == bool(more)


@pytest.mark.parametrize("more", [0, 1])
def test_names_have_a_bound(more: int) -> None:
    own = judging("{use: json_schema, fits: {type: object}}")
    text = '{"' + "x" * (NAME_MAX + more) + '": 1}'
    pieces = [text[at : at + 500] for at in range(0, len(text), 500)]
    for response in (whole("chat", text), streamed("chat", pieces)):
        found = outcome(own, "chat", asking("chat"), response)
        assert found.action == ("block" if more else "allow")
        assert any("not inspected: complexity" in each for each in found.why) == bool(more)


def test_a_request_that_could_not_be_read_is_none_that_asks_for_nothing() -> None:
    own = plan("{use: pii, kinds: [email], on_failure: allow}", "{use: json_schema}")
    with played(own) as exchange:
        exchange.asks(said("x" * 20_000, response_format={"type": "json_object"}))
        (name,) = exchange.orders
        exchange.fails(name).replies(answered("no JSON"))
        assert exchange.refused == 403
        assert exchange.record()["uninspected"] == [{"reason": "schema", "count": 1}]


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        ("{use: json_schema, fits: {type: thing}}", "no JSON Schema"),
        ("{use: json_schema, fits: {$ref: other.json}}", "no JSON Schema"),
        ("{use: json_schema, fits: {}}", "says nothing"),
        ("{use: json_schema, action: mask}", "action"),
        ("{use: tool_schema, action: repair}", "action"),
    ],
)
def test_a_wrong_processor_is_an_error_of_the_policy(response: str, problem: str) -> None:
    with pytest.raises((PolicyError, UnusableError)) as caught:
        judging(response)
    error = caught.value
    told = error.render() if isinstance(error, PolicyError) else str(getattr(error, "parts", ""))
    assert problem in told


def test_a_judge_of_replies_stands_in_responses_alone() -> None:
    with pytest.raises(Exception, match="judges replies"):
        plan("{use: json_schema}", "")


@pytest.mark.parametrize("more", [0, 1])
def test_a_reply_has_a_bound(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(replies, "SAID_MAX", 40)
    own = judging("{use: length, max_chars: 1000}")
    text = "x" * (40 + more)
    for response in (whole("chat", text), streamed("chat", list(text))):
        found = outcome(own, "chat", asking("chat"), response)
        assert found.action == ("block" if more else "allow")
        assert any("not inspected: size" in each for each in found.why) == bool(more)


@pytest.mark.parametrize("more", [0, 1])
def test_the_texts_of_a_reply_have_a_bound(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(replies, "MAX_PLACES", 3)
    own = judging("{use: length, max_chars: 1000}")
    choices = [{"index": at, "message": {"content": "x"}, "finish_reason": "stop"} for at in range(3 + more)]
    found = outcome(own, "chat", asking("chat"), {"choices": choices})
    assert found.action == ("block" if more else "allow")
    assert any("not inspected: complexity" in each for each in found.why) == bool(more)


def test_what_is_kept_of_a_stream_is_counted_as_held() -> None:
    own = plan("", "{use: json_schema, fits: {type: object}}")
    shared = Shared()
    envoy = Playbook(own, shared, request=BodyMode.FULL_DUPLEX_STREAMED, response=BodyMode.FULL_DUPLEX_STREAMED)
    envoy.transaction = Transaction(own, shared, 0.0)
    envoy.sends(request_headers(CHAT, JSON))
    envoy.sends(request_body(said("hi")))
    envoy.sends(response_headers(200, SSE))
    for text in ('{"a": "', "x" * 400, *["y" * 400] * 60):
        event = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        envoy.sends(response_body(f"data: {json.dumps(event)}\n\n".encode(), end=False))
    assert shared.held > 20_000
    envoy.leaves()
    assert shared.held == 0
