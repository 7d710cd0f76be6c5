"""Notes on pipelines whose `keepalive` cannot reach a client."""

from collections.abc import Iterator, Sequence

from extproc.policy.base import Loc
from extproc.policy.pipelines import Pipeline
from extproc.policy.processors import Maskable


def keepalive_notes(pipelines: Sequence[Pipeline]) -> Iterator[tuple[Loc, str, str]]:
    """Each pipeline that asks for signs of life in streams which only pass by."""
    for index, pipeline in enumerate(pipelines):
        restores = any(isinstance(each, Maskable) and each.restore and each.enforced for each in pipeline.request)
        changes = any(each.enforced or each.blocks_on_failure for each in pipeline.response) or restores
        if pipeline.keepalive is not None and not changes:
            message = "nothing of this pipeline may change or stop a response, so that its streams get no signs of life"
            mend = "add a processor to `response` that masks or blocks, or delete keepalive"
            yield ("pipelines", index, "keepalive"), message, mend
