"""A pipeline of the policy made ready: whom it is for, and a stage for each side."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from extproc.inspection import patterns, pii, secrets
from extproc.inspection.allow import Allow, allowing
from extproc.inspection.lane import RuleError
from extproc.inspection.rule import Rule
from extproc.inspection.scanner import Scanner
from extproc.inspection.secrets import gitleaks
from extproc.inspection.stage import Limits, Processor, Stage
from extproc.policy import UnusableError
from extproc.policy import pipelines as policy
from extproc.policy import processors as steps
from extproc.policy.secrets import key_of, rules_of
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Side

Secrets = Mapping[str, bytes]
"""What was read from outside of the policy (see `policy.secrets`)."""


class Pipeline:
    """Immutable, shared by all exchanges. Raises UnusableError for a rule that cannot be used."""

    def __init__(self, source: policy.Pipeline, read: Secrets) -> None:
        self.name = source.name
        self.path = source.match.path.lower()
        self._headers = tuple((name, value.encode()) for name, value in source.match.headers.items())
        self.route_name = source.match.route_name
        self.body_limit = source.body_limit
        self.blocks_oversize = source.on_oversize == "block"
        self.blocks_unread = source.blocks_uninspected
        self.content_types = frozenset(source.content_types)
        self.refusal = ClientError(source.block.status, "content_filter", source.block.message)
        self.unread = ClientError(
            source.block.status, "uninspected_content", "A part of the content could not be inspected."
        )
        self.request = _stage(source.name, Side.REQUEST, source.request, read)
        self.response = _stage(source.name, Side.RESPONSE, source.response, read)
        self.restores = any(isinstance(each, steps.Maskable) and each.restore for each in source.request)
        """Whether values of requests may have to be put back into their answers."""
        self.patience = max(
            (_patience(stage) for stage in (self.request, self.response) if stage is not None), default=0.0
        )
        """Seconds after which the verdict on a body is there, or was given up."""
        self.facts = frozenset(
            fact for stage in (self.request, self.response) if stage is not None for fact in _reads(stage)
        )
        """The facts that conditions are about."""
        self.fields = frozenset(name for name, _ in self._headers) | frozenset(
            name for each in (*source.request, *source.response) if each.when for name in each.when.headers
        )
        """The request's header fields that are looked at."""

    @property
    def conditional(self) -> bool:
        """Whether more than the path says if it is meant."""
        return bool(self._headers) or self.route_name is not None

    def under(self, paths: Sequence[str]) -> bool:
        """Whether one of the ways to write a request's path begins as `match` says."""
        return any(path.lower().startswith(self.path) for path in paths)

    def meant(self, fields: HeaderMap, route_name: str) -> bool:
        """Whether the rest of `match` holds."""
        if self.route_name is not None and self.route_name != route_name:
            return False
        # A header that is given twice says two things; it is taken for what `match` wants only if it says nothing else.
        return all(fields.getall(name) == [value] for name, value in self._headers)

    def __repr__(self) -> str:
        return f"Pipeline({self.name})"


def _patience(stage: Stage) -> float:
    return stage.timeout + (_patience(stage.reserve) if stage.reserve is not None else 0.0)


def _reads(stage: Stage) -> frozenset[str]:
    return stage.reads | (stage.reserve.reads if stage.reserve is not None else frozenset())


def _stage(pipeline: str, side: Side, listed: Sequence[steps.Step], read: Secrets) -> Stage | None:
    """The stage of one side, with the stand-ins apart."""
    if not listed:
        return None
    standing_in = {each.stand_in for each in listed} - {None}
    first = [each for each in listed if each.name not in standing_in]
    second = [each for each in listed if each.name in standing_in]
    reserve = _made(pipeline, side, second, read, standing_in=True) if second else None
    return _made(pipeline, side, first, read, reserve)


def _made(
    pipeline: str,
    side: Side,
    listed: Sequence[steps.Step],
    read: Secrets,
    reserve: Stage | None = None,
    *,
    standing_in: bool = False,
) -> Stage:
    processors: list[Processor] = []
    rules: list[tuple[int, Rule]] = []
    for number, each in enumerate(listed):
        with _naming(pipeline, side, each.name):
            rules += [(number, rule) for rule in _rules(pipeline, side, each, read)]
        processors.append(_processor(pipeline, side, number, each, read))
    try:
        return Stage(side, processors, rules, reserve, standing_in=standing_in)
    except RuleError:
        for made in processors:
            # One by one, which is slow, to tell whose rule it is.
            with _naming(pipeline, side, made.name):
                Scanner.compile(rule for number, rule in rules if number == made.number)
        raise


@contextmanager
def _naming(pipeline: str, side: Side, processor: str) -> Iterator[None]:
    try:
        yield
    except RuleError as error:
        where = ("pipelines", pipeline, side.value, processor)
        raise UnusableError(where, str(error), "expressions are RE2's, files of rules gitleaks'") from None


def _processor(pipeline: str, side: Side, number: int, each: steps.Step, read: Secrets) -> Processor:
    maskable = each if isinstance(each, steps.Maskable) else None
    limits = Limits(each.max_bytes, each.max_messages, each.max_images) if isinstance(each, steps.SizeLimit) else None
    return Processor(
        number=number,
        name=each.name,
        action=each.action,
        shadow=each.mode == "shadow",
        timeout=each.timeout,
        allows_failure=not each.blocks_on_failure,
        stand_in=each.stand_in,
        when=each.when,
        format=maskable.format if maskable else "placeholder",
        key=read[key_of(pipeline, side.value, each.name)] if maskable and maskable.format == "hash" else b"",
        restore=maskable.restore if maskable else False,
        limits=limits,
    )


def _rules(pipeline: str, side: Side, each: steps.Step, read: Secrets) -> tuple[Rule, ...]:
    match each:
        case steps.Pii():
            rules = pii.rules(each.wanted)
        case steps.Secrets():
            rules = secrets.RULES
            if each.gitleaks is not None:
                rules += gitleaks.load(read[rules_of(pipeline, side.value, each.name)].decode("utf-8", "replace")).rules
        case steps.Pattern(regex=str(expression)):
            rules = (patterns.regex(each.name, expression, ignore_case=each.ignore_case),)
        case steps.Pattern(literals=tuple(words)):
            rules = patterns.literals(each.name, words, ignore_case=each.ignore_case, words=each.words)
        case _:
            return ()
    allowed = each.allow
    if allowed.values or allowed.patterns:
        rules = allowing(rules, Allow(allowed.values, allowed.patterns))
    return rules
