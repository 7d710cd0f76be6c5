"""A signal: the tier of the client's contract, which a trusted proxy puts into a header."""

from typing import Final

from extproc.ext import RequestView, Signal

TIERS: Final = frozenset({"free", "silver", "gold"})


def tier(view: RequestView) -> str | None:
    """Return the tier, or None if it cannot be determined: a condition that reads it has failed then."""
    found = view.headers.text("x-tier")
    return found if found in TIERS else None


TIER: Final = Signal("tier", "string", "gold", "the tier of the client's contract", headers=("x-tier",), compute=tier)
