"""The fields that every processor has, whatever it uses."""

import re
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from extproc.policy.base import Value, Written, refusal, refusals
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

    on_overload: Literal["run", "skip"] = "run"
    """The reaction of a worker that has too much to do (see `limits.overload`): `skip` leaves the processor out of new
    exchanges, whatever it would have found, and the record lists it in `skipped`. Rules that read `findings` then
    cannot be evaluated: those of a model refuse the request, those of residency hold. Nothing is skipped by itself, not
    even in the shadow."""

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


WINDOW_TOKENS: Final = (50, 4_000)
WINDOW_CHARACTERS: Final = (200, 16_000)
"""The least and the most of `every`. Less is no sentence, and each window is work of its own; more is longer than most
responses, and what is held of each."""

_EVERY: Final = re.compile(r"([0-9]{1,9}) (tokens|characters)", re.ASCII)


def _every(text: Any) -> Any:
    written = _EVERY.fullmatch(text) if isinstance(text, str) else None
    if written is None:
        raise refusal("this is no length of a window", "write it like 200 tokens or 800 characters")
    least, most = WINDOW_TOKENS if written[2] == "tokens" else WINDOW_CHARACTERS
    if not least <= int(written[1]) <= most:
        raise refusal(f"a window has {least} to {most} {written[2]}", "write a number between them")
    return text


class Windowed(Step):
    """Further fields of `injection`, `leaked_prompt`, `language`, guards, and of plug-ins that say so.

    With them a streamed response is judged in windows that overlap, while it comes. What is masked is masked where it
    is held; with `release: at_once` it ends the stream.
    """

    every: Annotated[str, BeforeValidator(_every), Written("length", "200 tokens")] | None = None
    """Only in `response`: a streamed response is judged each time so much text has come, in `tokens` (50 to 4000, by
    the estimate of `use: length`) or `characters` (200 to 16000), together with as much that came before. If absent, it
    is held until its end. All processors of the list that compute scores or ask others need the same `every`; those
    that stand in for others take theirs."""
    release: Literal["judged", "at_once"] = "judged"
    """Only with `every`: `judged` holds back text until it is judged; `at_once` lets text go, and ends the stream when
    a window of it turns out to be a finding that blocks."""

    @model_validator(mode="after")
    def _releases_windows(self) -> Self:
        if self.every is None and "release" in self.model_fields_set:
            error = refusal("nothing is released in windows without `every`", "add every: 200 tokens, or delete it")
            raise refusals(type(self).__name__, [(("release",), error)])
        return self

    @property
    def window(self) -> tuple[int, bool]:
        """The length of a window, and whether it is in tokens. Only with `every`."""
        number, unit = (self.every or "").split()
        return int(number), unit == "tokens"


def word(step: type[Step]) -> str:
    """Return the word of `use` of a built-in kind of processor."""
    (written,) = get_args(step.model_fields["use"].annotation)
    return str(written)
