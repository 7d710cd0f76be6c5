"""One rule made ready to run: its exact matcher, and its coarse pattern for the fast lane."""

from functools import lru_cache

import re2
from msgspec import Struct

from extproc.matching.context_words import apart, called, char_class, parted_words, searched
from extproc.matching.digits import Spread, spread
from extproc.matching.expression import (
    NODES_KNOWN,
    Alt,
    Assert,
    Chars,
    ExpressionError,
    Group,
    Node,
    Ranges,
    Repeat,
    Seq,
    bounded,
    digits,
    union,
    width,
    without,
)
from extproc.matching.matcher import WHOLE, Matcher
from extproc.matching.re2_search import Search, expression, searching
from extproc.matching.render import (
    UTF8_MOST,
    coarse,
    ended,
    exact,
    octets,
    outside,
    uncounted,
)
from extproc.matching.rule import UNLESS_LEFT, Rule
from extproc.matching.syntax import read
from extproc.matching.tail import Tail, split

LONGEST_MATCH = 8192
"""The widest match (code points) that a rule may have. A 4,096-bit RSA key in PEM takes 3,300; it bounds held text."""

ENDLESS = (4096, 256, 64, 16)
"""Bounds for `*`, `+` and `{n,}`, beyond their least number: the first with which a match is not too wide is taken."""

_WIDE = 160
"""From this width on (code points) the fast lane looks for the beginning of a match, if that tells enough."""

_UNDERSCORE: Ranges = ((0x5F, 0x5F),)
UNDERSCORED = rb"_\(?[A-Za-z]{0,6}[0-9]"
"""The expression of the fast lane for what `numeric` rules may find behind an underscore; where it hits, their gates
are tried. With underscores in the classes before these, that engine would always take half as much time again."""

UNDERSCORED_FRONT = 8
"""Bytes that UNDERSCORED has in front of its digit at most."""

_HEAD_LEAST = 4
"""Code points that the beginning must have to tell enough."""


class RuleError(ValueError):
    """A rule that cannot be run; the text names the rule and the reason."""


class CompiledRule(Struct, frozen=True, eq=False):
    """A rule and its matchers.

    `rank` orders the findings of several rules at one place, as `span.order` does. `longest`: code points a match takes
    at most. `window`, `least`: a match starts at most, and at least, so many bytes before the end of a fast-lane hit,
    and `gate_most`: the hit itself does so at most, with the characters beside it. `digits`: ASCII digits that a match
    has at least, `sign_digits` those of a hit, and `spread`: how far from digits a hit goes, if each is near one.
    `signed` finds what the gate hits in a match of a rule with a `sign`.
    `most_bytes`: bytes that a match and the characters beside it take at most. `gate`: the Hyperscan pattern; that of a
    `numeric` rule does not hit behind underscores, and `underscored` is the one that does. `wide`: whether a match may
    hold more than ASCII. `node`, `before`: the pattern, and what may not stand before it. `called` finds the words that
    count in a member's name. `hint` finds the words of `context` also inside others, `apart` those that stand apart or
    beside a match; where names in camel case stand, only the former finds all that `context` may. `left`, `right`: code
    points beside a match that the verdict looks at.
    """

    rule: Rule
    title: str
    rank: tuple[float, str]
    longest: int
    window: int
    least: int
    digits: int
    sign_digits: int
    spread: Spread | None
    gate_most: int
    most_bytes: int
    gate: bytes
    underscored: bytes
    wide: bool
    node: Node
    before: Ranges
    matcher: Matcher
    signed: Search | None
    context: Search | None
    called: Search | None
    hint: Search | None
    apart: Search | None
    unless: Search | None
    left: int
    right: int

    @property
    def reach(self) -> int:
        """Code points around a position that decide what this rule says of it."""
        return self.longest + max(self.left, self.right)

    @property
    def bare(self) -> str:
        """An RE2 expression without groups for a match and the characters beside it."""
        return f"{outside(self.before)}(?:{exact(self.node, groups=False)}){_close(char_class(self.rule.after))}"

    @property
    def most_ascii(self) -> int:
        """`most_bytes` where all characters are ASCII."""
        return self.longest + 2 * UTF8_MOST


def compile_rule(rule: Rule) -> CompiledRule:
    """Compile `rule`. Raises RuleError."""
    try:
        return _compiled(rule)
    except (ExpressionError, re2.error) as error:
        reason = error.args[0]
        raise RuleError(f"rule {rule.title}: {reason.decode() if isinstance(reason, bytes) else reason}") from None


def _compiled(rule: Rule) -> CompiledRule:
    node, names = read(rule.pattern, fold=rule.fold)
    node, before, following = _bounded(node), char_class(rule.before), char_class(rule.after)
    size = width(node)
    longest = size.high or 0
    if not size.low or longest > LONGEST_MATCH:
        raise RuleError(
            f"rule {rule.title}: a match must take 1 to {LONGEST_MATCH} characters, not {size.low} to {longest}"
        )
    sign, edges = _sign(rule, node, longest)
    gate = coarse(sign) + _edge(following) if edges[1] else ended(sign)
    edge = "" if rule.cued else _edge(before) * edges[0]
    words, against = bool(rule.context), bool(rule.unless or rule.behind)
    wide = _beyond_ascii(node)
    return CompiledRule(
        rule=rule,
        title=rule.title,
        rank=(-rule.score, rule.title),
        longest=longest,
        window=(longest if rule.sign else width(sign).high or 0) * (UTF8_MOST if wide else 1) + 2 * UTF8_MOST,
        # A character takes one byte at least, and so does the neighbour that a gate ends with.
        least=width(sign).low + (edges[1] and bool(following)),
        digits=max(rule.digits, digits(node), digits(sign)),
        sign_digits=digits(sign),
        spread=_near(rule, sign),
        gate_most=((width(sign).high or 0) + 2) * UTF8_MOST,
        most_bytes=longest * (UTF8_MOST if wide else 1) + 2 * UTF8_MOST,
        gate=((_edge(union(before, _UNDERSCORE)) * edges[0] if rule.numeric else edge) + gate).encode(),
        underscored=(edge + gate).encode() if rule.numeric else b"",
        wide=wide,
        node=node,
        before=before,
        matcher=_matcher(rule, node, names, (outside(before), _close(following)), longest),
        signed=searching(expression(gate, latin=True)) if rule.sign else None,
        context=searched(parted_words(rule.context)) if words else None,
        called=searched(called(rule)) if words and rule.named else None,
        hint=searched(f"(?i){'|'.join(rule.context)}") if words else None,
        apart=searched(apart([(rule, node)])) if words else None,
        unless=searched(_against(rule)) if against else None,
        # One more than words may stand in: what parts the furthest of them from the rest of a longer word.
        left=max(1, rule.near[0] + 1 if words else 1, UNLESS_LEFT if against else 1),
        right=rule.near[1] + 1 if words else 1,
    )


def _bounded(node: Node) -> Node:
    """The tree with its endless repetitions bounded, as widely as lets it fit."""
    for most in ENDLESS:
        cut = bounded(node, most)
        if (width(cut).high or 0) <= LONGEST_MATCH:
            break
    return cut


def _against(rule: Rule) -> str:
    """Return what may not end right before a match: a word of `unless` and up to three characters more, or `behind`."""
    other = r"(?-i:[^0-9A-Za-z\x{17f}\x{212a}])"  # long s and kelvin; for `-i` see _PARTED
    words = rf"(?:^|{other})(?:{'|'.join(rule.unless)}){other}{{0,3}}"
    parts = [words] * bool(rule.unless) + [rule.behind] * bool(rule.behind)
    return rf"(?i)(?:{'|'.join(parts)})\z"


def _matcher(rule: Rule, node: Node, names: dict[str, int], beside: tuple[str, str], longest: int) -> Matcher:
    left, right = beside
    compiled = expression(f"{left}({exact(node)}){right}")
    if rule.group is None:
        groups = (*range(2, compiled.groups + 1), 1)
    else:
        group = names.get(rule.group, -1) if isinstance(rule.group, str) else rule.group
        if not 0 <= group < compiled.groups:
            raise RuleError(f"rule {rule.title}: the pattern has no group {rule.group}")
        groups = (group + 1,)
    tail = _tail(node, beside, compiled) if groups == (2,) else None
    if not uncounted(node):
        # Where the tail tells the finding, or the finding is all of the match, no groups are needed.
        bare = tail is not None or groups == WHOLE
        search = expression(f"{left}(?:{exact(node, groups=False)}){right}") if bare else compiled
        ending = searching(compiled, anchored=True) if groups == WHOLE else None
        return Matcher(searching(search), groups, 0, _beyond_ascii(node), None, tail, ending, bool(right))
    # Lazy and without groups it comes to an end as soon as there is a match at all.
    starts = searching(expression(f"{left}(?:{exact(_lazy(node), groups=False)}){right}"))
    return Matcher(searching(compiled, anchored=True), groups, longest, _beyond_ascii(node), starts, tail)


def _tail(node: Node, beside: tuple[str, str], compiled: "re2._Regexp[str]") -> Tail | None:
    """The short way to a finding with which its match ends."""
    parts = split(node)
    if parts is None:
        return None
    front, group = parts
    left, right = beside
    least = Repeat(group.item, group.low, group.low)
    head = expression(f"{left}{exact(front, groups=False)}({exact(least)})")
    rest = expression(f"(?:{exact(group, groups=False)}){right}")
    most = sum((width(part).high or 0) * (UTF8_MOST if _beyond_ascii(part) else 1) for part in (front, least))
    return Tail(
        searching(head, anchored=True),
        searching(rest, anchored=True),
        searching(compiled, anchored=True),
        most,
        bool(right),
    )


def _lazy(node: Node) -> Node:
    """The tree with every repetition as short as can be: it matches at the same places."""
    match node:
        case Chars() | Assert():
            return node
        case Group(item=item, number=number):
            return Group(_lazy(item), number)
        case Seq(items=items):
            return Seq(tuple(_lazy(item) for item in items))
        case Alt(options=options):
            return Alt(tuple(_lazy(option) for option in options))
        case Repeat(item=item, low=low, high=high):
            return Repeat(_lazy(item), low, high, lazy=True)


def _close(ranges: Ranges) -> str:
    return f"(?:{outside(ranges)}|\\z)" if ranges else ""


def _edge(ranges: Ranges) -> str:
    """A neighbour outside `ranges` for the fast lane, which sees one byte of it."""
    return octets(without(ranges)) if ranges else ""


@lru_cache(NODES_KNOWN)
def _beyond_ascii(node: Node) -> bool:
    match node:
        case Chars(ranges=ranges):
            return any(high > 0x7F for _, high in ranges)
        case Assert():
            return False
        case Group(item=item) | Repeat(item=item):
            return _beyond_ascii(item)
        case Seq(items=items) | Alt(options=items):
            return any(_beyond_ascii(item) for item in items)


def _sign(rule: Rule, node: Node, longest: int) -> tuple[Node, tuple[bool, bool]]:
    """Return what the fast lane looks for, and on which sides of it the neighbours count."""
    if rule.sign:
        return _bounded(read(rule.sign, fold=rule.fold)[0]), (False, False)
    head = _head(node) if longest > _WIDE else None
    return (node, (True, True)) if head is None else (head, (True, False))


def _near(rule: Rule, sign: Node) -> Spread | None:
    """Return how far from digits the hits of a gate go; None if one may be far from all."""
    each = spread(sign)
    if each.without is not None and rule.digits and not rule.sign:
        most = (width(sign).high or 0) * (UTF8_MOST if _beyond_ascii(sign) else 1) - 1
        each = Spread(None, most, 0, most)
    return each if each.near else None


def _head(node: Node) -> Node | None:
    """The beginning of `node` up to its first wide part, if that tells enough; its width is fixed or nearly so."""
    node = node.item if isinstance(node, Group) else node
    kept: list[Node] = []
    for item in node.items if isinstance(node, Seq) else ():
        size = width(item)
        spread = (size.high or 0) - size.low
        if spread > _HEAD_LEAST * 8:
            if isinstance(item, Repeat) and item.low:
                kept.append(Repeat(item.item, min(item.low, _HEAD_LEAST), min(item.low, _HEAD_LEAST)))
            break
        kept.append(item)
    head = Seq(tuple(kept))
    return head if width(head).low >= _HEAD_LEAST else None
