r"""Reading a pattern: RE2 syntax without what cannot be kept in bounds or has no use on streamed text.

Known: literals, `.`, classes with POSIX names, `\d \w \s \h` and their complements (ASCII, as RE2 has them), `\x..`,
groups (also named), alternation, `* + ? {n,m}` (also lazy), `\b \B`, `^` (always the start of a line), `$` and `\z`
(always the end of the text), flags `i s m U`.
Refused with a reason: look-around, back-references, `\p{..}`, `\A`.
"""

from extproc.matching.expression import (
    LAST,
    Alt,
    Assert,
    Chars,
    ExpressionError,
    Group,
    Node,
    Ranges,
    Repeat,
    Seq,
    folded,
    union,
    without,
)

MOST_REPEATS = 8192
"""The greatest number in `{n,m}`; beyond it no text that a rule looks for is still one thing."""

MOST_NESTED = 100
"""Groups inside each other. Expressions that people write have less than ten; reading one takes five of Python's 1,000
frames for each."""

DIGIT: Ranges = ((0x30, 0x39),)
WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE: Ranges = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))
HEX: Ranges = ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))
_LOWER: Ranges = ((0x61, 0x7A),)
_UPPER: Ranges = ((0x41, 0x5A),)
_CLASSES: dict[str, Ranges] = {"d": DIGIT, "w": WORD, "s": SPACE, "h": ((0x09, 0x09), (0x20, 0x20))}
_POSIX: dict[str, Ranges] = {
    "alnum": union(DIGIT, _LOWER, _UPPER),
    "alpha": union(_LOWER, _UPPER),
    "ascii": ((0, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "digit": DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": _LOWER,
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": _UPPER,
    "word": WORD,
    "xdigit": HEX,
}
_SIMPLE: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_CONTROLS = {"t": 0x09, "n": 0x0A, "v": 0x0B, "f": 0x0C, "r": 0x0D, "a": 0x07}


class _PatternReader:
    """A cursor over a pattern. One use, one pattern."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.groups = 0
        self.depth = 0
        self.names: dict[str, int] = {}

    def fail(self, message: str) -> ExpressionError:
        return ExpressionError(message, self.at)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, literal: str) -> bool:
        if self.text.startswith(literal, self.at):
            self.at += len(literal)
            return True
        return False

    def until(self, mark: str) -> str:
        """Return what stands before the next `mark`, which is passed over."""
        end = self.text.find(mark, self.at)
        if end < 0:
            raise self.fail(f"missing {mark}")
        found, self.at = self.text[self.at : end], end + len(mark)
        return found

    def alternation(self, flags: frozenset[str]) -> Node:
        options = []
        while True:
            # A bare `(?i)` holds to the end of the group it stands in, over the bars.
            option, flags = self.sequence(flags)
            options.append(option)
            if not self.take("|"):
                return options[0] if len(options) == 1 else Alt(tuple(options))

    def sequence(self, flags: frozenset[str]) -> tuple[Node, frozenset[str]]:
        items: list[Node] = []
        while self.peek() not in {"", "|", ")"}:
            bare = self.bare_flags(flags)
            if bare is not None:
                flags = bare
                continue
            items.append(self.repeated(self.atom(flags), flags))
        return (items[0] if len(items) == 1 else Seq(tuple(items))), flags

    def bare_flags(self, flags: frozenset[str]) -> frozenset[str] | None:
        start = self.at
        if self.take("(?"):
            end = self.at
            while self.text[end : end + 1] in {"i", "s", "m", "U", "-"}:
                end += 1
            if end > self.at and self.text[end : end + 1] == ")":
                changed = _changed(flags, self.text[self.at : end])
                self.at = end + 1
                return changed
        self.at = start
        return None

    def repeated(self, item: Node, flags: frozenset[str]) -> Node:
        bounds = self.quantifier()
        if bounds is None:
            return item
        if isinstance(item, Assert):
            raise self.fail("nothing to repeat")
        item = Repeat(item, *bounds, lazy=self.take("?") != ("U" in flags))
        if self.quantifier() is not None:
            raise self.fail("a repetition follows a repetition: put the first in (?:...)")
        return item

    def quantifier(self) -> tuple[int, int | None] | None:
        sign = self.peek()
        if sign in _SIMPLE:
            self.at += 1
            return _SIMPLE[sign]
        if sign != "{":
            return None
        end = self.text.find("}", self.at)
        inner = self.text[self.at + 1 : end]
        if not inner or inner.strip("0123456789,") or not inner[0].isdigit():
            return None
        self.at = end + 1
        low, _, high = inner.partition(",")
        least = int(low)
        most = least if "," not in inner else (int(high) if high else None)
        if max(least, most or 0) > MOST_REPEATS or (most is not None and most < least):
            raise self.fail(f"a repetition must rise and stay within {MOST_REPEATS}")
        return least, most

    def atom(self, flags: frozenset[str]) -> Node:
        sign = self.peek()
        if sign == "(":
            return self.group(flags)
        if sign == "[":
            return Chars(self.charset(flags))
        if sign in {"*", "+", "?"}:
            raise self.fail("nothing to repeat")
        if sign == "^":
            self.at += 1
            return Assert("^")
        if self.take("$"):
            return Assert("$")
        if self.take("."):
            return Chars(((0, LAST),) if "s" in flags else without(((0x0A, 0x0A),)))
        if sign == "\\":
            return self.escape(flags)
        self.at += 1
        return _literal(ord(sign), flags)

    def group(self, flags: frozenset[str]) -> Node:
        self.at += 1
        number = 0
        if self.take("?P<") or (self.text[self.at : self.at + 3] not in {"?<=", "?<!"} and self.take("?<")):
            number = self.groups = self.groups + 1
            self.names[self.until(">")] = number
        elif self.take("?"):
            words = self.until(":") if self.peek() in {":", "i", "s", "m", "U", "-"} else ""
            if self.text[self.at - 1] != ":" or words.strip("ismU-"):
                raise self.fail("look-around and other (?...) groups are not known: they do not run in linear time")
            flags = _changed(flags, words)
        else:
            number = self.groups = self.groups + 1
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise self.fail(f"more than {MOST_NESTED} groups inside each other")
        item = self.alternation(flags)
        self.depth -= 1
        if not self.take(")"):
            raise self.fail("missing )")
        return Group(item, number) if number else item

    def escape(self, flags: frozenset[str]) -> Node:
        sign = self.text[self.at + 1 : self.at + 2]
        if sign in {"b", "B"}:
            self.at += 2
            return Assert(sign)
        if sign in {"z", "Z"}:
            self.at += 2
            return Assert("$")
        if sign == "A":
            raise self.fail(r"\A is not known: text is read as it streams; use ^ or \b")
        if sign == "Q":
            self.at += 2
            return Seq(tuple(_literal(ord(char), flags) for char in self.until(r"\E")))
        ranges = self.escaped()
        return Chars(folded(ranges) if "i" in flags else ranges)

    def escaped(self) -> Ranges:
        r"""Return what a backslash stands for, in a class and outside: a set, or one code point."""
        self.at += 1
        sign = self.peek()
        self.at += 1
        if sign.lower() in _CLASSES:
            ranges = _CLASSES[sign.lower()]
            return ranges if sign.islower() else without(ranges)
        if sign == "x":
            digits = self.until("}") if self.take("{") else self.text[self.at : self.at + 2]
            self.at += 0 if self.text[self.at - 1] == "}" else 2
            try:
                point = int(digits, 16)
            except ValueError:
                raise self.fail(r"\x needs hexadecimal digits") from None
            return ((point, point),)
        if sign in _CONTROLS:
            return ((_CONTROLS[sign], _CONTROLS[sign]),)
        if not sign or (sign.isascii() and sign.isalnum()):
            raise self.fail(f"\\{sign} is not known")
        return ((ord(sign), ord(sign)),)

    def charset(self, flags: frozenset[str]) -> Ranges:
        self.at += 1
        negated = self.take("^")
        sets: list[Ranges] = []
        first = True
        while first or self.peek() != "]":
            first = False
            sets.append(self.class_item())
        self.at += 1
        ranges = union(*sets)
        ranges = folded(ranges) if "i" in flags else ranges
        return without(ranges) if negated else ranges

    def class_item(self) -> Ranges:
        if not self.peek():
            raise self.fail("missing ]")
        if self.take("[:"):
            name = self.until(":]")
            negated = name.startswith("^")
            if name.removeprefix("^") not in _POSIX:
                raise self.fail(f"[:{name}:] is not known")
            ranges = _POSIX[name.removeprefix("^")]
            return without(ranges) if negated else ranges
        low = self.class_point()
        if (
            len(low) != 1
            or low[0][0] != low[0][1]
            or self.peek() != "-"
            or self.text[self.at + 1 : self.at + 2] in {"]", ""}
        ):
            return low
        self.at += 1
        high = self.class_point()
        if len(high) != 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
            raise self.fail("a range must run from a lower to a higher character")
        return ((low[0][0], high[0][0]),)

    def class_point(self) -> Ranges:
        if self.peek() == "\\":
            return self.escaped()
        point = ord(self.peek() or "]")
        self.at += 1
        return ((point, point),)


def _literal(point: int, flags: frozenset[str]) -> Chars:
    ranges: Ranges = ((point, point),)
    return Chars(folded(ranges) if "i" in flags else ranges)


def _changed(flags: frozenset[str], words: str) -> frozenset[str]:
    on, _, off = words.partition("-")
    return (flags | frozenset(on)) - frozenset(off)


def read(pattern: str, *, fold: bool = False) -> tuple[Node, dict[str, int]]:
    """The tree of `pattern` and the numbers of its named groups. Raises ExpressionError. `fold`: ignore case."""
    reader = _PatternReader(pattern)
    node = reader.alternation(frozenset("i") if fold else frozenset())
    if reader.at < len(pattern):
        raise reader.fail("unmatched )")
    return node, reader.names
