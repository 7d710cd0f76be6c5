"""Octets that are no text, whatever they are said to be."""

import re
from urllib.parse import quote_from_bytes

PDF_WITHIN = 1024
"""Characters in which readers of PDF look for its first line. A PDF may be ASCII from end to end, and still its text
stands in it compressed or in hexadecimal digits; so may RTF and PostScript, which are told by their first word."""

MOST_FOREIGN = 10
"""One in so many characters of a text may be no UTF-8: names and signs of a Western text in Latin-1 stay below. Text of
any other charset, and compressed data, has more of them, and nothing that a detector could tell."""

# Control characters but those for white space; of these, the escape that colours a terminal's text (ANSI) is text, too.
_SUSPECT = bytes([*range(9), *range(0x0E, 0x20), 0x7F])
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]|\x1b(?!\[)")
_PDF = re.compile(r"%PDF-\d|\A\s*+(?:\{\\rtf\d|%!PS)")
_FOREIGN = re.compile("[\udc80-\udcff]")
_MARKS = ("\udcff\udcfe", "\udcfe\udcff", "\xff\xfe", "\xfe\xff")  # of UTF-16 and UTF-32, read as UTF-8 and as Latin-1


def is_binary(text: str) -> bool:
    """True if what was decoded from UTF-8 (with `surrogateescape`) or Latin-1 is no text. Costs about 1 ms for 1 MB."""
    try:
        octets, foreign = text.encode(), 0
    except UnicodeEncodeError:
        octets, foreign = text.encode("utf-8", "replace"), len(_FOREIGN.findall(text))
    # To leave them out and to compare is ten times as fast as to search for one of a class.
    if len(octets.translate(None, _SUSPECT)) != len(octets) and _CONTROL.search(text) is not None:
        return True
    if _PDF.search(text, 0, PDF_WITHIN) is not None:
        return True
    return text.startswith(_MARKS) or foreign * MOST_FOREIGN > len(text)


def plain_text(octets: bytes) -> str | None:
    """Octets as text if they are text in UTF-8, or None."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    return None if is_binary(text) else text


def percent_encoded(text: str) -> str:
    """A text as it stands in a URL: printable ASCII as it is, save the percent sign."""
    return quote_from_bytes(text.encode("utf-8", "replace"), safe="!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")
