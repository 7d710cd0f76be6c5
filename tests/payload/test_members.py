import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload.json import members as room
from extproc.payload.json.members import MAX_MEMBERS, SMALL, UTF8_SLICE, members
from extproc.protocol.errors import ClientError
from tests.apis.bodies import damaged, objects, reference
from tests.gathered import gathered


def refusal(body: bytes) -> str:
    with pytest.raises(ClientError) as caught:
        members(body)
    assert caught.value.status == 400
    assert "SECRET" not in caught.value.message
    return caught.value.code


def padded(body: bytes) -> bytes:
    """The same body, too large to be sliced at once."""
    return body + b" " * SMALL


def agrees(body: bytes) -> None:
    expected = reference(body)
    for whole in (body, padded(body)):
        try:
            found = members(whole)
        except ClientError:
            assert expected is None
        else:
            assert expected is not None
            assert list(found) == [name for name, _ in expected]
            values = [json.loads(whole[start:end], object_pairs_hook=type(expected)) for start, end in found.values()]
            assert values == [value for _, value in expected]
            assert all(whole[start : start + 1].strip() for start, _ in found.values())


@given(objects())
def test_an_object_is_taken_or_refused_as_a_reader_that_sees_repetitions_would(body: bytes) -> None:
    agrees(body)


@given(damaged())
def test_a_damaged_object_is_taken_or_refused_as_the_standard_library_would(body: bytes) -> None:
    agrees(body)


@given(st.binary(max_size=12))
def test_any_bytes_give_members_or_the_clients_error(body: bytes) -> None:
    agrees(body)


@gathered(
    ("body", "code"),
    [
        (b"", "empty_body"),
        (b"  ", "invalid_json"),
        (b"SECRET", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'"SECRET"', "invalid_json"),
        (b"null", "invalid_json"),
        (b"{", "invalid_json"),
        (b"{  ", "invalid_json"),
        (b'{"a"', "invalid_json"),
        (b'{"a":', "invalid_json"),
        (b'{"a":1', "invalid_json"),
        (b'{"a":1,', "invalid_json"),
        (b'{"a":1,}', "invalid_json"),
        (b'{,"a":1}', "invalid_json"),
        (b'{"a":1 "b":2}', "invalid_json"),
        (b'{"a" 1}', "invalid_json"),
        (b"{a:1}", "invalid_json"),
        (b"{1:1}", "invalid_json"),
        (b"{'a':1}", "invalid_json"),
        (b'{"a":1}}', "invalid_json"),
        (b'{"a":1} SECRET', "invalid_json"),
        (b'{"a":1}{"b":2}', "invalid_json"),
        (b'{"a":1}\x00', "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":[Infinity]}', "invalid_json"),
        (b'{"a":[01]}', "invalid_json"),
        (b'{"a":["SECRET\n"]}', "invalid_json"),
        (b'{"a\n":1}', "invalid_json"),
        (b'{"a":"\\x"}', "invalid_json"),
        (b'{"a":1/**/}', "invalid_json"),
        (b'{"a":{"b":[1,2,}}', "invalid_json"),
        (rb'{"a":["\ud83d SECRET"]}', "invalid_json"),
        (rb'{"a":["\ude00 SECRET"]}', "invalid_json"),
        (rb'{"\ud83d-SECRET":1}', "invalid_json"),
        (b'\xef\xbb\xbf{"a":1}', "invalid_json"),
        ('{"a":1}'.encode("utf-16"), "invalid_utf8"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b'{"\xff":1}', "invalid_utf8"),
        (b'{"a":"\xc0\xaf"}', "invalid_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "invalid_utf8"),
        (b'{"a":1}\xc3', "invalid_utf8"),
        (b'{"a":1,"a":1}', "repeated_member"),
        (b'{"a":1,"a":12}', "repeated_member"),
        (b'{"a":12,"a":1}', "repeated_member"),
        (b'{"a":12 ,"b":0,"a":1}', "repeated_member"),
        (b'{"a":"x","b":0,"a":"y"}', "repeated_member"),
        (b'{"a":[],"b":0,"a":[]}', "repeated_member"),
        (rb'{"a":1,"\u0061":1}', "repeated_member"),
        (rb'{"\u0061":1,"a":1}', "repeated_member"),
    ],
)
def test_what_is_no_unambiguous_json_object_in_utf8_is_refused(body: bytes, code: str) -> None:
    assert refusal(body) == code
    if body.strip():
        assert refusal(padded(body)) == code


@pytest.mark.parametrize("size", [SMALL - 1, SMALL, SMALL + 1])
def test_both_ways_of_reading_find_the_same_members(size: int) -> None:
    body = b'{ "model" : "m" ,"messages":[' + b"1," * 100 + b'1],"text":"' + b"x" * size
    body = body[: size - 2] + b'"}'
    found = members(body)
    assert list(found) == ["model", "messages", "text"]
    assert body[slice(*found["model"])].strip() == b'"m"'
    assert found["text"] == (body.index(b'"xx'), size - 1)


def test_a_repeated_member_hidden_behind_a_crafted_value_is_refused() -> None:
    # Were lengths alone trusted, the walk would step by the later, shorter value into the text of the first.
    text = '{"model":"x\\",\\"b\\":0}","b":0,"model":"x"}'
    assert refusal(text.encode()) == "repeated_member"
    assert refusal(padded(text.encode())) == "repeated_member"


@pytest.mark.parametrize("widen", [lambda body: body, padded])
def test_as_many_members_as_the_limit_are_read_and_one_more_is_refused(widen: object) -> None:
    assert callable(widen)
    body = [f'"k{number}":{number}' for number in range(MAX_MEMBERS + 1)]
    assert len(members(widen(f"{{{','.join(body[1:])}}}".encode()))) == MAX_MEMBERS
    assert refusal(widen(f"{{{','.join(body)}}}".encode())) == "too_many_members"


def test_a_large_body_of_members_alone_costs_little_memory() -> None:
    body = ("{" + ",".join(f'"{number:x}":0' for number in range(200_000)) + "}").encode()
    assert peak(body) < len(body) // 4


def test_checking_the_text_of_a_large_body_costs_little_memory() -> None:
    body = b'{"a":"' + "é😀".encode() * 500_000 + b'"}'
    assert peak(body) < len(body) // 4


def peak(body: bytes) -> int:
    """Bytes of memory taken at most while the members of a body are looked for."""
    tracemalloc.start()
    try:
        members(body)
    except ClientError:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return most


@pytest.mark.parametrize("cut", range(-4, 5))
def test_a_character_is_valid_wherever_the_check_cuts_it(cut: int) -> None:
    head = b'{"a":"'
    body = head + b"x" * (UTF8_SLICE - len(head) + cut) + "😀é".encode()
    assert members(body + b'"}').keys() == {"a"}
    assert refusal(body[:-1] + b'"}') == "invalid_utf8"
    assert refusal(body[:-1]) == "invalid_utf8"


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [10_000, 1_000_000])
def test_deep_nesting_is_refused_and_common_nesting_is_not(open_: str, close: str, depth: int) -> None:
    def nested(levels: int) -> bytes:
        return f'{{"SECRET":{open_ * levels}1{close * levels}}}'.encode()

    assert members(nested(200)).keys() == {"SECRET"}
    assert members(padded(nested(200))).keys() == {"SECRET"}
    assert refusal(nested(depth)) == "nesting_too_deep"
    assert refusal(nested(depth)[: 5 * depth]) == "nesting_too_deep"


@pytest.mark.parametrize("text", ["x", "\\\\", '\\"', "é"])
@pytest.mark.parametrize("count", [1_000, 200_000])
def test_a_huge_name_is_stepped_over(text: str, count: int) -> None:
    body = f'{{"{text * count}":1 , "model":"m"}}'.encode()
    found = members(body)
    assert len(found) == 2
    assert body[slice(*found["model"])] == b'"m"'


def test_white_space_of_any_length_is_stepped_over() -> None:
    white = b" \t\r\n" * 100_000
    body = white.join([b"", b"{", b'"a"', b":", b"1", b",", b'"b"', b":", b"2", b"}", b""])
    found = members(body)
    assert [body[start:end].strip() for start, end in found.values()] == [b"1", b"2"]


def test_msgspec_still_says_where_a_value_ends() -> None:
    counted = room._COUNTED_FROM
    for value in (b"0", b'"a"', b"[1, 2]", b'{"a": "}"}', b"true"):
        for blank in (b"", b" ", b"\n\n\n"):
            assert room._trailing(value + blank + b",") == len(value + blank) + counted
        assert room._trailing(value) is None
