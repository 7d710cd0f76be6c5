"""IP addresses, which versions of programs, sections of documents and numbers of drawings look like."""

import ipaddress
import re

from extproc.matching.rule import Rule

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
V4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
"""The pattern of four octets."""
_SMALL_V4 = r"[1-9]?\d(?:\.[1-9]?\d){3}"
_SLICE = re.compile(r"\d{0,2}::[2-9]?")
"""Every other item of a list, `args[1::2]`, seldom an address: that takes a word (`ipv6-short`)."""
_PAIRS = re.compile(r"(?:[0-9a-fA-F]{2}:){3,7}:?[0-9a-fA-F]{2}")
"""Pairs of digits, which are a hardware address, a fingerprint or a dump."""
_EUI64 = re.compile("(?:[0-9a-fA-F]{2}:){7}[0-9a-fA-F]{2}")
_ADDRESS_WORDS = (
    r"ip(?:v6)?",
    r"addr(?:ess)?",
    r"src",
    r"dst",
    r"host",
    r"unspecified",
    r"listen(?:ing|s)?",
    r"bind",
    r"local",
)


_VERSIONED = (
    r"v(?:er(?:sions?)?)?\.?",
    r"rel(?:ease)?",
    r"build",
    r"sect(?:ion)?\.?",
    r"sec\.?",
    r"clause",
    r"chapter",
    r"sdk",
    r"firmware",
    r"rev(?:ision)?",
    r"update",
    r"patch",
    r"kernel",
    r"driver",
    r"oid",
)
_NAMED = r"[A-Za-z0-9][/@-]|[=~<>!]=[ ]?|[~^]"
"""The beginning of a named program's version: `nginx/1.2.3.4`, `lodash@1.2.3.4`, `pkg==1.2.3.4`."""
_BEHIND_NUMBERS = r"\.\d{1,6}[ -]|[^\d.]\d "
"""The end of a number in front of what is no address in drawings, where dots part numbers: `.6.16 1.13.16.83`."""
_VERSIONS_MOST = 64
"""Parts of versions are smaller than this more often than not; one of 250 public addresses has no larger one."""
_DRAWN_MOST = 10
"""Numbers of drawings that run into each other begin with one digit, 24 being the size of most."""
_WELL_KNOWN = frozenset({"1.2.3.4", "1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "4.4.4.4"})
"""Small addresses that people write: those of public resolvers, and the usual example."""
_LEAST_COLONS = 3
_SURE_V6 = ("::", "fe80:", "2001:", "2a0", "2600:", "2606:", "2607:", "fc", "fd", "ff0")
"""Beginnings of addresses that are handed out most, and of those of links and networks of one's own."""
_SERVED = (
    r"ip(?:v?4)?(?:s|[ -]?addr(?:ess(?:es)?)?)?",
    r"addr(?:ess(?:es)?)?",
    r"(?:local|remote|virtual|client)?host(?:s|name)?",
    r"servers?",
    r"peers?",
    r"clients?",
    r"(?:name ?)?server",
    r"dns",
    r"gateway",
    r"src",
    r"dst",
    r"listen(?:ing|s)?",
    r"bind",
    r"subnets?",
    r"ping",
    r"port",
)
"""Words beside four small numbers that are an address."""


def _named_v4(match: str, text: str) -> bool:
    """True for an address behind a name or a number, where something else is as likely: `worker-1/10.0.0.2`."""
    octets = _octets(text)
    if match[0] not in "/@=^~" and octets[0] < _DRAWN_MOST:
        return False
    return _v4(text) and (octets[0] in {10, 127} or max(octets) > _VERSIONS_MOST)


def _octets(text: str) -> list[int]:
    return [int(part) for part in text.partition("/")[0].split(".")[:4]]


def _sure_v4(text: str) -> bool:
    """True for an address that no version or section looks like."""
    if not _v4(text):
        return False
    octets = _octets(text)
    return max(octets) > _VERSIONS_MOST or octets[0] in {0, 10} or "/" in text or text in _WELL_KNOWN


def _v4(text: str) -> bool:
    # 120.0.0.0 is a browser's version far more often than somebody's network.
    number, _, prefix = text.partition("/")
    if "-" in number:
        return False
    return number.count(".") == 3 and (
        bool(prefix) or not number.endswith(".0.0.0") or number.startswith(("0.", "10."))
    )


def _v6(text: str) -> bool:
    address = text.partition("/")[0].partition("%")[0]
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    if _EUI64.fullmatch(address):
        return False  # a hardware address of 64 bits
    if _SLICE.fullmatch(address) or _PAIRS.fullmatch(address):
        return False
    # `abc::def` is a name in a program; an address without any digit is nearly unheard of.
    return any(char.isdigit() for char in address)


def _v6_end(text: str) -> int:
    """Return where the address that begins `text` ends, 0 if none does: a colon behind it belongs to what surrounds it.

    With it, `case E::A1:` of a program must be told from an address: that has more groups, or a prefix of one.
    """
    address = text[:-1] if text[-1] == ":" and text[-2] != ":" else text
    if len(address) < len(text) and address.count(":") < _LEAST_COLONS and not address.lower().startswith(_SURE_V6):
        return 0
    return len(address) if _v6(address) else 0


def not_public(text: str) -> bool:
    """True for an address, or a network, that nobody reaches over the internet; False where it cannot be read."""
    # Behind the address may stand a port, as in the lists of netstat.
    for address in (text, ".".join(text.split(".")[:4])):
        try:
            return not ipaddress.ip_interface(address).is_global
        except ValueError:
            continue
    return False


RULES = (
    Rule(
        kind="ip_address",
        name="ipv4",
        numeric=True,
        # The last alternative is the version of a package.
        pattern=rf"{V4}(?:/(?:3[0-2]|[12]?\d)|\.\d{{1,5}}|-\d{{1,3}}(?:ubuntu|deb|build|\.el|\.fc)\d{{0,3}})?",
        before=r"[:alnum:].",
        after=r"[:alnum:]",
        unless=_VERSIONED,
        behind=rf"{_NAMED}|{_BEHIND_NUMBERS}",
        validator=_sure_v4,
        score=0.95,
        hits=("(«192.168.1.1»)", "IP: «192.168.1.1».", "net «10.0.0.0/8» is", "http://«10.1.2.3»:80/", "«0.0.0.0»"),
        misses=(
            "192.168.1.256",
            "1.2.3",
            "text192.168.1.1",
            "version 1.2.3.4",
            "1.2.3.4.5",
            "Chrome/120.0.0.0",
            "10.1.1.1a",
            "nginx/1.2.3.4",
            "pkg==1.2.3.4",
            "libfoo-1.2.3.4",
            "1.2.3.4-5ubuntu1",
            "activesupport (6.1.4.1)",
            "see [MS-SMB2] sect 3.1.4.200",
            "c0 1.44.68 2.61 1.88 3.78.86.83",
        ),
    ),
    Rule(
        kind="ip_address",
        name="ipv4-small",
        numeric=True,
        pattern=_SMALL_V4,
        sign=r"\d\.\d{1,2}\.\d{1,2}\.\d{1,2}[^0-9.]",
        before=r"[:alnum:].",
        after=r"[:alnum:].-",
        unless=_VERSIONED,
        behind=_NAMED,
        validator=_v4,
        context=_SERVED,
        near=(32, 8),
        alone=True,
        named=True,
        score=0.7,
        hits=("the server at «5.6.7.8» is", "Accepted password for root from «5.6.7.8» port 22", "«3.5.7.11»"),
        misses=("Update stringio to 3.0.1.2 now", "/* 30.3.3.3 aMACControlFrames", "# 3.4.2.1. Generic label"),
    ),
    Rule(
        kind="ip_address",
        name="ipv4-served",
        pattern=rf"({_SMALL_V4}):\d{{2,5}}|\[({_SMALL_V4})\]",
        sign=r"\d\.\d{1,2}\.\d{1,2}\.\d{1,2}(?::\d|\])",
        before=r"[:alnum:].",
        group=None,
        unless=_VERSIONED,
        validator=_v4,
        score=0.8,
        hits=("up at «5.6.7.8»:443.", "unknown [«5.6.7.8»]: reject"),
        misses=("3.0.1.2: fixed", "version 3.0.1.2:443"),
    ),
    Rule(
        kind="ip_address",
        name="ipv4-behind-a-name",
        # What stands before the digit in front is of no matter: in a stream, it would be the beginning of a match.
        pattern=rf"(?:[/@=^~-] ?|\d[ -])({V4}(?:/(?:3[0-2]|[12]?\d)|\.\d{{1,5}})?)",
        before="",
        group=1,
        unless=_VERSIONED,
        judge=_named_v4,
        score=0.8,
        hits=(
            "worker-1/«10.0.0.2»:8080",
            "host-«192.168.1.7»",
            "root@«203.0.113.9»",
            "ip==«198.51.100.4»",
            "took 0.004 «203.0.113.9»",
        ),
        misses=(
            "nginx/1.2.3.4",
            "lodash@4.17.21.3",
            "pkg==1.2.3.4",
            "libfoo-1.2.3.4",
            "~1.2.3.4",
            "l-.3-.17-3.12.82.83",
            "a.75.75 0 1 0 0 1.5.75.75",
        ),
    ),
    Rule(
        kind="ip_address",
        name="ipv6",
        pattern=rf"(?:[0-9a-f]{{0,4}}:){{2,8}}(?:{V4}|[0-9a-f]{{0,4}}(?:\.\d{{1,3}}){{0,2}})(?:%[a-z0-9]{{1,15}})?(?:/(?:12[0-8]|1[01]\d|[1-9]?\d))?:?",
        sign=r":[0-9a-f]{0,4}:",
        before=r"[:alnum:]:.",
        after=r"[:alnum:]:",
        fold=True,
        fit=_v6_end,
        score=0.95,
        hits=(
            "«2001:db8::1»: refused",
            "«fe80::1%eth0»: up, «::ffff:192.0.2.1»: down, «2001:db8:0:0:0:0:0:1»:",
            "[«2001:db8::1»]:8080",
            "«::1»",
            "from «fe80::1%eth0»",
            "«::ffff:192.0.2.1»",
            "«fe80::/10»",
            "«2001:0db8:85a3:0000:0000:8a2e:0370:7334».",
        ),
        misses=(
            "case E::A1: return",
            "std::cout",
            "12:34:56",
            "1:2:3:4",
            "add::bee",
            "12345:db8::1",
            "text2001:db8::1",
            ":::",
            "args[1::2]",
            "01:02:03:04::ab",
        ),
    ),
    Rule(
        kind="ip_address",
        name="ipv6-short",
        pattern=r"\d{0,2}::[2-9]?",
        before=r"[:alnum:]:.",
        after=r"[:alnum:]:",
        context=_ADDRESS_WORDS,
        near=(24, 1),
        alone=True,
        score=0.5,
        hits=("Unspecified «::»", "src=«::» dst", "the ip is «1::»", "«1::8»"),
        misses=("map :: (a -> b)", "std::cout", "zip(args[::2], args[1::2])"),
    ),
)
