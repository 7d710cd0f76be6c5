"""Charsets in which text is read here."""

_UTF8 = frozenset(("", "utf-8", "utf8", "us-ascii", "ascii", "unicode-1-1-utf-8"))
_LATIN = frozenset(("latin-1", "latin1", "iso-8859-1", "iso8859-1", "iso_8859-1", "l1", "windows-1252", "cp1252"))


def known(charset: str) -> str | None:
    """The name of Python's codec for a charset, if text in it is read here.

    ASCII is read as UTF-8, of which it is a part, and Windows-1252 as Latin-1, from which it differs in quotes and
    dashes only; every byte has a character then, so nothing goes lost in between.
    """
    name = charset.strip().lower()
    if name in _UTF8:
        return "utf-8"
    return "latin-1" if name in _LATIN else None
