"""The places at which masking changes a body's bytes: by them, what was read of the body is known without reading."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis import Api, ApiRequestPath, Request, spliced
from extproc.apis.request import read_request
from extproc.inspection.masking import edited
from extproc.payload import Document
from extproc.payload.json.members import Splice

CLAIMED = ApiRequestPath(Api(name="toy"), "/toy")
TEXTS = st.text(st.sampled_from('aé😀\\"\n'), min_size=1, max_size=8)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A request with its model somewhere between texts."""
    texts = draw(st.lists(TEXTS, min_size=1, max_size=4))
    members: list[tuple[str, object]] = [(f"text{number}", text) for number, text in enumerate(texts)]
    members.insert(draw(st.integers(0, len(members))), ("model", "chat"))
    return json.dumps(dict(members), ensure_ascii=draw(st.booleans())).encode()


def applied(body: bytes, splices: list[tuple[Splice, bytes]]) -> bytes:
    for (start, end, _), new in reversed(splices):
        body = body[:start] + new + body[end:]
    return body


@given(bodies(), st.data())
def test_a_request_that_is_moved_with_the_splices_is_what_reading_again_gives(body: bytes, data: st.DataObject) -> None:
    document = Document.read(body)
    made = {}
    for index, passage in enumerate(document.passages):
        if passage.kind == "text" and passage.key != "model" and data.draw(st.booleans()):
            start = data.draw(st.integers(0, len(passage.text) - 1))
            made[index] = [(start, data.draw(st.integers(start + 1, len(passage.text))), data.draw(TEXTS))]
    changed, splices = edited(document, made)
    assert changed == document.edit(made)
    assert spliced(read_request(body, CLAIMED), splices, CLAIMED) == read_request(changed, CLAIMED)
    assert splices is not None
    moved, pieces = 0, list[tuple[Splice, bytes]]()
    for start, end, length in splices:
        pieces.append(((start, end, length), changed[start + moved : start + moved + length]))
        moved += length - (end - start)
    assert applied(body, pieces) == changed


def test_without_edits_the_body_is_the_same_object() -> None:
    document = Document.read(b'{"model":"chat","say":"hi"}')
    assert edited(document, {0: []}) == (document.body, ())
    assert edited(document, {})[0] is document.body


def test_a_name_that_changes_leaves_the_places_untold() -> None:
    document = Document.read(b'{"model":"chat","Anna":"hi"}')
    [name] = [index for index, each in enumerate(document.passages) if each.kind == "name"]
    assert edited(document, {name: [(0, 4, "x")]}) == (b'{"model":"chat","x":"hi"}', None)


@pytest.mark.parametrize(
    ("splice", "span"),
    [
        ((0, 4, 9), (15, 20)),  # before it
        ((5, 10, 0), (5, 10)),  # up to its first byte
        ((15, 17, 30), (10, 15)),  # from behind its last byte
        ((9, 11, 2), None),  # over its beginning
        ((12, 13, 1), None),  # in it
        ((14, 16, 2), None),  # over its end
    ],
)
def test_a_splice_moves_the_model_or_makes_the_body_be_read_again(splice: Splice, span: tuple[int, int] | None) -> None:
    asked = Request("m", (10, 15), stream=True)
    moved = spliced(asked, (splice,), CLAIMED)
    assert moved == (None if span is None else Request("m", span, stream=True))


def test_a_model_in_the_path_stays_where_it_is() -> None:
    asked = Request("m", None, stream=False)
    assert spliced(asked, ((0, 1, 9),), ApiRequestPath(Api(name="toy"), "/{model}", "m")) is asked
    assert spliced(asked, ((0, 1, 9),), CLAIMED) is None
    assert spliced(Request("m", (1, 2), stream=False), None, CLAIMED) is None
