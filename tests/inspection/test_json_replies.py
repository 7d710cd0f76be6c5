"""Replies that have to be JSON: in every API, whole and streamed, judged at the earliest event."""

import json
from typing import Any, Final

import pytest

from tests.detectors.schema.cases import Maker
from tests.inspection.replying import FORMS, SCHEMA, asking, judging, kinds, outcome, streamed, whole

BLOCK: Final = judging("{use: json_schema}")
REPAIR: Final = judging("{use: json_schema, action: repair}")
REPORT: Final = judging("{use: json_schema, action: report}")
APIS: Final = pytest.mark.parametrize("api", FORMS)

WRONG: Final = {
    "not_json": '{"age": 3,, "name": "x"}',
    "type": '{"age": "3"}',
    "required": '{"name": "x"}',
    "unknown_member": '{"age": 3, "size": 1}',
    "repeated_member": '{"age": 3, "age": 4}',
    "fenced": '```json\n{"age": 3}\n```',
    "prose": 'Here it is: {"age": 3}',
}


def pieces(text: str, size: int = 3) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@APIS
def test_a_reply_that_fits_passes(api: str) -> None:
    request = asking(api, schema=SCHEMA)
    for response in (whole(api, '{"age": 3}'), streamed(api, pieces('{"age": 3}'))):
        found = outcome(BLOCK, api, request, response)
        assert (found.action, kinds(found)) == ("allow", [])


@APIS
@pytest.mark.parametrize("kind", WRONG)
def test_a_reply_that_does_not_is_blocked_whole_and_streamed(api: str, kind: str) -> None:
    request = asking(api, schema=SCHEMA)
    as_whole = outcome(BLOCK, api, request, whole(api, WRONG[kind]))
    assert (as_whole.action, kinds(as_whole)[0], as_whole.status) == ("block", kind, 403)
    as_stream = outcome(BLOCK, api, request, streamed(api, pieces(WRONG[kind])))
    assert (as_stream.action, kinds(as_stream)[0]) == ("block", kind)
    first, other = as_whole.findings[0], as_stream.findings[0]
    assert (first.start, first.why) == (other.start, other.why)


@APIS
def test_a_reply_that_is_cut_off_is_told_apart(api: str) -> None:
    request = asking(api, schema=SCHEMA)
    for response in (whole(api, '{"age": 3', 1), streamed(api, pieces('{"age": 3'), 1)):
        assert kinds(outcome(BLOCK, api, request, response)) == ["cut"]
    for response in (whole(api, '{"age": 3'), streamed(api, pieces('{"age": 3'))):
        assert kinds(outcome(BLOCK, api, request, response)) == ["not_json"]


@APIS
def test_a_reply_without_a_text_is_empty(api: str) -> None:
    request = asking(api, schema=SCHEMA)
    assert kinds(outcome(BLOCK, api, request, whole(api, " "))) == ["empty"]
    assert kinds(outcome(BLOCK, api, request, streamed(api, [" "]))) == ["empty"]


@APIS
def test_a_request_that_asks_for_text_may_get_text(api: str) -> None:
    for response in (whole(api, "hello"), streamed(api, ["hel", "lo"])):
        assert outcome(BLOCK, api, asking(api), response).action == "allow"


@APIS
def test_nothing_of_a_stream_leaves_behind_the_first_wrong_event(api: str) -> None:
    if api == "ollama":
        pytest.skip("lines of JSON are read whole")
    text = ['{"age":', ' "th', 'ree", "secret": 1}']
    found = outcome(BLOCK, api, asking(api, schema=SCHEMA), streamed(api, text))
    assert isinstance(found.body, str)
    assert '{\\"age\\":' in found.body
    assert "th" not in found.body.split('{\\"age\\":')[1].split("content_filter")[0].replace('"th', "")
    assert "secret" not in found.body
    assert found.findings[0].why == "/properties/age/type"


@APIS
@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('```json\n{"age": 3}\n```', '{"age": 3}\n'),
        ('Sure! Here it is:\n{"age": 3}\nAnything else?', '{"age": 3}\n'),
        ('{"age": 3} Done.', '{"age": 3} '),
    ],
)
def test_fences_and_prose_around_one_document_are_removed(api: str, text: str, right: str) -> None:
    request = asking(api, schema=SCHEMA)
    if api not in {"gemini", "ollama"}:
        found = outcome(REPAIR, api, request, whole(api, text))
        assert found.action == "mask"
        assert bytes(found.body or b"") == json.dumps(whole(api, right)).encode()  # type: ignore[arg-type]
    if api != "ollama":
        stream = outcome(REPAIR, api, request, streamed(api, pieces(text)))
        assert stream.action == "mask"
        assert isinstance(stream.body, str)
        assert said(api, stream.body) == right
        assert "```" not in stream.body


@APIS
@pytest.mark.parametrize("text", ['```{"age": 3', '```{"age": "3"}```', '{"age": 3} {"age": 4}', "no document"])
def test_nothing_else_is_repaired(api: str, text: str) -> None:
    request = asking(api, schema=SCHEMA)
    for response in (whole(api, text, 1), streamed(api, pieces(text), 1)):
        assert outcome(REPAIR, api, request, response).action == "block"


def said(api: str, body: str) -> str:
    """The text of a stream as a client puts it together."""
    texts: list[str] = []
    for line in body.splitlines():
        if not line.startswith("data: {"):
            continue
        value = json.loads(line[6:])
        match api:
            case "chat":
                texts += [choice["delta"].get("content") or "" for choice in value["choices"]]
            case "responses" if value["type"] == "response.output_text.delta":
                texts.append(value["delta"])
            case "responses" if value["type"] == "response.completed":
                assert value["response"]["output"][0]["content"][0]["text"] == "".join(texts)
            case "messages" if value["type"] == "content_block_delta":
                texts.append(value["delta"]["text"])
            case "gemini":
                texts += [part["text"] for part in value["candidates"][0]["content"]["parts"]]
    return "".join(texts)


@pytest.mark.parametrize("seed", range(4))
def test_a_streamed_reply_has_the_verdict_of_the_whole_one_however_it_is_cut(seed: int) -> None:
    maker = Maker(3000 + seed)
    for _ in range(12):
        schema = maker.root()
        request = asking("chat", schema=schema)
        value = maker.value(schema, schema)
        for text in (
            maker.written(value),
            maker.written(maker.spoiled(value)),
            maker.broken(maker.written(value)),
            f"```{maker.written(value)}```",
        ):
            as_whole = outcome(REPORT, "chat", request, whole("chat", text))
            as_stream = outcome(REPORT, "chat", request, streamed("chat", maker.cuts(text) or [""]))
            assert kinds(as_whole) == kinds(as_stream), (schema, text)
            places = [[(each.start, each.why) for each in found.findings] for found in (as_whole, as_stream)]
            assert places[0] == places[1], (schema, text)


def test_a_policy_may_have_a_schema_of_its_own() -> None:
    own = judging("{use: json_schema, fits: {type: object, required: [id]}}")
    assert kinds(outcome(own, "chat", asking("chat"), whole("chat", "{}"))) == ["required"]
    assert kinds(outcome(own, "chat", asking("chat"), whole("chat", '{"id": 1}'))) == []


def test_a_refusal_and_a_call_need_not_be_json() -> None:
    request = asking("chat", schema=SCHEMA, tools={"look": SCHEMA})
    refusal = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    assert kinds(outcome(BLOCK, "chat", request, {"choices": [{"message": refusal, "finish_reason": "stop"}]})) == []
    preface = whole("chat", "Let me look.", 2)
    assert kinds(outcome(BLOCK, "chat", request, preface)) == []
    assert kinds(outcome(BLOCK, "chat", request, streamed("chat", ["Let me", " look."], 2))) == []
    assert kinds(outcome(BLOCK, "chat", request, whole("chat", "Let me look."))) == ["prose", "not_json"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "other.json"},
        {"pattern": "(?=a)a"},
        {"type": "thing"},
        {"$ref": "#/$defs/missing"},
    ],
)
@pytest.mark.parametrize(("policy", "action"), [("", "block"), (", on_uninspected: allow", "allow")])
def test_a_schema_that_cannot_be_understood_is_named_and_the_policy_decides(
    schema: Any, policy: str, action: str
) -> None:
    own = judging("{use: json_schema}", policy)
    request = asking("chat", schema=schema)
    for response in (whole("chat", "{}"), streamed("chat", ["{", "}"])):
        found = outcome(own, "chat", request, response)
        assert found.action == action
        assert any("not inspected: schema" in each for each in found.why)


def test_a_response_that_is_no_reply_of_a_model_is_not_judged() -> None:
    responses: list[Any] = [{"error": {"message": "no"}}, {"choices": []}]
    for response in responses:
        assert outcome(BLOCK, "chat", asking("chat", schema=SCHEMA), response).action == "allow"


def test_a_response_that_no_api_knows_is_uninspected() -> None:
    found = outcome(BLOCK, "chat", asking("chat", schema=SCHEMA), {"reply": "{}"})
    assert found.action == "block"
    assert any("not inspected: reply" in each for each in found.why)


def test_masks_and_repairs_go_together() -> None:
    own = judging("{use: json_schema, action: repair}, {use: pii, kinds: [email], action: mask}")
    text = '```\n{"age": 3, "name": "a@example.org"}\n```'
    request = asking("chat", schema=SCHEMA)
    found = outcome(own, "chat", request, whole("chat", text))
    assert json.loads(bytes(found.body))["choices"][0]["message"]["content"] == '{"age": 3, "name": "[EMAIL_1]"}\n'  # type: ignore[arg-type]
    stream = outcome(own, "chat", request, streamed("chat", pieces(text)))
    assert said("chat", str(stream.body)) == '{"age": 3, "name": "[EMAIL_1]"}\n'
