"""The few pieces of protobuf's wire format that answers are made of, and the memos that keep them."""

import pytest
from google.protobuf.internal import decoder
from google.protobuf.struct_pb2 import Value
from hypothesis import given
from hypothesis import strategies as st

from extproc.wire.fields import Kept, Memo, delimited, enclose, flag, key, length, text, varint
from extproc.wire.headers import RemovalsMemo
from extproc.wire.pb.processor_pb2 import CommonResponse, GrpcStatus, HttpBody, ProcessingResponse


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**64 - 1, "ff" * 9 + "01")],
)
def test_a_varint_has_seven_bits_a_byte(number: int, written: str) -> None:
    assert varint(number) == bytes.fromhex(written)


def test_a_negative_varint_is_64_bits_of_twos_complement() -> None:
    assert varint(-1) == varint(2**64 - 1)


@given(st.integers(0, 2**40))
def test_a_length_is_the_varint_that_protobuf_reads(size: int) -> None:
    assert length(size) == varint(size)
    number, end = decoder._DecodeVarint(length(size), 0)  # type: ignore[attr-defined]  # absent from the stubs
    assert (number, end) == (size, len(length(size)))


@pytest.mark.parametrize("size", [2047, 2048])
def test_a_length_at_the_edge_of_the_table_is_its_varint(size: int) -> None:
    assert length(size) == varint(size)


def test_a_key_holds_the_number_and_the_wire_type() -> None:
    assert key(HttpBody, "body") == b"\x0a"
    assert key(HttpBody, "end_of_stream") == b"\x10"
    assert key(Value, "number_value") == b"\x11"
    assert key(ProcessingResponse, "request_drain_responses") == b"\x80\x01"


def test_a_field_of_a_type_that_no_answer_has_is_refused() -> None:
    with pytest.raises(KeyError):
        key(GrpcStatus, "status")


def test_a_flag_sets_its_field() -> None:
    assert CommonResponse.FromString(flag(CommonResponse, "clear_route_cache")).clear_route_cache
    assert CommonResponse.FromString(flag(CommonResponse, "status")).status == CommonResponse.CONTINUE_AND_REPLACE


@given(st.lists(st.binary(max_size=200), max_size=4), st.lists(st.sampled_from([b"\x0a", b"\x12"]), max_size=5))
def test_enclosing_is_delimiting_from_the_inside_out(parts: list[bytes], path: list[bytes]) -> None:
    expected = b"".join(parts)
    for before in path:
        expected = delimited(before, expected)
    assert b"".join(enclose(tuple(parts), *path)) == expected


def test_a_large_part_is_not_copied_by_enclosing() -> None:
    body = b"x" * 1_000_000
    assert any(part is body for part in enclose((body,), b"\x0a", b"\x12"))


def test_text_is_always_utf8() -> None:
    assert text("é") == "é".encode()
    assert text("a\ud800b") == b"a?b"


def test_a_memo_builds_once_what_it_keeps() -> None:
    built: list[str] = []

    def build(value: str) -> bytes:
        built.append(value)
        return value.encode()

    memo = Memo(build)
    assert [memo["a"], memo["a"], memo["b"]] == [b"a", b"a", b"b"]
    assert built == ["a", "b"]


def test_a_memo_keeps_an_encoding_at_its_longest_and_none_past_it() -> None:
    memo = Memo(bytes)  # bytes(n): n zeros
    assert len(memo[Memo.LONGEST]) == Memo.LONGEST
    assert len(memo[Memo.LONGEST + 1]) == Memo.LONGEST + 1
    assert set(memo) == {Memo.LONGEST}


def test_a_memo_is_full_at_its_most_and_empties_for_one_more() -> None:
    memo = Memo(varint)
    for number in range(Memo.MOST):
        assert memo[number] == varint(number)
    assert len(memo) == Memo.MOST
    assert memo[Memo.MOST] == varint(Memo.MOST)
    assert set(memo) == {Memo.MOST}


def test_the_names_of_all_headers_that_may_hold_a_credential_are_kept_together() -> None:
    """By their value: a body that goes on in another length is answered with names put together for it alone."""
    built: list[tuple[str, ...]] = []

    def build(names: tuple[str, ...]) -> bytes:
        built.append(names)
        return "".join(names).encode()

    memo = RemovalsMemo(build)
    wide = tuple(f"{number:032}" for number in range(RemovalsMemo.LONGEST // 32))
    assert memo[wide] == memo[(*wide,)] == "".join(wide).encode()
    assert built == [wide]
    assert len(memo[*wide, "x"]) == RemovalsMemo.LONGEST + 1
    assert set(memo) == {wide}


def test_a_memo_of_removals_is_full_at_its_most_and_holds_a_mebibyte() -> None:
    memo = RemovalsMemo(lambda names: names[0].encode())
    for number in range(RemovalsMemo.MOST + 1):
        assert memo[str(number),] == str(number).encode()
    assert set(memo) == {(str(RemovalsMemo.MOST),)}
    assert RemovalsMemo.MOST * RemovalsMemo.LONGEST == 1 << 20


def test_kept_encodings_are_found_by_identity_and_bounded() -> None:
    kept = Kept[tuple[str, int]]()
    values = [("value", number) for number in range(Kept.MOST + 1)]
    for value in values[:-1]:
        assert kept.put(value, b"x") == b"x"
    assert len(kept.known) == Kept.MOST
    assert kept.known[id(values[0])] == b"x"
    kept.put(values[-1], b"y")
    assert kept.known == {id(values[-1]): b"y"}


def test_an_object_is_held_as_long_as_its_encoding() -> None:
    """Or another object, at the same place in memory, would be given its bytes."""
    kept = Kept[list[int]]()
    for number in range(100):
        kept.put([number], b"%d" % number)
    assert len(kept.known) == 100
