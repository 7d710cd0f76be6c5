"""Labelled lines: requests with what is to be found in them, as `extproc eval` reads them, a JSON object each."""

import json
from typing import Final

import msgspec
from msgspec import Struct

from extproc.explain.lines import BARE_PATH, SampleRequest, read_line, spans

LABELS_MOST: Final = 64
"""Names that a line may expect: more kinds than that in one request are a mistake of who wrote it."""

NAME_MOST: Final = 128
"""Characters of such a name: those of processors have fewer."""

_FORM: Final = (
    'a labelled line is {"text": "...", "expect": [...]}, or a request as `extproc explain` takes it, with "expect"'
)
_NAMES: Final = f'"expect" is a list of at most {LABELS_MOST} names of processors or kinds, empty for a harmless line'


class LabelledLine(Struct, frozen=True):
    """A request, and the names of processors or kinds that are to find something in it or its response.

    Has no rendering of texts.
    """

    request: SampleRequest
    expect: frozenset[str]

    def __repr__(self) -> str:
        return f"LabelledLine({len(self.expect)} expected)"


def read_labelled(text: bytes, model: str) -> LabelledLine:
    """Decode a labelled line; `model` is the one that a bare text is for.

    Raises ValueError with a sentence that quotes none of it.
    """
    found = spans(text)
    if "expect" not in found:
        raise ValueError(_FORM)
    expect = _names(text[slice(*found.pop("expect"))])
    if "text" in found:
        said = text[slice(*found.pop("text"))].strip()
        if "body" in found or said[:1] != b'"':
            raise ValueError(_FORM)
        asked = b'{"model":%b,"messages":[{"role":"user","content":%b}]}' % (json.dumps(model).encode(), said)
        rest = {"path": json.dumps(BARE_PATH).encode()} | {name: text[slice(*at)] for name, at in found.items()}
        return LabelledLine(read_line(_written(rest | {"body": asked})), expect)
    return LabelledLine(read_line(_written({name: text[slice(*at)] for name, at in found.items()})), expect)


def _written(members: dict[str, bytes]) -> bytes:
    return b"{" + b",".join(b"%b:%b" % (json.dumps(name).encode(), value) for name, value in members.items()) + b"}"


def _names(text: bytes) -> frozenset[str]:
    try:
        names = msgspec.json.decode(text, type=list[str])
    except msgspec.MsgspecError:
        raise ValueError(_NAMES) from None
    if len(names) > LABELS_MOST or not all(0 < len(name) <= NAME_MOST for name in names):
        raise ValueError(_NAMES)
    return frozenset(names)
