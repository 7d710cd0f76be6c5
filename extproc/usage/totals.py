"""The counts of an exchange, of what its provider reports and of what has to be estimated."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec.structs import replace

from extproc.apis.usage import ReportedUsage
from extproc.protocol.record import Usage, UsageSource

Estimate: TypeAlias = Callable[[], int | None]
"""Makes an estimate, which costs more than a message; None if nothing is known."""

NOTHING_REPORTED = ReportedUsage()


def usage_of(reported: ReportedUsage, source: UsageSource) -> Usage:
    """Return the counts of the record: cached tokens are among `input`, those of reasoning among `output`."""
    counts = reported.inclusive()
    return Usage(
        counts.input_tokens,
        counts.output_tokens,
        counts.cached_input_tokens,
        counts.reasoning_tokens,
        counts.cache_creation_input_tokens,
        counts.input_audio_tokens,
        counts.output_audio_tokens,
        source,
    )


def completed(reported: ReportedUsage | None, given: Estimate, said: Estimate) -> Usage:
    """Return the counts, with estimates in place of those that the provider did not report.

    `given` estimates the input, `said` the output: what passed of it. A provider that reports the input alone of a
    response without a word has reported all.
    """
    found = reported or NOTHING_REPORTED
    estimated = False
    if found.output_tokens is None or found.begun:
        made = said()
        if made or (made is not None and reported is None):
            least = found.output_tokens or 0
            found, estimated = replace(found, output_tokens=max(made, least), begun=False), True
    if found.input_tokens is None:
        asked = given()
        if asked is not None:
            found, estimated = replace(found, input_tokens=asked), True
    if found is NOTHING_REPORTED:
        return Usage()
    return usage_of(found, "estimated" if estimated else "provider")
