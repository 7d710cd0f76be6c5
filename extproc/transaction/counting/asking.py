"""Streams are asked for their usage where the client did not ask for it."""

from extproc import apis
from extproc.apis.seals.tree import Edit
from extproc.routing.candidates import Choice
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan


def usage_edit(plan: Plan, memory: Memory, choice: Choice, body: bytes, asked: apis.Request) -> Edit | None:
    """Return the edit that has a backend report the usage of a stream, and note it; None if nothing is to be changed.

    The body goes to the backends of later attempts and to a mirror's as well: one that takes no `stream_options` there
    is why none is asked. An event that would be encoded could not be taken out again.
    """
    counting, claimed = memory.counting, memory.claimed
    if counting is None or claimed is None or claimed.api.ask_usage is None:
        return None
    getting = [choice.candidate, *(choice.plan if plan.retries is not None else ())]
    mirror = plan.table.mirrors.get(asked.model)
    if mirror is not None:
        getting.append(mirror.candidate)
    if not all(each.destination.stream_usage for each in getting):
        return None
    edit = claimed.api.ask_usage(body, asked)
    if edit is not None:
        counting.adds = True
        memory.strips = (*memory.strips, "accept-encoding")
    return edit
