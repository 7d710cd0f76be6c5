"""The edits of a body: masks in the place of findings, and values that come back. Made once, when all is decided."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from extproc.inspection.masking import Writer
from extproc.inspection.stage import Processor
from extproc.inspection.texts import BodyTexts
from extproc.inspection.vault import Vault, restorations
from extproc.matching.span import Span, unite
from extproc.payload import Edit

if TYPE_CHECKING:
    from extproc.inspection.judge import Job


def edits(job: "Job", texts: BodyTexts, found: Sequence[tuple[int, Span, Processor]]) -> dict[int, list[Edit]]:
    """Return the edits of each text, by its number."""
    made: dict[int, list[Edit]] = {}
    vault = job.vault
    restores = job.restores and vault.restores
    if not found and not restores:
        return made
    document = texts.document
    masks: dict[int, dict[Span, Processor]] = {}
    for index, span, each in found:
        if each.action == "mask" and not each.shadow:
            masks.setdefault(index, {})[span] = each
    if masks:
        for passage in document.passages:
            vault.reserve(passage.text)
    for index in sorted(masks):
        made[index] = _masked(document.passages[index].text, masks[index], vault)
    if restores:
        for index, passage in enumerate(document.passages):
            if "[" in passage.text:
                _restore(passage.text, vault, made.setdefault(index, []))
    return made


def _masked(said: str, spans: Mapping[Span, Processor], vault: Vault) -> list[Edit]:
    # The pieces of a union keep the name of the rule that found them, and with it their processor.
    writers: dict[str, Writer] = {span.rule: each.writer(vault) for span, each in spans.items()}
    return [
        (piece.start, piece.end, writers[piece.rule](piece, said[piece.start : piece.end])) for piece in unite(spans)
    ]


def _restore(said: str, vault: Vault, edits: list[Edit]) -> None:
    """Adds the values that come back into a text, where nothing of it is masked."""
    taken = [(start, end) for start, end, _ in edits]
    for start, end, value in restorations(vault, said):
        if all(end <= first or start >= last for first, last in taken):
            edits.append((start, end, value))
