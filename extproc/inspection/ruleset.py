"""The rules of one processor of the policy, and which of them cannot be used."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from extproc.detectors import patterns, pii, secrets
from extproc.detectors.contract import RuleDetector
from extproc.detectors.pii.ip_addresses import not_public
from extproc.detectors.replies import Detector
from extproc.detectors.secrets import gitleaks
from extproc.inspection.plugged import detector_of
from extproc.matching.allow import AllowList, allowing
from extproc.matching.compiled import RuleError
from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner
from extproc.policy import PlacedStep, Unusable, UnusableError
from extproc.policy import processors as steps
from extproc.policy.base import Loc
from extproc.policy.secrets import rules_of
from extproc.policy.step import Step

KINDS_NAMED: Final = 5
"""Kinds that one message names: as many as fit into a line of a terminal."""

_MEND = "expressions are RE2's, files of rules gitleaks'"


def rules(placed: PlacedStep, read: Mapping[str, bytes], detector: Detector | None = None) -> tuple[Rule, ...]:
    """The rules of a processor; `read` has the file of rules that it names. Raises RuleError.

    `detector`: the one that a plug-in made for it.
    """
    found = detector.rules if isinstance(detector, RuleDetector) else own_rules(placed, read)
    match placed.step:
        case steps.Pii():
            found = _personal(placed.step)
        case steps.Secrets():
            found = (*secrets.RULES, *found)
    allow = _allow(placed.step)
    return found if allow is None else allowing(found, AllowList(allow.values, allow.patterns))


def _personal(step: steps.Pii) -> tuple[Rule, ...]:
    """The rules of personal data whose findings are as sure as the policy wants, and none that it leaves out.

    Raises RuleError for a kind none of whose rules is.
    """
    found = _sure(step)
    if vain := _vain(step, found):
        raise RuleError(f"no finding of {vain[0]} reaches its least score")
    if step.ip_addresses == "all":
        return found
    return tuple(allowing([rule], not_public)[0] if rule.kind == "ip_address" else rule for rule in found)


def _sure(step: steps.Pii) -> tuple[Rule, ...]:
    return tuple(rule for rule in pii.rules(step.wanted) if rule.score >= step.least(rule.kind))


def _vain(step: steps.Pii, found: tuple[Rule, ...]) -> list[str]:
    """The kinds for which the least score is above that of every rule: they would be looked for in vain."""
    reached = {rule.kind for rule in found}
    return [kind for kind in step.wanted if kind not in reached]


def _too_sure(placed: PlacedStep, step: steps.Pii) -> Iterator[Unusable]:
    """List the problems: one for each score of a kind or a group, and one for the score of all other kinds."""
    most = {kind: max(rule.score for rule in pii.rules((kind,))) for kind in _vain(step, _sure(step))}
    for name in step.min_scores:
        vain = [kind for kind in most if step.scored(kind) == name]
        if vain:
            least = min(most.pop(kind) for kind in vain)
            mend = f"write {least:g} at most, or leave the kind out of `kinds`"
            yield Unusable(
                (*placed.where, "min_scores", name), f"no finding of {_named(vain)} reaches this score", mend
            )
    if most:
        mend = f"write {min(most.values()):g} at most, or `min_scores` for these kinds, or `kinds` without them"
        message = f"no finding of {_named([*most])} reaches this score"
        yield Unusable((*placed.where, "min_score"), message, mend)


def _named(kinds: Sequence[str]) -> str:
    """Kinds for a message: the first few, and how many more there are."""
    more = f" and {len(kinds) - KINDS_NAMED} more kinds" if len(kinds) > KINDS_NAMED else ""
    return ", ".join(kinds[:KINDS_NAMED]) + more


def own_rules(placed: PlacedStep, read: Mapping[str, bytes]) -> tuple[Rule, ...]:
    """The rules that the operator wrote: an expression, literals or a file of rules. Raises RuleError."""
    step = placed.step
    match step:
        case steps.Pattern(regex=str(expression)):
            return (patterns.regex(step.name, expression, ignore_case=step.ignore_case),)
        case steps.Pattern(literals=tuple(words)):
            return patterns.literals(step.name, words, ignore_case=step.ignore_case, words=step.words)
        case steps.Secrets() if step.gitleaks is not None:
            text = read.get(rules_of(placed.pipeline, placed.side, step.name))
            return () if text is None else gitleaks.load(text.decode("utf-8", "replace")).rules
    return ()


def unusable(placed: PlacedStep, read: Mapping[str, bytes]) -> Iterator[Unusable]:
    """Everything in a processor that cannot be used, each with its own place."""
    step = placed.step
    written = (*placed.where, _written(step))
    try:
        detector = detector_of(placed, read)
        found = detector.rules if isinstance(detector, RuleDetector) else own_rules(placed, read)
    except RuleError as error:
        yield _unusable(written, error)
        found = ()
    except UnusableError as error:
        yield from error.parts
        found = ()
    if isinstance(step, steps.Pii):
        yield from _too_sure(placed, step)
    for rule in found:
        yield from _tried(written, partial(Scanner.compile, [rule]))
    allow = _allow(step)
    for index, pattern in enumerate(allow.patterns if allow is not None else ()):
        place = (*placed.where, "allow", "patterns", index)
        yield from _tried(place, partial(AllowList, (), [pattern]))


def _written(step: Step) -> str:
    """The field that holds the operator's rules."""
    if isinstance(step, steps.Secrets):
        return "gitleaks"
    if step.use not in steps.USES:
        return "use"
    return "regex" if getattr(step, "regex", None) is not None else "literals"


def _allow(step: Step) -> steps.Allow | None:
    if not isinstance(step, steps.Maskable) or not (step.allow.values or step.allow.patterns):
        return None
    return step.allow


def _tried(where: Loc, make: Callable[[], object]) -> Iterator[Unusable]:
    try:
        make()
    except RuleError as error:
        yield _unusable(where, error)


def _unusable(where: Loc, error: RuleError) -> Unusable:
    return Unusable(where, str(error), _MEND)
