"""Texts in front of numbers that look like telephone numbers and are none."""

from typing import Final

OF_THINGS: Final = (
    (
        r"(?:part|order|invoice|serial|model|ticket|tracking|case|item|sku|isbn|issn|lot|batch)"
        r"(?: ?(?:no|number|nr|id|#))?\.?"
    ),
)
"""Words before numbers that look like telephone numbers and are not."""

HEX: Final = (
    r"(?:^|[^0-9A-Za-z])"
    r"(?:\d[0-9A-Fa-f]|[A-Fa-f]{1,3}\d[0-9A-Fa-f]{0,6}|\d{1,7}[A-Fa-f][0-9A-Fa-f]{0,6}|0\d{6,7}:?)[ :\n-]{1,2}"
)
"""A group of a hexadecimal dump, or its offset, right in front of what is another of its groups."""

COUNTED: Final = (
    r"(?:crc(?:32)?|size|packed|offset|bytes|length|count|checksum|hash|port|pid|duration|elapsed|timestamp)"
    r"[\"']?[=:] ?[\"']?|(?:[Cc]loses|[Bb]ug|[Ii]ssue|[Ff]ixe?[sd]?|LP):? ?#|(?:^|\n)[0-9a-f]{7,8}:? {1,2}"
)
"""The name of what counts something else, of an issue in a tracker, or an offset in a dump, right in front of a number
that has a word for telephones somewhere near."""

AMID: Final = r"(?:^|[^0-9A-Za-z])[,./-]\d{1,5}[ ./-]"
"""The first group of a number that a sign joins to what is in front of it, `--0487 23 46`: none begins behind it."""

FRACTION: Final = r"(?:^|[^A-Za-z])[a-z]?\."
"""The dot of a decimal fraction, also without a digit in front of it, as drawings are written: `c-.006.22-.01.344`."""
