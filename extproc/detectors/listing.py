"""The list of all kinds and rules, written from the rules themselves; `scripts/docs` puts it into docs/detectors.md."""

from collections.abc import Iterable, Sequence
from typing import Final

from extproc.detectors import pii, secrets
from extproc.detectors.pii.prose import KINDS_PROSE
from extproc.detectors.secrets import tokens
from extproc.matching.rule import Rule, marked
from extproc.policy.kinds import ON_REQUEST, PII_GROUPS
from extproc.policy.prose import code

WIDTH: Final = 48
"""Characters of an expression that are shown: enough to tell a token by its beginning."""

_INTRODUCTION: Final = """\
# What is detected

Written by `scripts/docs` from the rules in `extproc/detectors`. A rule of `pii` or `secrets` finds a value wherever it
stands in a text, unless letters or digits are joined to it. A value is also found beside a written-out escape (`\\n`,
`\\u000a`, `%20`), the code of a colour, a bracket, a quotation mark or an underscore. Its groups may be separated by
no-break spaces and typographic dashes, its digits may be those of any script, and it may contain invisible code points
such as soft hyphens and zero-width spaces. Its characters may be spelt out as in HTML, addresses or programs
(`&#64;`, `%2540`, `\\u0040`).

Digits alone identify nobody: a national identifier without its own punctuation is found only if a word beside it says
what it is. They are known in twenty-nine languages (a file each in `extproc/detectors/pii/words`), in snake, camel
and kebab case (`date_of_birth: `, `DATE_OF_BIRTH=`, `<dateOfBirth>`, `?phone=`, `--phone-number`). In JSON, the name of
the member counts (`{"nhsNumber": 9434765919}`), unless it names a time, a size, a count or an identifier (`created_at`,
`bytes`, `order_id`). In requests, the header of a table's column counts, and encoded values of query strings are read
decoded (`?dob=12%2F03%2F1985`). A JSON number that is masked becomes the number 0, whatever the format of the mask: a
number never becomes a string.
"""


_BOUNDS: Final = """
### What rules cannot tell

- A driver's licence, a number plate and a bank account have no check digits: only the words beside them tell them, and
  all driver's licences are one kind, because no form or word tells the country.
- A postal address is found by the usual forms of streets. A street whose name holds no word for one (`Unter den Linden
  77`), one in small letters, and one in another language are not found, nor is a town or a country by itself. The name
  of the person in front of it stays.
- A security code or an expiry date that stands neither behind its card nor beside a word is a number as any other.
- An age is a number with "years old", or beside a word: a number of years alone is as often how long something takes.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *_personal(), "", *_credentials(), ""])


def _personal() -> Iterable[str]:
    yield "## Personal data: the kinds of `pii`\n"
    yield "A score says how sure a finding is, from 0 to 1. It depends on the value's form and the words beside it; the"
    yield "table gives the lowest and the highest of each kind. Findings below the policy's `min_score` or `min_scores`"
    yield "are ignored.\n"
    yield "| kind | what | checked by | needs a word beside it | default score | example |"
    yield "|---|---|---|---|---|---|"
    for kind in pii.KINDS:
        rules = [rule for rule in pii.RULES if rule.kind == kind]
        what, check = KINDS_PROSE[kind]
        yield _row(f"`{kind}`", what, check, _words(rules), _scores(rules), f"`{_example(rules[0])}`")
    yield "\n### Kinds on request\n"
    yield "These are detected only if `kinds` names them, or a group that they are in:\n"
    yield from (f"- `{kind}`: {reason}." for kind, reason in ON_REQUEST.items())
    yield "\n### Groups\n"
    yield "The name of a group may stand wherever that of a kind may: in `kinds`, beside kinds, and in `min_scores`.\n"
    yield "| group | kinds |"
    yield "|---|---|"
    yield from (_row(f"`{name}`", code(kinds)) for name, kinds in PII_GROUPS.items())
    yield _BOUNDS


def _scores(rules: Sequence[Rule]) -> str:
    scores = sorted({rule.score for rule in rules})
    return f"{scores[0]:g}" if len(scores) == 1 else f"{scores[0]:g} to {scores[-1]:g}"


def _words(rules: Sequence[Rule]) -> str:
    needing = [rule for rule in rules if rule.context]
    if not needing:
        return "no"
    named = " or the member's name" if any(rule.named for rule in needing) else ""
    if len(needing) == len(rules):
        return f"yes, a word{named}" if named else "yes"
    return f"only in one run of digits: a word{named}" if named else "only in less usual forms"


def _credentials() -> Iterable[str]:
    yield "## Credentials: the rules of `secrets`\n"
    yield "A value must be random enough. Examples and placeholders are no findings.\n"
    yield "| rule | finds | begins like |"
    yield "|---|---|---|"
    for rule in secrets.RULES:
        finds = "a value under a name, in a header or in a command" if rule.group != 0 else "a token or key by its form"
        shown = rule.pattern if len(rule.pattern) <= WIDTH else rule.pattern[:WIDTH] + "…"
        title = f"`{rule.kind}`" if rule.title == rule.kind else f"`{rule.kind}` ({rule.title})"
        yield _row(title, finds, f"`{shown}`")
    for kind, table in (("model-provider-token", tokens.MODELS), ("service-token", tokens.SERVICES)):
        yield f"\n`{kind}` is for the tokens of: {', '.join(dict.fromkeys(each.service for each in table))}."


def _example(rule: Rule) -> str:
    text, spans = marked(rule.hits[0])
    return text[slice(*spans[0])]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
