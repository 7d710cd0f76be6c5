"""A value beside its name, in the forms in which programs write it: the verdict is to be that of the word in prose.

Values of personal data are those of the labelled sources, or of kinds that these have not, the examples of their rules;
credentials are made up here, with a seed. XML escapes and
CSV quotes what needs it; JSON, YAML, header lines, query strings and command lines have their own spelling, too.
"""

import csv
import io
import json
import random
import shlex
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

from extproc.detectors import pii
from extproc.matching.rule import marked
from scripts.benchmarks.names import EXAMPLE_NAMES, NAMES, RULE_NAMES
from scripts.benchmarks.quality import DATA, Share, lines
from scripts.benchmarks.unseen import PERSONAL, judge

FORMS_FLOOR: Final = 0.95
WORDS_WITHIN: Final = 0.02
"""The most that a form may lie below the words."""

MOST: Final = 24
"""Values of a kind, taken evenly from those of the sources."""

EXAMPLES_MOST: Final = 4
"""Examples of a kind, taken evenly: ten seconds for all of them in all forms."""

CREDENTIALS: Final = frozenset({"password", "api_key"})


def _snake(words: str) -> str:
    return words.replace(" ", "_")


def _kebab(words: str) -> str:
    return words.replace(" ", "-")


def _camel(words: str) -> str:
    first, *rest = words.split()
    return first + "".join(word.capitalize() for word in rest)


def _row(name: str, value: str) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([["id", name, "status"], ["1041", value, "open"]])
    return written.getvalue()


FORMS: Final[dict[str, Callable[[str, str], str]]] = {
    "words": lambda words, value: f"The {words} is {value}",
    "json": lambda words, value: json.dumps({"id": 1041, _snake(words): value, "note": "ok"}),
    "json-camel": lambda words, value: json.dumps({"id": 1041, _camel(words): value, "note": "ok"}),
    "json-kebab": lambda words, value: json.dumps({"id": 1041, _kebab(words): value, "note": "ok"}),
    "yaml": lambda words, value: f"user:\n  id: 1041\n  {_snake(words)}: {value}\n  status: open\n",
    "env": lambda words, value: f"ID=1041\n{_snake(words).upper()}={shlex.quote(value)}\nSTATUS=open\n",
    "xml-element": lambda words, value: f"<user><{_camel(words)}>{escape(value)}</{_camel(words)}><n>1</n></user>",
    "xml-attribute": lambda words, value: f"<user n='1' {_snake(words)}={quoteattr(value)} status='open'/>",
    "csv": lambda words, value: _row(_snake(words), value),
    "header": lambda words, value: f"Host: example\nX-{_kebab(words.title())}: {value}\nAccept: */*\n",
    "query": lambda words, value: f"GET /v1/users?id=1041&{_snake(words)}={quote(value)}&open=1 HTTP/1.1",
    "query-plus": lambda words, value: f"id=1041&{quote_plus(words)}={quote_plus(value)}&open=1",
    "query-name": lambda words, value: f"/v1/users?id=1041&{quote(words)}={quote(value)}&open=1",
    "json-escaped": lambda words, value: f"got {json.dumps(json.dumps({_snake(words): value}, ensure_ascii=False))}",
    "flag": lambda words, value: f"tool create --{_kebab(words)} {shlex.quote(value)} --verbose",
    "flag-equals": lambda words, value: f"tool create --{_kebab(words)}={shlex.quote(value)} --verbose",
}


def _credentials(kind: str) -> list[str]:
    chance = random.Random(kind)  # noqa: S311  - values to look for, not to keep anything safe
    if kind == "password":
        signs = string.ascii_letters + string.digits + "!#%*+-_"
        return ["".join(chance.choices(signs, k=chance.randrange(10, 17))) + "7q" for _ in range(MOST)]
    alphabets = (string.hexdigits.lower()[:16], string.ascii_letters + string.digits)
    return ["".join(chance.choices(alphabets[n % 2], k=32)) for n in range(MOST)]


def values(kind: str, folder: Path = DATA) -> list[str]:
    """Values of a kind."""
    if kind in CREDENTIALS:
        return _credentials(kind)
    every = [each for line in lines(PERSONAL, folder) if line["kind"] == kind for each in line["values"]]
    every = list(dict.fromkeys(each for each in every if "\n" not in each))
    return every[:: max(1, len(every) // MOST)][:MOST]


def examples(kind: str) -> list[tuple[str, str]]:
    """Examples of a kind, each with the words of a name."""
    found: dict[str, tuple[str, ...]] = {}
    for rule in pii.RULES:
        if rule.kind == kind:
            for text, spans in map(marked, rule.hits):
                found |= {text[start:end]: RULE_NAMES.get(rule.title, EXAMPLE_NAMES[kind]) for start, end in spans}
    every = [(value, names) for value, names in found.items() if "\n" not in value]
    chosen = every[:: max(1, len(every) // EXAMPLES_MOST)][:EXAMPLES_MOST]
    return [(value, names[number % len(names)]) for number, (value, names) in enumerate(chosen)]


def named(folder: Path = DATA) -> Iterator[tuple[str, str, str]]:
    """All values: the kind, the value, and the words of its name."""
    for kind, names in NAMES.items():
        for number, value in enumerate(values(kind, folder)):
            yield kind, value, names[number % len(names)]
    for kind in EXAMPLE_NAMES:
        for value, words in examples(kind):
            yield kind, value, words


def _found(kind: str, text: str, value: str) -> bool:
    judged = judge(text)
    gone = not any(spelling in judged.masked for spelling in (value, quote(value), quote_plus(value)))
    right = any((each.processor == "secrets") if kind in CREDENTIALS else each.kind == kind for each in judged.findings)
    return gone and right


def forms(folder: Path = DATA) -> Iterator[Share]:
    """The share of values found in each form, of all kinds together and kind by kind."""
    found: dict[tuple[str, str], list[bool]] = {}
    for kind, value, words in named(folder):
        for form, write in FORMS.items():
            found.setdefault((form, kind), []).append(_found(kind, write(words, value), value))
    by_form = {form: [each for (of, _), every in found.items() if of == form for each in every] for form in FORMS}
    said = by_form["words"]
    for form, every in by_form.items():
        least = max(FORMS_FLOOR, sum(said) / len(said) - WORDS_WITHIN)
        yield Share("found", f"forms/all/{form}", "share", (sum(every) / len(every),), least, count=len(every))
    for (form, kind), every in found.items():
        yield Share("found", f"forms/{kind}/{form}", "share", (sum(every) / len(every),), count=len(every))
