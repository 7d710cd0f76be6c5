"""Tags on responses: each sealed value has one, any cuts of a stream give the same bytes, and all else stays."""

import json
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.families import anthropic_sealed
from extproc.apis.openai_chat import sealed as chat
from extproc.apis.openai_responses import sealed as responses
from extproc.apis.seals.sealed import SealedApi
from extproc.apis.seals.tag import SealTag
from extproc.payload import sse
from extproc.pipe import sealing
from extproc.pipe.sealing import ReplySealer
from tests.gathered import gathered
from tests.sealing import DIALECTS, Dialect, SealingProvider, event, seen

APIS: Final[dict[Dialect, SealedApi]] = {
    "chat": chat.SEALED,
    "responses": responses.SEALED,
    "messages": anthropic_sealed.SEALED,
}
TAG: Final = SealTag.of("north")


def sealer(dialect: Dialect) -> ReplySealer:
    return ReplySealer(APIS[dialect], TAG)


def without_tags(data: bytes) -> bytes:
    return data.replace(b"_" + TAG.text.encode(), b"").replace(TAG.text.encode(), b"")


def strings(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [found for each in value.values() for found in strings(each)]
        case list():
            return [found for each in value for found in strings(each)]
    return []


def check_tagged(provider: SealingProvider, value: Any) -> None:
    """Each of the provider's values has one tag, where its form wants it, and no other string has."""
    found = 0
    for each in strings(value):
        if provider.name in each:
            plain = each.replace("_" + TAG.text, "").replace(TAG.text, "")
            assert plain in provider.made
            assert each == TAG.on(plain, "base64" if plain.startswith("SEAL") else "id")
            found += 1
        else:
            assert TAG.text not in each
    assert found >= len(provider.made)


@gathered("dialect", DIALECTS)
def test_a_whole_response_has_tags_on_what_is_sealed_and_nothing_else(dialect: Dialect) -> None:
    provider = SealingProvider("north")
    reply = provider.reply(dialect)
    for indent in (None, 2):
        body = json.dumps(reply, indent=indent).encode()
        tagged = sealer(dialect).whole(body)
        check_tagged(provider, json.loads(tagged))
        assert without_tags(tagged) == body


@given(st.sampled_from(DIALECTS), st.lists(st.integers(0, 8000), max_size=12), st.sampled_from([b"\n", b"\r\n"]))
def test_any_cuts_of_a_stream_give_the_same_bytes_which_say_what_a_whole_response_says(
    dialect: Dialect, cuts: list[int], end: bytes
) -> None:
    provider = SealingProvider("north")
    reply = provider.reply(dialect)
    stream = b"".join(provider.events(dialect, reply)).replace(b"\n", end)
    one = sealer(dialect)
    places = sorted({0, *(cut % len(stream) for cut in cuts), len(stream)})
    pieces = [one.feed(stream[start:to]) for start, to in pairwise(places)]
    out = b"".join(pieces) + one.finish()
    assert out == sealer(dialect).whole(stream)
    assert without_tags(out) == stream
    client = seen(dialect, out)
    check_tagged(provider, client)
    whole = json.loads(sealer(dialect).whole(json.dumps(reply).encode()))
    assert sorted(each for each in strings(client) if provider.name in each) == sorted(
        each for each in strings(whole) if provider.name in each
    )


def test_every_mention_of_an_identifier_in_a_stream_is_alike() -> None:
    provider = SealingProvider("north")
    stream = b"".join(provider.events("responses", provider.reply("responses")))
    out = sealer("responses").whole(stream)
    for value in provider.made:
        assert out.count(value.encode()) == stream.count(value.encode())
        tagged = TAG.on(value, "base64" if value.startswith("SEAL") else "id")
        assert out.count(f'"{tagged}"'.encode()) == stream.count(f'"{value}"'.encode())


@gathered(
    "data",
    [
        b"",
        b"\xef\xbb\xbf{}",
        b'{"id": "resp_1", "object": "response"',
        b'data: {"item_id": "msg_1"\n\n',
        b'data: "item_id":"msg_1"\n\n',
        b": item_id\n\n",
        b'data: {"object":"response","id":""}\n\n',
        b'{"object":"error","error":{"id":"resp_1"}}',
        b'data: {"type":"response.x","item_id":7}\n\n',
        b"data: [DONE]\n\n",
    ],
)
def test_what_is_no_sealed_value_or_no_json_stays(data: bytes) -> None:
    assert sealer("responses").whole(data) == data
    one = sealer("responses")
    assert one.feed(data) + one.finish() == data


def test_an_event_that_ends_with_the_stream_is_tagged() -> None:
    one = sealer("responses")
    assert one.feed(b'data: {"type":"response.x","item_id":"msg_1"}') == b""
    assert one.finish() == b'data: {"type":"response.x","item_id":"msg_1_%s"}' % TAG.text.encode()


def test_from_an_event_beyond_the_limit_on_a_stream_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse.Reader.__init__, "__defaults__", (100,))
    fits = event({"item_id": "msg_1", "x": ""})
    large = event({"item_id": "msg_1", "x": "x" * 100})
    one = sealer("responses")
    out = one.feed(fits) + one.feed(large) + one.feed(fits) + one.finish()
    assert out == sealer("responses").whole(fits) + large + fits


def test_parts_beyond_the_bound_get_no_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "PARTS_MAX", 1)

    def signed(index: int) -> bytes:
        delta = {"type": "signature_delta", "signature": "SEAL"}
        return event({"type": "content_block_delta", "index": index, "delta": delta})

    out = sealer("messages").whole(signed(0) + signed(1))
    assert out.count(TAG.text.encode()) == 1
