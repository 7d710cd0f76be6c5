"""Machines and places on the net: MAC addresses, IMEIs, URLs, URLs that carry credentials."""

import re

from extproc.detectors.checksums import luhn, numerals
from extproc.detectors.pii.ip_addresses import V4
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_HOST = (
    rf"(?:(?:[a-z0-9_](?:[a-z0-9_-]{{0,62}})\.){{1,8}}(?:xn--[a-z0-9-]{{2,40}}|[a-z]{{2,24}})|{V4}|localhost"
    r"|\[[0-9a-f:.]{2,45}\]|(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4})"
)
_UNSAID = frozenset(("user", "username", "login", "password", "pass", "passwd", "pwd", "secret", "token", "key"))
_VARIABLE = re.compile(r"<.*>?|\{.*\}?|\[.*\]|\(.*\)|%.*[%s]|\$[A-Za-z_(]\w*\)?|.*\*{3}.*")
"""A variable, or what stands for a part that is hidden."""
_MACHINES = (r"mac(?: ?addr(?:ess)?)?", r"hw ?addr(?:ess)?", r"(?:hardware|physical|ethernet) ?addr(?:ess)?", r"ether")


def _mac(text: str) -> bool:
    return any(char not in "0:-. " for char in text)


def _spaced_mac(text: str) -> bool:
    # Digits alone may as well be a telephone number, and letters alone words.
    signs = text.replace(" ", "")
    return _mac(text) and not signs.isdigit() and not signs.isalpha()


def _imei(text: str) -> bool:
    # GSMA TS.06: the body that reported the type; the sixteenth digit of an IMEISV counts software.
    number = numerals(text)
    return number[:2] in _REPORTING and len(set(number)) > 2 and (len(number) == _WITH_SOFTWARE or luhn(number))


def _credentials(text: str) -> bool:
    user, _, password = text.partition(":")
    return not (
        password.lower() in _UNSAID
        or any(_VARIABLE.fullmatch(part) for part in (user, password))
        or "${" in text
        or len(set(password) - {"@"}) < 2
    )


_REPORTING = frozenset(
    {"01", "10", "30", "33", "35", "44", "45", "49", "50", "51", "52", "53", "54", "86", "91", "98", "99"}
)
_WITH_SOFTWARE = 16


RULES = (
    Rule(
        kind="mac_address",
        pattern=r"(?:[0-9a-f]{2}:){5}(?:[0-9a-f]{2}:[0-9a-f]{2}:)?[0-9a-f]{2}|"
        r"(?:[0-9a-f]{2}-){5}(?:[0-9a-f]{2}-[0-9a-f]{2}-)?[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}",
        before=r"[:alnum:]:.-",
        after=r"[:alnum:]:-",
        fold=True,
        unless=(r"broadcast(?: addr(?:ess)?)?",),
        validator=_mac,
        score=0.95,
        hits=(
            "MAC «01:23:45:67:89:AB»",
            "«00-1A-2B-3C-4D-5E»!",
            "«0123.4567.89ab»",
            "«01:23:45:67:89:ab:cd:ef»",
            "«FF:FF:FF:FF:FF:FF»",
        ),
        misses=(
            "00:00:00:00:00:00",
            "Broadcast: FF:FF:FF:FF:FF:FF",
            "10:2F:33-AC-29-C3",
            "00:1A:2B:3C:4D",
            "01:23:45:67:89:ab:cd",
        ),
    ),
    Rule(
        kind="mac_address",
        name="mac-spaced",
        numeric=True,
        pattern=r"(?:[0-9a-f]{2} ){5}[0-9a-f]{2}",
        before=r"\w:.-",
        after=r"[:alnum:]:-",
        fold=True,
        digits=1,
        validator=_spaced_mac,
        context=_MACHINES,
        near=(24, 8),
        alone=True,
        score=0.7,
        hits=("MAC address «A9 C5 D4 9F EB D3»", "«01 02 03 04 05 ab»"),
        misses=(
            "01 02 03 04 05 ab more",
            "0000010 01 02 03 04 05 ab 07",
            "mac 01 02 03 04 05 06 07",
            "01 02 03 04 05 06",
        ),
    ),
    Rule(
        kind="url",
        pattern=rf"(?:(?:https?|ftp)://(?:[^\s/@\"'<>]{{1,100}}@)?{_HOST}|www\.{_HOST}|{V4}:\d{{1,5}}/[a-z0-9_.~-]{{0,64}})(?::\d{{1,5}})?"
        r"(?:[/?#](?:[^\s\"'<>\x{5c}^`{|}]{0,1999}[^\s\"'<>\x{5c}^`{|}.,;:!?)\]])?)?",
        # The whole of it takes the fast lane more time to compile than all other rules.
        sign=r"(?:https?|ftp)://[^\s/@\"'<>]|www\.[a-z0-9_]|\d:\d{1,5}/",
        before=r"[:alnum:]@",
        after="",
        fold=True,
        hits=(
            "see «https://www.example.com/a?b=1#c», or",
            "(«http://example.site»)",
            "«www.example.org».",
            "«http://10.0.0.1:8080/x»",
            "«10.0.0.1:8080/x/y.html?a=1».",
            "«http://[2001:db8::1]:80/x»",
        ),
        score=0.95,
        misses=("http://microsoft", "www.microsoft", "https://"),
    ),
    Rule(
        kind="url_credentials",
        pattern=r"[a-z][a-z0-9+.-]{1,20}://([^\s:@/\"'<>]{0,64}:[^\s@/\"'<>]{1,128}(?:@[^\s@/\"'<>?#&,;]{1,64})?)@[a-z0-9\[]",
        before=r"[:alnum:]+.-",
        after="",
        fold=True,
        group=1,
        validator=_credentials,
        hits=(
            "postgres://«app:1clbQ2w0Wlt»@db.internal:5432/prod",
            "https://«joe:s3cret»@example.com/",
            "amqp://«joe:$Q8#(Fhd@We4»@mq/",
            "http://«a:7*(m*»@x.example",
        ),
        misses=(
            "https://user:password@example.com",
            "https://${USER}:${PASS}@example.com",
            "https://$USER:$PASS@example.com",
            "https://joe:***@example.com",
            "https://joe:<password>@example.com",
            "https://joe:xxxx@example.com",
            "http://example.com:80/a@b",
        ),
    ),
    Rule(
        kind="imei",
        name="imei",
        pattern=r"\d{2}-\d{6}-\d{6}-\d",
        sign=r"\d{2}-\d{6}-\d{6}-\d[^0-9A-Za-z-]",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        numeric=True,
        validator=_imei,
        score=0.85,
        hits=("«49-015420-323751-8»", "phone «35-209900-176148-1»."),
        misses=("49-015420-323751-7", "77-015420-323751-8", "49-015420-323751-8-1"),
    ),
    Rule(
        kind="imei",
        name="imei-spoken-of",
        cued=True,
        pattern=r"\d{15,16}|\d{2}[ /-]\d{6}[ /-]\d{6}(?:[ /-]\d{1,2})?",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_imei,
        context=expressions("imei"),
        near=(40, 16),
        named=True,
        score=0.95,
        hits=("IMEI: «490154203237518»", "imei «35 209900 176148 1»", "«490154203237518» (IMEI)"),
        misses=("490154203237518", "IMEI 490154203237517", "imei 770154203237518"),
    ),
)
