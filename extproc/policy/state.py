"""State: where what is counted over many exchanges is kept."""

from typing import Annotated, Literal

from pydantic import Field

from extproc.policy.base import Value, Written
from extproc.policy.paths import FilePath
from extproc.policy.redis_state import RedisState
from extproc.policy.units import Count


class MemoryState(Value):
    """State in the memory of this host, which all workers share."""

    file: FilePath | None = None
    """A file that holds it, so that it outlives the program. Its folder is made if missing, for this user alone.
    Without it, what was spent is forgotten when the program ends; restarts of workers and reloads lose nothing."""
    subjects: Annotated[Count, Field(ge=1, le=1_000_000), Written("whole number", "100000")] = 20_000
    """Subjects that are counted at once, over all budgets; one takes 576 bytes. Those whose windows are over make room.
    A file keeps the size that it was made with."""
    on_failure: Literal["block", "allow"] = "block"
    """The fate of a request that cannot be counted, because there is no room for its subject or the file is broken:
    `block` answers 503; `allow` serves it, uncounted."""


class State(Value):
    """The place of what is counted over many exchanges, such as budgets."""

    memory: MemoryState = MemoryState()
    """In the memory of this host."""
    redis: RedisState | None = None
    """In Redis or Valkey, which the workers of all hosts share; it goes before `memory`."""

    @property
    def on_failure(self) -> Literal["block", "allow"]:
        """The treatment of a request that cannot be counted."""
        return self.memory.on_failure if self.redis is None else self.redis.on_failure
