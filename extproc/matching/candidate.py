"""A candidate: a place where a rule's pattern matches, judged by its checks and by the words beside it."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from extproc.matching.compiled import CompiledRule
from extproc.matching.context_words import humped, parted, spoken
from extproc.matching.re2_search import Search, within
from extproc.matching.render import UTF8_MOST
from extproc.matching.rule import UNLESS_LEFT
from extproc.matching.span import Span
from extproc.matching.tail import MatchPlace
from extproc.matching.utf8 import after, back, before

_BLANK = " \t\r\n\"'`.,;:()[]{}<>"
"""Characters that may surround a value that is the whole of a text."""

_BEFORE_VALUE = 2
"""Characters in front of a value that may stand in the text of its member, too."""


class BufferMatch(Struct, frozen=True, gc=False):
    """A find in a buffer: bytes of the match's start and of the find. `open`: text still to come decides it."""

    match: int
    start: int
    end: int
    lane: CompiledRule
    open: bool


def spans(found: Sequence[BufferMatch], data: bytes, base: int, offset: int) -> list[Span]:
    """Finds as spans in code points; byte `base` of `data` is code point `offset` of the text."""
    points = None if data.isascii() else _code_points(found, data, base, offset)
    shift = offset - base
    told: list[Span] = []
    for each in found:
        lane, start, end = each.lane, each.start, each.end
        start, end = (start + shift, end + shift) if points is None else (points[start], points[end])
        told.append(Span(start, end, lane.rule.kind, lane.title, lane.rule.score))
    return told


def _code_points(found: Iterable[BufferMatch], data: bytes, base: int, offset: int) -> Mapping[int, int]:
    places = sorted({place for each in found for place in (each.start, each.end)})
    points, at, point = {}, base, offset
    for place in places:
        point += len(data[at:place].decode()) if place >= at else -len(data[place:at].decode())
        at = place
        points[place] = point
    return points


def hopeless(each: CompiledRule, data: bytes, low: int, limit: int, opening: bool, final: bool) -> bool:
    """True if none of the words that the rule needs stands anywhere near: a glance that spares many closer looks."""
    end = limit + each.right * UTF8_MOST
    if not final and end > len(data):
        return False
    if each.rule.alone and opening and low <= each.left * UTF8_MOST:
        return False
    around = data[max(0, low - each.left * UTF8_MOST) : end]
    if each.hint is None:
        return False
    if not spoken(each.hint, around):
        return True
    return each.apart is not None and not within(each.apart, around) and not humped(around, 0, len(around))


def called(each: CompiledRule, name: str) -> bool:
    """True if the member's name has a word that the rule needs."""
    return each.called is not None and within(each.called, f" {name} ".encode())


def judge(
    each: CompiledRule, data: bytes, place: MatchPlace, opening: bool, final: bool, name: str | None
) -> BufferMatch | None:
    """The find at `place`, if it is one."""
    match, end, start, close = place
    rule = each.rule
    value = data[start:close].decode()
    if rule.fit is not None:
        length = rule.fit(value)
        if not length:
            return None
        if length < len(value):
            value = value[:length]
            close = end = start + len(value.encode())
    if rule.validator is not None and not rule.validator(value):
        return None
    if rule.judge is not None and not rule.judge(data[match:end].decode(), value):
        return None
    if rule.allowed is not None and rule.allowed(value):
        return None
    # Where the gate does not hit, only a region that others make shows a match: in a stream there may be none.
    if each.signed is not None and not _signed(each.signed, data, match, end):
        return None
    undecided = False
    told = name is not None and called(each, name) and not (rule.cued and not _begins(data, match, opening))
    if each.context is not None and not told:
        # Most numbers have no word beside them, so that it is asked for first.
        beside = _context(each, data, match, end, opening, final, free=name is None)
        if beside is None:
            return None
        undecided = beside
    if each.unless is not None and within(each.unless, data[back(data, match, UNLESS_LEFT) : match]):
        return None
    if each.unless is not None and name and not data[:match].strip() and within(each.unless, f"{name} ".encode()):
        return None
    return BufferMatch(match, start, close, each, undecided)


def _signed(signed: Search, data: bytes, match: int, end: int) -> bool:
    """True if the gate hits in the match and one character on either side, a line feed at the end of the text."""
    start = before(data, match)
    if end == len(data):
        return within(signed, data[start:] + b"\n")
    return signed(data, start, after(data, end))[0][0] >= 0


def _begins(data: bytes, match: int, opening: bool) -> bool:
    """True if a text begins with the match, or with a quotation mark or a blank in front of it."""
    return opening and match <= 1 + _BEFORE_VALUE and not data[:match].strip(b"\n \"'")


def _context(
    each: CompiledRule, data: bytes, match: int, end: int, opening: bool, final: bool, *, free: bool
) -> bool | None:
    """None: the words that the rule needs are missing. False: they are there. True: they may still come."""
    first = back(data, match, each.left)
    left = data[first:match]
    # The match itself parts the words beside it from the rest; so does the end of the text.
    if each.context is None or within(each.context, b"%b " % parted(left)):
        return False
    right = data[end : end + each.right * UTF8_MOST].decode("utf-8", "ignore")[: each.right]
    whole = len(right) == each.right
    if not whole and not final:
        return True
    if within(each.context, b" %b" % parted(right.encode() if whole else f"{right} ".encode())):
        return False
    alone = (
        each.rule.alone and free and opening and first == 0 and not whole and not (left.decode() + right).strip(_BLANK)
    )
    return False if alone else None
