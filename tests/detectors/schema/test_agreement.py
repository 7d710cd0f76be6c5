"""The early check and the library agree: streamed at any cuts, every wrong document is found, and no right one."""

import json
from typing import Any, Final

import jsonschema_rs
import msgspec
import pytest

from extproc.detectors.schema.checker import JsonChecker
from extproc.detectors.schema.document import DocumentCheck
from extproc.detectors.schema.library import KnownSchema, known
from extproc.detectors.schema.values import JsonFault
from tests.conftest import PROFILE
from tests.detectors.schema.cases import Maker
from tests.gathered import gathered

ROUNDS: Final = 8 if PROFILE == "fast" else 20
CASES: Final = 500 * ROUNDS


def fits(schema: Any, text: str) -> bool:
    """The verdict without any code of ours; an object has no name twice."""

    def once(pairs: list[tuple[str, Any]]) -> Any:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a name is there twice")
        return dict(pairs)

    try:
        value = json.loads(text, object_pairs_hook=once, parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError):
        return False
    whole = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return jsonschema_rs.is_valid(schema, json.loads(whole), validate_formats=False)


def checked(schema: KnownSchema, pieces: list[str]) -> tuple[JsonFault | None, int]:
    """The verdict on a document that comes in pieces, and how many of them had come."""
    check = DocumentCheck(schema, 0)
    for number, piece in enumerate(pieces):
        if check.over and piece.strip(" \t\r\n"):
            return JsonFault("behind", 0), number
        fault = None if check.over else check.feed(piece)
        end = check.end
        if fault is None and end is not None and "".join(pieces[: number + 1])[end:].strip(" \t\r\n"):
            fault = JsonFault("behind", end)
        if fault is not None:
            return fault, number + 1
    return check.close(), len(pieces)


@gathered("seed", range(ROUNDS), parts=4)
def test_every_wrong_document_is_found_and_no_right_one(seed: int) -> None:
    maker = Maker(seed)
    right = wrong = 0
    while right + wrong < CASES / ROUNDS:
        schema = maker.root()
        read = known(msgspec.json.encode(schema))
        assert read is not None, schema
        for _ in range(10):
            value = maker.value(schema, schema)
            text = maker.written(value)
            if maker.random.random() < 0.7:
                text = maker.written(maker.spoiled(value)) if maker.random.random() < 0.6 else maker.broken(text)
            expected = fits(schema, text)
            fault, _ = checked(read, maker.cuts(text))
            assert (fault is None) == expected, (schema, text, fault)
            right, wrong = right + expected, wrong + (not expected)
    assert right > 100
    assert wrong > 100


@pytest.mark.parametrize("seed", range(5))
def test_what_the_early_check_finds_is_wrong_for_the_library_however_it_goes_on(seed: int) -> None:
    maker = Maker(1000 + seed)
    for _ in range(100):
        schema = maker.root()
        read = known(msgspec.json.encode(schema))
        assert read is not None
        for _ in range(10):
            text = maker.written(maker.value(schema, schema))
            early = JsonChecker(read.root)
            faults = [early.feed(piece) for piece in maker.cuts(text)]
            if any(faults):
                assert not fits(schema, text), (schema, text, faults)


@pytest.mark.parametrize("seed", range(5))
def test_cuts_change_neither_the_verdict_nor_its_kind(seed: int) -> None:
    maker = Maker(2000 + seed)
    for _ in range(60):
        schema = maker.root()
        read = known(msgspec.json.encode(schema))
        assert read is not None
        value = maker.value(schema, schema)
        for text in (maker.written(value), maker.written(maker.spoiled(value)), maker.broken(maker.written(value))):
            whole, _ = checked(read, [text])
            single, _ = checked(read, list(text))
            assert (whole is None) == (single is None), (schema, text, whole, single)
            if whole is not None and single is not None:
                assert (whole.kind, whole.why) == (single.kind, single.why), (schema, text, whole, single)
                assert whole.kind == "behind" or whole.at == single.at, (schema, text, whole, single)
