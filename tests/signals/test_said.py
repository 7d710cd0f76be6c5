"""The words that a request asks with: the same however it is spelt, and of nobody but its user."""

import json
from collections.abc import Mapping

from extproc import apis
from extproc.payload import read_json
from extproc.signals.said import PARTS_MAX, SAID_MAX, said
from tests.gathered import gathered

CHAT, ANTHROPIC, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
ASKED = "Where is my order?\nIt is late."
FIRST, SECOND = ASKED.split("\n")


def words(path: str, body: Mapping[str, object]) -> str:
    claimed = apis.current().claim_below(path, ("/v1", ""))
    assert claimed is not None
    return said(read_json(json.dumps(body).encode()), claimed.api.role_of)


def text(*parts: str, kind: str = "text") -> list[dict[str, str]]:
    return [{"type": kind, "text": each} for each in parts]


BEFORE = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "How can I help?"}]


@gathered(
    ("path", "body"),
    [
        (CHAT, {"messages": [{"role": "user", "content": ASKED}]}),
        (CHAT, {"messages": [{"role": "user", "content": text(FIRST, SECOND)}]}),
        (CHAT, {"messages": [{"role": "system", "content": "Be kind"}, *BEFORE, {"role": "user", "content": ASKED}]}),
        (CHAT, {"messages": [{"role": "user", "content": FIRST}, {"role": "user", "content": SECOND}]}),
        (CHAT, {"messages": [{"content": ASKED, "role": "user", "name": "bob"}], "user": "jane"}),
        (ANTHROPIC, {"messages": [*BEFORE, {"role": "user", "content": text(FIRST, SECOND)}], "system": "Be kind"}),
        (RESPONSES, {"input": ASKED, "instructions": "Be kind"}),
        (RESPONSES, {"input": [{"role": "user", "content": text(FIRST, SECOND, kind="input_text")}]}),
        ("/v1/completions", {"prompt": ASKED}),
    ],
)
def test_the_words_are_the_same_in_every_spelling(path: str, body: dict[str, object]) -> None:
    assert words(path, {"model": "m", **body}) == ASKED


def test_nobody_else_s_words_are_the_users() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "Finds orders", "parameters": {}}}
    called = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"text": "order"}'}}
    turns = [
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "1", "content": "It is on its way"},
    ]
    assert words(CHAT, {"model": "m", "messages": turns, "tools": [tool]}) == ASKED
    assert words(CHAT, {"model": "m", "messages": [*turns, {"role": "user", "content": "And when?"}]}) == "And when?"


def test_an_image_or_a_file_is_no_word() -> None:
    parts: list[object] = [
        *text(ASKED),
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
    ]
    assert words(CHAT, {"messages": [{"role": "user", "content": parts}]}) == ASKED
    assert words(CHAT, {"messages": [{"role": "user", "content": parts[1:]}]}) == ""


def test_of_a_long_text_the_beginning_and_the_end_count() -> None:
    whole = words(CHAT, {"messages": [{"role": "user", "content": "a" * SAID_MAX}]})
    assert whole == "a" * SAID_MAX
    long = words(CHAT, {"messages": [{"role": "user", "content": f"begin {'a' * SAID_MAX} end"}]})
    assert long.startswith("begin a")
    assert long.endswith("a end")
    assert len(long) == SAID_MAX + 1


def test_of_many_texts_the_last_ones_count() -> None:
    every = [f"text {number}" for number in range(PARTS_MAX + 1)]
    body = {"messages": [{"role": "user", "content": text(*every)}]}
    assert words(CHAT, body).split("\n") == every[1:]
