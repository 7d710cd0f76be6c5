"""The finding of a rule that ends with it: told in two short steps, where asking RE2 for it costs 130 ns a byte."""

from msgspec import Struct

from extproc.matching.expression import Alt, Assert, Chars, Group, Node, Repeat, Seq, width
from extproc.matching.re2_search import Search
from extproc.matching.utf8 import after, before

MatchPlace = tuple[int, int, int, int]
"""A match and the finding in it: start and end of each, in bytes; -1 for a group that took no part."""


class Tail(Struct, frozen=True, eq=False):
    """A pattern P(G), in which the group G repeats one class and all that P may be is short.

    RE2 prefers the first way to read P after which G can stand. `head` finds the first after which the least of G does,
    in text as short as that may be; `rest` tells whether G and what must follow it stand there, too, and where they
    end, which needs no groups. If they do, that is what RE2 would have said; if not, it has to be asked, by `whole`.

    `most`: bytes in which `head` is looked for. `edge`: one code point behind the match was looked at.
    """

    head: Search
    rest: Search
    whole: Search
    most: int
    edge: bool

    def place(self, data: bytes, opening: int, limit: int) -> MatchPlace | None:
        """The match whose search begins at `opening`, one code point before it; None where only RE2 can tell."""
        first = after(data, opening)
        found = self.head(data, opening, min(limit, first + self.most))
        if found[0][0] < 0:
            return None
        begin = found[1][0]
        end = self.rest(data, begin, limit)[0][1]
        # At the very end of the data nothing may have been looked at behind the match.
        if end < 0 or end == len(data):
            return None
        close = before(data, end) if self.edge else end
        return first, close, begin, close


def split(node: Node) -> tuple[Node, Repeat] | None:
    """P and G of a pattern that is P(G), if it is one."""
    if not isinstance(node, Seq):
        return None
    *front, group = node.items
    repeat = group.item if isinstance(group, Group) else None
    if not isinstance(repeat, Repeat) or not isinstance(repeat.item, Chars) or repeat.lazy or not repeat.low:
        return None
    before_it = Seq(tuple(front))
    return None if width(before_it).high is None or _grouped(before_it) else (before_it, repeat)


def _grouped(node: Node) -> bool:
    match node:
        case Group():
            return True
        case Repeat(item=item):
            return _grouped(item)
        case Seq(items=items) | Alt(options=items):
            return any(map(_grouped, items))
        case Chars() | Assert():
            return False
