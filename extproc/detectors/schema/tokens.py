"""The tokens of JSON as the early check takes them: as much at a time as there is."""

import re
from typing import Final

from extproc.detectors.schema.values import ever_matching

CHARS: Final = ever_matching(r'[^"\\\x00-\x1f]*')
CONTENT: Final = ever_matching(r'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
"""The characters of a string, and its escapes that are whole."""
SPACE: Final = ever_matching(r"[ \t\n\r]*")
SCALAR: Final = ever_matching(r"[-+.0-9a-zA-Z]*")
_PLAIN: Final = r'"([^"\\\x00-\x1f]*+)"'
_BEGUN: Final = r'"([^"\\\x00-\x1f]*+)'
_SCALAR_BEGUN: Final = r"([-+.0-9a-zA-Z]++)"
_WHOLE: Final = r"(-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+|true|false|null)(?=[ \t\n\r,}\]])"
TOKENS: Final = re.compile(
    rf"[ \t\n\r]*+(?:{_PLAIN}[ \t\n\r]*+:[ \t\n\r]*+(?:{_PLAIN}|{_WHOLE}|([{{\[]))|{_PLAIN}|{_WHOLE}|([,:{{}}\[\]]))"
    r"([ \t\n\r]*+,)?+"
).match
"""A whole token: a member with its value, or with the bracket of that; a string; a scalar; a bracket, a colon or a
comma; each with the comma behind it. Strings have no escapes."""
COMMA: Final = 8
"""The group of that comma."""

_VALUE_BEGUN: Final = rf"{_BEGUN}|{_SCALAR_BEGUN}"
CUT: Final = re.compile(
    rf"[ \t\n\r]*+(?:{_PLAIN}[ \t\n\r]*+(?:(:)[ \t\n\r]*+(?:{_VALUE_BEGUN})?+)?+|{_VALUE_BEGUN})?+\Z"
).match
"""The end of a piece in the middle of a token, or behind one: the name of a member, its colon, and the beginning of its
value; the beginning of a string, or of a scalar."""

_CONTROLS: Final = bytes(range(0x20))

LONG: Final = 256
"""Characters of a piece from which on looking for each kind of character by itself is faster than one expression."""


def plain(piece: str) -> int:
    """Return how many characters at the beginning of a piece are those of a string, as `CHARS` has them."""
    if len(piece) >= LONG:
        ends = [at for at in (piece.find('"'), piece.find("\\")) if at >= 0]
        end = min(ends, default=len(piece))
        data = piece[:end].encode("utf-8", "surrogatepass")
        if len(data.translate(None, _CONTROLS)) == len(data):
            return end
    return CHARS(piece).end()


ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
HEX: Final = frozenset("0123456789abcdefABCDEF")
ESCAPE: Final = 6
"""Characters of the longest escape."""
