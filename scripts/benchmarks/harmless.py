"""Wrong findings per MB in harmless text, by corpus and kind, with all default kinds at the default `min_score`.

The texts are those of `scripts/harmless` (see `corpora`). A finding in them is not wrong because the text is harmless:
documentation names its authors. A finding is right if a rule of `RIGHT` says so about the value and the 60 characters
before it, or if its hash is in `harmless_right.txt`, whose rows were read one by one. Everything else is wrong. The
rules, which know nothing of the detectors:

- An e-mail address is right if its last label is a top-level domain of the public suffix list, or one that is reserved
  for examples and local networks (RFC 2606, RFC 6762). Names that programs log in as are wrong (`git@github.com`).
- An IP address is right if it is private, reserved or for documentation: such text is an address whatever it names.
  So is one with a word for addresses in front of it, or with a part above 64 and no word for versions or sections
  and no other decimal number right in front: four small numbers are more often a version than an address, except the
  usual examples and public resolvers.
- A hardware address is right if it has six bytes, or eight (EUI-64). A value with check digits that letters take part
  in (IBAN) is right.
- A telephone number is right behind a word for one. A payment card is always wrong.
- A user and password within a URL are right, and so are private keys in PEM and hashes of passwords in crypt's form.

A row of `harmless_right.txt` is a hash of the kind and the value, so that no value has to be written down.
"""

import hashlib
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from extproc.detectors import pii
from scripts.benchmarks import corpora
from scripts.benchmarks.report import BenchError, Row
from scripts.benchmarks.unseen import judge

WRONG_PER_MB: Final = 2.0
"""Wrong findings per MB of a corpus, of all kinds together; from the issue that asked for the set."""

FLOATS: Final = "floats"
"""The corpus in which no telephone number may be found at all."""

BEFORE: Final = 60
"""Characters in front of a finding that its rule sees."""

REVIEWED: Final = Path(__file__).with_name("harmless_right.txt")

_SUFFIXES: Final = corpora.Source("pypi:tldextract==5.1.2", ("*/.tld_set_snapshot",), 1024)
_RESERVED = frozenset({"example", "test", "invalid", "localhost", "local", "localdomain", "lan", "home", "internal"})
_PROGRAMS = frozenset({"git", "hg", "svn"})
_SMALL, _DRAWN = 64, 10
_KNOWN = frozenset({"1.2.3.4", "1.1.1.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "11.22.33.44", "11.22.33.55"})
_ADDRESSED = re.compile(
    r"(?i)(?:^|[^a-z])(?:ip(?:v?[46])?|addr\w*|address\w*|host\w*|from|inet6?|server|peer|client|dns|nameserver|route\w*|"
    r"net\w*|mask|gateway|listen\w*|src|dst|r?lip|rip|rhost|remote\w*|local\w*|bind|connect\w*|ping|subnet|cidr|ban)[^a-z]"
)
_VERSIONED = re.compile(r"(?i)(?:version|release|ver|rev|sect|section|clause|chapter|build|sdk)\W{0,3}$")
_DRAWING = re.compile(r"(?<![\d.])\d*\.\d+[ -]$|[a-z\d]-$|\b\d $")
_TELEPHONED = re.compile(
    r"(?i)(?:^|[^a-z])(?:tel|telephone|phone\w*|fax|mobile|call|extension|accountid|simpleaddress)[^a-z]"
)
_MAC = re.compile(
    r"(?:[0-9a-fA-F]{2}[:-]){5}(?:(?:[0-9a-fA-F]{2}[:-]){2})?[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}"
)


class Counted(Struct):
    """The findings in a corpus: bytes read, and the right and wrong findings by kind."""

    size: int
    right: Counter[str]
    wrong: Counter[str]


@cache
def _tlds() -> frozenset[str]:
    """The last labels of public suffixes."""
    listed = "".join(each.text for each in corpora.taken(_SUFFIXES))
    return frozenset(re.findall(r"[a-z0-9-]+", listed.lower()))


def _email(value: str, _: str) -> bool:
    local, _at, domain = value.replace("%40", "@").rpartition("@")
    label = domain.rpartition(".")[2]
    known = label.lower() in _tlds() or label in _RESERVED or label.startswith("xn--") or not label.isascii()
    return known and local not in _PROGRAMS


def _ip(value: str, before: str) -> bool:
    try:
        address = ipaddress.ip_interface(value.partition("%")[0])
    except ValueError:
        return bool(_ADDRESSED.search(before))
    if not address.is_global or address.is_multicast or _ADDRESSED.search(before):
        return True
    if address.version == 6:
        return value.startswith("::ffff:") or address.ip.exploded[:4] != "0000"
    if _VERSIONED.search(before) or (address.ip.packed[0] < _DRAWN and _DRAWING.search(before)):
        return False
    return max(address.ip.packed) > _SMALL or str(address.ip) in _KNOWN


def _always(_value: str, _before: str) -> bool:
    return True


RIGHT: Final[dict[str, Callable[[str, str], bool]]] = {
    "email": _email,
    "ip_address": _ip,
    "mac_address": lambda value, _: _MAC.fullmatch(value) is not None,
    "phone": lambda _, before: _TELEPHONED.search(before) is not None,
    "iban": _always,
    "url_credentials": _always,
    "url-password": _always,
    "private-key": _always,
    "password-hash": _always,
}
"""Rules by the kind of a finding: the value, and what stands before it."""


def row(kind: str, value: str) -> str:
    """Return the row of a value in the list of reviewed ones."""
    return f"{kind} {hashlib.sha256(value.encode()).hexdigest()[:16]}"


@cache
def reviewed() -> frozenset[str]:
    """Return the rows of the list of reviewed findings."""
    lines = REVIEWED.read_text(encoding="ascii").splitlines()
    return frozenset(line.partition("  ")[0] for line in lines if not line.startswith("#"))


def is_right(kind: str, value: str, before: str) -> bool:
    """True if a finding is right, by its rule or by the list."""
    rule = RIGHT.get(kind)
    return (rule is not None and rule(value, before)) or row(kind, value) in reviewed()


def findings(corpus: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, value, what stands before it and the text's name, for each finding in a corpus."""
    for text in corpora.texts(corpus):
        for each in judge(text.text, pii.DEFAULT_KINDS).findings:
            value, before = text.text[each.start : each.end], text.text[max(0, each.start - BEFORE) : each.start]
            yield each.kind, value, before, text.name


def count(corpus: str) -> Counted:
    """Return the findings of a corpus, counted."""
    counted = Counted(sum(len(each.text.encode()) for each in corpora.texts(corpus)), Counter(), Counter())
    for kind, value, before, _ in findings(corpus):
        (counted.right if is_right(kind, value, before) else counted.wrong)[kind] += 1
    return counted


def harmless() -> Iterator[Row]:
    """Wrong findings per MB of each corpus, then of each kind in it. Raises BenchError if the set is not there."""
    if not corpora.made():
        raise BenchError("the set of harmless texts is not there: make it with scripts/harmless")
    for corpus in corpora.made():
        counted = count(corpus)
        per_mb = counted.size / 1e6
        yield Row(
            "wrong_per_mb", f"harmless/all/{corpus}", "findings", (counted.wrong.total() / per_mb,), most=WRONG_PER_MB
        )
        for kind, number in sorted((counted.wrong | Counter({"phone": 0})).items()):
            most = 0 if (kind, corpus) == ("phone", FLOATS) else None
            if number or most is not None:
                yield Row("wrong_per_mb", f"harmless/{kind}/{corpus}", "findings", (number / per_mb,), most=most)
        for kind, number in sorted(counted.right.items()):
            yield Row("right_per_mb", f"harmless/{kind}/{corpus}", "findings", (number / per_mb,))
