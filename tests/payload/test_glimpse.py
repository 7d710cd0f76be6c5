"""What is glimpsed of a body is what reading all of it finds; where there is more in it, nothing is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload import TextLimitError, read_json
from extproc.payload.glimpse import MOST_DEPTH, MOST_GLIMPSED, glimpse, located
from extproc.protocol.errors import ClientError
from tests.gathered import gathered

NAMES = st.sampled_from(
    [
        "model",
        "messages",
        "content",
        "usage",
        "created",
        "total_tokens",
        "url",
        "logprobs",
        "metadata",
        "prompt",
        "mine",
    ]
)
STRINGS = st.sampled_from(
    [
        "",
        "hi",
        'say "no"',
        "a\\b",
        "line\nbreak",
        "data:,x",
        "Dear",
        "{}",
        '["a"]',
        " {",
        "\ud83d",
        "é",
        "😀",
        "[EMAIL_1]",
    ]
)
NUMBERS = st.sampled_from([0, 1.5, -3, 999_999, 1_000_000, 12_345_678, -1e9, 1e300])
VALUES = st.recursive(
    STRINGS | NUMBERS | st.sampled_from([None, True, False]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def read(body: bytes) -> tuple[list[str], list[str]]:
    document = read_json(body)
    assert not document.uninspected
    assert not document.spellings
    assert all(passage.kind == "text" for passage in document.passages)
    return [passage.text for passage in document.passages], [passage.name for passage in document.passages]


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_what_is_glimpsed_is_all_that_is_read(value: object, escaped: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=escaped, indent=indent).encode("utf-8", "surrogatepass")
    texts = glimpse(body)
    assert texts is None or texts[:2] == read(body)


@given(
    st.dictionaries(st.sampled_from(["model", "content", "usage", "prompt"]), VALUES, min_size=1, max_size=4),
    st.sampled_from([None, 1, "\t"]),
    st.sampled_from([(",", ":"), (" ,  ", " : "), ("\r\n,", "\n\t:\n")]),
    st.data(),
)
def test_a_text_that_was_glimpsed_is_located_where_it_is_read(
    value: dict[str, object], indent: int | str | None, separators: tuple[str, str], data: st.DataObject
) -> None:
    body = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators).encode("utf-8", "surrogatepass")
    glimpsed = glimpse(body)
    if glimpsed is None or not glimpsed[0]:
        return
    texts = glimpsed[0]
    last = data.draw(st.integers(0, len(texts) - 1))
    document, whole = located(body, texts, last), read_json(body)
    tokens = [(passage.text, passage.start, passage.end) for passage in whole.passages]
    assert [(passage.text, passage.start, passage.end) for passage in document.passages] == tokens[: last + 1]
    edits = {last: [(0, len(texts[last]), 'new "é"\n')]}
    assert document.edit(edits) == whole.edit(edits)


@given(st.lists(st.tuples(NAMES, STRINGS | NUMBERS), max_size=4), st.booleans())
def test_a_name_that_is_there_twice_hides_nothing(members: list[tuple[str, object]], nested: bool) -> None:
    inner = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in members)
    body = (f'{{"messages":[{{{inner}}}]}}' if nested else f"{{{inner}}}").encode()
    texts = glimpse(body)
    assert texts is None or texts[:2] == read(body)


@pytest.mark.parametrize(
    "value",
    [
        {"model": "m", "messages": [{"role": "user", "content": 'Dear "Ann",\n\thello'}], "temperature": 0.7},
        {"id": "x", "created": 1_700_000_000, "choices": [{"index": 0, "message": {"content": "d"}, "logprobs": None}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "é"}]}], "stop": ["a", "b"]},
    ],
)
def test_usual_bodies_are_glimpsed(value: object) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    glimpsed = glimpse(body)
    assert glimpsed is not None
    assert glimpsed[:2] == read(body)


@gathered(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b'{"content":NaN}',
        b'{"content":"\xff"}',
        b'{"content":"\\u0041"}',
        b'{"content":"a","content":"b"}',
        b'{"content":1,"content":2}',
        b'{"mine":"a"}',
        b'{"Content":"a"}',
        b'{"url":"a"}',
        b'{"images":["a"]}',
        b'{"content":"{}"}',
        b'{"content":" "}',
        b'{"content":"data:,x"}',
        b'{"content":1000000}',
        b'{"content":{"created":1700000000}}',
        b'{"prompt":[1]}',
        b'{"content":[["a"]]}',
        b'{"logprobs":{}}',
        b'{"default":"a"}',
    ],
)
def test_nothing_is_glimpsed_of_a_body_with_more_in_it(body: bytes) -> None:
    assert glimpse(body) is None


def test_bodies_are_glimpsed_up_to_a_size_and_a_depth() -> None:
    body = b'{"content":"%s"}' % (b"a" * (MOST_GLIMPSED - 14))
    assert len(body) == MOST_GLIMPSED
    assert glimpse(body) is not None
    assert glimpse(body + b" ") is None
    for more, seen in ((0, True), (1, False)):
        depth = MOST_DEPTH - 1 + more
        body = b'{"content":' * depth + b'{"text":"a"}' + b"}" * depth
        assert (glimpse(body) is not None) is seen


@given(st.binary(max_size=30))
def test_any_bytes_are_no_error(body: bytes) -> None:
    if glimpse(body) is not None:
        try:
            read(body)
        except (ClientError, TextLimitError) as error:  # pragma: no cover
            raise AssertionError from error
