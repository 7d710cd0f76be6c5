"""The parts of a link that tell about it: its host, as browsers read it, its path, and what it carries."""

import html
import re
import unicodedata
from ipaddress import IPv4Address
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*+):/*+", re.IGNORECASE)
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LABEL: Final = 63
"""Characters of the longest label of a host."""
_END: Final = re.compile(r"[/?#]|\Z")
_VALUE: Final = re.compile(r"[^&;=#?/]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
_LETTERS_AND_DIGITS: Final = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])")

LOOKALIKES: Final = dict(
    zip(
        "авеһіјӏорсѕԁԛԝхуүґոսցօαενικορτυχѵβ",
        "abehijlopcsdqwxyyrnugoaevikoptuxvb",
        strict=False,
    )
)
"""Letters of other scripts that look like Latin ones, and these."""

DATA_MIN: Final = 64
"""Characters of a value that may be somebody's text in a link. Identifiers of pages and of campaigns have up to 40."""

QUERY_MAX: Final = 512
"""Characters of a query or a fragment beyond which it carries more than a link needs."""


class LinkAddress(Struct, frozen=True):
    """A link that was taken apart. `host` is as browsers read it (see `host_of`); `port` is left out."""

    scheme: str
    user: str
    host: str
    path: str
    carried: str

    @property
    def is_number(self) -> bool:
        """True if the host is an IP address, in any of the forms that browsers read."""
        if self.host.startswith("["):
            return True
        parts = self.host.split(".")
        return len(parts) <= 4 and all(map(_NUMBER.fullmatch, parts))

    @property
    def international(self) -> bool:
        """True if the host has letters that are not ASCII, or is written so that they are hidden (`xn--`)."""
        return not self.host.isascii() or any(label.startswith("xn--") for label in self.host.split("."))

    @property
    def mixed(self) -> bool:
        """True if a label of the host looks like another one: it mixes scripts, or all its letters look Latin."""
        return any(_mixed(label) for label in self.host.split("."))

    @property
    def data(self) -> bool:
        """True if its query or fragment carries what may be somebody's text."""
        if len(self.carried) > QUERY_MAX:
            return True
        return any(_tells(each) for each in _VALUE.findall(self.carried))


def address(link: str) -> LinkAddress | None:
    """Return the parts of a link, as a browser reads it in HTML and in Markdown; None if it has no host."""
    if "&" in link:
        link = html.unescape(link)
    link = link.replace("\\", "/")
    found = _SCHEME.match(link)
    scheme, rest = (found[1].lower(), link[found.end() :]) if found else ("", link.lstrip("/"))
    ended = _END.search(rest)
    end = len(rest) if ended is None else ended.start()
    user, _, written = rest[:end].rpartition("@")
    host = host_of(written.partition("]")[0] + "]" if written.startswith("[") else written.partition(":")[0])
    if not host:
        return None
    path, _, carried = rest[end:].partition("?")
    if "#" in path:
        path, _, carried = rest[end:].partition("#")
    return LinkAddress(scheme, user, host, _normal(path) if "%" in path or "/." in path else path, carried)


def host_of(written: str) -> str:
    """Return a host as browsers read it: without escapes, in lower case, IP addresses in their usual form.

    Letters behind `xn--` are shown, and a dot at its end is not.
    """
    host = unquote(written) if "%" in written else written
    if not host.isascii():
        host = unicodedata.normalize("NFKC", host.translate(_FOLDED)).translate(_FOLDED)
    host = host.lower().rstrip(".")
    if "xn--" in host:
        host = unicodedata.normalize("NFKC", _unicode(host)).lower()
    return _ipv4(host) if host[:1].isdigit() else host


_FOLDED: Final[dict[int, str | None]] = {
    **{ord(each): "." for each in "。．｡"},
    **dict.fromkeys((0xAD, 0x34F, 0x200B, 0x2060, 0xFEFF, *range(0x180B, 0x180E), *range(0xFE00, 0xFE10))),
}
"""Characters that browsers take for dots in a host, and those that they leave out (UTS 46)."""


def _ipv4(host: str) -> str:
    """Return four numbers for a host of one to four, in any base; the host itself if it is no address."""
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):
        return host
    try:
        *first, last = (_number(part) for part in parts)
    except ValueError:
        return host
    if any(each > 255 for each in first) or last >= 256 ** (4 - len(first)):
        return host
    return str(IPv4Address(sum(each << 8 * (3 - at) for at, each in enumerate(first)) + last))


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:34] or "0", 16)
    return int(part[:40], 8) if part.startswith("0") and len(part) > 1 else int(part[:40])


def _normal(path: str) -> str:
    """A path without escapes and without dots in it."""
    kept: list[str] = []
    for part in unquote(path).split("/"):
        if part == "..":
            kept[1:] = kept[1:-1]
        elif part != ".":
            kept.append(part)
    return "/".join(kept)


def _unicode(host: str) -> str:
    """A host as people see it."""
    labels: list[str] = []
    for label in host.split("."):
        try:
            labels.append(
                label[4:].encode().decode("punycode") if label.startswith("xn--") and len(label) <= _LABEL else label
            )
        except (UnicodeError, ValueError):
            labels.append(label)
    return ".".join(labels)


def _mixed(label: str) -> bool:
    if label.isascii():
        return False
    letters = [each for each in label if each.isalpha()]
    scripts = {unicodedata.name(each, "?").partition(" ")[0] for each in letters}
    if len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}) > 1:
        return True
    return bool(letters) and "LATIN" not in scripts and all(each in LOOKALIKES for each in letters)


def _tells(value: str) -> bool:
    """True if a value is as long as a text, and written as data is: base64, hexadecimal, or percent-encoded."""
    if len(value) < DATA_MIN:
        return False
    if value.count("%") * 3 >= len(value) // 4 or value.count("+") > 5:
        return True
    found = _BASE64.search(value)
    return found is not None and _LETTERS_AND_DIGITS.match(found[0]) is not None
