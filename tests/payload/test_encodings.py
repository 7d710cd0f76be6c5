"""Content-encodings undone, whole and in any cuts, and what is refused. br and zstd: where their packages are."""

import gzip
import sys
import zlib
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload.encodings import brotli_zstd as optional
from extproc.payload.encodings import codings as encodings
from extproc.payload.encodings.codings import (
    BYTES_A_STEP,
    MAX_CODINGS,
    MAX_RATIO,
    PIECE,
    RATIO_FLOOR,
    DamagedBodyError,
    DecodedTooLargeError,
    Decoder,
    EncodingError,
    RatioExceededError,
    TruncatedBodyError,
    UnknownEncodingError,
    codings,
    decode,
    encode,
)
from extproc.payload.encodings.inflate import MAX_MEMBERS
from extproc.protocol.meter import ENDLESS, Meter, SpentError
from tests.gathered import gathered

TEXT = b'{"content":"' + bytes(range(0x20, 0x7F)) * 40 + b'"}'
LIMIT = 1 << 20


def bare(data: bytes) -> bytes:
    squeezer = zlib.compressobj(wbits=-15)
    return squeezer.compress(data) + squeezer.flush()


def squeezed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


ENCODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": squeezed, "deflate": zlib.compress, "deflate, bare": bare}
if optional.brotli() is not None:
    ENCODERS["br"] = sys.modules["brotli"].compress
if optional.zstd() is not None:
    ENCODERS["zstd"] = sys.modules["zstandard"].compress

names = st.sampled_from(sorted(ENCODERS))


def coding(name: str) -> str:
    return name.partition(",")[0]


@gathered("name", ENCODERS)
@gathered("text", [TEXT, b"", b"a", bytes(100_000)])
def test_an_encoded_body_is_decoded(name: str, text: bytes) -> None:
    assert decode(ENCODERS[name](text), (coding(name),), LIMIT) == text


@given(st.lists(names, min_size=1, max_size=MAX_CODINGS), st.binary(max_size=300), st.data())
def test_a_body_is_decoded_the_same_in_any_cuts(chain: list[str], text: bytes, data: st.DataObject) -> None:
    body = text
    for name in chain:
        body = ENCODERS[name](body)
    decoder = Decoder(tuple(map(coding, chain)), LIMIT)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    parts = [decoder.feed(body[a:b]) for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    decoder.close()
    assert b"".join(parts) == text


@pytest.mark.parametrize("name", ENCODERS)
def test_a_body_may_come_byte_by_byte(name: str) -> None:
    decoder = Decoder((coding(name),), LIMIT)
    assert b"".join(decoder.feed(bytes([byte])) for byte in ENCODERS[name](TEXT)) == TEXT
    decoder.close()


def test_what_a_server_flushed_comes_out_at_once() -> None:
    squeezer = zlib.compressobj(wbits=31)
    decoder = Decoder(("gzip",), None)
    for event in (b"data: one\n\n", b"data: two\n\n"):
        assert decoder.feed(squeezer.compress(event) + squeezer.flush(zlib.Z_SYNC_FLUSH)) == event


@pytest.mark.parametrize("name", ENCODERS)
def test_a_truncated_body_is_refused_at_every_length(name: str) -> None:
    body = ENCODERS[name](b"hello, hello")
    for length in range(1, len(body)):
        with pytest.raises(TruncatedBodyError):
            decode(body[:length], (coding(name),), LIMIT)


def test_no_body_at_all_is_whole() -> None:
    for name in ENCODERS:
        assert decode(b"", (coding(name),), LIMIT) == b""


@given(names, st.binary(min_size=3, max_size=40))
def test_any_bytes_are_decoded_or_refused(name: str, body: bytes) -> None:
    for data in (body, ENCODERS[name](TEXT)[:20] + body):
        try:
            decode(data, (coding(name),), LIMIT)
        except EncodingError as error:
            assert type(error) in {TruncatedBodyError, DamagedBodyError}  # noqa: PT017  no error is right, too


@pytest.mark.parametrize("name", ENCODERS)
def test_damage_and_what_stands_behind_the_end_are_refused(name: str) -> None:
    body = ENCODERS[name](TEXT)
    for wrong in (b"\xff\xff" + body, body + b"trailing"):
        with pytest.raises(DamagedBodyError):
            decode(wrong, (coding(name),), LIMIT)
    decoder = Decoder((coding(name),), LIMIT)
    decoder.feed(body)
    with pytest.raises(DamagedBodyError):
        decoder.feed(b"trailing")


@pytest.mark.parametrize("name", ENCODERS)
def test_a_decoded_body_may_reach_the_limit_but_not_pass_it(name: str) -> None:
    body = ENCODERS[name](TEXT)
    assert decode(body, (coding(name),), len(TEXT)) == TEXT
    with pytest.raises(DecodedTooLargeError):
        decode(body, (coding(name),), len(TEXT) - 1)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_bomb_is_refused_by_its_ratio_even_without_a_limit(name: str) -> None:
    body = ENCODERS[name](bytes(RATIO_FLOOR + 1))
    if len(body) > PIECE:
        pytest.fail("the text is too small for its encoding")
    assert len(body) * MAX_RATIO < RATIO_FLOOR
    assert decode(ENCODERS[name](bytes(RATIO_FLOOR)), (coding(name),), RATIO_FLOOR) == bytes(RATIO_FLOOR)
    bomb = ENCODERS[name](bytes(64 << 20))
    decoder = Decoder((coding(name),), None)
    with pytest.raises(RatioExceededError):
        decoder.feed(bomb)
    with pytest.raises(RatioExceededError):
        decode(body, (coding(name),), 2 * RATIO_FLOOR)
    with pytest.raises(DecodedTooLargeError) as refused:
        decode(body, (coding(name),), RATIO_FLOOR)
    assert refused.type is DecodedTooLargeError, "the limit is no larger, and is what the operator can change"


@given(st.lists(st.integers(1, 20_000), max_size=4))
def test_the_ratio_is_judged_alike_in_any_cuts(cuts: list[int]) -> None:
    dense = gzip.compress(bytes(2 << 20)) + gzip.compress(bytes(range(256)) * 40)
    decoder = Decoder(("gzip",), None)
    whole = outcome(Decoder(("gzip",), None), [dense])
    pieces = [dense[a:b] for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(dense)], strict=True)]
    assert outcome(decoder, pieces) == whole


def outcome(decoder: Decoder, pieces: list[bytes]) -> object:
    try:
        return b"".join(map(decoder.feed, pieces))
    except EncodingError as error:
        return type(error)


def test_a_bomb_inside_of_an_encoding_is_refused_at_its_own_stage() -> None:
    bomb = gzip.compress(gzip.compress(bytes(64 << 20)))
    with pytest.raises(DecodedTooLargeError):
        decode(bomb, ("gzip", "gzip"), 1 << 30)


BOMB = gzip.compress(gzip.compress(gzip.compress(bytes(31 << 20), mtime=0), mtime=0), mtime=0)
"""Under 300 bytes: each layer is within the ratio by itself."""


def test_one_ratio_holds_for_a_whole_chain_of_encodings() -> None:
    assert len(BOMB) < 300
    with pytest.raises(DecodedTooLargeError):
        decode(BOMB, ("gzip", "gzip", "gzip"), 1 << 30)
    for cut in (1, 50, len(BOMB) - 1):
        decoder = Decoder(("gzip", "gzip", "gzip"), None)
        assert outcome(decoder, [BOMB[:cut], BOMB[cut:]]) is RatioExceededError


@given(st.lists(names, min_size=1, max_size=MAX_CODINGS), st.integers(0, 3 << 20))
def test_no_chain_writes_more_than_its_ratio(chain: list[str], size: int) -> None:
    body = bytes(size)
    for name in chain:
        body = ENCODERS[name](body)
    most = max(RATIO_FLOOR, MAX_RATIO * PIECE * -(-len(body) // PIECE))
    try:
        assert decode(body, tuple(map(coding, chain)), 1 << 30) == bytes(size)
        assert size <= most
    except DecodedTooLargeError:
        assert size > most


@given(st.lists(names, min_size=1, max_size=MAX_CODINGS).map(lambda chain: tuple(map(coding, chain))), st.binary())
def test_an_encoded_body_decodes_to_what_it_was(chain: tuple[str, ...], text: bytes) -> None:
    assert decode(encode(text, chain), chain, LIMIT) == text


def test_decoding_counts_what_it_writes_and_ends_where_nobody_waits() -> None:
    body, meter = squeezed(bytes(LIMIT)), Meter()
    decode(body, ("gzip",), LIMIT, meter)
    assert ENDLESS - meter.left == LIMIT // BYTES_A_STEP
    with pytest.raises(SpentError):
        decode(body, ("gzip",), LIMIT, Meter(100))
    meter.stop()
    with pytest.raises(SpentError):
        decode(body, ("gzip",), LIMIT, meter)


def test_a_refused_body_stays_refused() -> None:
    decoder = Decoder(("gzip",), 4)
    with pytest.raises(DecodedTooLargeError):
        decoder.feed(gzip.compress(b"12345"))
    with pytest.raises(DecodedTooLargeError):
        decoder.feed(b"")
    with pytest.raises(DecodedTooLargeError):
        decoder.close()


def test_gzip_may_have_several_members_but_not_any_number() -> None:
    assert decode(gzip.compress(b"a") * MAX_MEMBERS, ("gzip",), LIMIT) == b"a" * MAX_MEMBERS
    with pytest.raises(DamagedBodyError):
        decode(gzip.compress(b"a") * (MAX_MEMBERS + 1), ("gzip",), LIMIT)
    with pytest.raises(TruncatedBodyError):
        decode(gzip.compress(b"a") + gzip.compress(b"b")[:9], ("gzip",), LIMIT)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("", ()),
        ("identity", ()),
        ("gzip", ("gzip",)),
        (" GZip ", ("gzip",)),
        ("x-gzip", ("gzip",)),
        ("deflate, identity ,gzip", ("deflate", "gzip")),
        (",gzip,", ("gzip",)),
    ],
)
def test_a_content_encoding_names_its_codings_in_order(field: str, found: tuple[str, ...]) -> None:
    assert codings(field) == found


@pytest.mark.parametrize("field", ["compress", "gzip;q=1", "aes128gcm", "gzip," * MAX_CODINGS + "gzip"])
def test_an_encoding_that_cannot_be_undone_is_unknown(field: str) -> None:
    with pytest.raises(UnknownEncodingError):
        codings(field)


@pytest.fixture
def _packages() -> object:
    """Forgets what was found, before and after."""
    optional.brotli.cache_clear()
    optional.zstd.cache_clear()
    yield
    optional.brotli.cache_clear()
    optional.zstd.cache_clear()


@pytest.mark.usefixtures("_packages")
@pytest.mark.parametrize(("field", "package"), [("br", "brotli"), ("zstd", "zstandard")])
def test_an_encoding_whose_package_is_missing_is_unknown(
    field: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UnknownEncodingError):
        codings(field)


class StandInError(Exception):
    """What a package raises."""


class StandInBrotli:
    """Brotli's decompressor, as its package has it, over zlib."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj()
        self._pending = False

    def process(self, data: bytes, output_buffer_limit: int) -> bytes:
        if self._inner.eof and data:
            raise StandInError
        try:
            part = self._inner.decompress(self._inner.unconsumed_tail + data, output_buffer_limit)
        except zlib.error:
            raise StandInError from None
        if self._inner.unused_data:
            raise StandInError
        self._pending = len(part) == output_buffer_limit
        return part

    def can_accept_more_data(self) -> bool:
        return not self._pending

    def is_finished(self) -> bool:
        return self._inner.eof


class StandInZstd:
    """One frame of zstandard's decompressor over zlib."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj()

    def decompress(self, data: bytes) -> bytes:
        try:
            return self._inner.decompress(data)
        except zlib.error:
            raise StandInError from None

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def stand_ins() -> dict[str, ModuleType]:
    brotli, zstandard = ModuleType("brotli"), ModuleType("zstandard")
    brotli.__dict__.update(Decompressor=StandInBrotli, error=StandInError)
    frames = SimpleNamespace(decompressobj=StandInZstd)
    zstandard.__dict__.update(ZstdDecompressor=lambda max_window_size: frames, ZstdError=StandInError)  # noqa: ARG005
    return {"br": brotli, "zstd": zstandard}


@pytest.mark.usefixtures("_packages")
@pytest.mark.parametrize("field", ["br", "zstd"])
def test_an_optional_package_is_used_as_its_interface_says(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = stand_ins()[field]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    body = zlib.compress(TEXT)
    assert codings(field) == (field,)
    assert decode(body, (field,), LIMIT) == TEXT
    decoder = Decoder((field,), LIMIT)
    assert b"".join(decoder.feed(bytes([byte])) for byte in body) == TEXT
    decoder.close()
    for wrong, error in (
        (body[:-1], TruncatedBodyError),
        (b"\xff" + body, DamagedBodyError),
        (zlib.compress(bytes(64 << 20)), DecodedTooLargeError),
        (body + b"trailing", DamagedBodyError),
    ):
        with pytest.raises(error):
            decode(wrong, (field,), LIMIT)


@pytest.mark.usefixtures("_packages")
def test_zstd_may_have_several_frames_but_not_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", stand_ins()["zstd"])
    assert decode(zlib.compress(b"a") * MAX_MEMBERS, ("zstd",), LIMIT) == b"a" * MAX_MEMBERS
    with pytest.raises(DamagedBodyError):
        decode(zlib.compress(b"a") * (MAX_MEMBERS + 1), ("zstd",), LIMIT)


@pytest.mark.usefixtures("_packages")
def test_a_brotli_that_cannot_be_told_how_much_to_write_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        def process(self, data: bytes) -> bytes:
            return data

    module = ModuleType("brotli")
    module.__dict__.update(Decompressor=Old, error=StandInError)
    monkeypatch.setitem(sys.modules, "brotli", module)
    with pytest.raises(UnknownEncodingError):
        codings("br")


def test_nothing_of_the_body_is_in_an_error() -> None:
    for body in (gzip.compress(b"SECRET")[:-3], b"SECRET", gzip.compress(b"SECRET")):
        with pytest.raises(EncodingError) as caught:
            decode(body, ("gzip",), 3)
        assert "SECRET" not in repr(caught.value)


def test_without_an_encoding_a_body_is_the_same_object() -> None:
    assert encodings.decode(TEXT, (), len(TEXT) - 1) is TEXT
