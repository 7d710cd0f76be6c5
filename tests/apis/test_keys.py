"""A client's key in a query is taken out by its name; no other byte of the target changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.keys import QUERY_KEYS, without_keys


@pytest.mark.parametrize(
    ("target", "left"),
    [
        (b"/v1/x?key=K", b"/v1/x"),
        (b"/v1/x?key=K&a=1", b"/v1/x?a=1"),
        (b"/v1/x?a=1&KEY=K&b=%2f", b"/v1/x?a=1&b=%2f"),
        (b"/v1/x?a=1&%6B%65y=K", b"/v1/x?a=1"),
        (b"/v1/x?key", b"/v1/x"),
        (b"/v1/x?key=a&key=b", b"/v1/x"),
        (b"/v1/x?a=1;api-key=K", b"/v1/x"),
        (b"/v1/x?access_token=K&&b", b"/v1/x?&b"),
        (b"/v1/x?token=K&a=1&Sig=K&X-Amz-Credential=K&auth_token=K", b"/v1/x?a=1"),
        (b"/v1/x?apiKey=K&API-KEY=K&accessToken=K&a=1&api_token=K&client-secret=K&Signature=K&jwt=K", b"/v1/x?a=1"),
        (b"/v1/x?key[]=K&api_key[a]=K&a[]=1&%61piKey%5B%5D=K", b"/v1/x?a[]=1"),
        (b"/v1/x?subscription-key=K&api_key=K&apikey=K&x-api-key=K&a", b"/v1/x?a"),
    ],
)
def test_a_key_in_the_query_is_taken_out(target: bytes, left: bytes) -> None:
    assert without_keys(target) == left


@pytest.mark.parametrize(
    "target",
    [
        b"/v1/key=K",
        b"/v1/x",
        b"/v1/x?",
        b"/v1/x?monkey=1&keys=2&a=key",
        b"/v1/x?page_token=3&max_tokens=4&author=5&%zz",
        b"",
    ],
)
def test_a_target_without_a_key_stays_the_very_same(target: bytes) -> None:
    assert without_keys(target) is target


PIECES = st.sampled_from([b"key", b"api_key", b"a", b"%6b", b"=", b"&", b";", b"?", b"/", b"1", b"%", b"K"])


@given(st.lists(PIECES, max_size=20).map(b"".join))
def test_what_is_left_is_what_came_without_some_parameters(tail: bytes) -> None:
    left = without_keys(b"/x?" + tail)
    assert without_keys(left) == left
    assert set(left.partition(b"?")[2].split(b"&")) <= {*tail.split(b"&"), b""}
    names = [part.partition(b"=")[0].lower() for part in left.partition(b"?")[2].split(b"&")]
    assert not QUERY_KEYS & set(names)
