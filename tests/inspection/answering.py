"""Streamed answers under a stage: what goes in as events, and what comes out of it."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from extproc.detectors import pii, secrets
from extproc.inspection.masking import edits
from extproc.inspection.stage import Active, CompiledProcessor, Stage
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Action, Blocked
from extproc.matching.rule import Rule
from extproc.matching.span import Span
from extproc.payload.document import apply
from extproc.pipe.pipe import AnswerPipe
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter
from tests.apis.events.client import seen
from tests.inspection.texts import RULES

REFUSAL = ClientError(403, "content_filter", "The answer was blocked.")
UNINSPECTED = ClientError(403, "uninspected_content", "A part could not be inspected.")

EMAIL = pii.rules(("email",))
SSN = pii.rules(("us_ssn",))


def refusal(blocked: Blocked) -> ClientError:
    """What an answer ends with that is blocked."""
    return UNINSPECTED if blocked.reason == "uninspected" else REFUSAL


def processor(number: int = 0, name: str = "", action: Action = "mask", **more: Any) -> CompiledProcessor:
    """A processor that is not allowed to fail, unless `more` says so."""
    given: dict[str, Any] = {"shadow": False, "timeout": 1.0, "allows_failure": False, **more}
    return CompiledProcessor(number, name or f"p{number}", action, **given)


def masked(text: str, spans: Iterable[Span], vault: Vault | None = None) -> str:
    """The whole of a text as a processor that restores masks it."""
    each = processor(restore=True)
    found = [(0, span, each) for span in spans]
    made = edits([text], found, vault if vault is not None else Vault(), Meter(), restores=False)
    return apply(text, made.get(0, ()))


def stage(*parts: tuple[CompiledProcessor, Sequence[Rule]], reserve: Stage | None = None) -> Stage:
    """A stage of answers: processors and the rules of each."""
    rules = [(each.number, rule) for each, own in parts for rule in own]
    return Stage(Side.RESPONSE, [each for each, _ in parts], rules, reserve)


@cache
def masking() -> Stage:
    """Masks addresses, blocks social security numbers."""
    return stage((processor(0), EMAIL), (processor(1, action="block"), SSN))


@cache
def everything() -> Stage:
    """Masks all that is found by default."""
    return stage((processor(0, "pii"), pii.rules()), (processor(1, "secrets"), secrets.RULES))


@cache
def blocking() -> Stage:
    """Masks all that is found by default, but for private keys, for which it blocks."""
    keys = [rule for rule in secrets.RULES if rule.kind == "private-key"]
    return stage((processor(0, "all"), (*pii.rules(), *secrets.RULES)), (processor(1, "keys", "block"), keys))


@cache
def every_rule() -> Stage:
    """Masks all that can be found, by one processor."""
    return stage((processor(0), RULES))


def answer(
    of: Stage | None, dialect: str, vault: Vault | None = None, *, active: Active | None = None, **more: Any
) -> AnswerPipe:
    """A stream of an answer, in which what cannot be read is blocked unless `more` says otherwise."""
    given: dict[str, Any] = {"refusal": refusal, "blocks_unread": True, "name": "pipeline"}
    return AnswerPipe(of, active, vault, dialect=dialect, **{**given, **more})


def run(stream: AnswerPipe, chunks: Iterable[bytes]) -> bytes:
    """All that comes out."""
    return b"".join([stream.feed(chunk) for chunk in chunks]) + stream.close()


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data in pieces."""
    return [data[start:end] for start, end in pairwise([0, *sorted(places), len(data)])]


def lean(said: Any) -> Any:
    """An answer as a client has it, without what depends on how many events brought it."""
    if not isinstance(said, dict):
        return said
    kept = {name: lean(value) for name, value in said.items() if name not in {"numbers", "usage"}}
    return {name: value for name, value in kept.items() if value not in ("", {})}


def said(dialect: str, data: bytes) -> Any:
    """What a client has of an answer."""
    return lean(seen(dialect, data))
