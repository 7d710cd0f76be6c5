"""The fields that every processor has, whatever it uses."""

from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from extproc.policy.base import Value, Written
from extproc.policy.conditions import When
from extproc.policy.names import ProcessorName
from extproc.policy.units import Seconds

TIMEOUT_MAX: Final = 60.0
"""Seconds. A client waits while a processor thinks; beyond a minute most have given up."""


class Step(Value):
    """The fields of every processor. Each inspects the texts of its side: the first block wins; masks are united."""

    use: Annotated[str, Written("one of the words below", "pii")]
    """The kind of processor."""
    name: ProcessorName = ""
    """Name of the processor, unique in its list; the word in `use` if absent."""
    action: Literal["report", "mask", "block"] = "block"
    """The reaction to a finding: `report` lists it in the record and in the metrics, `mask` also replaces the text,
    `block` refuses the request or the response. The default lets nothing through by accident."""
    mode: Literal["enforce", "shadow"] = "enforce"
    """`shadow` runs it and records what it would have done, without effect."""
    when: When | None = None
    """It runs only if this expression over the signals of the exchange is true; always if absent."""
    timeout: Annotated[Seconds, Field(gt=0, le=TIMEOUT_MAX), Written("duration", "500ms")] = 1.0
    """Longest time that it may take over one body, or one piece of a stream; beyond it this processor has failed. Far
    above the milliseconds that a megabyte takes."""
    on_failure: Annotated[str, Written("`block`, `allow` or the name of a processor", "block")] | None = None
    """The reaction if the processor fails or takes too long: `block`, `allow`, or the name of another processor of the
    list that then runs in its place, and only then. If absent, `block` if it masks or blocks, `allow` if it reports."""

    @property
    def enforced(self) -> bool:
        """True if it changes or stops anything: it masks or blocks, and not in the shadow."""
        return self.mode == "enforce" and self.action != "report"

    @property
    def stand_in(self) -> str | None:
        """The processor that runs in its place when it fails."""
        return None if self.on_failure in {None, "block", "allow"} else self.on_failure

    @property
    def blocks_on_failure(self) -> bool:
        """True if the content is refused when it fails and has no stand-in. In the shadow nothing is."""
        return self.mode == "enforce" and (self.on_failure == "block" or (self.on_failure is None and self.enforced))


def word(step: type[Step]) -> str:
    """Return the word of `use` of a built-in kind of processor."""
    (written,) = get_args(step.model_fields["use"].annotation)
    return str(written)
