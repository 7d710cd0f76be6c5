"""Which header fields a filter of Envoy's forwards and lets be changed, by its rules."""

import re
from collections.abc import Iterable
from typing import Any

from extproc.gateway.against.written import inside

ROUTING = frozenset({":authority", "host", ":method", ":scheme"})
"""Fields that Envoy lets be changed only with `allow_all_routing`, or by an expression."""


def forwarded(rules: object, name: str) -> bool:
    """True if the filter sends the field `name`."""
    allowed, disallowed = inside(rules, "allowed_headers", "patterns"), inside(rules, "disallowed_headers", "patterns")
    if disallowed and any(_matches(each, name) for each in disallowed):
        return False
    return not allowed or any(_matches(each, name) for each in allowed)


def changeable(rules: object, name: str) -> bool:
    """True if the processor may set or remove the field `name`."""
    if _expression(inside(rules, "disallow_expression", "regex"), name):
        return False
    if _expression(inside(rules, "allow_expression", "regex"), name):
        return True
    if inside(rules, "disallow_all"):
        return False
    if name.startswith(":") and inside(rules, "disallow_system"):
        return False
    return name not in ROUTING or bool(inside(rules, "allow_all_routing"))


def missing(names: Iterable[str], rules: object, test: Any) -> str:
    """The names among `names` for which `test` fails, as a list for a sentence."""
    return ", ".join(name for name in names if not test(rules, name))


def _matches(pattern: Any, name: str) -> bool:
    if not isinstance(pattern, dict):
        return False
    folded = bool(pattern.get("ignore_case"))
    for kind, test in (("exact", str.__eq__), ("prefix", str.startswith), ("suffix", str.endswith)):
        wanted = pattern.get(kind)
        if isinstance(wanted, str):
            return bool(test(name, wanted.lower() if folded else wanted))
    within = pattern.get("contains")
    if isinstance(within, str):
        return (within.lower() if folded else within) in name
    return _expression(inside(pattern, "safe_regex", "regex"), name)


def _expression(regex: object, name: str) -> bool:
    """Whole names, as Envoy matches. An expression that Python does not know matches nothing."""
    if not isinstance(regex, str):
        return False
    try:
        return re.fullmatch(regex, name) is not None
    except re.error:
        return False
