"""What `extproc explain` says of pipelines: the gateway's own decisions, find by find."""

import json
from functools import cache
from typing import Any

import msgspec
import pytest

from extproc.explain.explanation import explain
from extproc.explain.lines import body_of, read_line
from extproc.inspection.judge import Job
from extproc.matching.scanner import Scanner
from extproc.policy import loads
from extproc.transaction import Plan, Shared
from tests.transaction import plans

CHAT = "/v1/chat/completions"
BASE = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local, model: llama}]}]
pipelines:
"""
LARGE = 40_000
"""Bytes of a body that is judged in a thread."""
BLOCKED = "The content was blocked by policy."
KEY = "AKIAZ7XQ4HNRTW2LPYKM"
IBAN = "GB82WEST12345698765432"


def plan(pipeline: str) -> Plan:
    return Plan.compile(loads(BASE + pipeline, "policy.yaml"), {"local": b"-"})


@cache
def both() -> Plan:
    """Two processors on each side. Compiling all secrets takes a second: not while tests are collected."""
    return plan("""
  - name: default
    match: {path: /v1/}
    request: [{use: pii, kinds: [email], action: mask, restore: true}, {use: secrets, action: block}]
    response: [{use: pii, kinds: [iban], action: mask}, {use: secrets, action: block}]
""")


PASSING = plans.plan(plans.ROUTED)


def told(own: Plan, text: str | dict[str, Any], answer: Any = None, **line: Any) -> dict[str, Any]:
    """The explanation of one line, as it is printed."""
    body = said(text) if isinstance(text, str) else text
    line = {"path": CHAT, "headers": {"content-type": "application/json"}, "body": body, **line}
    if answer is not None:
        line["response"] = answer
    explained = explain(own, Shared(detailed=True), read_line(json.dumps(line).encode()))
    shown: dict[str, Any] = json.loads(msgspec.json.encode(explained))
    return shown


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "chat", "messages": [{"role": "user", "content": text}], **more}


def answered(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}


def sse(*texts: str) -> str:
    events: list[dict[str, Any]] = [{"index": 0, "delta": {"content": text}, "finish_reason": None} for text in texts]
    events.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    return "".join(f"data: {json.dumps({'choices': [each]})}\n\n" for each in events) + "data: [DONE]\n\n"


def streamed(body: str) -> str:
    """What the client reads in an event stream."""
    events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content", "") for each in events for choice in each.get("choices", ()))


def test_a_masked_request_is_told_with_its_finds_and_its_body() -> None:
    shown = told(both(), "Grüße 👋 an a@b.de")
    assert (shown["action"], shown["status"], shown["pipeline"], shown["answer"]) == ("mask", 200, "default", None)
    assert shown["findings"] == [
        {
            "processor": "pii",
            "kind": "email",
            "action": "mask",
            "side": "request",
            "where": "/messages/0/content",
            "start": 11,
            "end": 17,
            "score": 1.0,
        }
    ]
    assert shown["body"] == said("Grüße 👋 an [EMAIL_1]") | {"model": "llama"}
    assert (shown["backend"], shown["model"]) == ("local", "llama")


def test_a_blocked_request_is_told_with_what_the_client_gets() -> None:
    shown = told(both(), f"{KEY} of a@b.de")
    assert (shown["action"], shown["status"], shown["body"], shown["backend"]) == ("block", 403, None, None)
    assert shown["answer"]["error"]["message"] == BLOCKED
    assert [each["kind"] for each in shown["findings"]] == ["email", "aws-access-key-id"]
    assert "secrets blocks what it found" in shown["why"]


def test_what_is_only_in_shadow_is_marked_and_nothing_is_done() -> None:
    shown = told(plan("  - {name: p, request: [{use: pii, mode: shadow}]}\n"), "a@b.de")
    assert (shown["action"], shown["body"]["messages"][0]["content"]) == ("allow", "a@b.de")
    assert [each["shadow"] for each in shown["findings"]] == [True]


def test_an_answer_is_told_as_the_client_would_get_it_masked_and_restored() -> None:
    shown = told(both(), "write to a@b.de", {"body": answered(f"[EMAIL_1] has {IBAN}")})
    assert (shown["action"], shown["status"], shown["body"]) == ("mask", 200, answered("a@b.de has [IBAN_1]"))
    found = shown["findings"][-1]
    assert (found["side"], found["kind"], found["where"]) == ("response", "iban", "/choices/0/message/content")
    assert (found["start"], found["end"]) == (len("[EMAIL_1] has "), len("[EMAIL_1] has ") + len(IBAN))


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/event-stream; charset=utf-8"}])
def test_an_event_stream_is_judged_as_one(headers: dict[str, str]) -> None:
    body = sse("ask [EMA", f"IL_1] for {IBAN[:9]}", f"{IBAN[9:]} now")
    shown = told(both(), "write to a@b.de", {"headers": headers, "body": body})
    assert (shown["action"], streamed(shown["body"])) == ("mask", "ask a@b.de for [IBAN_1] now")
    assert shown["body"].endswith("data: [DONE]\n\n")
    found = shown["findings"][-1]
    start = len("ask [EMAIL_1] for ")
    assert (found["side"], found["start"], found["end"]) == ("response", start, start + len(IBAN))


AMBIGUOUS = "patient 401-023-2137"


def test_a_finding_lists_the_other_kinds_that_fit_in_requests_responses_and_streams() -> None:
    own = plan("  - {name: p, request: [{use: pii, action: mask}], response: [{use: pii, action: mask}]}\n")
    stream = sse(*AMBIGUOUS)
    for shown in (told(own, AMBIGUOUS), *(told(own, "hi", {"body": body}) for body in (answered(AMBIGUOUS), stream))):
        (found,) = shown["findings"]
        assert (found["kind"], found["score"], found["also"]) == ("uk_nhs", 0.9, [{"kind": "phone", "score": 0.85}])
    only = plan("  - {name: p, request: [{use: pii, kinds: [uk_nhs], action: mask}]}\n")
    assert "also" not in told(only, AMBIGUOUS)["findings"][0]


def test_a_block_in_mid_stream_is_told_with_the_stream_as_it_would_end() -> None:
    shown = told(both(), "hi", {"body": sse("here: ", KEY[:7], KEY[7:], " late")})
    assert (shown["action"], shown["status"]) == ("block", 200)
    assert BLOCKED in shown["body"]
    assert "content_filter" in shown["body"]
    assert KEY[:4] not in shown["body"]
    assert "late" not in shown["body"]
    assert "local serves it, and its answer ends early, with an error event" in shown["why"]


def test_a_blocked_answer_is_told_with_what_the_client_gets_instead() -> None:
    shown = told(both(), "hi", {"body": answered(KEY)})
    assert (shown["action"], shown["status"], shown["body"], shown["backend"]) == ("block", 403, None, "local")
    assert shown["answer"]["error"]["code"] == "content_filter"


def test_an_answer_to_a_request_that_goes_nowhere_is_not_judged() -> None:
    shown = told(both(), KEY, {"body": answered(IBAN)})
    assert (shown["action"], shown["status"], shown["body"]) == ("block", 403, None)
    assert [each["side"] for each in shown["findings"]] == ["request"]


def test_an_answer_that_nobody_reads_is_told_as_it_came() -> None:
    own = plan("  - {name: p, request: [{use: pii}]}\n")
    shown = told(own, "hi", {"status": 503, "headers": {"content-type": "text/html"}, "body": f"<p>{IBAN}"})
    assert (shown["action"], shown["status"], shown["body"]) == ("allow", 503, f"<p>{IBAN}")


def test_an_answer_without_a_body_is_told() -> None:
    shown = told(both(), "hi", {"status": 204})
    assert (shown["action"], shown["status"], shown["body"]) == ("allow", 204, None)


def test_an_answer_that_cannot_be_read_says_why() -> None:
    shown = told(both(), "hi", {"headers": {"content-type": "application/json"}, "body": "{not json"})
    assert (shown["action"], shown["status"]) == ("block", 403)
    assert "not inspected: malformed (1)" in shown["why"]
    assert "pipeline default blocks what cannot be read (on_uninspected)" in shown["why"]


def test_what_the_policy_lets_pass_unread_is_named() -> None:
    own = plan("  - {name: p, request: [{use: pii}], on_uninspected: allow}\n")
    image = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    shown = told(own, {"model": "chat", "messages": [{"role": "user", "content": [image]}]})
    assert shown["action"] == "allow"
    assert "not inspected: image (1), which the policy allows" in shown["why"]


@pytest.mark.parametrize("word", ["block", "allow"])
def test_a_body_over_the_limit_is_told(word: str) -> None:
    own = plan(f"  - {{name: p, request: [{{use: pii}}], body_limit: 1KiB, on_oversize: {word}}}\n")
    shown = told(own, "x" * 1024)
    assert (shown["action"], shown["status"]) == (("block", 413) if word == "block" else ("allow", 200))
    if word == "block":
        assert "pipeline p blocks what is larger than its body_limit (on_oversize)" in shown["why"]


def test_a_large_body_is_judged_all_the_same() -> None:
    shown = told(both(), "x " * LARGE + "a@b.de", {"body": answered("y " * LARGE + IBAN)})
    assert shown["action"] == "mask"
    assert [each["start"] for each in shown["findings"]] == [2 * LARGE, 2 * LARGE]
    assert shown["body"]["choices"][0]["message"]["content"].endswith("y [IBAN_1]")


@pytest.mark.parametrize(("word", "action", "status"), [("block", "block", 503), ("allow", "allow", 200)])
@pytest.mark.parametrize("padding", [0, LARGE])
def test_a_processor_that_fails_is_told_of(
    word: str, action: str, status: int, padding: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object, text: str) -> None:
        raise ValueError(text)

    own = plan(f"  - {{name: p, request: [{{use: pii, on_failure: {word}}}]}}\n")
    monkeypatch.setattr(Scanner, "scan_all", fails)
    shown = told(own, "planted" + "x" * padding)
    assert (shown["action"], shown["status"]) == (action, status)
    assert any(why.startswith("pii could not judge it (error)") for why in shown["why"])
    assert "planted" not in json.dumps(shown["why"])


def test_work_that_raises_is_a_failure_as_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Job) -> None:
        raise MemoryError

    monkeypatch.setattr(Job, "run", fails)
    assert told(both(), "x" * LARGE)["status"] == 503


def test_signals_are_the_facts_that_conditions_read_and_no_others() -> None:
    own = plan("""
  - name: p
    request:
      - {use: pii, kinds: [email], action: report}
      - {use: pattern, regex: Titan, when: 'stream && headers["x-team"] == "red"'}
      - {use: pattern, name: b, regex: Orion, when: 'findings.exists(f, f.kind == "email")'}
""")
    headers = {"content-type": "application/json", "authorization": "Bearer planted", "X-Team": "red"}
    shown = told(own, said("Orion a@b.de", stream=True), headers=headers)
    assert shown["action"] == "block"
    assert shown["signals"] == {
        "stream": True,
        "headers": {"x-team": "red"},
        "findings": [
            {"processor": "pii", "kind": "email", "count": 1, "where": ""},
            {"processor": "b", "kind": "b", "count": 1, "where": ""},
        ],
    }
    assert told(both(), "a@b.de")["signals"] == {}


def test_the_pipeline_is_named_with_what_made_it_match() -> None:
    own = plan("""
  - {name: red, match: {path: /v1/, headers: {x-team: red}, route_name: llm}, request: [{use: pii}]}
  - {name: rest, match: {path: /v1/chat}, request: [{use: pii}]}
""")
    headers = {"x-team": "red"}
    assert told(own, "x", headers=headers, route_name="llm")["pipeline"] == "red"
    shown = told(own, "x", headers=headers)
    assert shown["pipeline"] == "rest"
    assert "pipeline rest is the first that matches: the path is under /v1/chat" in shown["why"]
    elsewhere = told(own, "x", path="/other")
    assert (elsewhere["pipeline"], elsewhere["findings"], elsewhere["signals"]) == (None, [], {})
    assert "no pipeline is for this request" in elsewhere["why"]


def test_other_refusals_are_rejects() -> None:
    shown = told(both(), {"model": "nobody", "messages": []})
    assert (shown["action"], shown["status"], shown["pipeline"]) == ("reject", 404, "default")


def test_json_rpc_is_explained_where_no_dialect_claims_the_path() -> None:
    own = plan("  - {name: tools, match: {path: /mcp}, request: [{use: pii, action: mask}]}\n")
    call = {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {"name": "mail", "arguments": {"to": "a@b.de"}},
    }
    shown = told(own, call, path="/mcp")
    assert (shown["action"], shown["body"]["params"]["arguments"]) == ("mask", {"to": "[EMAIL_1]"})
    assert shown["findings"][0]["where"] == "/params/arguments/to"
    assert "no dialect claims this path and method" in shown["why"]


def test_half_a_surrogate_pair_in_a_body_is_explained_as_the_gateway_takes_it() -> None:
    own = plan("  - {name: tools, match: {path: /mcp}, request: [{use: pii, action: mask}], response: [{use: pii}]}\n")
    raw = rb'{"path": "/mcp", "headers": {"content-type": "application/json"}, "body": {"a": "\ud83d a@b.de"} }'
    shown = msgspec.json.encode(explain(own, Shared(detailed=True), read_line(raw)))
    assert json.loads(shown)["body"] == {"a": "\ud83d [EMAIL_1]"}
    assert rb'"body":{"a": "\ud83d [EMAIL_1]"}' in shown
    chat = rb'{"path": "/v1/chat/completions", "body": {"model": "chat", "a": "\ud83d"}}'
    assert explain(both(), Shared(), read_line(chat)).status == 400


def test_half_a_surrogate_pair_in_an_answer_or_in_a_string_is_read() -> None:
    line = rb'{"response": {"body": {"a": "\ud83d"}, "status": 201}, "path": "/mcp", "body": "\ud83d x"}'
    read = read_line(line)
    assert read.response is not None
    assert (read.response.status, body_of(read.response.body)) == (201, rb'{"a": "\ud83d"}')
    assert body_of(read.body) == "\ud83d x".encode("utf-8", "surrogatepass")
    # What is no text cannot be printed as it is.
    assert json.loads(msgspec.json.encode(explain(PASSING, Shared(), read)))["body"] == {"a": "\ud83d"}
    alone = read_line(rb'{"path": "/mcp", "body": "\ud83d x"}')
    assert json.loads(msgspec.json.encode(explain(PASSING, Shared(), alone)))["body"].endswith(" x")


@pytest.mark.parametrize(
    "line", [rb'{"path": "/\ud83d"}', rb'{"path": "/", "response": [{"body": "\ud83d"}]}', rb'"\ud83d"']
)
def test_half_a_surrogate_pair_elsewhere_makes_it_no_request(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(this is not a JSON object|a request line has)"):
        read_line(line)


def test_why_and_renderings_hold_nothing_that_was_said() -> None:
    for text in ("planted@example.com", f"{KEY} planted@example.com"):
        shown = told(both(), text, {"body": answered(f"planted {KEY}")})
        assert "planted" not in json.dumps(shown["why"])
        assert KEY not in json.dumps(shown["why"])
        line = read_line(json.dumps({"path": CHAT, "body": said(text), "response": {"body": answered(text)}}).encode())
        assert "planted" not in repr((line, line.response, explain(both(), Shared(detailed=True), line)))


# -- rules of models


RULED = """
version: 1
backends:
  - {name: big, url: "http://127.0.0.1:1/v1", api: openai}
  - {name: small, url: "http://127.0.0.1:2/v1", api: openai}
models:
  - name: chat
    rules:
      - {when: 'headers["x-team"] == "pay"', to: [{backend: big, model: priced}]}
      - {name: agents, when: tools > 0, to: [{backend: big}, {backend: small}]}
    targets: [{backend: small, model: llama}]
"""


def ruled(**more: Any) -> dict[str, Any]:
    own = Plan.compile(loads(RULED), {})
    return told(own, said("hi", **more.pop("body", {})), **more)


def test_the_rule_that_decided_is_told_with_the_signals_that_it_saw() -> None:
    shown = ruled(headers={"x-team": "pay", "x-other": "planted"})
    assert (shown["rule"], shown["backend"], shown["model"], shown["pipeline"]) == ("rule-1", "big", "priced", None)
    assert shown["signals"] == {"headers": {"x-team": "pay"}, "tools": 0}
    assert shown["why"][1:3] == [
        "rule rule-1 of chat is the first whose condition is true",
        "chat is served by big alone, as rule rule-1 says",
    ]


def test_a_rule_with_weights_is_told_as_one() -> None:
    shown = ruled(body={"tools": [{}]})
    assert (shown["rule"], shown["signals"]["tools"]) == ("agents", 1)
    assert shown["why"][2] == f"rule agents of chat has several targets; {shown['backend']} was drawn by weight"


def test_where_no_rule_holds_it_is_told_that_none_does() -> None:
    shown = ruled()
    assert (shown["rule"], shown["backend"], shown["model"]) == (None, "small", "llama")
    assert shown["why"][1] == "no rule of chat has a condition that is true, so its own targets serve it"


def test_a_rule_that_cannot_be_evaluated_is_told() -> None:
    own = Plan.compile(loads(RULED.replace("tools > 0", "size(findings) > 0") + NOT_READ), {})
    shown = told(own, said("x" * 2000))
    assert (shown["action"], shown["status"], shown["rule"], shown["backend"]) == ("reject", 503, "agents", None)
    assert shown["signals"]["findings"] is None
    assert "rule agents of chat cannot be evaluated: findings cannot be determined" in shown["why"]


def test_a_rule_whose_condition_fails_for_a_header_s_value_is_told_as_that() -> None:
    condition = """'headers["x-n"] != "" && int(headers["x-n"]) > 3'"""
    own = Plan.compile(loads(RULED.replace("tools > 0", condition)), {})
    shown = told(own, said("x"), headers={"x-n": "many"})
    assert (shown["status"], shown["rule"]) == (503, "agents")
    assert any("cannot be evaluated: its condition fails for these signals" in each for each in shown["why"])


NOT_READ = """pipelines:
  - {name: p, request: [{use: pii, kinds: [email]}], body_limit: 1KiB, on_oversize: allow}
"""
