"""What pipelines make of an exchange: requests and answers masked, blocked, or let through with a word about it."""

import gzip
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from extproc.policy import loads
from extproc.protocol.effects import Chunk, Effect, Inspect, Phase, Proceed, Reject
from extproc.protocol.messages import Failed, Inspected, Side
from extproc.protocol.modes import BodyMode, ModeOverride, SendMode
from extproc.testing.playbook import (
    Playbook,
    request_body,
    request_headers,
    response_body,
    response_headers,
    response_trailers,
)
from extproc.transaction import Plan, Shared
from extproc.transaction.requests.opened_body import OpenedBody
from extproc.transaction.requests.opening import Opening
from extproc.transaction.responses.pending import INLINE_BYTES
from extproc.transaction.responses.work import ResponseWork
from tests.records import logged

CHAT = "/v1/chat/completions"
DUPLEX = BodyMode.FULL_DUPLEX_STREAMED
BASE = """
version: 1
usage: {from: none, metadata: null}
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local, model: llama}]}]
pipelines:
"""
JSON = ("content-type", b"application/json")
SSE = ("content-type", b"text/event-stream")


def plan(pipeline: str) -> Plan:
    return Plan.compile(loads(BASE + pipeline, "policy.yaml"), {"local": b"-"})


@cache
def masking() -> Plan:
    return plan("""
  - name: default
    request: [{use: pii, kinds: [email], action: mask, restore: true}, {use: secrets, action: block}]
    response: [{use: pii, kinds: [iban], action: mask}]
    on_uninspected: block
""")


@cache
def request_only() -> Plan:
    return plan("  - {name: r, request: [{use: pii, kinds: [email], action: mask}]}\n")


def said(text: str, **more: Any) -> bytes:
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": text}], **more}).encode()


def answered(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


def sse(*texts: str) -> bytes:
    events: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts
    ]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in events) + b"data: [DONE]\n\n"


def onward(effects: Sequence[Effect], side: Side) -> bytes | None:
    """The body that went on; None where it went as it came."""
    pieces = [
        each.data if isinstance(each, Chunk) else each.body
        for each in effects
        if isinstance(each, Chunk | Proceed) and each.side is side
    ]
    known = [piece for piece in pieces if piece is not None]
    return b"".join(known) if known else None


def removed(effect: Effect) -> tuple[str, ...]:
    assert isinstance(effect, Proceed)
    assert effect.headers is not None
    return effect.headers.remove


def asked(envoy: Playbook, body: bytes, *, path: str = CHAT) -> list[Effect]:
    envoy.sends(request_headers(path, JSON))
    return list(envoy.sends(request_body(body)).effects)


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, DUPLEX])
def test_a_request_is_masked_before_it_goes_anywhere(mode: BodyMode) -> None:
    with Playbook(masking(), request=mode) as envoy:
        effects = asked(envoy, said("write to a@b.de"))
        body = onward(effects, Side.REQUEST)
        assert body is not None
        assert json.loads(body) == {"model": "llama", "messages": [{"role": "user", "content": "write to [EMAIL_1]"}]}
        assert ("content-length", b"%d" % len(body)) in effects[0].headers.sets  # type: ignore[union-attr]
        record = logged(envoy.leaves())
    assert record["decision"] == "masked"
    assert record["findings"] == [
        {"processor": "pii", "kind": "email", "action": "mask", "side": "request", "shadow": False, "count": 1}
    ]


def test_the_client_gets_its_own_value_back_and_the_answer_is_masked_for_what_is_not_its_own() -> None:
    with Playbook(masking(), response=BodyMode.BUFFERED) as envoy:
        asked(envoy, said("write to a@b.de"))
        envoy.sends(response_headers(200, JSON)).gets_one(Proceed)
        answer = envoy.sends(response_body(answered("[EMAIL_1] has GB82WEST12345698765432 and [EMAIL_2]")))
        body = answer.gets_one(Proceed)
        assert body.body == answered("a@b.de has [IBAN_1] and [EMAIL_2]")
        assert body.headers is not None
        assert ("content-length", b"%d" % len(body.body)) in body.headers.sets


def test_an_answer_in_full_duplex_waits_with_its_headers_until_it_is_judged() -> None:
    with Playbook(masking(), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, said("x"))
        envoy.sends(response_headers(200, JSON)).gets_nothing()
        whole = answered("GB82WEST12345698765432")
        envoy.sends(response_body(whole[:40], end=False)).gets_nothing()
        effects = envoy.sends(response_body(whole[40:])).effects
        assert [type(each) for each in effects] == [Proceed, Chunk]
        assert onward(effects, Side.RESPONSE) == answered("[IBAN_1]")


def test_a_stream_goes_on_as_it_comes_masked() -> None:
    with Playbook(masking(), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, said("write to a@b.de", stream=True))
        assert "content-length" in removed(envoy.sends(response_headers(200, SSE)).gets_one(Proceed))
        out = b""
        for piece in (sse("ask [EMA", "IL_1] for GB82WEST", "12345698765432 now"), b""):
            out += onward(envoy.sends(response_body(piece, end=not piece)).effects, Side.RESPONSE) or b""
    assert b"GB82" not in out
    assert _told(out) == "ask a@b.de for [IBAN_1] now"


def test_in_the_buffered_profile_a_stream_is_asked_for_in_full_duplex_and_json_comes_as_envoy_is_configured() -> None:
    for kind, wanted in ((SSE, ModeOverride(BodyMode.BUFFERED, DUPLEX, response_trailers=SendMode.SEND)), (JSON, None)):
        with Playbook(masking()) as envoy:
            asked(envoy, said("x", stream=True))
            assert envoy.sends(response_headers(200, kind)).gets_one(Proceed).modes == wanted
            envoy.sends(response_body(b"{}" if kind is JSON else sse("x")))


def test_a_blocked_request_is_told_so_in_its_dialect_and_goes_nowhere() -> None:
    with Playbook(masking()) as envoy:
        (refused,) = asked(envoy, said("key AKIAZ7XQ4HNRTW2LPYKM and a@b.de"))
        assert isinstance(refused, Reject)
        assert (refused.status, refused.details) == (403, "extproc_content_filter")
        assert json.loads(refused.body)["error"]["message"] == "The content was blocked by policy."
        record = logged(envoy.leaves())
    assert (record["decision"], record["blocked_by"], record["blocked_for"]) == ("blocked", "secrets", "finding")


def test_the_status_and_the_text_of_a_block_are_the_policys() -> None:
    own = plan("""
  - name: p
    request: [{use: pattern, regex: Titan}]
    block: {status: 451, message: Ask legal.}
""")
    with Playbook(own) as envoy:
        (refused,) = asked(envoy, said("Titan"))
    assert isinstance(refused, Reject)
    assert (refused.status, json.loads(refused.body)["error"]["message"]) == (451, "Ask legal.")


def test_nothing_is_asked_of_answers_by_a_pipeline_that_reads_none() -> None:
    assert not request_only().needs.response_body
    assert not request_only().needs.response_headers
    assert masking().needs.response_body


def test_the_upstream_is_not_asked_to_encode_an_answer_that_is_read() -> None:
    with Playbook(masking()) as envoy:
        assert "accept-encoding" in removed(asked(envoy, said("x"))[0])
    with Playbook(request_only()) as envoy:
        assert "accept-encoding" not in removed(asked(envoy, said("x"))[0])


def test_an_encoded_answer_is_decoded_and_says_so() -> None:
    with Playbook(masking(), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, said("x"))
        envoy.sends(response_headers(200, JSON, ("content-encoding", b"gzip"))).gets_nothing()
        first, chunk = envoy.sends(response_body(gzip.compress(answered("GB82WEST12345698765432")))).effects
        assert "content-encoding" in removed(first)
        assert isinstance(chunk, Chunk)
        assert chunk.data == answered("[IBAN_1]")


def test_an_encoded_answer_in_which_nothing_is_found_goes_on_in_the_very_bytes_it_came_in() -> None:
    encoded = gzip.compress(answered("nothing"))
    with Playbook(masking(), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, said("x"))
        envoy.sends(response_headers(200, JSON, ("content-encoding", b"gzip")))
        first, chunk = envoy.sends(response_body(encoded)).effects
        assert "content-encoding" not in removed(first)
        assert isinstance(chunk, Chunk)
        assert chunk.data == encoded


def test_an_encoded_request_is_read_and_goes_on_decoded_only_if_it_changed() -> None:
    for text, changed in (("a@b.de", True), ("nothing", False)):
        own = plan("  - {name: p, request: [{use: pii, action: mask}]}\n")
        encoded = gzip.compress(said(text).replace(b'"chat"', b'"gpt"'))
        with Playbook(own) as envoy:
            envoy.sends(request_headers("/v1/other", JSON, ("content-encoding", b"gzip")))
            answer = envoy.sends(request_body(encoded)).gets_one(Proceed)
        assert answer.headers is not None
        assert ("content-encoding" in answer.headers.remove) is changed
        assert (answer.body is not None) is changed


def test_an_answer_that_cannot_be_read_is_refused_or_passes_as_the_policy_says() -> None:
    for word, kinds in (("block", Reject), ("allow", Proceed)):
        own = plan(f"  - {{name: p, response: [{{use: pii, action: mask}}], on_uninspected: {word}}}\n")
        with Playbook(own, response=BodyMode.BUFFERED) as envoy:
            asked(envoy, said("x"))
            effect = envoy.sends(response_headers(200, ("content-type", b"audio/mpeg"))).gets_one(kinds)
            if isinstance(effect, Proceed):
                assert effect.modes is not None
                assert effect.modes.response_body is BodyMode.NONE
            record = logged(envoy.leaves())
        assert record["uninspected"] == [{"reason": "content_type", "count": 1}]


def test_an_error_of_the_backend_that_cannot_be_read_keeps_its_status() -> None:
    with Playbook(masking()) as envoy:
        asked(envoy, said("x"))
        fields = (("content-type", b"text/html"), ("content-length", b"9"))
        refused = envoy.sends(response_headers(502, *fields)).gets_one(Reject)
    assert refused.status == 502
    assert json.loads(refused.body)["error"]["code"] == "uninspected_content"


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
@pytest.mark.parametrize(
    "fields",
    [
        (),
        (("content-type", b"application/json"),),
        (("content-type", b"text/plain"),),
        (("content-type", b"application/json"), ("content-encoding", b"gzip")),
        (("content-type", b"application/json"), ("content-encoding", b"unheard-of")),
    ],
)
def test_a_response_without_a_byte_passes_in_chunks_too(fields: tuple[tuple[str, bytes], ...], mode: BodyMode) -> None:
    if len(fields) == 2 and fields[1][1] == b"unheard-of":
        fields = fields[1:]
    with Playbook(masking(), request=mode, response=mode) as envoy:
        asked(envoy, said("x"))
        effects = [*envoy.sends(response_headers(202, *fields)).effects, *envoy.sends(response_body(b"")).effects]
        assert not any(isinstance(each, Reject) for each in effects)
        assert envoy.leaves().uninspected == ()


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
@pytest.mark.parametrize("field", [None, ("content-type", b"text/plain"), ("content-encoding", b"unheard-of")])
def test_a_response_that_may_be_empty_and_is_not_is_refused(field: tuple[str, bytes] | None, mode: BodyMode) -> None:
    duplex = mode is BodyMode.FULL_DUPLEX_STREAMED
    with Playbook(masking(), request=mode, response=mode) as envoy:
        asked(envoy, said("x"))
        envoy.sends(response_headers(200, *([field] if field else [])))
        assert envoy.sends(response_body(b"x", end=not duplex)).gets_one(Reject).status == 403
        assert envoy.leaves().decision == "blocked"


def test_envoys_own_replies_pass_unread() -> None:
    with Playbook(masking()) as envoy:
        asked(envoy, said("x"))
        reply = response_headers(503, ("content-type", b"text/plain"), details="no_healthy_upstream")
        passed = envoy.sends(reply).gets_one(Proceed)
    assert passed.modes is None or passed.modes.response_body is BodyMode.NONE


def test_further_content_types_are_read_where_the_policy_names_them() -> None:
    own = plan("  - {name: p, response: [{use: pii, action: mask}], content_types: [text/plain]}\n")
    with Playbook(own, request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, said("x"))
        envoy.sends(response_headers(200, ("content-type", b"text/plain; charset=utf-8"))).gets_nothing()
        effects = envoy.sends(response_body(b"mail a@b.de now")).effects
    assert onward(effects, Side.RESPONSE) == b"mail [EMAIL_1] now"


@pytest.mark.parametrize(("word", "kind"), [("block", Reject), ("allow", Proceed)])
def test_a_request_over_the_pipelines_limit_is_refused_or_passes(word: str, kind: type[Effect]) -> None:
    own = plan(f"  - {{name: p, request: [{{use: pii}}], body_limit: 1KiB, on_oversize: {word}}}\n")
    for size, expected in ((1024, Proceed), (1025, kind)):
        with Playbook(own) as envoy:
            body = said("")
            (effect,) = asked(envoy, said("x" * (size - len(body))))
            assert isinstance(effect, expected)
            record = logged(envoy.leaves())
        assert (record.get("uninspected") is not None) == (size > 1024 and word == "allow")


@pytest.mark.parametrize("word", ["block", "allow"])
def test_an_answer_over_the_limit_is_refused_or_passes(word: str) -> None:
    own = plan(f"  - {{name: p, response: [{{use: pii}}], body_limit: 1KiB, on_oversize: {word}}}\n")
    for size in (1024, 1025):
        whole = answered("x" * (size - len(answered(""))))
        with Playbook(own, request=DUPLEX, response=DUPLEX) as envoy:
            asked(envoy, said("x"))
            envoy.sends(response_headers(200, JSON))
            effects = [
                *envoy.sends(response_body(whole[:1000], end=False)).effects,
                *envoy.sends(response_body(whole[1000:])).effects,
            ]
            if size > 1024 and word == "block":
                (refused,) = effects
                assert isinstance(refused, Reject)
                assert refused.status == 502
            else:
                assert onward(effects, Side.RESPONSE) == whole


def test_a_large_body_is_judged_elsewhere_and_envoy_waits() -> None:
    text = "x" * INLINE_BYTES + " a@b.de"
    with Playbook(masking()) as envoy:
        (order,) = asked(envoy, said(text))
        assert isinstance(order, Inspect)
        assert isinstance(order.work, Opening)
        effects = envoy.sends(Inspected(order.ticket, order.work.run())).effects
        body = onward(effects, Side.REQUEST)
        assert body is not None
        assert b"[EMAIL_1]" in body


@pytest.mark.parametrize("reason", ["timeout", "overloaded", "error"])
@pytest.mark.parametrize(("word", "kind"), [("block", Reject), ("allow", Proceed)])
def test_work_that_fails_ends_as_on_failure_says(reason: str, word: str, kind: type[Effect]) -> None:
    own = plan(f"  - {{name: p, request: [{{use: pii, action: block, on_failure: {word}}}]}}\n")
    with Playbook(own) as envoy:
        (order,) = asked(envoy, said("x" * INLINE_BYTES))
        assert isinstance(order, Inspect)
        effect = envoy.sends(Failed(order.ticket, reason)).gets_one(kind)
        if isinstance(effect, Reject):
            assert (effect.status, effect.details) == (503, "extproc_inspection_failed")
        record = logged(envoy.leaves())
    assert record["failures"] == [{"processor": "pii", "reason": reason, "allowed": word == "allow"}]


def test_work_that_fails_is_no_matter_for_a_processor_that_was_not_at_work() -> None:
    own = plan("  - {name: p, request: [{use: pii, when: stream}]}\n")
    for stream, kind in ((True, Reject), (False, Proceed)):
        with Playbook(own) as envoy:
            (order,) = asked(envoy, said("x" * INLINE_BYTES, stream=stream))
            assert isinstance(order, Inspect)
            envoy.sends(Failed(order.ticket, "timeout")).gets_one(kind)


def test_a_stand_in_judges_where_the_first_failed() -> None:
    own = plan("""
  - name: p
    request: [{use: pii, action: mask, on_failure: words}, {use: pattern, name: words, regex: Titan}]
""")
    for text, kind in (("Titan", Reject), ("x", Proceed)):
        with Playbook(own) as envoy:
            (order,) = asked(envoy, said("y" * INLINE_BYTES + text))
            assert isinstance(order, Inspect)
            again = envoy.sends(Failed(order.ticket, "timeout")).gets_one(Inspect)
            assert isinstance(again.work, OpenedBody)
            envoy.sends(Inspected(again.ticket, again.work.run())).gets_one(kind)
    with Playbook(own) as envoy:
        (passed,) = asked(envoy, said("Titan"))
        assert isinstance(passed, Proceed)


def test_a_client_that_leaves_while_its_body_is_judged_is_recorded() -> None:
    with Playbook(masking()) as envoy:
        (order,) = asked(envoy, said("x" * INLINE_BYTES))
        assert isinstance(order, Inspect)
        assert envoy.leaves().decision == "gone"


def test_shadow_records_and_changes_nothing() -> None:
    own = plan("  - {name: p, request: [{use: pii, action: block, mode: shadow}]}\n")
    with Playbook(own) as envoy:
        (passed,) = asked(envoy, said("a@b.de"))
        assert isinstance(passed, Proceed)
        record = logged(envoy.leaves())
    assert record["findings"] == [
        {"processor": "pii", "kind": "email", "action": "block", "side": "request", "shadow": True, "count": 1}
    ]


def test_conditions_say_when_a_processor_is_at_work() -> None:
    own = plan("""
  - name: p
    request:
      - {use: pii, kinds: [email], action: report}
      - {use: pattern, name: a, regex: Titan, when: 'stream'}
      - {use: pattern, name: b, regex: Orion, when: 'findings.exists(f, f.kind == "email" && f.count == 2)'}
      - {use: pattern, name: c, regex: Vega, when: 'headers["x-team"] == "red"'}
""")
    for body, blocked in (
        (said("Titan"), None),
        (said("Titan", stream=True), "a"),
        (said("Orion a@b.de"), None),
        (said("Orion a@b.de c@d.de"), "b"),
        (said("Vega"), None),
    ):
        with Playbook(own) as envoy:
            asked(envoy, body)
            assert envoy.leaves().blocked_by == blocked
    with Playbook(own) as envoy:
        envoy.sends(request_headers(CHAT, JSON, ("x-team", b"red")))
        envoy.sends(request_body(said("Vega"))).gets_one(Reject)
    assert own.needs.fields == ("content-type", "x-team")


def test_the_first_pipeline_that_matches_is_for_the_request_however_its_path_is_spelt() -> None:
    own = plan("""
  - {name: red, match: {path: /v1/, headers: {x-team: red}}, request: [{use: pattern, regex: Titan}]}
  - {name: chats, match: {path: /v1/chat}, request: [{use: pattern, regex: Orion}]}
""")
    for path, team, text, pipeline in (
        (CHAT, b"red", "Orion", "red"),
        (CHAT, b"blue", "Titan", "chats"),
        ("//V1/./chat%2fcompletions", b"", "Titan", "chats"),
        ("/chat/completions", b"", "Titan", "chats"),
        ("/v1/embeddings", b"", "Titan Orion", None),
    ):
        with Playbook(own) as envoy:
            envoy.sends(request_headers(path, JSON, ("x-team", team)))
            envoy.sends(request_body(said(text))).gets_one(Proceed)
            assert envoy.leaves().pipeline == pipeline


def test_mcp_is_read_on_a_path_that_no_dialect_claims_and_told_of_errors_in_json_rpc() -> None:
    own = plan("""
  - name: tools
    match: {path: /mcp}
    request: [{use: pii, action: mask}, {use: pattern, regex: rm -rf, when: 'mcp.tool == "shell"'}]
""")
    call = {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {"name": "mail", "arguments": {"to": "a@b.de"}},
    }
    with Playbook(own) as envoy:
        (masked,) = asked(envoy, json.dumps(call).encode(), path="/mcp")
        assert isinstance(masked, Proceed)
        assert masked.body == json.dumps(call).replace("a@b.de", "[EMAIL_1]").encode()
    call["params"] = {"name": "shell", "arguments": {"command": "rm -rf /"}}
    with Playbook(own) as envoy:
        (refused,) = asked(envoy, json.dumps(call).encode(), path="/mcp")
        assert isinstance(refused, Reject)
        told = json.loads(refused.body)
    assert (told["jsonrpc"], told["id"], told["error"]["code"]) == ("2.0", 7, -32000)


def test_a_block_in_mid_stream_ends_the_stream_and_drops_the_rest() -> None:
    own = plan("  - {name: p, response: [{use: pattern, regex: Titan}]}\n")
    with Playbook(own, request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, said("x", stream=True))
        envoy.sends(response_headers(200, SSE))
        events = sse("hello there ", "Tit", "an is ", "late")
        effects = list(envoy.sends(response_body(events, end=False)).effects)
        assert isinstance(effects[-1], Chunk)
        assert effects[-1].end
        envoy.sends(response_body(b"data: more\n\n", end=False)).gets_nothing()
        assert b"Titan" not in (out := onward(effects, Side.RESPONSE) or b"")
        assert b"content_filter" in out
        envoy.sends(response_body(b"")).gets_nothing()
        record = logged(envoy.leaves())
    assert record["blocked_by"] == "pattern"


def test_a_stream_may_be_as_long_as_the_policy_says_however_it_is_cut() -> None:
    own = plan("  - {name: p, response: [{use: size, max_bytes: 300}]}\n")
    whole = sse("hello there ", "and more ", "and more ", "and more ")
    outs = set()
    for cut in (1, 7, len(whole)):
        with Playbook(own, request=DUPLEX, response=DUPLEX) as envoy:
            asked(envoy, said("x", stream=True))
            envoy.sends(response_headers(200, SSE))
            out = b""
            for at in range(0, len(whole), cut):
                out += onward(envoy.sends(response_body(whole[at : at + cut], end=False)).effects, Side.RESPONSE) or b""
            outs.add(out)
            envoy.sends(response_body(b"")).gets_nothing()
            assert envoy.leaves().blocked_by == "size"
    (out,) = outs
    assert _told(out).startswith("hello there ")
    assert len(_told(out)) < len("hello there " + 3 * "and more ")
    assert b"content_filter" in out


def test_trailers_after_a_buffered_answer_pass() -> None:
    with Playbook(masking(), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, said("x"))
        envoy.sends(response_headers(200, JSON)).gets_nothing()
        envoy.sends(response_body(answered("GB82WEST12345698765432"), end=False)).gets_nothing()
        effects = envoy.sends(response_trailers()).effects
        assert [type(each) for each in effects] == [Proceed, Chunk, Proceed]
        assert onward(effects, Side.RESPONSE) == answered("[IBAN_1]")


def test_messages_that_come_while_a_side_is_judged_wait_for_it() -> None:
    with Playbook(masking(), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, said("x"))
        envoy.sends(response_headers(200, JSON)).gets_nothing()
        whole = answered("y" * INLINE_BYTES + " GB82WEST12345698765432")
        envoy.sends(response_body(whole, end=False)).gets_nothing()
        order = envoy.sends(response_trailers()).gets_one(Inspect)
        assert isinstance(order.work, ResponseWork)
        effects = envoy.sends(Inspected(order.ticket, order.work.run())).effects
        assert isinstance(effects[-1], Proceed)
        assert effects[-1].phase is Phase.TRAILERS


def test_what_a_provider_sealed_for_itself_is_named_and_passes() -> None:
    thinking = {"content": [{"type": "thinking", "thinking": "hm", "signature": "EqQB" + "AbC1" * 40}]}
    with Playbook(masking(), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, said("x"))
        envoy.sends(response_headers(200, JSON))
        effects = envoy.sends(response_body(json.dumps(thinking).encode())).effects
        assert onward(effects, Side.RESPONSE) == json.dumps(thinking).encode()
        assert logged(envoy.leaves())["uninspected"] == [{"reason": "encrypted", "count": 1}]


@pytest.mark.parametrize(("request_mode", "mode"), [(BodyMode.BUFFERED, BodyMode.BUFFERED), (DUPLEX, DUPLEX)])
def test_a_body_that_is_to_be_read_does_not_pass_because_its_headers_were_not_sent(
    request_mode: BodyMode, mode: BodyMode
) -> None:
    with Playbook(masking(), request=request_mode, response=mode) as envoy:
        asked(envoy, said("x"))
        refused = envoy.sends(response_body(answered("GB82WEST12345698765432"))).gets_one(Reject)
        assert refused.details == "extproc_misconfigured_response_header_mode"


def test_what_runs_in_the_shadow_has_no_effect_on_others() -> None:
    own = plan("""
  - name: p
    request:
      - {use: pii, kinds: [email], action: report, mode: shadow}
      - {use: pattern, regex: Titan, when: 'findings.exists(f, f.kind == "email")'}
""")
    with Playbook(own) as envoy:
        (passed,) = asked(envoy, said("Titan a@b.de"))
        assert isinstance(passed, Proceed)


def test_no_record_shows_what_was_said() -> None:
    with Playbook(masking(), Shared(detailed=True)) as envoy:
        asked(envoy, said("planted@example.com AKIAZ7XQ4HNRTW2LPYKM"))
        record = repr(envoy.leaves())
    assert "planted" not in record
    assert "AKIA" not in record


def _told(out: bytes) -> str:
    texts = []
    for line in out.decode().splitlines():
        if line.startswith("data: {"):
            texts += [choice["delta"].get("content", "") for choice in json.loads(line[6:]).get("choices", ())]
    return "".join(texts)
