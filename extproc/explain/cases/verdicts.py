"""Running cases, and their results as JUnit's XML."""

from collections.abc import Callable, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct

from extproc.explain.cases.case_file import Case
from extproc.explain.cases.expectation import UnmetExpectation, differences
from extproc.explain.explanation import Explanation
from extproc.explain.lines import SampleRequest

Explained = Callable[[SampleRequest], Explanation]
"""Return what would happen to a request. Raises ValueError if the policy cannot have such a request."""

_ILLEGAL: Final = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\t\n\r"}


class CaseVerdict(Struct, frozen=True):
    """The result of a case. `error`: why it could not be played. `why`: the reasons of what happened."""

    case: Case
    seconds: float
    differences: tuple[UnmetExpectation, ...] = ()
    error: str | None = None
    why: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True if all is as expected."""
        return self.error is None and not self.differences


def verdict(case: Case, explained: Explained, clock: Callable[[], float]) -> CaseVerdict:
    """Play a case."""
    begun = clock()
    try:
        explanation = explained(case.request)
    except ValueError as error:
        return CaseVerdict(case, clock() - begun, error=str(error))
    found = tuple(differences(case.expect, explanation))
    return CaseVerdict(case, clock() - begun, found, why=explanation.why if found else ())


def junit(verdicts: Sequence[CaseVerdict], file: str, policy: str) -> str:
    """Return results as JUnit's XML, which build servers read."""
    failed = sum(bool(each.differences) for each in verdicts)
    errors = sum(each.error is not None for each in verdicts)
    seconds = sum(each.seconds for each in verdicts)
    counts = f'tests="{len(verdicts)}" failures="{failed}" errors="{errors}" time="{seconds:.3f}"'
    about = f'<properties><property name="policy" value={_attribute(policy)}/></properties>'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites {counts}>",
        f"<testsuite name={_attribute(file)} {counts}>",
        about,
        *(_case(each) for each in verdicts),
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join((*lines, ""))


def lines_of(each: CaseVerdict) -> list[str]:
    """Return what a person reads of a case that failed."""
    if each.error is not None:
        return [f"  error: {each.error}"]
    lines = []
    for difference in each.differences:
        lines += [
            f"  {difference.field}:",
            f"    - expected {difference.expected}",
            f"    + found    {difference.found}",
        ]
    return [*lines, *(f"  why: {reason}" for reason in each.why)]


def _case(each: CaseVerdict) -> str:
    case, file = each.case, _attribute(each.case.file)
    place = f'classname={file} file={file} line="{case.line}" time="{each.seconds:.6f}"'
    head = f"<testcase name={_attribute(case.name)} {place}"
    if each.passed:
        return f"{head}/>"
    kind, message = "failure", ", ".join(dict.fromkeys(one.field for one in each.differences))
    if each.error is not None:
        kind, message = "error", each.error
    return f"{head}><{kind} message={_attribute(message)}>{_text(chr(10).join(lines_of(each)))}</{kind}></testcase>"


def _attribute(text: str) -> str:
    return quoteattr(text.translate(_ILLEGAL))


def _text(text: str) -> str:
    return escape(text.translate(_ILLEGAL))
