"""A detector by rules: numbers of a company's badges."""

import re
from typing import Annotated, Final, Literal

from pydantic import Field

from extproc.ext import DetectorKind, MaskableOptions, Rule, RuleDetector


class Badge(MaskableOptions):
    """The fields of `use: badge`, beside those that all rules have."""

    use: Literal["badge"]
    prefix: Annotated[str, Field(min_length=1, max_length=8)] = "B"
    """The letters in front of the digits."""


def badge(options: Badge) -> RuleDetector:
    """Return the rule: it runs in the one pass that all rules share, in streams as well."""
    return RuleDetector((Rule(kind="badge", pattern=f"{re.escape(options.prefix)}-[0-9]{{6}}"),))


BADGE: Final = DetectorKind("badge", Badge, badge)
