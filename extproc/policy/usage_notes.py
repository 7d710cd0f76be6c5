"""Notes on the counting of tokens: what Envoy's own filter does not count."""

from collections.abc import Iterator

from extproc.policy.base import Loc
from extproc.policy.model import Policy

_COUNTED = "chat completions, responses, Anthropic's messages and Gemini's generateContent"


def usage_notes(policy: Policy) -> Iterator[tuple[Loc, str, str]]:
    """Yield what to know of a policy that leaves the counting to Envoy."""
    if policy.usage is None or policy.usage.source != "envoy":
        return
    place = ("usage", "from")
    mend = "write from: processor where that matters; docs/usage.md says more"
    yield place, f"Envoy's filter, which is alpha, counts {_COUNTED}: requests to other APIs have no tokens", mend
    yield place, "streams that clients do not ask for usage, and responses that are cut, have no tokens", mend
    if policy.steering.foreign:
        message = f"extproc writes no routes for by: {policy.steering.by}, so they have to name the API"
        yield place, message, "give each route the filter's llm_protocol, as docs/usage.md shows"
