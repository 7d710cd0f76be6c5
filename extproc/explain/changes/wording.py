"""Changes of a policy in words."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from extproc.explain.changes.differing import PolicyChange
from extproc.policy.units import written_duration, written_size

_SIZES: Final = ("_body", "body_limit", "held_bodies", "_bytes", "size")
_DURATIONS: Final = ("timeout", "ttl", "window", "cooldown", "keepalive", "every", "_max", "interval", "after")
TEXT_MOST: Final = 160
"""Characters of a value that are shown."""

_SINGULAR: Final = {
    "backends": "backend",
    "models": "model",
    "pipelines": "pipeline",
    "residency": "rule",
    "budgets": "budget",
    "servers": "server",
    "endpoint_pools": "pool",
}


def sentence(change: PolicyChange) -> str:
    """Return a change in words, without its section."""
    place, field = _place(change), change.path[-1]
    if change.kind == "moved":
        return f"{place or 'the order'}: the order is now {', '.join(change.after)} (was {', '.join(change.before)})"
    if change.whole:
        value = change.after if change.kind == "added" else change.before
        return f"{place}: {change.kind}{_about(value)}"
    if len(change.path) == 1:
        if change.kind in {"added", "removed"} and isinstance(change.after or change.before, Mapping):
            return f"{change.kind}{_about(change.after or change.before)}"
        return _changed("", field, change)
    return f"{place}: {_changed(field, field, change)}" if place else _changed(field, field, change)


def shown(field: str, value: Any) -> str:
    """Return a value as an operator would write it, cut where it is long."""
    if isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "not set"}[value]
    elif isinstance(value, int) and field.endswith(_SIZES):
        text = written_size(value)
    elif isinstance(value, int | float) and field.endswith(_DURATIONS):
        text = written_duration(value)
    elif isinstance(value, str):
        text = value
    elif isinstance(value, list) and all(isinstance(each, Mapping) and "backend" in each for each in value):
        text = ", ".join(map(_target, value)) or "none"
    elif isinstance(value, list) and all(isinstance(each, str) for each in value):
        text = ", ".join(value) or "none"
    else:
        text = json.dumps(_slim(value), ensure_ascii=False)
    return text if len(text) <= TEXT_MOST else f"{text[:TEXT_MOST]}..."


def _place(change: PolicyChange) -> str:
    """Return where a change is, within its section."""
    inner = change.path[1:] if change.whole or change.kind == "moved" else change.path[1:-1]
    if not inner:
        return ""
    if change.path[0] == "mcp" and inner[0] == "servers":
        inner, word = inner[1:], "server"
    else:
        word = _SINGULAR.get(change.path[0], "")
    if not inner:
        return word
    return ", ".join((f"{word} {inner[0]}".strip(), *inner[1:]))


def _changed(name: str, field: str, change: PolicyChange) -> str:
    lead = f"{name}: " if name else ""
    before, after = change.before, change.after
    if _words(before) and _words(after):
        parts = [*_without(before, after, "with"), *_without(after, before, "without")]
        if parts:
            return f"{lead}{', '.join(parts)} (now {shown(field, after)})"
    if before is None or before == []:
        return f"{lead}now {shown(field, after)}"
    return f"{lead}{shown(field, after)} (was {shown(field, before)})"


def _without(before: Sequence[str], after: Sequence[str], word: str) -> Iterator[str]:
    """Yield what `after` has and `before` does not."""
    more = [each for each in after if each not in before]
    if more:
        yield f"{word} {', '.join(more)}"


def _about(value: Any) -> str:
    """Return the most important about an entry, in brackets."""
    if not isinstance(value, Mapping):
        return ""
    keys = (
        "url",
        "api",
        "region",
        "regions",
        "targets",
        "action",
        "mode",
        "kinds",
        "when",
        "usd",
        "tokens",
        "per",
        "file",
    )
    told = [f"{key}: {shown(key, value[key])}" for key in keys if value.get(key) not in (None, [], {})]
    for side in ("request", "response"):
        steps = value.get(side)
        if isinstance(steps, list) and steps and isinstance(steps[0], Mapping):
            told.append(f"{side}: {', '.join(str(step.get('name') or step.get('use')) for step in steps)}")
    return f" ({'; '.join(told)})" if told else ""


def _target(value: Mapping[str, Any]) -> str:
    name = value["backend"] if value.get("model") is None else f"{value['backend']}/{value['model']}"
    return name if value.get("weight") in (None, 1) else f"{name} ({value['weight']})"


def _words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _slim(value: Any) -> Any:
    """Return a value without members that say nothing."""
    if isinstance(value, Mapping):
        return {name: _slim(each) for name, each in value.items() if each not in (None, [], {})}
    return [_slim(each) for each in value] if isinstance(value, list) else value
