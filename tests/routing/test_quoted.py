"""A credential is found in what a backend says however it is spelt, and nothing else is touched."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import escape
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.matching.keyforms import PART_LEAST, part_least
from extproc.routing.quoted import MARK, QUOTED_MIN, Quoted, QuotedInPieces, quoted

KEY = b'sk-proj/A+b="c\\d'


def of(credential: bytes) -> Quoted:
    made = quoted(credential)
    assert made is not None
    return made


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "json": lambda text: json.dumps(text)[1:-1],
    "json with slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "json, each character": lambda text: "".join(f"\\u{ord(each):04X}" for each in text),
    "percent": lambda text: quote(text, safe=""),
    "percent, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "html, with names": lambda text: escape(text).replace("+", "&plus;").replace("/", "&sol;").replace("=", "&equals;"),
    "percent, in lower case": lambda text: "".join(f"%{ord(each):02x}" for each in text),
    "html": lambda text: escape(text).replace("&quot;", "&#34;"),
    "html, in hexadecimal": lambda text: "".join(f"&#x{ord(each):x};" for each in text),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_credential_is_taken_out_in_every_spelling(spelling: str) -> None:
    spelt = SPELLINGS[spelling](KEY.decode()).encode()
    text = b'{"error": "no such key: ' + spelt + b", nor " + spelt + b'"}'
    assert of(KEY).found(text)
    assert of(KEY).cleaned(text) == b'{"error": "no such key: ' + MARK + b", nor " + MARK + b'"}'


@pytest.mark.parametrize("before", ["", "x", "xy", "Bearer "])
@pytest.mark.parametrize("alphabet", [b64encode, urlsafe_b64encode])
def test_a_credential_is_taken_out_of_base64_wherever_it_begins(
    before: str, alphabet: Callable[[bytes], bytes]
) -> None:
    encoded = alphabet(before.encode() + KEY + b" and more")
    text = b'{"error": "bad header", "header": "' + encoded + b'"}'
    cleaned = of(KEY).cleaned(text)
    assert MARK in cleaned
    longest = max(re.findall(rb"[A-Za-z0-9+/_-]+", cleaned.partition(b'"header"')[2]), key=len)
    assert len(longest) < len(encoded) - len(KEY)
    slashed = of(KEY).cleaned(text.replace(b"/", b"\\/"))
    assert MARK in slashed


def test_a_body_without_the_credential_in_base64_stays_the_very_same() -> None:
    text = b'{"data": "' + b64encode(b"nothing of ours, and some more") + b'"}'
    assert of(KEY).cleaned(text) is text


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-16", "utf-32"])
def test_a_credential_is_taken_out_of_text_in_wide_characters(charset: str) -> None:
    text = f"no such key: {KEY.decode()}, sorry".encode(charset)
    assert of(KEY).found(text)
    assert KEY not in of(KEY).cleaned(text).replace(b"\0", b"")


@given(
    st.text("abcXYZ019-_/+=.%&\\\"'~", min_size=QUOTED_MIN, max_size=60),
    st.sampled_from(["plain", "json", "json, each character", "percent"]),
    st.binary(max_size=40),
    st.binary(max_size=40),
)
def test_what_is_cleaned_holds_the_credential_no_more(key: str, spelling: str, before: bytes, after: bytes) -> None:
    text = before + SPELLINGS[spelling](key).encode() + after
    assert of(key.encode()).found(text)
    assert MARK in of(key.encode()).cleaned(text)


@given(st.binary(max_size=200))
def test_a_text_without_the_credential_stays_the_very_same(text: bytes) -> None:
    if KEY not in text:
        assert of(KEY).cleaned(text) is text


def test_a_credential_too_short_to_be_told_from_other_text_is_not_looked_for() -> None:
    assert quoted(b"k" * (QUOTED_MIN - 1)) is None
    assert quoted(b"k" * QUOTED_MIN) is not None


def test_it_has_no_rendering() -> None:
    assert "sk-" not in repr(of(KEY)) + str(of(KEY))


# -- in pieces

PIECED = [
    b'{"error": "no such key: ' + KEY + b'"}',
    KEY + KEY[:5] + KEY + b" " + KEY[:-1],
    KEY[:3],
    b"data: " + KEY + b"\n\ndata: " + KEY[:7] + b"\n\n",
    b"".join(b"\\u00%02X" % byte for byte in KEY) + b" \\u0073",
    b"".join(b"%%25%02x" % byte for byte in KEY) + b"%2",
    b"".join(b"&#x%x;" % byte for byte in KEY) + b"&am",
    (KEY + b" and more").decode().encode("utf-16-le"),
]


@pytest.mark.parametrize("text", PIECED)
def test_any_cuts_give_the_bytes_that_the_whole_gives(text: bytes) -> None:
    whole = of(KEY).cleaned(text)
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1, 3):
            pieces = QuotedInPieces(of(KEY))
            out = [pieces.feed(part) for part in (text[:first], text[first:second], text[second:])]
            assert b"".join((*out, pieces.finish())) == whole
    pieces = QuotedInPieces(of(KEY))
    assert b"".join([*(pieces.feed(text[at : at + 1]) for at in range(len(text))), pieces.finish()]) == whole


@pytest.mark.parametrize("text", [b"data: {}\n\n", b"", b"no key here.\n", b'{"a": 1}'])
def test_a_piece_that_ends_in_no_beginning_of_the_credential_is_the_same_object(text: bytes) -> None:
    assert QuotedInPieces(of(KEY)).feed(text) is text


@given(st.lists(st.sampled_from([KEY, KEY[:4], KEY[4:], KEY[:9], b"\\u0073", b"%", b"&#", b"a", b"\n"]), max_size=8))
def test_cuts_between_parts_of_the_credential_change_nothing(parts: list[bytes]) -> None:
    pieces = QuotedInPieces(of(KEY))
    out = b"".join([*map(pieces.feed, parts), pieces.finish()])
    assert out == of(KEY).cleaned(b"".join(parts))


# -- parts, and other forms

LONG = b"sk-proj-Ab3dEf9hIjKlMn0pQrStUvWxYz0123456789-xyz"
LEAST = part_least(len(LONG))
PARTS = {
    "capitals": LONG.upper(),
    "small letters": LONG.lower(),
    "without its last characters": LONG[:-5],
    "without its first characters": LONG[8:],
    "a part of the least size": LONG[9 : 9 + LEAST],
    "hexadecimal": LONG.hex().encode(),
    "hexadecimal in capitals, cut": LONG.hex().upper().encode()[:-9],
    "base64, cut": b64encode(LONG)[:-10],
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_credential_is_taken_out_in_any_form_and_at_any_cut(name: str) -> None:
    text = b'{"error": "no key ' + PARTS[name] + b', sorry"}'
    cleaned = of(LONG).cleaned(text)
    assert of(LONG).found(text)
    assert MARK in cleaned
    assert len(cleaned) <= len(text) - len(PARTS[name]) + len(MARK) + 4  # which base64 shares with what is around
    for at in range(len(text)):
        pieces = QuotedInPieces(of(LONG))
        assert pieces.feed(text[:at]) + pieces.feed(text[at:]) + pieces.finish() == cleaned


def test_what_is_shown_of_a_key_on_purpose_stays() -> None:
    for shown in (LONG[: LEAST - 1], LONG[:8] + b"***" + LONG[-4:], LONG.hex()[:LEAST].encode()):
        assert of(LONG).cleaned(shown) is shown
        assert not of(LONG).found(shown)


def test_the_least_part_is_all_of_a_short_key_and_a_quarter_of_a_long_one() -> None:
    assert [part_least(size) for size in (6, 20, 24, 48, 100)] == [6, PART_LEAST, PART_LEAST, PART_LEAST, 25]
