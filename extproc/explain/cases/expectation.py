"""The expectations of a case, and the differences of an explanation from them."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from extproc.explain.explanation import Explanation

Several: TypeAlias = str | list[str]
"""One text or several."""


class ExpectedFinding(Struct, frozen=True, forbid_unknown_fields=True):
    """Findings that fit all that is said here. `count`: exactly so many; one at the least if absent."""

    kind: str | None = None
    processor: str | None = None
    side: Literal["request", "response"] | None = None
    action: str | None = None
    count: Annotated[int, Meta(ge=0)] | None = None


class Expectation(Struct, frozen=True, forbid_unknown_fields=True):
    """The parts of an explanation that a case speaks of; all others may be as they like.

    `backend` and `model`: one of several, if there are several; null for none. `findings`: each entry has to fit;
    further findings may be there, unless the list is empty. `plan`: backends, or `backend/model`, in their order.
    `body`: what goes on, compared as JSON; `body_contains`, `body_lacks`: texts in it, in the strings of JSON with
    their escapes resolved. If the request is refused, the body is the error that the client gets.
    """

    action: Literal["allow", "mask", "block", "reject"] | UnsetType = UNSET
    status: int | UnsetType = UNSET
    pipeline: str | UnsetType | None = UNSET
    rule: str | UnsetType | None = UNSET
    backend: Several | UnsetType | None = UNSET
    model: Several | UnsetType | None = UNSET
    plan: list[str] | UnsetType = UNSET
    residency: list[str] | UnsetType = UNSET
    findings: list[ExpectedFinding] | UnsetType = UNSET
    failed: list[str] | UnsetType = UNSET
    signals: dict[str, Any] | UnsetType = UNSET
    usage: dict[str, int] | UnsetType = UNSET
    cost_usd: float | UnsetType | None = UNSET
    body: Any | UnsetType = UNSET
    body_contains: Several | UnsetType = UNSET
    body_lacks: Several | UnsetType = UNSET
    why_contains: Several | UnsetType = UNSET


class UnmetExpectation(Struct, frozen=True):
    """One thing that is not as expected. `field`: its name; the others are as people read them."""

    field: str
    expected: str
    found: str


def differences(expect: Expectation, found: Explanation) -> list[UnmetExpectation]:
    """Return what differs."""
    return [*_plain(expect, found), *_lists(expect, found), *_findings(expect, found), *_bodies(expect, found)]


def _plain(expect: Expectation, found: Explanation) -> Iterator[UnmetExpectation]:
    for name in ("action", "status", "pipeline", "rule", "backend", "model"):
        wanted, got = getattr(expect, name), getattr(found, name)
        if wanted is not UNSET and not (got in wanted if isinstance(wanted, list) else got == wanted):
            yield UnmetExpectation(name, _shown(wanted), _shown(got))
    if expect.cost_usd is not UNSET and not _near(expect.cost_usd, found.cost_usd):
        yield UnmetExpectation("cost_usd", _shown(expect.cost_usd), _shown(found.cost_usd))


def _lists(expect: Expectation, found: Explanation) -> Iterator[UnmetExpectation]:
    if expect.plan is not UNSET:
        got = [f"{each.backend}/{each.model}" for each in found.plan]
        fits = len(got) == len(expect.plan) and all(
            wanted in {each, each.partition("/")[0]} for wanted, each in zip(expect.plan, got, strict=True)
        )
        if not fits:
            yield UnmetExpectation("plan", _shown(expect.plan), _shown(got))
    for name in ("residency", "failed"):
        wanted, told = getattr(expect, name), list(getattr(found, name))
        if wanted is not UNSET and wanted != told:
            yield UnmetExpectation(name, _shown(wanted), _shown(told))
    usage = {} if found.usage is None else msgspec.to_builtins(found.usage)
    for name, wanted, values in (("signals", expect.signals, found.signals), ("usage", expect.usage, usage)):
        yield from _members(name, {} if wanted is UNSET else wanted, values)
    for text in _texts(expect.why_contains):
        if not any(text in line for line in found.why):
            yield UnmetExpectation("why_contains", _shown(text), _shown(list(found.why)))


def _members(name: str, wanted: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[UnmetExpectation]:
    for key, value in wanted.items():
        got = values.get(key)
        same = _near(value, got) if isinstance(value, float) and isinstance(got, int | float) else got == value
        if not same:
            yield UnmetExpectation(f"{name}.{key}", _shown(value), _shown(got))


def _findings(expect: Expectation, found: Explanation) -> Iterator[UnmetExpectation]:
    if expect.findings is UNSET:
        return
    told = Counter(f"{each.side} {each.processor} {each.kind} ({each.action})" for each in found.findings)
    all_of_them = ", ".join(f"{count} {name}" for name, count in sorted(told.items())) or "none"
    if not expect.findings and found.findings:
        yield UnmetExpectation("findings", "none", all_of_them)
    for wanted in expect.findings:
        named = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
        count = named.pop("count", None)
        fitting = sum(all(getattr(each, name) == value for name, value in named.items()) for each in found.findings)
        if fitting != count if count is not None else fitting == 0:
            told_of = " ".join(map(str, named.values())) or "any"
            yield UnmetExpectation("findings", f"{'at least 1' if count is None else count} {told_of}", all_of_them)


def _bodies(expect: Expectation, found: Explanation) -> Iterator[UnmetExpectation]:
    body = found.answer if found.body is None else found.body
    text = bytes(body).decode() if isinstance(body, Raw) else body or ""
    if expect.body is not UNSET:
        got = _decoded(text)
        if got != expect.body:
            yield UnmetExpectation("body", _shown(expect.body), text or "none")
    within = [text, *_strings(_decoded(text))]
    for wanted in _texts(expect.body_contains):
        if not any(wanted in each for each in within):
            yield UnmetExpectation("body_contains", _shown(wanted), text or "no body")
    for unwanted in _texts(expect.body_lacks):
        if any(unwanted in each for each in within):
            yield UnmetExpectation("body_lacks", _shown(unwanted), text)


def _strings(value: Any) -> Iterator[str]:
    """Yield all strings of a JSON value, names of members, too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _strings(each)


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _texts(several: Several | UnsetType) -> list[str]:
    return [] if several is UNSET else [several] if isinstance(several, str) else several


def _near(wanted: float | UnsetType | None, got: float | None) -> bool:
    if wanted is None or got is None or wanted is UNSET:
        return wanted is None and got is None
    return math.isclose(wanted, got, rel_tol=1e-6, abs_tol=1e-12)


def _shown(value: object) -> str:
    return (
        " or ".join(map(str, value))
        if isinstance(value, list) and len(value) > 1 and all(isinstance(v, str) for v in value)
        else json.dumps(value, ensure_ascii=False)
    )
