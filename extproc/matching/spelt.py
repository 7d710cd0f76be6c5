r"""Characters that are spelt out: `&#64;` of HTML, `%2540` of addresses, `\u0040` of programs, `\u{40}` of others.

A reader that undoes them, as browsers, models and people do, has `ann@example.com` where `ann&#64;example.com` stands.
`SPELT` finds those of which values may consist, each as a whole: letters, digits, what stands in values between them,
and blanks that part the groups of a number. Markup and the escapes that programs write all the time (`&quot;`, `&#39;`,
`%2F`, `\n`) are none: they stand at the edges of values, where `escapes` sees to them.
"""

import re
from typing import Final

_NAMES: Final = (
    {"commat": "@", "period": ".", "lowbar": "_", "colon": ":", "num": "#", "plus": "+", "sol": "/"}
    | dict.fromkeys(("hyphen", "dash", "ndash"), "-")
    | dict.fromkeys(("shy", "zwj", "zwnj"), "\u00ad")
)
_BLANKS: Final = ("nbsp", "ensp", "emsp", "thinsp", "Tab", "NewLine")
"""References of HTML that have names, and those of blanks."""

MOST_SPELT: Final = 26
"""Characters of one that is spelt out, at most: as many as `&amp;amp;amp;amp;#x000040;` has."""

_OCTET: Final = "(?:2[bBdDeE]|3[0-9]|4[0-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])"
"""The numbers of `+`, `-`, `.`, `@`, `_`, digits and letters, in hexadecimal digits."""

_OCTAL: Final = "(?:05[356]|06[0-7]|07[01]|1(?:[0-256][0-7]|3[0-27]|4[1-7]|7[0-2]))"
"""The same in octal digits, as `printf` and C have them: three of them, so that `\\1` of an expression is none."""

# A blank counts behind a digit or capital, which groups of a number consist of; elsewhere there are too many of them.
# The mark stands first in each expression, as looking for one character is what costs least.
_PERCENT: Final = (
    rf"%(?:(?:25){{0,4}}{_OCTET}|(?<=[0-9A-Z]%)(?:25){{0,4}}(?:20|[cC]2%(?:25){{0,4}}[aA]0)"
    r"|(?<=[0-9]%)(?:25){0,4}2[9cCfF]|(?<=[0-9a-fA-F]%)(?:25){0,4}3[aA]|(?<=[=0-9]%)(?:25){0,4}28)"
)
"""Behind a digit, what parts dates, numbers, hardware addresses and coordinates in addresses of the web is undone, too;
elsewhere those are full of it."""
_BACKSLASH: Final = (
    rf"\\(?:x{_OCTET}|{_OCTAL}|u(?:00{_OCTET}|20(?:0[0-9aA]|1[0-3]|2[fF])|\{{0{{0,4}}{_OCTET}\}})|U000000{_OCTET}"
    r"|(?<=[0-9A-Z]\\)(?:x20|u00(?:20|[aA]0)|u\{0{0,4}(?:20|[aA]0)\}|U000000(?:20|[aA]0)))"
)
_DECIMAL: Final = r"#(?!0*(?:32|3[489]|6[02]|160)(?![0-9]))[0-9]{1,7}(?![0-9]);?"
_HEXADECIMAL: Final = r"#[xX](?!0*(?:2[0267]|3[cCeE]|[aA]0);)[0-9a-fA-F]{1,6};"
_SPACES: Final = f"(?:#0{{0,4}}(?:32|160)(?![0-9]);?|#[xX]0{{0,4}}(?:20|[aA]0);|(?:{'|'.join(_BLANKS)});)"
_REFERENCE: Final = (
    f"&(?:(?:amp;){{0,4}}(?:{_DECIMAL}|{_HEXADECIMAL}|(?:{'|'.join(_NAMES)});)|(?<=[0-9A-Z]&)(?:amp;){{0,4}}{_SPACES})"
)

SPELT: Final = f"{_REFERENCE}|{_PERCENT}|{_BACKSLASH}"

_letters: Final = "".join(sorted({*"".join((*_NAMES, *_BLANKS))}))
_most: Final = max(map(len, (*_NAMES, *_BLANKS)))
BEGUN: Final = (
    rf"&(?:amp;){{0,4}}(?:a|am|amp|#[0-9]{{0,7}}|#[xX][0-9a-fA-F]{{0,6}}|[{_letters}]{{0,{_most}}})"
    r"|%(?:25){0,4}[cC]2(?:%(?:(?:25){0,4}[aA]?|(?:25){0,3}2))?"
)
"""The end of a text that may still become a reference, or a no-break space; `escapes` knows the beginnings of the
others."""

_reference, _percent, _backslash = map(re.compile, (_REFERENCE, _PERCENT, _BACKSLASH))
_LOWEST: Final = 0x20
_HIGHEST: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


def spelt(text: str, before: str = "") -> bool:
    """True if a character is spelt out in `text`, which stands behind `before`. Costs three looks where none is."""
    at = len(before)
    return (
        ("&" in text and _reference.search(before + text, at) is not None)
        or ("%" in text and _percent.search(before + text, at) is not None)
        or ("\\" in text and _backslash.search(before + text, at) is not None)
    )


def character(found: str) -> str:
    """Return the character that SPELT found; a blank for one that no text has."""
    if found[0] == "\\" and found[1] in "01":
        return chr(int(found[1:], 8))
    if found[-1] == "}":
        return chr(int(found[3:-1], 16))
    if found[0] != "&":
        return chr(int(found[-4 if found[:2] == "\\u" else -2 :], 16))
    said = found.rstrip(";").rpartition("&")[2].rpartition(";")[2]
    if said[0] != "#":
        return _NAMES.get(said, " ")
    point = int(said[1:].lower().lstrip("x"), 16 if said[1] in "xX" else 10)
    return chr(point) if _LOWEST <= point <= _HIGHEST and point not in _SURROGATES else " "
