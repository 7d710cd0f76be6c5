"""Reading a file of cases: YAML, with errors that name the line and the fix."""

import json
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

import msgspec
from msgspec import Struct

from extproc.explain.cases.expectation import Expectation
from extproc.explain.lines import BARE_PATH, SampleRequest, read_line
from extproc.policy.base import Loc
from extproc.policy.document import PolicyDocument, UnreadableError, decode, read
from extproc.policy.loading import written
from extproc.policy.problems import Problem

CASES_MOST: Final = 10_000
"""Cases of a file: a file may have 1 MiB, and a case 100 bytes at the least."""

_CASE: Final = ("name", "request", "response", "time", "expect")
_FORM: Final = "write a list of cases like {name: ..., request: {...}, expect: {action: allow}}"


class Case(Struct, frozen=True):
    """A request, perhaps with its response, and what is expected. `file` and `line`: where it stands."""

    name: str
    file: str
    line: int
    request: SampleRequest
    expect: Expectation

    def __repr__(self) -> str:
        return f"Case({self.line})"


class CaseFileError(Exception):
    """A file of cases is wrong; it has every problem, with its line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def read_cases(raw: bytes, name: str) -> list[Case]:
    """Return the cases of a file; `name` stands for it in errors. Raises CaseFileError."""
    try:
        document = read(decode(raw))
    except UnreadableError as error:
        fault = error.fault
        raise CaseFileError(
            (Problem(name, fault.line, fault.column, "", fault.message, _fitting(fault.mend)),)
        ) from None
    wrong = [Problem(name, f.line, f.column, written(f.loc), f.message, f.mend) for f in document.faults]
    reader = _Reader(document, name)
    cases = list(reader.cases())
    wrong += reader.wrong
    if wrong:
        raise CaseFileError(tuple(sorted(wrong, key=lambda each: (each.line, each.column))))
    return cases


class _Reader:
    """Goes through a document, and collects what is wrong with it."""

    def __init__(self, document: PolicyDocument, name: str) -> None:
        self._document = document
        self._name = name
        self._names: dict[str, int] = {}
        self.wrong: list[Problem] = []

    def cases(self) -> Iterator[Case]:
        """Yield the cases that are right by themselves."""
        data: Any = self._document.data
        loc: Loc = ()
        if isinstance(data, dict) and isinstance(data.get("cases"), list):
            self._unknown(("cases",), data, ())
            data, loc = data["cases"], ("cases",)
        if not isinstance(data, list) or len(data) > CASES_MOST:
            self._fault((), f"this is no list of at most {CASES_MOST} cases", _FORM)
            return
        for index, entry in enumerate(data):
            case = self._case(entry, (*loc, index), index)
            if case is not None:
                yield case

    def _case(self, entry: Any, at: Loc, index: int) -> Case | None:
        if not isinstance(entry, dict):
            self._fault(at, "this is no case", _FORM)
            return None
        self._unknown(_CASE, entry, at)
        for needed in ("request", "expect"):
            if not isinstance(entry.get(needed), dict):
                self._fault((*at, needed), f"a case has `{needed}`", _FORM)
                return None
        title = str(entry.get("name") or f"case {index + 1}")
        if title in self._names:
            self._fault(
                (*at, "name"), f"the case on line {self._names[title]} has this name, too", "give it another one"
            )
        self._names[title] = line = self._line(at)
        request, expect = self._request(entry, at), self._expect(entry["expect"], (*at, "expect"))
        return None if request is None or expect is None else Case(title, self._name, line, request, expect)

    def _request(self, entry: dict[str, Any], at: Loc) -> SampleRequest | None:
        written_request = dict(entry["request"])
        for more in ("response", "time"):
            if more in entry:
                written_request = _with_path(written_request) | {more: entry[more]}
        try:
            return read_line(json.dumps(written_request).encode())
        except ValueError as error:
            self._fault((*at, "request"), str(error), "write it as for `extproc explain`")
            return None

    def _expect(self, data: dict[str, Any], at: Loc) -> Expectation | None:
        if not data:
            self._fault(at, "nothing is expected", f"write one of {', '.join(Expectation.__struct_fields__)}")
            return None
        known = self._unknown(Expectation.__struct_fields__, data, at)
        try:
            return msgspec.convert({name: data[name] for name in known}, Expectation)
        except msgspec.ValidationError as error:
            said, _, where = str(error).partition(" - at `$")
            self._fault(
                (*at, where.strip("`").lstrip(".").split(".")[0].split("[")[0]), _lower(said), "see docs/policy-life.md"
            )
            return None

    def _unknown(self, allowed: tuple[str, ...], data: dict[str, Any], at: Loc) -> list[str]:
        """Note keys that nobody knows; return the others."""
        for name in data:
            if name not in allowed:
                near = get_close_matches(name, allowed, 1)
                mend = f"did you mean {near[0]}?" if near else f"write one of {', '.join(allowed)}"
                self._fault((*at, name), f"{name[:64]} is not known here", mend, key=True)
        return [name for name in data if name in allowed]

    def _line(self, loc: Loc) -> int:
        return self._document.places[loc].line

    def _fault(self, loc: Loc, message: str, mend: str, *, key: bool = False) -> None:
        near = loc
        while near and near not in self._document.places:
            near = near[:-1]
        place = self._document.places[near]
        line, column = (place.key_line, place.key_column) if key else (place.line, place.column)
        self.wrong.append(Problem(self._name, line, column, written(loc), message, mend))


def _with_path(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request as a line has it: a bare body of the API has to be named as one if more stands beside it."""
    return request if "path" in request else {"path": BARE_PATH, "body": request}


def _fitting(mend: str) -> str:
    return _FORM if "version: 1" in mend else mend


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
