"""What requests are placed by: the id of a conversation, else its beginning; and the prefix that many share."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.placement import LEAVES_MAX, TEXT_MAX, conversation_of, prefix_of
from tests.gathered import gathered

USER = {"role": "user", "content": "first"}
SYSTEM = {"role": "system", "content": "You help."}
MORE = [{"role": "assistant", "content": "a"}, {"role": "user", "content": "second"}]


def body(**members: Any) -> bytes:
    return json.dumps({"model": "m", **members}).encode()


SAME = [
    pytest.param(body(messages=[SYSTEM, USER]), body(messages=[SYSTEM, USER, *MORE]), id="chat"),
    pytest.param(
        body(system="s", messages=[USER]), body(system="s", messages=[USER, *MORE], max_tokens=5), id="messages"
    ),
    pytest.param(body(instructions="s", input="hi"), body(instructions="s", input="hi", stream=True), id="responses"),
    pytest.param(
        body(contents=[{"parts": [{"text": "q"}]}], systemInstruction={"parts": [{"text": "s"}]}),
        body(contents=[{"parts": [{"text": "q"}]}, {"role": "model"}], systemInstruction={"parts": [{"text": "s"}]}),
        id="gemini",
    ),
    pytest.param(
        body(messages=[{"role": "user", "content": [{"type": "text", "text": "q", "cache_control": {"type": "x"}}]}]),
        body(messages=[{"role": "user", "content": [{"type": "text", "text": "q"}]}, *MORE]),
        id="marks of what to cache",
    ),
    pytest.param(
        body(prompt_cache_key="k", messages=[USER]), body(prompt_cache_key="k", messages=[SYSTEM, *MORE]), id="key"
    ),
    pytest.param(
        body(conversation={"id": "c"}, input="a"), body(conversation={"id": "c"}, input="b"), id="conversation"
    ),
    pytest.param(
        body(metadata={"session_id": "s"}, messages=[USER]), body(metadata={"session_id": "s"}, messages=MORE), id="id"
    ),
]


@gathered(("one", "other"), SAME)
def test_requests_of_one_conversation_have_the_same_key(one: bytes, other: bytes) -> None:
    assert conversation_of(one) == conversation_of(other)
    assert conversation_of(one) is not None


DIFFERENT = [
    (body(messages=[SYSTEM, USER]), body(messages=[SYSTEM, MORE[1]])),
    (body(messages=[SYSTEM, USER]), body(messages=[USER])),
    (body(messages=[USER], user="a"), body(messages=[USER], user="b")),
    (body(messages=[USER], metadata={"user_id": "a"}), body(messages=[USER], metadata={"user_id": "b"})),
    (body(prompt_cache_key="a", messages=[USER]), body(prompt_cache_key="b", messages=[USER])),
    (body(prompt_cache_key="a", messages=[USER]), body(conversation="a", messages=[USER])),
]


@gathered(("one", "other"), DIFFERENT)
def test_other_conversations_have_other_keys(one: bytes, other: bytes) -> None:
    assert conversation_of(one) != conversation_of(other)


def test_a_prefix_is_what_an_application_s_conversations_share() -> None:
    tools = [{"name": "f"}]
    one = prefix_of(body(tools=tools, messages=[SYSTEM, USER]))
    assert one == prefix_of(body(tools=tools, messages=[SYSTEM, *MORE], prompt_cache_key="k"))
    assert one != prefix_of(body(messages=[SYSTEM, USER]))
    assert prefix_of(body(messages=[USER])) != prefix_of(body(messages=[MORE[1]])), "where it is all there is"


@gathered(
    ("text",), [(b"",), (b"[]",), (b"{",), (b"\xff",), (b"{}",), (b'{"messages": 7}',), (b'{"prompt_cache_key": ""}',)]
)
def test_what_has_nothing_of_that_has_no_key(text: bytes) -> None:
    assert (conversation_of(text), prefix_of(text)) == (None, None)


def test_only_so_much_is_looked_at() -> None:
    long = "x" * TEXT_MAX
    assert conversation_of(body(messages=[{"role": "user", "content": long}])) == conversation_of(
        body(messages=[{"role": "user", "content": long + "y"}])
    )
    assert conversation_of(body(messages=[{"role": "user", "content": long[1:]}])) != conversation_of(
        body(messages=[{"role": "user", "content": long}])
    )
    parts = [{"text": str(number)} for number in range(LEAVES_MAX)]
    assert conversation_of(body(messages=[{"role": "user", "content": parts}])) == conversation_of(
        body(messages=[{"role": "user", "content": [*parts, {"text": "more"}]}])
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([
        "messages", "role", "content", "system", "metadata", "user", "conversation", "prompt_cache_key", "id", "input",
        "contents", "user_id", "session_id", "tools", "prompt", "message", "chat_history", "instructions",
    ]), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_any_json_has_a_key_or_none(value: Any) -> None:
    text = json.dumps(value).encode()
    for found in (conversation_of(text), prefix_of(text)):
        assert found is None or isinstance(found, bytes)
