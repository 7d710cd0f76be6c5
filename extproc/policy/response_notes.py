"""Notes on responses: tokens that Envoy's own filter does not count, and signs of life that reach nobody."""

from collections.abc import Iterator, Sequence

from extproc.policy.base import Loc
from extproc.policy.model import Policy
from extproc.policy.pipelines import Pipeline
from extproc.policy.processors import Maskable

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


def keepalive_notes(pipelines: Sequence[Pipeline]) -> Iterator[tuple[Loc, str, str]]:
    """Each pipeline that asks for signs of life in streams which only pass by."""
    for index, pipeline in enumerate(pipelines):
        restores = any(isinstance(each, Maskable) and each.restore and each.enforced for each in pipeline.request)
        changes = any(each.enforced or each.blocks_on_failure for each in pipeline.response) or restores
        if pipeline.keepalive is not None and not changes:
            message = "nothing of this pipeline may change or stop a response, so that its streams get no signs of life"
            mend = "add a processor to `response` that masks or blocks, or delete keepalive"
            yield ("pipelines", index, "keepalive"), message, mend
