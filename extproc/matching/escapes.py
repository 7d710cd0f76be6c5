r"""Written-out escapes and typographic separators: a text as its reader sees it.

A value in a pasted log or a command line often stands right behind an escape that was never undone: `\n`, `%3D`,
`\u000a`, the code of a colour. The last letter of the escape would count as a letter that the value is joined to. And a
number from a web page or a PDF has its groups parted by no-break spaces and typographic dashes. `plain` gives the same
text with blanks for every escape and with the ASCII character for every such separator.

Every code point becomes one code point, so that places in the two texts are the same. No escape begins within another,
but that of a colour behind a written-out escape character, which is an escape by itself: what `plain` makes of a
place depends on the LONGEST characters before and behind it alone.
"""

import re
from functools import partial

from extproc.matching.re2_search import expression, searching, within
from extproc.matching.spelt import BEGUN
from extproc.protocol.meter import Meter

MOST_PARAMETERS = 48
"""Characters between `ESC [` and its letter: two colours of 24 bits have 37."""

LONGEST = MOST_PARAMETERS + 8
"""The most characters of an escape; `\\u001b` stands before the longest."""

PLAINED_A_STEP = 16
"""Characters of a text with escapes or typographic separators that count as a step of a meter: 50 ns to write an ASCII
character."""

SHORT = 256
"""Characters up to which Python's own search for wide characters is quicker than encoding the text for RE2."""

_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_DASHES = "\u2010-\u2013\u2212\ufe58\ufe63\uff0d"
_FULL_WIDTH = "\uff01-\uff0c\uff0e-\uff5e"
_SMALL = "\ufe50\ufe52\ufe54-\ufe57\ufe59-\ufe5c\ufe5f-\ufe62\ufe64-\ufe66\ufe68-\ufe6b"
_ZEROS = (
    *(0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20),
    *(0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0),
    *(0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450),
    *(0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50),
    *(0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0),
)
"""The zeros of all scripts but ASCII and full width; nine more digits follow each (Unicode 14, category Nd)."""

_DIGITS = "".join(f"{chr(zero)}-{chr(zero + 9)}" for zero in _ZEROS)
_TYPOGRAPHIC = f"{_SPACES}{_DASHES}{_FULL_WIDTH}{_SMALL}{_DIGITS}"
MOST_REPLACED = 32
"""Different such characters of a text up to which each is replaced by itself, which is quickest for a few. Past it all
are translated at once, so that a million characters take 0.2 s whatever they are."""

_PLAIN = (
    dict.fromkeys(map(chr, (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)), " ")
    | {chr(point): chr(point - 0xFEE0) for point in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(chr, (*range(0x2010, 0x2014), 0x2212, 0xFE58, 0xFE63)), "-")
    | {chr(zero + digit): str(digit) for zero in _ZEROS for digit in range(10)}
    | dict(zip("\ufe50\ufe52\ufe54\ufe55\ufe56\ufe57", ",.;:?!", strict=True))
    | dict(zip("\ufe59\ufe5a\ufe5b\ufe5c\ufe5f\ufe60\ufe61\ufe62", "(){}#&*+", strict=True))
    | dict(zip("\ufe64\ufe65\ufe66\ufe68\ufe69\ufe6a\ufe6b", "<>=\\$%@", strict=True))
)
_TABLE = str.maketrans(_PLAIN)
_LETTER = 2  # characters of a backslash and a letter
_BLANKS = frozenset((r"\n", r"\r", r"\t"))

_HEX = "[0-9a-fA-F]"
_BACKSLASH = rf"\\(?:u{_HEX}{{4}}|U{_HEX}{{8}}|x{_HEX}{{2}}|0(?:0[0-7]|1[0-7]|33|40)|[A-Za-z0])"
_PERCENT = rf"%(?:u{_HEX}{{4}}|(?:25){{0,4}}{_HEX}{{2}})"
_COLOUR = rf"\[[0-9;:]{{1,{MOST_PARAMETERS}}}m"
_ESCAPE = r"(?:\x1b|\\(?:x1[bB]|u001[bB]|033|e))"
_CONTROL = rf"(?:{_ESCAPE}\[|\x9b)[0-9;:?]{{0,{MOST_PARAMETERS}}}[A-Za-z]|\x1b(?:[()][0-9A-Za-z]|[A-Za-z0-9])"

_backslash, _percent, _colour = re.compile(_BACKSLASH), re.compile(_PERCENT), re.compile(_COLOUR)
_wide = re.compile(f"[\x9b{_TYPOGRAPHIC}]")
_wide_bytes = searching(expression(f"[\\x{{9b}}{_TYPOGRAPHIC}]"))
_escapes = re.compile(f"{_CONTROL}|{_BACKSLASH}|{_PERCENT}|{_COLOUR}")
_typographic = re.compile(f"[{_TYPOGRAPHIC}]")

# What may still become an escape, or a character that is spelt out: every beginning of one, and a whole one that may
# become longer.
_begun = re.compile(
    rf"(?:\\(?:u(?:{_HEX}{{0,3}}|\{{{_HEX}{{0,6}})|U{_HEX}{{0,7}}|x{_HEX}?|[01][0-7]?)?"
    rf"|%(?:u{_HEX}{{0,3}}|(?:25){{0,4}}{_HEX}?|(?:25){{1,4}})"
    rf"|{_ESCAPE}?\[[0-9;:?]{{0,{MOST_PARAMETERS}}}|\x9b[0-9;:?]{{0,{MOST_PARAMETERS}}}"
    rf"|\x1b[()]?|{_ESCAPE}|{BEGUN})\Z"
)


def marked(text: str) -> bool:
    """True if `plain` would change `text`. Costs four looks for a character where the text is ASCII and has none."""
    return (
        ("\\" in text and _backslash.search(text) is not None)
        or ("%" in text and _percent.search(text) is not None)
        or ("[" in text and _colour.search(text) is not None)
        or "\x1b" in text
        or not (text.isascii() or _narrow(text))
    )


def _narrow(text: str) -> bool:
    if len(text) <= SHORT:
        return _wide.search(text) is None
    return not within(_wide_bytes, text.encode("utf-8", "replace"))


def plain(text: str, meter: Meter | None = None) -> str:
    """`text` with blanks for its escapes and ASCII for its typographic characters; the same object if it has none.

    `meter` counts a step for each escape, 0.5 µs. Raises SpentError.
    """
    if not marked(text):
        return text
    if meter is not None and not text.isascii():
        meter.spend(len(text) // PLAINED_A_STEP)
    blank = _blank if meter is None else partial(_counted, meter)
    bare = _escapes.sub(blank, text) if begins(text) else text
    wide = () if bare.isascii() else set(_typographic.findall(bare))
    if len(wide) > MOST_REPLACED:
        return bare.translate(_TABLE)
    for each in wide:
        bare = bare.replace(each, _PLAIN[each])
    return bare


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _counted(meter: Meter, found: re.Match[str]) -> str:
    meter.spend(1)
    return " " * len(found[0])


def begins(text: str) -> int:
    """Return how many escapes may begin in `text`."""
    coloured = min(text.count("["), text.count("m"))
    return text.count("\\") + text.count("%") + text.count("\x1b") + text.count("\x9b") + coloured


def begun(text: str) -> int:
    """The place at which an escape begins that may go on behind the end of `text`, or the length of `text`."""
    found = _begun.search(text, max(0, len(text) - LONGEST))
    return len(text) if found is None else found.start()


def places(text: str) -> list[tuple[int, int]]:
    r"""Return where those escapes of `text` begin and end of which no letter is likely to be a value's first.

    A backslash before any other letter may stand before a name: `CORP\alice@example.com`.
    """
    if not begins(text):
        return []
    found = ((each[0], each.span()) for each in _escapes.finditer(text))
    return [span for said, span in found if len(said) != _LETTER or said in _BLANKS]
