"""One JSON document of a reply: checked early while it comes, and by the library once it is whole."""

import re
from typing import Final

from extproc.apis.events.leaves import TooComplexError
from extproc.detectors.replies import Wakes
from extproc.detectors.schema.checker import JsonChecker
from extproc.detectors.schema.library import KnownSchema
from extproc.detectors.schema.values import JsonFault

KINDS: Final = (
    "not_json", "type", "required", "unknown_member", "repeated_member", "enum", "pattern", "range", "schema", "cut",
)  # fmt: skip
"""Kinds of findings in a document: it is no JSON; a value has a wrong type; a member is missing, unknown,
or there twice; a value is none of the listed ones, does not match a pattern, is too long, large or the like; another
keyword of the schema; it is not whole."""

BOUNDS: Final = frozenset({"complexity"})
"""Kinds of faults that are none of the document: it is beyond the bounds of the check. The reply bounds its size."""

_wakes: Final = re.compile(r'["\\\x00-\x1f]').search
"""The characters of a string that are more than themselves."""


class DocumentCheck:
    """Checks one document. `at`: the code points of its text that came before it."""

    __slots__ = ("_checker", "_pieces", "_schema", "_start", "over")

    def __init__(self, schema: KnownSchema, at: int) -> None:
        self._schema = schema
        self._checker = JsonChecker(schema.root, at)
        self._pieces: list[str] = []
        self._start = at
        self.over = False
        """True once the verdict is there: the document was whole, or had a fault."""

    @property
    def end(self) -> int | None:
        """The code point behind the document, if it is whole."""
        return self._checker.end

    def wakes(self) -> Wakes | None:
        """See `PatientFollower.wakes`."""
        return _wakes if self._checker.loose and not self.over else None

    def feed(self, piece: str) -> JsonFault | None:
        """Take the next piece; return the fault, if the document has one."""
        self._pieces.append(piece)
        checker = self._checker
        fault = checker.feed(piece)
        if fault is not None:
            return self._ended(fault if fault.kind != "depth" else JsonFault("complexity", fault.at))
        return None if checker.end is None else self._whole()

    def close(self) -> JsonFault | None:
        """Return the fault of a document after which nothing more comes."""
        if self.over:
            return None
        fault = self._checker.close()
        return self._ended(fault) if fault is not None else self._whole()

    def _whole(self) -> JsonFault | None:
        end = self._checker.end
        assert end is not None, "it is whole"
        text = "".join(self._pieces)[: end - self._start]
        self._pieces.clear()
        try:
            wrong = self._schema.fault(text)
        except (ValueError, TooComplexError):
            return self._ended(JsonFault("complexity", self._start))
        return self._ended(None if wrong is None else JsonFault(wrong[0], self._start, wrong[1]))

    def _ended(self, fault: JsonFault | None) -> JsonFault | None:
        self.over = True
        self._pieces.clear()
        return fault
