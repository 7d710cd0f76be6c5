"""A request's body from the moment it is whole: decoded, judged, and routed by what it says."""

from typing import Any

from msgspec.structs import replace

from extproc import llm
from extproc.inspection.judge import Job, Verdict
from extproc.inspection.verdict import Blocked
from extproc.llm import mcp
from extproc.llm.outline import Outline
from extproc.llm.text import encodings
from extproc.protocol.effects import HeaderMutation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers
from extproc.transaction.admission import UNKNOWN, codings, malformed_encoding, too_large, unknown_encoding
from extproc.transaction.context import IN_BODIES, NO_BODY, content_type, context, read_outline
from extproc.transaction.facts import Facts
from extproc.transaction.findings import Findings
from extproc.transaction.passage import Passage
from extproc.transaction.plan import Plan
from extproc.transaction.routed import Routed, route
from extproc.transaction.shared import Shared


class Intake:
    """What is kept of a request's headers until its body is whole, and of the body until it goes on.

    `body` is as it came. Raises ClientError for what the client is to be told.
    """

    __slots__ = ("_asked", "_codings", "_facts", "_fields", "_passage", "_plain", "_plan", "_route_name", "body")

    def __init__(self, plan: Plan, facts: Facts, fields: HeaderMap, route_name: str, passage: Passage) -> None:
        self._plan = plan
        self._passage = passage
        self._facts = facts
        self._fields = fields
        self._route_name = route_name
        self._codings = codings(fields)
        self._asked: llm.Request | None = None
        self.body = self._plain = b""
        if self._codings is UNKNOWN and facts.dialect is not None:
            raise unknown_encoding()

    def job(self, body: bytes) -> Job | None:
        """Takes the body, which is whole, and says how it is to be judged; None where nobody is to."""
        facts = self._facts
        self.body = body
        plain = self._plain = self._decoded() if self._codings else body
        if facts.dialect is not None and not self._plan.inert:
            asked = self._asked = facts.dialect.read(plain)
            facts.stream = asked.stream
            if asked.model in self._plan.known:
                facts.model = asked.model
        findings = facts.findings
        return None if findings is None else self._judging(findings, plain)

    def settle(self, verdict: Verdict) -> bytes:
        """Writes the verdict down; what is to go on of the body."""
        findings = self._facts.findings
        assert findings is not None
        findings.take(verdict)
        if verdict.blocked is not None:
            raise findings.refusal(verdict.blocked)
        if "findings" in findings.said:
            findings.said = {**findings.said, "findings": findings.facts()}
        return verdict.body

    def route(self, shared: Shared, judged: bytes | None, now: float) -> Routed:
        """Chooses where `judged` goes, which is what inspection left of the body; None where nobody has judged it."""
        facts, plain = self._facts, self._plain
        onward = plain if judged is None else judged
        if facts.findings is not None:
            facts.strips = (*facts.strips, *facts.findings.strips)
        if facts.dialect is None or self._asked is None:
            facts.reason = "inspected"
            if facts.findings is not None and facts.findings.masked:
                facts.decision = "masked"
            headers = self._passage.changed(HeaderMutation(remove=facts.strips))
            routed = Routed(headers, None, None, clear_route=self._passage.destination is not None)
        else:
            asked = self._asked if onward is plain else facts.dialect.read(onward)
            routed = route(self._plan, shared, facts, asked, onward, now)
        if routed.body is None and onward is not plain:
            routed = replace(routed, body=onward)
        if routed.body is not None and self._codings:
            # What was decoded and changed goes on as it is.
            routed = replace(routed, headers=routed.headers.removing("content-encoding"))
        return routed

    def _decoded(self) -> bytes:
        """The body without its encodings; nothing, where they cannot be undone and it may pass unread."""
        findings, claimed = self._facts.findings, self._facts.dialect is not None
        limit = self._plan.limits.request_body
        try:
            if self._codings is not UNKNOWN:
                return encodings.decode(self.body, self._codings, limit)
        except encodings.DecodedTooLargeError:
            if claimed or findings is None or findings.blocks_oversize:
                raise too_large(limit) from None
            findings.saw("size")
            return b""
        except encodings.EncodingError:
            if claimed:
                raise malformed_encoding() from None
        assert findings is not None
        findings.saw("encoding")
        if findings.pipeline.blocks_unread and findings.judges_request:
            findings.blocked = Blocked(findings.pipeline.name, "uninspected")
            raise findings.refusal(findings.blocked)
        return b""

    def _judging(self, findings: Findings, plain: bytes) -> Job | None:
        pipeline = findings.pipeline
        self._tell(findings, plain if len(plain) <= pipeline.body_limit and (plain or not self.body) else None)
        if pipeline.request is None:
            return None
        if len(plain) > pipeline.body_limit:
            if pipeline.blocks_oversize:
                findings.blocked = Blocked(pipeline.name, "oversize")
                raise too_large(pipeline.body_limit)
            findings.saw("size")
            return None
        if not plain and self.body:
            return None  # it could not be decoded, and may go on
        return Job(
            pipeline.name,
            pipeline.request,
            plain,
            self._kind,
            findings.said,
            findings.vault,
            pipeline.blocks_unread,
            detailed=findings.details is not None,
        )

    @property
    def _kind(self) -> str:
        """The content-type of the body. A dialect's is JSON, whatever it is said to be."""
        return "application/json" if self._facts.dialect is not None else content_type(self._fields)

    def _tell(self, findings: Findings, plain: bytes | None) -> None:
        """Write down the facts that the body holds; None for a body that nobody can read."""
        found: Outline | None = None
        wanted = findings.pipeline.facts
        if plain is not None:
            rpc = self._facts.dialect is None and mcp.suspected(plain)
            if rpc or wanted & IN_BODIES:
                found = read_outline(plain, self._kind, images="images" in wanted)
            if rpc and found is not None:
                findings.rpc = mcp.message(found)
        findings.said = said(self._facts, findings, self._fields, self._route_name, found, self._asked)


def take_pipeline(plan: Plan, facts: Facts, message: Headers, *, detailed: bool) -> str:
    """Finds the pipeline that is for a request, and begins its findings; gives the name of Envoy's route."""
    assert facts.claim is not None
    route_name = message.attributes.get("xds.route_name", "") if plan.needs.route_name else ""
    found = plan.pipeline(facts.claim, message.fields, route_name)
    if found is not None:
        findings = facts.findings = Findings(found, detailed=detailed)
        # What a body says is not known before it has come, and never becomes known if it is not read.
        findings.said = said(facts, findings, message.fields, route_name, NO_BODY if message.end else None)
    return route_name


def said(
    facts: Facts,
    findings: Findings,
    fields: HeaderMap,
    route_name: str,
    body: Outline | None,
    asked: llm.Request | None = None,
) -> dict[str, Any]:
    """The facts of the request that conditions of its pipeline are about."""
    assert facts.claim is not None
    return context(
        findings.pipeline.facts,
        fields,
        path=facts.claim.path,
        route_name=route_name,
        asked=asked,
        body=body,
    )
