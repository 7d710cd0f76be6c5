"""The detectors of this program that are no rules, by their words of `use`.

They are values of the same contract as those of plug-ins. Their words and options are those of the policy's models.
"""

from collections.abc import Mapping
from typing import Final

from extproc.detectors import registry
from extproc.detectors.grounded import GROUNDED
from extproc.detectors.injection import INJECTION
from extproc.detectors.language import LANGUAGE
from extproc.detectors.leaked_prompt import LEAKED_PROMPT
from extproc.detectors.length import LENGTH
from extproc.detectors.refusal import REFUSAL
from extproc.detectors.registry import DetectorKind
from extproc.detectors.schema import JSON_SCHEMA, TOOL_SCHEMA
from extproc.detectors.topics import TOPICS
from extproc.detectors.url import URL

BUILT_IN: Final[Mapping[str, DetectorKind]] = {
    each.use: each
    for each in (
        JSON_SCHEMA,
        TOOL_SCHEMA,
        LENGTH,
        REFUSAL,
        URL,
        GROUNDED,
        INJECTION,
        LEAKED_PROMPT,
        TOPICS,
        LANGUAGE,
    )
}


def kind_of(use: str) -> DetectorKind | None:
    """Return the kind of detector behind a word of `use`: this program's, or a plug-in's; None if there is none."""
    return BUILT_IN.get(use) or registry.current().named(use)
