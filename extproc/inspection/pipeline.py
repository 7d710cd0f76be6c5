"""A pipeline of the policy made ready: whom it is for, and a stage for each side."""

from collections.abc import Iterator, Mapping, Sequence

from extproc.apis.paths import normalise
from extproc.detectors.contract import GuardDetector, RuleDetector
from extproc.detectors.replies import Detector, ReplyDetector
from extproc.inspection.judge import READ_TIMEOUT
from extproc.inspection.judgement import EDIT_TIMEOUT
from extproc.inspection.keys import BackendKeys
from extproc.inspection.lean import lean, skippable
from extproc.inspection.plugged import detector_of
from extproc.inspection.ruleset import rules, unusable
from extproc.inspection.stage import BodyLimits, CompiledProcessor, Stage
from extproc.inspection.windowing import Windows, unwindowed, windows_of
from extproc.matching.compiled import RuleError
from extproc.matching.rule import Rule
from extproc.policy import PlacedStep, Unusable, UnusableError
from extproc.policy import pipelines as policy
from extproc.policy import processors as steps
from extproc.policy.secrets import key_of
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Side

Secrets = Mapping[str, bytes]
"""Values that were read from outside of the policy (see `policy.secrets`)."""


class CompiledPipeline:
    """Immutable, shared by all exchanges. `index` is its place in the policy.

    Raises UnusableError with all rules that cannot be used.
    """

    def __init__(self, source: policy.Pipeline, read: Secrets, index: int = 0, keys: BackendKeys | None = None) -> None:
        self.name = source.name
        self.keys = None if keys is None else keys.scanner
        """The scanner for backends' credentials in responses that no rule of the pipeline reads."""
        self.path = source.match.path.lower()
        # Compared with what requests are normalised to; the slash at its end, or none, is meant.
        self._prefix = normalise(source.match.path.encode()).lower().rstrip("/") + "/" * source.match.path.endswith("/")
        self._headers = tuple((name, value.encode()) for name, value in source.match.headers.items())
        self.route_name = source.match.route_name
        self.tenant = source.match.tenant
        self.body_limit = source.body_limit
        self.keepalive = source.keepalive
        self.blocks_oversize = source.blocks_oversize
        self.blocks_unread = source.blocks_uninspected
        self.content_types = frozenset(source.content_types)
        self.refusal = ClientError(source.block.status, "content_filter", source.block.message)
        self.unread = ClientError(
            source.block.status, "uninspected_content", "A part of the content could not be inspected."
        )
        self.request, self.response = _stages(source, read, index, () if keys is None else keys.rules)
        self.windows: Windows | None = windows_of(index, source.response, self.response)
        """The windows in which streamed responses are judged; None if they are judged whole."""
        unwindowed(index, source.request)
        self.guards = tuple(_guards(self.request, self.response))
        """The guards from elsewhere that it may ask."""
        self.eager = source.forward == "eager" and self.request is not None and bool(self.request.offloaded)
        """True if requests go on before detectors of their own have judged them."""
        if self.eager:
            _check_eager(index, source)
        self.restores = any(isinstance(each, steps.Maskable) and each.restore for each in source.request)
        """True if values of requests may have to be put back into their responses."""
        self.patience = max(
            (_patience(stage) for stage in (self.request, self.response) if stage is not None), default=0.0
        )
        """Seconds after which the verdict on a body is there, or was given up."""
        conditions = [each.when for each in (*source.request, *source.response) if each.when is not None]
        self.signals = frozenset(name for when in conditions for name in when.signals)
        """The signals that conditions read."""
        self.asks_body = any(when.reads_body for when in conditions)
        """True if one of them is computed from the request's body."""
        self.asks = self.response.asks if self.response is not None else frozenset()
        """The parts of requests by which processors judge their responses."""
        replying = self.response.replying if self.response is not None else ()
        self.prepares = tuple(each.reply.prepare for each in replying if each.reply is not None and each.reply.prepare)
        """Functions that are called with these parts."""
        self.fields = frozenset(name for name, _ in self._headers) | frozenset(
            name for when in conditions for name in when.headers
        )
        """The request's header fields that are looked at."""

        self.reads_route = source.match.route_name is not None or "route_name" in self.signals
        """True if it matters which of Envoy's routes a request came by."""
        slim = lean(source)
        self.lean = None if slim is None else CompiledPipeline(slim, read, index, keys)
        """The pipeline without the processors that an overloaded worker skips; None if it skips none."""
        self.skips: tuple[str, ...] = (*skippable(source.request), *skippable(source.response))
        """The names of those processors."""
        self.lacks: tuple[str, ...] = ()
        """The processors that were left out of this one: it is a lean one."""
        self.blind = False
        """True if findings of requests are missing because of that."""
        if self.lean is not None:
            self.lean.lacks = self.skips
            self.lean.blind = any(each.mode == "enforce" for each in source.request if each.name in self.skips)
        self.reads_response = self.response is not None or self.restores
        """True if responses may have to be read."""
        self.enforces_response = any(each.enforced or each.blocks_on_failure for each in source.response) or any(
            isinstance(each, steps.Maskable) and each.restore and each.enforced for each in source.request
        )
        """True if responses are changed or stopped, so that none may pass that the processor cannot read."""

    @property
    def conditional(self) -> bool:
        """True if more than the path says if it is meant."""
        return bool(self._headers) or self.route_name is not None or self.tenant is not None

    def under(self, paths: Sequence[str]) -> bool:
        """True if one of the ways to write a request's path begins as `match` says.

        A slash at the end of a path does not count: `/mcp` is under `/mcp/`.
        """
        return any(f"{path.lower().rstrip('/')}/".startswith(self._prefix) for path in paths)

    def meant(self, fields: HeaderMap, route_name: str, tenant: str = "") -> bool:
        """True if the rest of `match` holds."""
        if self.tenant is not None and self.tenant != tenant:
            return False
        if self.route_name is not None and self.route_name != route_name:
            return False
        # A header that is given twice says two things; it is taken for what `match` wants only if it says nothing else.
        return all(fields.getall(name) == [value] for name, value in self._headers)

    def __repr__(self) -> str:
        return f"CompiledPipeline({self.name})"


def _stages(
    source: policy.Pipeline, read: Secrets, index: int, keys: Sequence[Rule]
) -> tuple[Stage | None, Stage | None]:
    """The stages of both sides. Both have the rules for `keys`, so that equal ones share a scanner."""
    made: list[Stage | None] = []
    wrong: list[Unusable] = []
    for side, listed in ((Side.REQUEST, source.request), (Side.RESPONSE, source.response)):
        placed = [
            PlacedStep(("pipelines", index, side.value, position), source.name, side.value, step)
            for position, step in enumerate(listed)
        ]
        try:
            made.append(_stage(placed, read, keys))
        except UnusableError as error:
            wrong += error.parts
    if wrong:
        raise UnusableError(wrong)
    request, response = made
    return request, response


def _check_eager(index: int, source: policy.Pipeline) -> None:
    """Refuse processors whose verdict would come too late to be carried out. Raises UnusableError."""
    wrong = list(_too_late(index, source))
    if wrong:
        raise UnusableError(wrong)


def _too_late(index: int, source: policy.Pipeline) -> Iterator[Unusable]:
    for position, each in enumerate(source.request):
        where = ("pipelines", index, "request", position)
        if each.when is not None and "findings" in each.when.signals:
            message = "with forward: eager, a condition cannot wait for findings"
            yield Unusable((*where, "when"), message, "write another condition, or forward: wait")
        if isinstance(each, steps.Maskable | steps.SizeLimit) and each.use in steps.USES:
            continue
        if each.action == "mask" and each.mode == "enforce":
            message = f"with forward: eager, the request has gone on before {each.name} could mask it"
            yield Unusable((*where, "action"), message, "write action: block or report, or forward: wait")
        if each.stand_in is not None:
            message = f"with forward: eager, nobody can stand in for {each.name}"
            yield Unusable((*where, "on_failure"), message, "write block or allow, or forward: wait")


def _guards(*stages: Stage | None) -> Iterator[GuardDetector]:
    for stage in stages:
        if stage is not None:
            yield from (each.detector for each in stage.offloaded if isinstance(each.detector, GuardDetector))
            yield from _guards(stage.reserve)


def _patience(stage: Stage) -> float:
    """Seconds after which all of a stage has judged, or was given up."""
    together = max((each.timeout for each in stage.local), default=READ_TIMEOUT)
    if stage.offloaded:
        at_once = max((each.timeout for each in stage.offloaded if not each.reads_findings), default=0.0)
        together += at_once + sum(each.timeout for each in stage.offloaded if each.reads_findings) + EDIT_TIMEOUT
    return together + (_patience(stage.reserve) if stage.reserve is not None else 0.0)


def _stage(listed: Sequence[PlacedStep], read: Secrets, keys: Sequence[Rule]) -> Stage | None:
    """The stage of one side, with the stand-ins apart."""
    if not listed:
        return None
    standing_in = {each.step.stand_in for each in listed} - {None}
    first = [each for each in listed if each.step.name not in standing_in]
    second = [each for each in listed if each.step.name in standing_in]
    reserve = _made(second, read, keys, standing_in=True) if second else None
    return _made(first, read, keys, reserve)


def _made(
    listed: Sequence[PlacedStep],
    read: Secrets,
    keys: Sequence[Rule],
    reserve: Stage | None = None,
    *,
    standing_in: bool = False,
) -> Stage:
    detectors = _detectors(listed, read)
    processors = [_processor(number, each, read, detectors[number]) for number, each in enumerate(listed)]
    try:
        owned = [(number, rule) for number, each in enumerate(listed) for rule in rules(each, read, detectors[number])]
        return Stage(Side(listed[0].side), processors, owned, reserve, standing_in=standing_in, keys=keys)
    except RuleError as error:
        # One by one, which is slow, to tell whose rules they are.
        parts = [part for each in listed for part in unusable(each, read)]
        together = Unusable(listed[0].where[:3], f"these rules do not work together: {error}", "use fewer of them")
        raise UnusableError(parts or [together]) from None


def _detectors(listed: Sequence[PlacedStep], read: Secrets) -> list[Detector | None]:
    """The detectors of guards and plug-ins, each made once; None for rules and limits."""
    made: list[Detector | None] = []
    wrong: list[Unusable] = []
    for each in listed:
        try:
            made.append(detector_of(each, read))
        except UnusableError as error:
            wrong += error.parts
    if wrong:
        raise UnusableError(wrong)
    return made


def _processor(number: int, placed: PlacedStep, read: Secrets, detector: Detector | None) -> CompiledProcessor:
    each = placed.step
    maskable = each if isinstance(each, steps.Maskable) else None
    limits = (
        BodyLimits(each.max_bytes, each.max_messages, each.max_images) if isinstance(each, steps.SizeLimit) else None
    )
    hashing = maskable is not None and maskable.format == "hash"
    return CompiledProcessor(
        number=number,
        name=each.name,
        action=each.action,
        shadow=each.mode == "shadow",
        timeout=each.timeout,
        allows_failure=not each.blocks_on_failure,
        stand_in=each.stand_in,
        when=each.when,
        format=maskable.format if maskable else "placeholder",
        key=read[key_of(placed.pipeline, placed.side, each.name)] if hashing else b"",
        restore=maskable.restore if maskable else False,
        limits=limits,
        detector=None if isinstance(detector, RuleDetector | ReplyDetector) else detector,
        reply=detector if isinstance(detector, ReplyDetector) else None,
    )
