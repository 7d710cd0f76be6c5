"""A response that came whole and is a stream: an array of chunks, lines of documents, events under another type."""

from collections.abc import Sequence

from msgspec.structs import replace

from extproc.apis.streams import sequences
from extproc.inspection.judge import Job
from extproc.inspection.stage import Active
from extproc.inspection.verdict import Finding, Verdict
from extproc.matching.scanner import Scanner
from extproc.payload.fieldvalue import parse
from extproc.payload.sse_lines import BOM
from extproc.pipe.pipe import AnswerPipe
from extproc.pipe.plugged import Staging
from extproc.pipe.stage import EventStage
from extproc.protocol.errors import ClientError
from extproc.protocol.meter import Meter

_UNUSED = ClientError(500, "blocked", "")
"""A blocked body does not go out, so that no error is written into it."""


def streamed(
    job: Job,
    dialect: str,
    meter: Meter | None = None,
    stages: Sequence[EventStage] = (),
    staging: Staging | None = None,
    gather: EventStage | None = None,
    keys: Scanner | None = None,
) -> Verdict | None:
    """Judge the body of a job as the stream that it is, each text joined over its chunks; None if it is no stream.

    `gather` takes every event as it is judged. `keys`: see `AnswerPipe`.
    """
    found = sequence_of(job.body, job.content_type) if staging is not None else sequences.sequence(job.body)
    if found is None:
        return None
    if staging is not None:
        staging = replace(staging, facts=replace(staging.facts, streams=True))
    details: list[Finding] | None = [] if job.listed else None
    stream = AnswerPipe(
        job.stage,
        _active(job),
        job.vault,
        dialect=dialect,
        refusal=lambda _: _UNUSED,
        blocks_unread=job.blocks_unread,
        name=job.name,
        details=details,
        between=found.between,
        meter=meter,
        stages=stages,
        staging=staging,
        gather=() if gather is None else (gather,),
        keys=keys,
        asked=job.asked,
    )
    if job.body.startswith(BOM) and found.between is not None:
        stream.doubt("malformed")
    body = _passed(stream, job.body, found, staged=staging is not None)
    return Verdict(
        job.body if stream.ended or body == job.body else body,
        stream.blocked,
        stream.masked and not stream.ended,
        stream.counts,
        (*job.failures, *stream.failures),
        stream.unread,
        tuple(details or ()),
        scores=stream.scores,
    )


def sequence_of(body: bytes, content_type: str) -> sequences.Sequence | None:
    """Return the stream that a body is by its form, or by its type."""
    found = sequences.sequence(body)
    if found is None and parse(content_type).value == "text/event-stream":
        return sequences.Sequence()
    return found


def _passed(stream: AnswerPipe, body: bytes, found: sequences.Sequence, *, staged: bool) -> bytes:
    if found.between is None:
        return stream.feed(body) + stream.close()
    read = 0
    for each in found.documents:
        stream.feed(each)
        if stream.passes:
            break
        read += 1
    stream.close()
    # What can no longer be read stays as it is.
    if staged:
        return found.rewritten([*stream.documents, *found.documents[read:]])
    return found.joined([*stream.documents, *found.documents[len(stream.documents) :]])


def _active(job: Job) -> Active | None:
    """The processors at work: only the stand-ins that were called, where there are any."""
    if job.only is None or job.stage is None:
        return job.active
    return Active(tuple(each.name in job.only for each in job.stage.processors))
