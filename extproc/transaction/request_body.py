"""A request's body from the moment it is whole: handed to whoever reads and judges it, and routed by what it says."""

from typing import Final

from msgspec.structs import replace

from extproc import apis
from extproc.protocol.effects import HeaderMutation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers
from extproc.signals.registry import Signals
from extproc.signals.view import RequestView
from extproc.transaction.admission import UNKNOWN, codings, unknown_encoding
from extproc.transaction.findings import Findings
from extproc.transaction.memory import Memory
from extproc.transaction.misconfigured import check_shown
from extproc.transaction.opening import OPENED_BYTES, Judged, Opening, Refusal
from extproc.transaction.passage import Forwarding
from extproc.transaction.plan import Plan
from extproc.transaction.recoding import Recoding
from extproc.transaction.routed import Routed, route
from extproc.transaction.shared import Shared

RECODED_RATIO: Final = 16
"""Bytes of a changed body for each that came in an encoding, beyond which it goes on encoded again. JSON shrinks to a
tenth; who sends more of nothing than that pays for what it becomes."""

RECODED_BYTES: Final = 64 * 1024
"""Bytes of a changed body up to which it goes on decoded, whatever it was: a request in use has as many."""


class Intake:
    """The headers of a request until its body is whole, and the body until it goes on.

    `body` is as it came. Raises ClientError for an error that the client must get.
    """

    __slots__ = ("_asked", "_codings", "_fields", "_memory", "_passage", "_plain", "_plan", "_route_name", "body")

    def __init__(self, plan: Plan, memory: Memory, fields: HeaderMap, route_name: str, passage: Forwarding) -> None:
        self._plan = plan
        self._passage = passage
        self._memory = memory
        self._fields = fields
        self._route_name = route_name
        self._codings = codings(fields)
        self._asked: apis.Request | None = None
        self.body = self._plain = b""
        if self._codings is UNKNOWN and memory.claimed is not None:
            raise unknown_encoding()

    def reads_at_once(self, body: bytes) -> bool:
        """Takes a body that is whole, nobody judges, and is read in no time, as most are; false for another."""
        memory = self._memory
        if memory.findings is not None or self._codings or len(body) > OPENED_BYTES or self._plan.reads_body:
            return False
        self.body = self._plain = body
        if memory.claimed is not None and not self._plan.inert:
            self._asks(memory.claimed.read(body))
        return True

    def _asks(self, asked: apis.Request | None) -> None:
        """Takes what the body asks for; that is recorded whatever becomes of it."""
        self._asked = asked
        if asked is not None:
            memory = self._memory
            memory.stream = asked.stream
            memory.model = asked.model if asked.model in self._plan.known else None

    def work(self, body: bytes) -> Opening:
        """Takes the body, which is whole, and says what is to be done with it."""
        self.body = body
        return Opening(self._plan, self._memory, self._fields, self._route_name, self._codings, body)

    def settle(self, result: Judged | Refusal) -> bytes | None:
        """Writes down what became of the body; what is to go on of it, None where nobody has judged it."""
        findings = self._memory.findings
        if isinstance(result, Refusal):
            if findings is not None and result.blocked is not None:
                findings.blocked = result.blocked
            if findings is not None and result.unread:
                findings.saw(result.unread)
            raise result.error
        opened, verdict = result.opened, result.verdict
        self._plain = opened.plain
        self._asks(result.asked)
        if opened.signals is not None:
            self._memory.signals = opened.signals
        if findings is None:
            return None
        if opened.unread:
            findings.saw(opened.unread)
        findings.rpc = opened.rpc
        if verdict is None:
            return None
        findings.take(verdict)
        if verdict.blocked is not None:
            raise findings.refusal(verdict.blocked)
        return verdict.body

    def route(self, shared: Shared, judged: bytes | None, now: float) -> Routed:
        """Chooses where `judged` goes, which is what inspection left of the body; None where nobody has judged it."""
        memory, plain = self._memory, self._plain
        onward = plain if judged is None else judged
        if memory.findings is not None:
            memory.strips = (*memory.strips, *memory.findings.strips)
        if memory.claimed is None or self._asked is None:
            memory.reason = "inspected"
            if memory.findings is not None and memory.findings.masked:
                memory.decision = "masked"
            headers = self._passage.changed(HeaderMutation(remove=memory.strips))
            routed = Routed(headers, None, None, clear_route=self._passage.destination is not None)
        else:
            routed = route(self._plan, shared, memory, self._asked, onward, now)
        if routed.body is None and onward is not plain:
            routed = replace(routed, body=onward)
        return routed

    def recoding(self, routed: Routed) -> Recoding | None:
        """The work of encoding a changed body again, where it is much larger than what came."""
        changed = routed.body
        if changed is None or not self._codings or len(changed) <= RECODED_BYTES:
            return None
        if len(changed) <= RECODED_RATIO * len(self.body):
            return None
        findings = self._memory.findings
        return Recoding(findings.pipeline.name if findings is not None else "", changed, self._codings)

    def decoded(self, routed: Routed) -> Routed:
        """Return what goes on of a body that was decoded and changed: as it is, without `content-encoding`."""
        if routed.body is None or not self._codings:
            return routed
        return replace(routed, headers=routed.headers.removing("content-encoding"))


def begin_signals(plan: Plan, memory: Memory, message: Headers) -> str:
    """Begin the signals of an exchange, if the policy reads any, and return the name of Envoy's route."""
    assert memory.claim is not None
    route_name = message.attributes.get("xds.route_name", "") if plan.needs.route_name else ""
    if plan.reads_signals:
        # What a body says is not known before it has come, and never becomes known if it is not read.
        if not memory.claim.pipelines and (memory.claim.reads_fields or memory.claim.reads_route):
            check_shown(memory.claim, message, known=memory.known)
        view = RequestView(message.fields, memory.claim.path, route_name, body=b"" if message.end else None)
        memory.signals = Signals(plan.signals, view, whole=message.end)
    return route_name


def take_pipeline(plan: Plan, memory: Memory, message: Headers, route_name: str, *, detailed: bool) -> None:
    """Find the pipeline that is for a request, and begin its findings."""
    assert memory.claim is not None
    if memory.claim.reads_fields or memory.claim.reads_route:
        check_shown(memory.claim, message, known=memory.known)
    found = plan.pipeline(memory.claim, message.fields, route_name)
    if found is not None:
        memory.findings = Findings(found, detailed=detailed)
