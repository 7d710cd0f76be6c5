"""Sealed values of requests: which there are, what may be left out, and the bounds."""

import json
from typing import Any

import pytest

from extproc.apis.families import anthropic_sealed
from extproc.apis.openai_chat import sealed as chat
from extproc.apis.openai_responses import sealed as responses
from extproc.apis.seals import requests
from extproc.apis.seals.requests import dropped, read_sealed
from extproc.apis.seals.sealed import SealedApi
from extproc.apis.seals.tag import SealTag
from extproc.apis.seals.tree import applied
from extproc.protocol.errors import ClientError
from tests.gathered import gathered

TAG = SealTag.of("north")
RESPONSES, MESSAGES, CHAT = responses.SEALED, anthropic_sealed.SEALED, chat.SEALED


def found(body: dict[str, Any], api: SealedApi) -> list[tuple[str, bool]]:
    """The name of each sealed value, and whether it may be left out."""
    members = read_sealed(json.dumps(body).encode(), api)
    return [(each.member.name, each.member.removal is not None) for each in members]


def item(**members: Any) -> dict[str, Any]:
    return {"input": [members]}


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


@gathered(
    ("body", "expected"),
    [
        ({"previous_response_id": "r"}, [("previous_response_id", False)]),
        ({"previous_response_id": None}, []),
        ({"conversation": "c"}, [("conversation", False)]),
        ({"conversation": {"id": "c"}}, [("conversation", False)]),
        ({"prompt": {"id": "p", "variables": {"id": "mine", "file_id": "mine"}}}, [("prompt", False)]),
        (item(type="item_reference", id="i"), [("item_reference.id", False)]),
        (item(type="message", role="user", id="i", content="x"), [("message.id", True)]),
        (item(role="user", content=[{"type": "input_file", "file_id": "f"}]), [("file_id", False)]),
        (item(role="user", content=[{"type": "input_image", "file_id": "f"}]), [("file_id", False)]),
        (item(type="function_call", id="i", arguments='{"file_id":"x"}'), [("function_call.id", True)]),
        (item(type="function_call_output", output=[{"file_id": "f"}]), [("file_id", False)]),
        (item(type="web_search_call", id="i"), [("web_search_call.id", False)]),
        (item(type="mcp_approval_response", approval_request_id="a"), [("approval_request_id", False)]),
        (
            item(type="reasoning", id="i", encrypted_content="e"),
            [("reasoning.id", True), ("reasoning.encrypted_content", True)],
        ),
        (item(type="reasoning", summary=[], encrypted_content=None), []),
        (item(type="compaction", encrypted_content="e"), [("compaction.encrypted_content", False)]),
        (
            item(type="code_interpreter_call", id="i", container_id="c"),
            [("code_interpreter_call.id", False), ("container_id", False)],
        ),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["a", "b"]}]}, [("vector_store_ids", False)] * 2),
        ({"tools": [{"type": "code_interpreter", "container": "c"}]}, [("container", False)]),
        ({"tools": [{"type": "code_interpreter", "container": {"file_ids": ["f"]}}]}, [("file_ids", False)]),
        ({"tools": [{"type": "function", "parameters": {"container": "x", "file_id": "x"}}]}, []),
        ({"metadata": {"previous_response_id": "r", "id": "x"}, "input": "id"}, []),
    ],
)
def test_responses(body: dict[str, Any], expected: list[tuple[str, bool]]) -> None:
    assert found(body, RESPONSES) == expected


THINKING = {"type": "thinking", "thinking": "x", "signature": "s"}
REDACTED = {"type": "redacted_thinking", "data": "d"}
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}]}


@gathered(
    ("messages", "expected"),
    [
        ([said("user", "hi"), said("assistant", [THINKING]), said("user", "so")], [("thinking.signature", True)]),
        ([said("user", "hi"), said("assistant", [REDACTED]), said("user", "so")], [("redacted_thinking.data", True)]),
        ([said("user", "hi"), said("assistant", [THINKING]), said("user", [RESULT])], [("thinking.signature", False)]),
        (
            [said("user", "a"), said("assistant", [THINKING]), said("user", "b"), said("assistant", [THINKING])],
            [("thinking.signature", True), ("thinking.signature", False)],
        ),
        ([said("assistant", [{"type": "tool_use", "input": {"signature": "s", "file_id": "f"}}])], []),
        ([said("assistant", [{"type": "text", "text": '"signature"'}])], []),
        (
            [said("assistant", [{"type": "web_search_tool_result", "content": [{"encrypted_content": "e"}]}])],
            [("encrypted_content", False)],
        ),
        (
            [said("assistant", [{"type": "text", "text": "x", "citations": [{"encrypted_index": "e"}]}])],
            [("encrypted_index", False)],
        ),
        ([said("user", [{"type": "document", "source": {"type": "file", "file_id": "f"}}])], [("file_id", False)]),
        ([said("user", [{**RESULT, "content": [{"source": {"file_id": "f"}}]}])], [("file_id", False)]),
        ([{"role": 7, "content": [THINKING]}], [("thinking.signature", False)]),
        ("hi", []),
        ([["signature"]], []),
    ],
)
def test_messages(messages: Any, expected: list[tuple[str, bool]]) -> None:
    assert found({"messages": messages}, MESSAGES) == expected
    assert found({"messages": messages}, anthropic_sealed.COUNTED) == expected
    assert found({"messages": messages, "container": "c"}, MESSAGES) == [("container", False), *expected]
    assert found({"messages": messages, "container": {"id": "c"}}, MESSAGES) == [("container", False), *expected]


def calling(**more: Any) -> dict[str, Any]:
    function = {"name": "f", "arguments": '{"signature":"x"}'}
    return said("assistant", None, tool_calls=[{"id": "c", "type": "function", "function": function, **more}])


@gathered(
    ("message", "name"),
    [
        (calling(extra_content={"google": {"thought_signature": "s"}}), "thought_signature"),
        (calling(provider_specific_fields={"thought_signature": "s"}), "thought_signature"),
        (said("assistant", "x", provider_specific_fields={"thought_signatures": ["s"]}), "thought_signatures"),
        (said("assistant", "x", thinking_blocks=[THINKING]), "thinking_blocks.signature"),
        (said("assistant", "x", reasoning_details=[{"data": "d"}]), "reasoning_details.data"),
    ],
)
def test_chat_thoughts_may_go_from_turns_that_are_over(message: dict[str, Any], name: str) -> None:
    done = {"messages": [said("user", "a"), message, said("user", "b")]}
    assert found(done, CHAT) == [(name, True)]
    assert found({"messages": [said("user", "a"), message, {"role": "tool", "content": "x"}]}, CHAT) == [(name, False)]
    body = json.dumps(done).encode()
    less = applied(body, dropped(read_sealed(body, CHAT)))
    assert found(json.loads(less), CHAT) == []
    assert len(json.loads(less)["messages"]) == 3


def test_chat_sounds_and_files_bind() -> None:
    body = {"messages": [said("assistant", None, audio={"id": "a"}), said("user", [{"file": {"file_id": "f"}}])]}
    assert found(body, CHAT) == [("audio.id", False), ("file_id", False)]
    assert found({"messages": [said("user", "signature")], "audio": {"voice": "id"}}, CHAT) == []


def test_empty_values_are_none() -> None:
    assert (
        found({"previous_response_id": "", "input": [{"type": "reasoning", "encrypted_content": ""}]}, RESPONSES) == []
    )


def test_tags_come_off_where_they_are_and_every_other_byte_stays() -> None:
    raw = json.dumps(
        {"previous_response_id": TAG.on("resp_1", "id"), "input": [{"encrypted_content": TAG.on("SEAL", "base64")}]},
        indent=3,
    ).encode()
    plain = raw.replace(b"_" + TAG.text.encode(), b"").replace(TAG.text.encode(), b"")
    assert applied(raw, [each.untagged(raw) for each in read_sealed(raw, RESPONSES)]) == plain
    spelt = raw.replace(b"xpby", b"x\\u0070by")
    assert applied(spelt, [each.untagged(spelt) for each in read_sealed(spelt, RESPONSES)]) == plain


def test_values_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SEALED_MAX", 2)

    def body(number: int) -> bytes:
        return json.dumps({"input": [{"type": "item_reference", "id": "i"}] * number}).encode()

    assert len(read_sealed(body(2), RESPONSES)) == 2
    with pytest.raises(ClientError) as caught:
        read_sealed(body(3), RESPONSES)
    assert (caught.value.status, caught.value.code) == (400, "too_complex")


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep = '{"input":[' + '{"id":"i","x":' * 70 + "1" + "}" * 70 + "]}"
    with pytest.raises(ClientError) as caught:
        read_sealed(deep.encode(), RESPONSES)
    assert (caught.value.status, caught.value.code) == (400, "too_complex")


@gathered(
    ("body", "names"),
    [
        (rb'{"model":"m","input":"hi","previous\u005fresponse_\u0069d":"resp_1"}', ["previous_response_id"]),
        (
            rb'{"model":"m","input":[{"type":"reasoning","\u0065ncrypted\u005Fcontent":"Z0FB"}]}',
            ["reasoning.encrypted_content"],
        ),
        (rb'{"model":"m","input":"caf\u00e9 \u003c"}', []),
    ],
)
def test_names_that_are_spelt_out_are_names(body: bytes, names: list[str]) -> None:
    assert [each.member.name for each in read_sealed(body, RESPONSES)] == names
