"""The parts of a link that tell about it: its host, as browsers read it, its path, and what it carries."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*+):(?:[\\/]{2,})?+", re.IGNORECASE)
_NUMBER: Final = re.compile(r"0x[0-9a-f]+|[0-9]+", re.IGNORECASE)
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
    """A link that was taken apart. `host` is in lower case, without a dot at its end; `port` is left out."""

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
        return len(parts) <= 4 and all(_NUMBER.fullmatch(part) for part in parts)

    @property
    def international(self) -> bool:
        """True if the host has letters that are not ASCII, or is written so that they are hidden (`xn--`)."""
        return not self.host.isascii() or any(label.startswith("xn--") for label in self.host.split("."))

    @property
    def mixed(self) -> bool:
        """True if a label of the host looks like another one: it mixes scripts, or all its letters look Latin."""
        return any(_mixed(label) for label in _unicode(self.host).split("."))

    @property
    def data(self) -> bool:
        """True if its query or fragment carries what may be somebody's text."""
        if len(self.carried) > QUERY_MAX:
            return True
        return any(_tells(each) for each in _VALUE.findall(self.carried))


def address(link: str) -> LinkAddress | None:
    """Return the parts of a link; None if it has no host."""
    link = link.replace("\\", "/")
    found = _SCHEME.match(link)
    scheme, rest = (found[1].lower(), link[found.end() :]) if found else ("", link.removeprefix("//"))
    end = next((at for at, each in enumerate(rest) if each in "/?#"), len(rest))
    authority, behind = rest[:end], rest[end:]
    user, _, host = authority.rpartition("@")
    host = unquote(host)
    host = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    # Browsers take these for dots, and fold the width and the case of letters.
    host = unicodedata.normalize("NFKC", host.translate(_DOTS)).lower().rstrip(".")
    if not host:
        return None
    path, _, carried = behind.partition("?")
    if "#" in path:
        path, _, carried = behind.partition("#")
    return LinkAddress(scheme, user, host, _normal(path), carried)


_DOTS: Final = {ord(each): "." for each in "。．｡"}


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
            labels.append(label[4:].encode().decode("punycode") if label.startswith("xn--") else label)
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


class Listed(Struct, frozen=True):
    """An entry of a list: a host (`example.com`, `*.example.com` for all below it) and the beginning of a path."""

    host: str
    below: bool
    path: str

    def holds(self, link: LinkAddress) -> bool:
        """True if a link is meant."""
        own = link.host == self.host or (self.below and link.host.endswith("." + self.host))
        path = self.path.rstrip("/")
        return own and (not path or link.path == path or link.path.startswith(path + "/"))


def entries(written: Iterable[str]) -> Iterator[Listed]:
    """Read the entries of a list."""
    for each in written:
        host, slash, path = each.partition("/")
        below = host.startswith("*.")
        name = host.removeprefix("*.").lower().rstrip(".")
        yield Listed(name, below, slash + path if path else "")
