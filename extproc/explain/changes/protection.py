"""Changes that loosen the protection that a policy gives, and changes that tighten it."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from extproc.explain.changes.differing import PolicyChange

Effect: TypeAlias = Literal["loosens", "tightens", "look"]
"""`look`: it may do either, which only somebody who knows the traffic can say."""

_RANKS: Final[dict[str, tuple[str, ...]]] = {
    "action": ("report", "mask", "block"),
    "mode": ("shadow", "enforce"),
    "on_failure": ("allow", "block"),
    "on_oversize": ("allow", "block"),
    "on_uninspected": ("allow", "block"),
    "unknown": ("pass", "allow", "drop", "reject", "block"),
    "unknown_models": ("pass", "reject"),
    "request_trailers": ("pass", "reject"),
    "unfinished_streams": ("pass", "error"),
    "forward": ("eager", "wait"),
}
"""Values by the name of their field, the one that protects least first."""

_MORE_LOOSENS: Final = frozenset(
    {"regions", "allow", "values", "patterns", "models", "methods", "tools", "known", "hosts"}
)
_MORE_TIGHTENS: Final = frozenset({"kinds", "deny", "pins", "roles", "content_types"})
"""Lists, by the names of their fields: whether an entry more lets more through, or less."""

_HIGHER_LOOSENS: Final = frozenset({"threshold", "min_score", "tokens", "usd", "requests", "streams"})
_HIGHER_TIGHTENS: Final = frozenset({"sample", "window", "keep"})
"""Numbers, by the names of their fields."""

_PROTECTING: Final = frozenset({"pipelines", "residency", "budgets", "audit", "tenants", "mcp", "limits", "egress"})
"""Sections whose entries protect: one more tightens, one less loosens. What is not in the tables is to be looked at."""

_CHOOSING: Final = frozenset({"when", "match", "regex", "url", "region", "from", "file", "per"})
"""Fields that say what an entry is about."""


def effect(change: PolicyChange) -> Effect | None:
    """Return what a change does to protection; None if it has nothing to do with that."""
    section, field = change.path[0], change.path[-1]
    if change.path[:2] == ("tenants", "models"):
        field = "models"  # by tenant
    if section == "backends":
        return _of_backend(change, field)
    if change.kind == "moved":
        return "look" if section in {"pipelines", "residency"} else None
    if change.whole or len(change.path) == 1:
        if section in _PROTECTING:
            return _there(change)
        return None if section not in _RANKS else _ranked(change, field)
    if section not in _PROTECTING and field not in _RANKS and section != "prices":
        return None
    return _of_value(change, section, field)


def _of_value(change: PolicyChange, section: str, field: str) -> Effect | None:
    if field in _RANKS:
        return _ranked(change, field)
    if field == "when" and change.kind != "changed":
        # A condition more, and the entry is for fewer requests; a rule of residency always has one.
        return "loosens" if change.kind == "added" else "tightens"
    if field == "required":
        return "tightens" if change.after else "loosens"
    if field in _MORE_LOOSENS | _MORE_TIGHTENS and _listed(change.before) and _listed(change.after):
        return _members(change, grows="loosens" if field in _MORE_LOOSENS else "tightens")
    if _number(change.before) and _number(change.after):
        if section == "limits" or field in _HIGHER_LOOSENS:
            return "loosens" if change.after > change.before else "tightens"
        if field in _HIGHER_TIGHTENS:
            return "tightens" if change.after > change.before else "loosens"
    if not _CHOOSING.isdisjoint(change.path) or section in {
        "pipelines",
        "residency",
        "tenants",
        "mcp",
        "budgets",
        "egress",
    }:
        return "look"
    return None


def _of_backend(change: PolicyChange, field: str) -> Effect | None:
    if change.whole:
        return None
    if field in {"url", "region", "credential"} or "tls" in change.path or "credential" in change.path:
        return "look"
    return None


def _there(change: PolicyChange) -> Effect:
    """Return the effect of an entry or a section that is there or not, by what it does if it is there."""
    value = change.before if change.after in (None, []) else change.after
    if isinstance(value, Mapping) and (value.get("mode") == "shadow" or value.get("action") == "report"):
        return "look"
    return "loosens" if change.after in (None, []) else "tightens"


def _ranked(change: PolicyChange, field: str) -> Effect:
    ranks = _RANKS[field]
    before, after = (ranks.index(each) if each in ranks else None for each in (change.before, change.after))
    if before is None or after is None:  # a default that depends on others, or the name of a processor
        if after == 0:
            return "loosens"
        return "tightens" if after == len(ranks) - 1 else "look"
    return "loosens" if after < before else "tightens"


def _members(change: PolicyChange, grows: Effect) -> Effect:
    before, after = set(map(str, change.before or ())), set(map(str, change.after or ()))
    shrinks: Effect = "tightens" if grows == "loosens" else "loosens"
    if change.before is None or change.after is None:
        return "look"
    return grows if before < after else shrinks if after < before else "look"


def _listed(value: Any) -> bool:
    return value is None or isinstance(value, list | Mapping)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
