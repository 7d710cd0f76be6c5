"""What a request demands of a model, in the words of every API, and never less than it does."""

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from extproc.apis import outline
from extproc.apis.demand import (
    AUDIO_BYTES,
    FILE_BYTES,
    IMAGE_TOKENS,
    MESSAGE_TOKENS,
    REPLY_TOKENS,
    UNDETERMINED,
    Demand,
    demand,
    demanded,
)
from extproc.apis.measures import PROPERTY_TOKENS, measured
from extproc.classify.tokens import counted, load, most
from tests.gathered import gathered

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
USER = {"role": "user"}
ASKED = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def of(value: object) -> Demand:
    return demand(json.dumps(value).encode())


def chat(**more: object) -> dict[str, Any]:
    return {**CHAT, **more}


def part(**content: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [content]}]}


def gemini(config: dict[str, object] | None = None, **content: object) -> dict[str, Any]:
    return {"contents": [{"parts": [{"text": "hello"}, content]}], "generationConfig": config or {}}


FEATURES = [
    # no more than is asked for
    (CHAT, set()),
    (chat(tools=[], response_format={"type": "text"}, reasoning_effort="none", audio=None), set()),
    (chat(response_format={"type": "json_object"}, modalities=["text"]), set()),
    (chat(thinking={"type": "disabled"}, reasoning={"enabled": False, "effort": None}), set()),
    (gemini({"thinkingConfig": {"thinkingBudget": 0}, "responseMimeType": "application/json"}), set()),
    ({"model": "m", "input": "hello", "text": {"format": {"type": "text"}}}, set()),
    # tools
    (chat(tools=[ASKED]), {"tools"}),
    (chat(functions=[{"name": "look"}]), {"tools"}),
    (chat(Tools=[ASKED]), {"tools"}),
    (chat(mcp_servers=[{"url": "https://mcp.example"}]), {"tools"}),
    (gemini(tools=1) | {"tools": [{"functionDeclarations": [{"name": "look"}]}]}, {"tools"}),
    # images
    (part(type="image_url", image_url={"url": "data:image/png;base64,AAAA"}), {"images"}),
    (part(type="input_image", file_id="f"), {"images"}),
    (part(type="image", source={"type": "base64", "media_type": "image/png", "data": "AAAA"}), {"images"}),
    (gemini(inlineData={"mimeType": "image/png", "data": "AAAA"}), {"images"}),
    (gemini(file_data={"mime_type": "image/png", "file_uri": "gs://a/b"}), {"images"}),
    # audio
    (part(type="input_audio", input_audio={"data": "AAAA", "format": "wav"}), {"audio"}),
    (chat(modalities=["text", "audio"], audio={"voice": "alloy", "format": "mp3"}), {"audio"}),
    (gemini(inline_data={"mime_type": "audio/wav", "data": "AAAA"}), {"audio"}),
    (gemini({"responseModalities": ["AUDIO"]}), {"audio"}),
    # a form of the response
    (chat(response_format={"type": "json_schema", "json_schema": {"schema": {}}}), {"json_schema"}),
    (chat(response_format={"type": "json_object", "schema": {"type": "object"}}), {"json_schema"}),
    (chat(guided_json={"type": "object"}), {"json_schema"}),
    (chat(structured_outputs={"json": {"type": "object"}}), {"json_schema"}),
    ({"input": "a", "text": {"format": {"type": "json_schema", "schema": {}}}}, {"json_schema"}),
    (chat(output_config={"format": {"type": "json_schema", "schema": {}}}), {"json_schema"}),
    (chat(output_format={"type": "json_schema"}), {"json_schema"}),
    (gemini({"responseSchema": {"type": "OBJECT"}}), {"json_schema"}),
    (gemini({"response_json_schema": {"type": "object"}}), {"json_schema"}),
    # reasoning
    (chat(reasoning_effort="low"), {"reasoning"}),
    ({"input": "a", "reasoning": {"effort": "high"}}, {"reasoning"}),
    (chat(thinking={"type": "enabled", "budget_tokens": 2000}), {"reasoning"}),
    (chat(output_config={"effort": "high"}), {"reasoning"}),
    (chat(enable_thinking=True), {"reasoning"}),
    (gemini({"thinkingConfig": {"thinkingLevel": "high"}}), {"reasoning"}),
    # files
    (part(type="file", file={"file_id": "f"}), {"files"}),
    (part(type="input_file", file_data="data:application/pdf;base64,AAAA"), {"files"}),
    (part(type="document", source={"type": "text", "media_type": "text/plain", "data": "hello"}), {"files"}),
    (gemini(inlineData={"mimeType": "video/mp4", "data": "AAAA"}), {"files"}),
    # in requests within a request, and in one of several
    ({"requests": [{"params": CHAT}, {"params": chat(tools=[ASKED], reasoning_effort="low")}]}, {"tools", "reasoning"}),
]


@gathered(("body", "features"), FEATURES)
def test_features_are_found_in_the_words_of_every_api(body: dict[str, Any], features: set[str]) -> None:
    assert of(body).features == features


@gathered(
    ("body", "limit"),
    [
        (CHAT, None),
        (chat(max_tokens=5), 5),
        (chat(max_completion_tokens=7, max_tokens=5), 7),
        ({"input": "a", "max_output_tokens": 9}, 9),
        ({"contents": [], "generationConfig": {"maxOutputTokens": 11}}, 11),
        ({"contents": [], "generation_config": {"max_output_tokens": 12}}, 12),
        ({"request": {"contents": [], "generationConfig": {"maxOutputTokens": 13}}}, 13),
        (chat(MAX_TOKENS=6), 6),
        (chat(max_tokens=-1), None),
        (chat(max_tokens=2.0), 2),
        (chat(max_tokens="5"), None),
        (chat(max_tokens=None), None),
    ],
)
def test_the_limit_of_the_response_is_the_largest_that_is_stated(body: dict[str, Any], limit: int | None) -> None:
    assert of(body).max_output_tokens == limit


@gathered(
    ("body", "turns"),
    [
        (CHAT, 1),
        ({"messages": [{"role": "system"}, USER, {"role": "assistant"}, {"role": "tool"}, {"role": "User"}]}, 2),
        ({"messages": [USER, {"role": "user", "content": [{"type": "tool_result"}, {"type": "tool_result"}]}]}, 1),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}, {"type": "text"}]}]}, 1),
        ({"contents": [{"parts": [{"text": "a"}]}, {"role": "model"}, {"role": "user", "parts": [{"text": "b"}]}]}, 2),
        ({"contents": [{"parts": [{"text": "a"}]}, {"role": "user", "parts": [{"functionResponse": {}}]}]}, 1),
        ({"input": "hello"}, 1),
        ({"input": [{"role": "user"}, {"type": "function_call_output"}, {"type": "message", "role": "user"}]}, 2),
        ({"prompt": "hello"}, 1),
        ({"message": "c", "chat_history": [{"role": "USER"}, {"role": "CHATBOT"}]}, 2),
        ({"input": ["a", "b"]}, 0),
    ],
)
def test_turns_are_what_a_user_says(body: dict[str, Any], turns: int) -> None:
    assert of(body).turns == turns


def test_choices_are_those_that_are_asked_for() -> None:
    assert (of(CHAT).choices, of(chat(n=3)).choices, of(chat(n="x")).choices) == (1, 3, None)


AROUND = MESSAGE_TOKENS + REPLY_TOKENS
BYTES = base64.b64encode(bytes(6000)).decode()
IMAGE = {"url": "data:image/png;base64," + BYTES}
DOCUMENT = {"type": "text", "media_type": "text/plain", "data": "hello"}
NAMED = {"role": "user", "name": "ann", "content": "hello"}


@gathered(
    ("body", "words", "more"),
    [
        ({"prompt": "hello"}, ["hello"], 0),
        ({"prompt": [[1, 2, 3], [4]]}, [], 4),
        ({"input": ["hello", "hello"]}, ["hello", "hello"], 0),
        (CHAT, ["hello"], AROUND),
        ({"messages": [NAMED]}, ["hello", "ann"], AROUND + 1),
        ({"system": "hello", "messages": [{"role": "user", "content": "hello"}]}, ["hello", "hello"], AROUND),
        (chat(user="u-1", metadata={}, stop=["END"], temperature=0.5), ["hello"], AROUND),
        (part(type="text", text="hello"), ["hello"], AROUND),
        (part(type="image_url", image_url=IMAGE), [], IMAGE_TOKENS + AROUND),
        (part(type="input_file", file_data="data:application/pdf;base64," + BYTES), [], 6000 // FILE_BYTES + AROUND),
        (part(type="input_audio", input_audio={"data": BYTES, "format": "wav"}), [], 6000 // AUDIO_BYTES + AROUND),
        (part(type="document", source=DOCUMENT), ["hello"], AROUND),
        (part(type="tool_use", input={"hello": 1}), ["hello", "1"], PROPERTY_TOKENS + AROUND),
    ],
)
def test_the_tokens_are_those_of_words_and_of_what_stands_around_them(
    body: dict[str, Any], words: list[str], more: int
) -> None:
    assert of(body).input_tokens == counted(words) + more


@gathered(
    "body",
    [
        part(type="file", file={"file_id": "f"}),
        part(type="input_file", file_url="https://a.example/b.pdf"),
        gemini(fileData={"mimeType": "application/pdf", "fileUri": "gs://a/b"}),
    ],
)
def test_nobody_knows_how_many_tokens_a_file_has_that_is_elsewhere(body: dict[str, Any]) -> None:
    assert of(body).input_tokens is None


@gathered("body", [b'{"messages":[', b"\x1f\x8b\x08", b"", b'"text"'])
def test_what_cannot_be_read_demands_everything(body: bytes) -> None:
    assert demand(body) == UNDETERMINED


def test_a_repeated_member_hides_nothing() -> None:
    body = b'{"tools":[{}],"tools":[],"max_tokens":9,"max_tokens":1,"type":"text","messages":[{"role":"user","content":'
    body += b'[{"type":"text","type":"input_audio","text":"a"}]}],"messages":[]}'
    assert demand(body).features == {"tools", "audio"}
    assert (demand(body).max_output_tokens, demand(body).turns) == (9, 1)


KEYS = st.sampled_from(["messages", "tools", "content", "type", "data", "text", "model", "max_tokens", "x", "input"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(["image", "audio"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_body_has_a_demand_and_the_outline_that_others_read(body: dict[str, Any]) -> None:
    written = json.dumps(body).encode()
    demand(written)
    (with_more, _), plain = measured(written) or (None, None), outline.read(written)
    assert with_more is not None
    assert plain is not None
    assert with_more.images == plain.images
    assert list(with_more.every("tools")) == list(plain.every("tools")) or any(plain.every("tools"))


def test_no_text_of_a_request_is_shown() -> None:
    found = measured(b'{"prompt":"PLANTED"}')
    assert "PLANTED" not in repr(found)


def within(value: object, room: int) -> int | None:
    """The input tokens where nothing is asked but if they fit into `room`."""
    found = measured(json.dumps(value).encode())
    assert found is not None
    return demanded(*found, room=room).input_tokens


def test_what_surely_fits_is_not_counted_and_what_may_not_is() -> None:
    load()
    words, limit = "antidisestablishmentarianism " * 10, 100
    body = chat(messages=[USER | {"content": words}], max_tokens=limit)
    exact, upper = of(body).input_tokens, MESSAGE_TOKENS + REPLY_TOKENS + len(words)
    assert exact is not None
    assert exact < upper
    assert [within(body, upper + limit - each) for each in (0, 1)] == [upper, exact]


def test_an_image_takes_more_tokens_than_bytes_and_a_file_elsewhere_nobody_knows_how_many() -> None:
    least = of(part(type="image_url", image_url={"url": "https://x/y.png"})).input_tokens or 0
    assert least > IMAGE_TOKENS
    assert (within(part(type="image_url", image_url={"url": "https://x/y.png"}), 10**9) or 0) >= least
    assert within(part(type="input_file", file_url="https://x/y.pdf"), 10**9) is None


@given(st.text(max_size=200), st.integers(0, 300))
def test_no_text_fits_uncounted_that_would_not_fit_counted(words: str, room: int) -> None:
    load()
    body = chat(messages=[USER | {"content": words}])
    exact, found = of(body).input_tokens, within(body, room)
    assert exact is not None
    assert found is not None
    assert exact <= MESSAGE_TOKENS + REPLY_TOKENS + most([words])
    assert found == exact or exact <= found <= room
