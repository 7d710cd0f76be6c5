"""A response that came whole and is a stream: an array of chunks, lines of documents, events under another type."""

from extproc.apis.streams.sequences import Sequence, sequence
from extproc.inspection.answers.stream import AnswerStream, Observe
from extproc.inspection.judge import Job, Verdict
from extproc.inspection.stage import Active
from extproc.inspection.verdict import Finding
from extproc.payload.sse_lines import BOM
from extproc.protocol.errors import ClientError
from extproc.protocol.meter import Meter

_UNUSED = ClientError(500, "blocked", "")
"""A blocked body does not go out, so that no error is written into it."""


def streamed(job: Job, dialect: str, meter: Meter | None = None, observe: Observe | None = None) -> Verdict | None:
    """Judge the body of a job as the stream that it is, each text joined over its chunks; None if it is no stream."""
    found = sequence(job.body)
    if found is None:
        return None
    details: list[Finding] | None = [] if job.detailed else None
    stream = AnswerStream(
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
        observe=observe,
    )
    if job.body.startswith(BOM) and found.between is not None:
        stream.doubt("malformed")
    body = _passed(stream, job.body, found)
    return Verdict(
        job.body if stream.ended or body == job.body else body,
        stream.blocked,
        stream.masked and not stream.ended,
        stream.counts,
        (*job.failures, *stream.failures),
        stream.unread,
        tuple(details or ()),
    )


def _passed(stream: AnswerStream, body: bytes, found: Sequence) -> bytes:
    if found.between is None:
        return stream.feed(body) + stream.close()
    for each in found.documents:
        stream.feed(each)
        if stream.passes:
            break
    stream.close()
    # What can no longer be read stays as it is.
    return found.joined([*stream.documents, *found.documents[len(stream.documents) :]])


def _active(job: Job) -> Active | None:
    """The processors at work: only the stand-ins that were called, where there are any."""
    if job.only is None or job.stage is None:
        return job.active
    return Active(tuple(each.name in job.only for each in job.stage.processors))
