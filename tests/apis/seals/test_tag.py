"""Tags: what they are on, what takes them off again, and what is no tag."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.seals.tag import SIZE, SealedForm, SealTag, split
from tests.gathered import gathered

NORTH, SOUTH = SealTag.of("north"), SealTag.of("south")
IDS = st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters="_-"), min_size=1)
FORMS: tuple[SealedForm, ...] = ("id", "base64")


@given(IDS, st.sampled_from(FORMS))
def test_a_tag_comes_off_as_it_was_put_on_also_over_another(value: str, form: SealedForm) -> None:
    once = NORTH.on(value, form)
    assert split(once, form) == (value, NORTH.text)
    assert split(SOUTH.on(once, form), form) == (once, SOUTH.text)


@given(st.binary(min_size=1))
def test_tagged_base64_is_base64_of_the_tag_and_the_same_bytes(sealed: bytes) -> None:
    for encode, decode in (
        (base64.b64encode, base64.b64decode),
        (base64.urlsafe_b64encode, base64.urlsafe_b64decode),
    ):
        tagged = NORTH.on(encode(sealed).decode(), "base64")
        decoded = decode(tagged)
        assert decoded[SIZE * 3 // 4 :] == sealed
        assert split(encode(decoded).decode(), "base64") == (encode(sealed).decode(), NORTH.text)


def test_a_tag_is_letters_and_the_same_everywhere() -> None:
    assert NORTH.text == SealTag.of("north").text != SOUTH.text
    assert (NORTH.text.isalpha(), len(NORTH.text), NORTH.text) == (True, SIZE, "xpbyxsclxcqersjx")
    assert NORTH.on("", "id") == NORTH.on("", "base64") == ""


@gathered(
    "value",
    [
        "resp_1",
        f"resp_1{NORTH.text}",
        f"resp_1_{NORTH.text}x",
        f"resp_1_{NORTH.text[:-1]}",
        f"resp_1_{NORTH.text.upper()}",
        f"{NORTH.text}_resp_1",
        "xpby",
        "",
    ],
)
def test_what_is_no_tag_stays(value: str) -> None:
    assert split(value, "id") == (value, "")
    assert split(value.replace(NORTH.text, NORTH.text[:-1] + "7"), "base64")[1] == ""
