"""Writing trees as RE2 or Hyperscan patterns, and the prefixes of a tree: what may still become a match."""

from collections.abc import Callable
from functools import lru_cache

from extproc.matching.expression import (
    LAST,
    NODES_KNOWN,
    SETS_KNOWN,
    Alt,
    Assert,
    Chars,
    Group,
    Node,
    Ranges,
    Repeat,
    Seq,
    union,
    without,
)

COUNTED = 128
"""Repetitions beyond this are cut off, not counted, by the exact matcher: counting takes automaton states."""

_RE2_REPEATS = 1000
"""RE2 refuses greater numbers in `{n,m}`; longer runs are written as several."""

UTF8_MOST = 4
"""Bytes that a code point takes at most."""

_MOST_NESTED = 500
"""Parts of a sequence of which prefixes tell one from the next: each is a group inside another, of which RE2 takes
1,000."""

_KEPT_REPEATS = 64
"""Prefixes count no further: counting costs automaton states, and to hold more for a moment is harmless."""


@lru_cache(SETS_KNOWN)
def charset(ranges: Ranges) -> str:
    """A set of code points as a class that RE2 and Hyperscan read alike."""
    if not ranges:
        return r"[^\x00-\x{10ffff}]"
    return "[" + "".join(_point(a) if a == b else f"{_point(a)}-{_point(b)}" for a, b in ranges) + "]"


def _point(point: int) -> str:
    char = chr(point)
    return char if char.isascii() and char.isalnum() else f"\\x{{{point:x}}}"


def exact(node: Node, *, groups: bool = True) -> str:
    """`node` as an RE2 pattern with the same meaning, but that great numbers of repetitions are left without end."""
    match node:
        case Chars(ranges=ranges):
            return charset(ranges)
        case Assert(what=what):
            return {"b": r"\b", "B": r"\B", "$": r"\z", "^": "(?m:^)"}[what]
        case Group(item=item):
            return f"({'' if groups else '?:'}{exact(item, groups=groups)})"
        case Seq(items=items):
            return "".join(_bound(item, groups=groups) for item in items)
        case Alt(options=options):
            return "(?:" + "|".join(exact(option, groups=groups) for option in options) + ")"
        case Repeat(item=item, low=low, high=high, lazy=lazy):
            most = high if high is None or high <= COUNTED else None
            return _repeat(_bound(item, groups=groups), low, most, "?" if lazy else "")


def _bound(item: Node, *, groups: bool) -> str:
    text = exact(item, groups=groups)
    return f"(?:{text})" if isinstance(item, Seq | Repeat) else text


def _repeat(text: str, low: int, high: int | None, lazy: str) -> str:
    parts = [f"{text}{{{_RE2_REPEATS}}}"] * (low // _RE2_REPEATS)
    rest = low % _RE2_REPEATS
    return "".join(parts) + f"{text}{{{rest},{'' if high is None else rest + high - low}}}{lazy}"


@lru_cache(NODES_KNOWN)
def uncounted(node: Node) -> bool:
    """True if `exact` leaves a repetition of `node` without end."""
    match node:
        case Chars() | Assert():
            return False
        case Group(item=item):
            return uncounted(item)
        case Repeat(item=item, high=high):
            return high is None or high > COUNTED or uncounted(item)
        case Seq(items=items) | Alt(options=items):
            return any(uncounted(item) for item in items)


def coarse(node: Node) -> str:
    """`node` as a Hyperscan pattern over UTF-8 bytes, which matches at least wherever `node` does.

    Places are left out, greed does not matter, and any bytes of wider characters stand for any wider character: so the
    pattern stays small, and the exact matcher decides anyway.
    """
    match node:
        case Chars(ranges=ranges):
            return coarse_class(ranges)
        case Assert(what=what):
            return r"\b" if what == "b" else ""
        case Group(item=item):
            return coarse(item)
        case Seq(items=items):
            return "".join(coarse(item) for item in items)
        case Alt(options=options):
            return "(?:" + "|".join(coarse(option) for option in options) + ")"
        case Repeat(item=Chars(ranges=ranges), low=low, high=high):
            most = high if high is None or ranges[-1][1] <= 0x7F else high * UTF8_MOST
            return f"{octets(ranges)}{{{low},{'' if most is None else most}}}"
        case Repeat(item=item, low=low, high=high):
            return f"(?:{coarse(item)}){{{low},{'' if high is None else high}}}"


def ended(node: Node) -> str:
    """The same up to the first byte of a last character: each further one of a wide class would be one more hit."""
    match node:
        case Chars(ranges=ranges):
            return octets(ranges)
        case Group(item=item):
            return ended(item)
        case Seq(items=(*front, last)):
            return "".join(map(coarse, front)) + ended(last)
        case Alt(options=options):
            return "(?:" + "|".join(map(ended, options)) + ")"
        case _:
            return coarse(node)


def coarse_class(ranges: Ranges) -> str:
    """One code point of `ranges` as bytes, or something like it."""
    return f"(?:{octets(ranges)}{{1,{UTF8_MOST}}})" if ranges and ranges[-1][1] > 0x7F else octets(ranges)


@lru_cache(SETS_KNOWN)
def octets(ranges: Ranges) -> str:
    """A class of single bytes: ASCII as in `ranges`, and every other byte if they go beyond ASCII."""
    kept = tuple((low, min(high, 0x7F)) for low, high in ranges if low <= 0x7F)
    return charset(union(kept, ((0x80, 0xFF),)) if ranges and ranges[-1][1] > 0x7F else kept)


def prefixes(node: Node, of: Callable[[Ranges], str] = charset) -> str:
    """A pattern for every non-empty beginning of a match of `node`, whole matches among them; `of` writes a class.

    It may accept more: long counted repetitions are not counted, and places are left out. Empty if there are none.
    """
    match node:
        case Chars(ranges=ranges):
            return of(ranges)
        case Assert():
            return ""
        case Group(item=item):
            return prefixes(item, of)
        case Alt(options=options):
            return _either([prefixes(option, of) for option in options])
        case Repeat(item=item, high=high):
            part = prefixes(item, of)
            if not part or high == 0:
                return ""
            if isinstance(item, Chars):
                return _loose(part, 1, high)
            return _loose(_closed(item, of), 0, None if high is None else high - 1) + part
        case Seq(items=items):
            return _sequence(items, of)


def _sequence(items: tuple[Node, ...], of: Callable[[Ranges], str]) -> str:
    rest = ""
    if len(items) > _MOST_NESTED:
        # Behind that many parts, any of the characters that the others are made of.
        rest = f"{of(members(Seq(items[_MOST_NESTED:])))}*"
        items = items[:_MOST_NESTED]
    for item in reversed(items):
        whole = _loosened(item, of)
        if isinstance(item, Chars):
            rest = whole + (f"(?:{rest})?" if rest else "")
        else:
            rest = _either([prefixes(item, of), whole + rest if rest else ""])
    return rest


def _either(options: list[str]) -> str:
    kept = [option for option in dict.fromkeys(options) if option]
    if len(kept) <= 1:
        return "".join(kept)
    return "(?:" + "|".join(kept) + ")"


def _loosened(node: Node, of: Callable[[Ranges], str]) -> str:
    """`node` with long counts let go and places left out."""
    match node:
        case Chars(ranges=ranges):
            return of(ranges)
        case Assert():
            return ""
        case Group(item=item):
            return _loosened(item, of)
        case Seq(items=items):
            return "(?:" + "".join(_loosened(item, of) for item in items) + ")"
        case Alt(options=options):
            return "(?:" + "|".join(_loosened(option, of) for option in options) + ")"
        case Repeat(item=item, low=low, high=high):
            return _loose(_closed(item, of), low, high)


def _closed(item: Node, of: Callable[[Ranges], str]) -> str:
    """`item`, loosened, as one thing that may be repeated."""
    text = _loosened(item, of)
    return f"(?:{text})" if text and not isinstance(item, Chars) else text


def _loose(text: str, low: int, high: int | None) -> str:
    if not text or high == 0:
        return ""
    if high is not None and high <= _KEPT_REPEATS:
        return f"{text}{{{low},{high}}}" if (low, high) != (1, 1) else text
    return f"{text}{'+' if low else '*'}"


@lru_cache(NODES_KNOWN)
def members(node: Node) -> Ranges:
    """The code points that a match of `node` may hold anywhere."""
    match node:
        case Chars(ranges=ranges):
            return ranges
        case Assert():
            return ()
        case Group(item=item) | Repeat(item=item):
            return members(item)
        case Seq(items=items) | Alt(options=items):
            return union(*(members(item) for item in items))


def outside(ranges: Ranges) -> str:
    """One code point that is not in `ranges`; any at all when they are empty."""
    return charset(without(ranges)) if ranges else charset(((0, LAST),))


@lru_cache(NODES_KNOWN)
def starters(node: Node) -> Ranges:
    """The code points that a match of `node` may begin with."""
    match node:
        case Chars(ranges=ranges):
            return ranges
        case Assert():
            return ()
        case Group(item=item) | Repeat(item=item):
            return starters(item)
        case Alt(options=options):
            return union(*(starters(option) for option in options))
        case Seq(items=items):
            found: list[Ranges] = []
            for item in items:
                found.append(starters(item))
                if not _nullable(item):
                    break
            return union(*found)


@lru_cache(NODES_KNOWN)
def _nullable(node: Node) -> bool:
    match node:
        case Chars():
            return False
        case Assert():
            return True
        case Group(item=item):
            return _nullable(item)
        case Alt(options=options):
            return any(_nullable(option) for option in options)
        case Seq(items=items):
            return all(_nullable(item) for item in items)
        case Repeat(item=item, low=low):
            return low == 0 or _nullable(item)
