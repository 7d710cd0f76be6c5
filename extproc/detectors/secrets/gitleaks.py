"""Rules in gitleaks' TOML format, so that an operator can bring their own or a published set.

Read: `id`, `regex` (Go's RE2), `keywords`, `entropy`, `secretGroup`, allow-lists of a rule and of the file (`regexes`,
`stopwords`, `regexTarget`, `condition`, `targetRules`). Two things differ because a text here streams and has no file
name: a keyword must stand in the match itself, and so does `regexTarget = "line"` mean the match. Rules and allow-lists
for paths say nothing about text; such rules are named in `skipped`.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from extproc.detectors.secrets.likelihood import entropy
from extproc.matching.compiled import RuleError
from extproc.matching.expression import ExpressionError
from extproc.matching.re2_search import expression
from extproc.matching.render import exact
from extproc.matching.rule import Rule
from extproc.matching.syntax import read

MOST_RULES = 1_000
"""Rules in one file; the published set has some 220. Compiling takes about 10 ms for each."""

Allows = Callable[[str, str], bool]
"""Match and secret to whether the find is none."""


class GitleaksRules(Struct, frozen=True):
    """The rules of a file, and the ids of those that are about files rather than text."""

    rules: tuple[Rule, ...]
    skipped: tuple[str, ...]


def load(text: str) -> GitleaksRules:
    """The rules that `text` holds. Raises RuleError with the rule's id, or the line, and the reason."""
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"not TOML: {error}") from None
    if "extend" in file:
        raise RuleError("[extend] is not known: give the whole set in one file")
    entries = _tables(file, "rules", "the file")
    if not 0 < len(entries) <= MOST_RULES:
        raise RuleError(f"a file needs 1 to {MOST_RULES} [[rules]], this one has {len(entries)}")
    rules, skipped = [], []
    for entry in entries:
        name = _text(entry, "id", "a rule")
        if "regex" not in entry or "path" in entry:
            skipped.append(name)
        else:
            rules.append(_rule(name, entry, _shared(file, name)))
    return GitleaksRules(tuple(rules), tuple(skipped))


def _rule(name: str, entry: Mapping[str, Any], shared: Sequence[Allows]) -> Rule:
    keywords = tuple(word.lower() for word in _texts(entry, "keywords", name))
    least = entry.get("entropy", 0.0)
    group = entry.get("secretGroup", 0)
    if (
        isinstance(least, bool)
        or not isinstance(least, int | float)
        or isinstance(group, bool)
        or not isinstance(group, int)
    ):
        raise RuleError(f"rule {name}: entropy and secretGroup are numbers")
    allows = (*shared, *_lists(entry, name))

    def judge(match: str, secret: str) -> bool:
        low = match.lower()
        if keywords and not any(word in low for word in keywords):
            return False
        return entropy(secret) >= least and not any(allow(match, secret) for allow in allows)

    return Rule(
        kind=name,
        pattern=_text(entry, "regex", name),
        before="",
        after="",
        group=group or None,
        judge=judge,
        score=0.8,
    )


def _shared(file: Mapping[str, Any], name: str) -> list[Allows]:
    """The file's own allow-lists, as far as they hold for the rule `name`."""
    tables = [file["allowlist"]] if "allowlist" in file else _tables(file, "allowlists", "the file")
    return [_allow(table, "the file") for table in tables if name in (table.get("targetRules") or [name])]


def _lists(entry: Mapping[str, Any], name: str) -> list[Allows]:
    tables = [entry["allowlist"]] if "allowlist" in entry else _tables(entry, "allowlists", name)
    return [_allow(table, name) for table in tables]


def _allow(table: Mapping[str, Any], where: str) -> Allows:
    target = table.get("regexTarget", "secret")
    if target not in {"secret", "match", "line"}:
        raise RuleError(f"rule {where}: regexTarget is secret, match or line")
    every = str(table.get("condition", "OR")).upper() in {"AND", "&&"}
    patterns = [_search(pattern, where) for pattern in _texts(table, "regexes", where)]
    stops = tuple(word.lower() for word in _texts(table, "stopwords", where))
    elsewhere = "paths" in table or "commits" in table

    def allows(match: str, secret: str) -> bool:
        text = (secret if target == "secret" else match).encode("utf-8", "replace")
        found = [any(pattern.search(text) is not None for pattern in patterns)] if patterns else []
        found += [any(word in secret.lower() for word in stops)] if stops else []
        # There is no path and no commit here, so that a list which asks for one of them as well never holds.
        return bool(found) and (all(found) and not elsewhere if every else any(found))

    return allows


def _search(pattern: str, where: str) -> Any:
    try:
        # Of a secret on its own, `^` means the beginning and not a line's.
        return expression(exact(read(pattern)[0], groups=False).replace("(?m:^)", r"\A"))
    except ExpressionError as error:
        raise RuleError(f"rule {where}: allow-list: {error}") from None


def _tables(table: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise RuleError(f"rule {where}: {key} is a list of tables")
    return found


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    found = table.get(key)
    if not isinstance(found, str) or not found:
        raise RuleError(f"rule {where}: {key} is missing")
    return found


def _texts(table: Mapping[str, Any], key: str, where: str) -> list[str]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise RuleError(f"rule {where}: {key} is a list of texts")
    return found
