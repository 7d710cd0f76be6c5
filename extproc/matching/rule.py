"""A detector as data: a pattern, what makes a hit sure, and examples on both sides."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

Validator: TypeAlias = Callable[[str], bool]
"""Says whether the text of a hit is what it looks like: a checksum, a range, an entropy."""

Judge: TypeAlias = Callable[[str, str], bool]
"""The same from the text of the whole match and that of the find in it."""

Fit: TypeAlias = Callable[[str], int]
"""Says how many code points of a hit, from its start, are what it looks like; 0 for none."""

JOINED = "[:alnum:]"
"""Characters that a value may not be joined to: letters and digits. An underscore parts words as a blank does."""

WORDS_LEFT = 60
"""Code points before a hit in which a context word counts: about ten words, a form's label and its filler."""

WORDS_RIGHT = 24
"""Code points after it: "... is my SSN". Short, because a stream has to wait for them."""


UNLESS_LEFT = 40
"""Code points before a hit in which a word of `unless`, or `behind`, speaks against it: two long numbers."""


class Rule(Struct, frozen=True, kw_only=True):
    """One detector.

    `pattern` is in the syntax of `reader`; the character before a match may not be in the class `before`, the one after
    it not in `after` (contents of a `[...]`, empty for none). With `group` the find is that group of the pattern, with
    None the first group that is not empty.

    What makes a match a find: `validator` judges the find's text, `judge` the match's and the find's; with `context`,
    one of those expressions must stand as a word within `near` code points (left, right) of the match, or, with
    `named`, that or one of its own expressions in the name of the member whose value the text is, or, with `alone`, the
    match must be all there is of a text that is no member's value; a word of `unless`, or the expression `behind`,
    right in front of the match speaks against it; `fit` cuts a find short where only its beginning is one; `allowed`
    says which finds the operator lets be.

    `assigned`: the finding is a value behind the name that it is assigned to, which may be that of a member.

    `sign` is for speed: an expression that stands in every match, or right beside it, and seldom elsewhere. What
    matches without it is no find. For speed is `numeric`, too: every match begins with up to six letters and a digit,
    for which the fast lane looks behind underscores once for all.

    `cued` is for speed, too: the fast lane looks for matches only in texts that have a word of `context` somewhere, so
    that numbers of three digits, which stand everywhere, cost nothing elsewhere. Every match has a digit, and the name
    of a member tells only of a value with which its text begins.

    So is `digits`: how many ASCII digits every match that the checks let pass has at least, if `pattern` and `sign`
    show fewer.

    `private`: the expression holds a credential, so that nothing that is made from it is stored anywhere.

    `kind` is what policies name; `name` tells rules of one kind apart. `score` is how sure a find is, from 0 to 1.
    `hits` mark each find with « and »; `misses` look like hits and are none.
    """

    kind: str
    pattern: str
    name: str = ""
    before: str = JOINED
    after: str = JOINED
    fold: bool = False
    group: int | str | None = 0
    sign: str = ""
    numeric: bool = False
    cued: bool = False
    digits: int = 0
    private: bool = False
    validator: Validator | None = None
    fit: Fit | None = None
    judge: Judge | None = None
    allowed: Validator | None = None
    context: tuple[str, ...] = ()
    near: tuple[int, int] = (WORDS_LEFT, WORDS_RIGHT)
    alone: bool = False
    named: bool | tuple[str, ...] = False
    assigned: bool = False
    unless: tuple[str, ...] = ()
    behind: str = ""
    score: float = 0.9
    hits: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The rule's name, or its kind where a kind has one rule."""
        return self.name or self.kind


def marked(example: str) -> tuple[str, list[tuple[int, int]]]:
    """The text of an example without its marks, and the spans (code points) that they enclose."""
    text, spans = "", []
    for part in example.split("«"):
        inside, closed, rest = part.partition("»")
        if closed:
            spans.append((len(text), len(text) + len(inside)))
        text += inside + rest
    return text, spans
