"""Secrets that only what stands beside them tells: a name they are assigned to, a word for keys, a header."""

import re
from typing import Final

from extproc.detectors.secrets.likelihood import (
    assigned,
    entropy,
    example,
    keyed,
    mixed,
    named,
    query_value,
    stand_in,
    words,
    wordy,
)
from extproc.matching.rule import Rule

NAMES = (
    r"(?:api|access|account|auth|client|consumer|encryption|private|secret|service|session|signing|master|webhook)"
    r"[ _.+-]?(?:key|secret|token)|"
    r"secret|token|credentials?|creds|(?:user|basic)[_.-]auth|apikey|authkey"
)
"""Beginnings of names that secrets are assigned to; `+` is a blank in a URL."""

KEY_WORDS = r"(?:key|token|secret|private|access|unseal|[_.-]pat|\bpat)"
"""Words for keys, also at the end of other words: `simfinKEY`."""

ATTRIBUTE = r"[\"']\s{1,4}(?:value\s?=|\{\s{0,40}default\s?=)\s?[\"']"
"""The separator of a name and its value where both are values: `<x name="key" value="v"/>`, also in Terraform."""

ESCAPED: Final = r"\x{5c}{0,3}"
"""The backslashes in front of a quotation mark in JSON that stands within JSON, or within a program."""

_SIGN = rf"(?:(?:{ESCAPED}[\"'])?\s{{0,12}}(?:=>|[:?]{{0,3}}=|==|:)\s{{0,12}}|[\"']?>)"
"""A sign of assignment, and the end of a tag: `<key>v</key>`, `<x name="key">v</x>`."""

ASSIGNED = rf"(?:{_SIGN}|{ATTRIBUTE}|</key>\s{{0,40}}<string>)"
"""Separators of a name and its value in programs, settings and documents."""

VALUE = r"[^\s\"'`<>,;)(\]}{]"
"""Characters of a value without quotation marks."""

_BESIDE = (
    rf"(?:{_SIGN}(?:{ESCAPED}[\"'`])?|[\"']{{0,2}}(?:[ \t]{{1,4}}| is {{1,2}}|: {{1,2}}| ?, ?|[.-])[\"'`(]{{0,2}})"
)
"""Separators of a word for keys and a key: a sign of assignment, a blank, a hyphen, or "is"."""

_CHAIN = rf"{KEY_WORDS}(?:[ _.-]?(?:key|token|secret|private|access)){{0,3}}(?: \d{{1,2}})?"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_OPEN: Final = _listed(
    """
    public pub pk primary foreign sort cache caching partition idempotency routing row hash group order index
    object storage shard dedup range lookup map dict json config translation i18n message resource file blob
    data unique composite search filter field column react element component node item entry page next prev
    previous continuation sync cursor gpg pgp rsa dsa ecdsa ed25519 ssh host csrf xsrf authenticity resume
    commit lexer parser syntax count image track fingerprint websocket gnupg
    """
)
"""Words before `key` and `token` that make them a name for something open."""

_POINTING: Final = _listed(
    """
    public next prev previous page continuation cursor progress sync resume max min total count num csrf xsrf
    authenticity
    """
)
"""The same for names to which something is assigned: those of pages and positions, and counts of a model's tokens."""

_ALONE = r"(?:^|[^0-9A-Za-z ._-])[ ._-]{0,16}"
"""The left edge of a word for keys that names its owner itself: nothing may precede it."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{11,12}"


_SIGN_NAMED = rf"(?:{NAMES})[\w.-]{{0,20}}(?:{ESCAPED}[\"'])?\s{{0,12}}[=:<>?{{v]"

_TEMPLATES = ("${", "{{", "$(", "<", "%(", "#{", "http://", "https://", "/", "data:")
_EXPRESSION = re.compile(r"[a-zA-Z0-9]-[zZ9]|\\[A-Za-z]|\(\?|\w\(\w*\)|[\])}][*+?{]")
"""Parts of a regular expression or a call."""
_NAMED_PART = re.compile(r"[a-z]{3,}[._][a-z]{3,}")


def _unescaped(text: str) -> int:
    """The length of a value without the backslashes of the quotation mark behind it, and as `query_value` has it."""
    return query_value(text.rstrip("\\"))


def _sent(text: str) -> bool:
    return not (stand_in(text) or example(text) or words(text)) and entropy(text) >= 3.0


def _signed(text: str) -> bool:
    """True if what stands in quotation marks is random, with signs among the letters: keys that frameworks make."""
    if (
        text.startswith(_TEMPLATES)
        or any(each in text for each in ("${", "{{", "...", "***"))
        or _EXPRESSION.search(text) is not None
        or example(text)
        or wordy(text)
    ):
        return False
    return mixed(text) and not text.isalnum() and entropy(text) >= 4.3 and _NAMED_PART.search(text) is None


RULES = (
    Rule(
        kind="assigned-secret",
        pattern=rf"(?:{NAMES})[\w.-]{{0,20}}{ASSIGNED}(?:{ESCAPED}[\"'`])?({VALUE}{{12,256}})",
        sign=_SIGN_NAMED,
        before=r"",
        after=r"\w\x{7b}",
        fold=True,
        assigned=True,
        group=1,
        fit=_unescaped,
        validator=assigned,
        judge=named,
        unless=_POINTING,
        score=0.7,
        hits=(
            '"client_secret" : "«6da89121079f83b2eb6acccf8219ea982c3d79bccc3e9c6a85856480661f8fde»",',
            "API_KEY=«Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu»",
            r"{\"api_key\":\"«Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu»\",\"id\":1}",
            "https://api.example.com/update?token=«Rps15JICmtRVbFyS_95houlLbm6xIQ2L»&pin=v1&isDisabled=true",
            'variable "api_token" {\n  default = "«Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu»"\n}',
            "<apiKey>«Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu»</apiKey>",
            '<string name="api_key">«Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu»</string>',
            '<add key="ClientSecret" value="«Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu»"/>',
        ),
        misses=(
            "clientId = 73082700-1f09-405b-80d0-3131bfd6272d",
            "access_token_url='https://github.com/login/oauth/access_token'",
            "secret = os.environ['SECRET']",
            "token: ${TOKEN}",
            "KeyPair = X25519.KeyPair",
            '{"next_token": "f1d2d2f924e986ac86fdf7b36c94bcdf"}',
            "statetokens = tokendefs[ctx.stack[-1]]",
            "private_key: ed25519.Ed25519PrivateKey",
            "auth_token = base64.b64encode(raw)",
            '<label for="token">Token1ofYours</label>',
        ),
    ),
    Rule(
        kind="assigned-secret",
        name="secret-quoted",
        pattern=rf"(?:{NAMES})[\w.-]{{0,20}}{ASSIGNED}{ESCAPED}[\"'`]([^\s\"'`]{{40,128}})[\"'`]",
        sign=_SIGN_NAMED,
        before="",
        after="",
        fold=True,
        assigned=True,
        group=1,
        validator=_signed,
        judge=named,
        unless=_POINTING,
        score=0.7,
        hits=("SECRET_KEY = '«django-insecure-7(x$k2m)v9q#b4&zt1^r8(wp@j5*n!c3=h6%d0+f_g»'",),
        misses=(
            "token = '(?:[a-z0-9_]{2,40}|[A-Z]+[0-9]$){1,3}[a-z0-9]+'",
            "api_key: '{{ vault.app.api_key_2 | default(vault.app.api_key_1) }}'",
            "secret = '$(aws.secretsmanager.get_secret_value(Name=app2,Stage=prod1))'",
        ),
    ),
    Rule(
        kind="assigned-secret",
        name="secret-beside-word",
        pattern=rf"{_CHAIN}{_BESIDE}(?:base64:)?([a-z0-9_][a-z0-9_+/=~.-]{{14,299}})",
        sign=rf"{KEY_WORDS}(?: \d{{1,2}})?(?:[\"'=:>,.?(`\s\x{{5c}}-]{{1,32}}| is [\"' (`]{{0,3}})"
        r"(?:base64:)?[a-z0-9_][a-z0-9_+/=~.-]{10}",
        before="",
        after=r"\w=+/@($\x{7b}*",
        fold=True,
        assigned=True,
        group=1,
        validator=keyed,
        unless=_OPEN,
        behind=_ALONE,
        score=0.6,
        hits=(
            "moonclerk ACCESSKEY «1f34567890abcdef9234567890abcd7f»",
            "The api key is «f1d2d2f924e986ac86fdf7b36c94bcdf»",
            "tool create --api-key «f1d2d2f924e986ac86fdf7b36c94bcdf» --verbose",
            "weatherbitSECRET «ff9cfa3aafd54870b8407ac660f17590»",
            "prospect-access-«4d9f1e2b6ac3fd80e162b12f8a9c45f1»",
            "planyo_key=«12ab4567890123d567890123456c890e»",
            "oanda ACCESS TOKEN «ZYXWVUTSRQPONMLKJIHGFEDC»",
        ),
        misses=(
            "sort_key = d2f924e986ac86fdf7b36c94bcdf1f",
            "cacheKey: f1d2d2f924e986ac86fdf7b36c94bcdf",
            "gpg: using RSA key 647F28654894E3BD457199BE38DBBDC86092693E",
            '{"key": "f1d2d2f924e986ac86fdf7b36c94bcdf"}',
            "the token authentication-middleware-2024-edition",
            "secret_key=get_secret_key_v2_from_vault()",
            "api key is required-by-the-server-2",
        ),
    ),
    Rule(
        kind="assigned-secret",
        name="secret-uuid",
        pattern=rf"{_CHAIN}{_BESIDE}({_UUID})",
        before="",
        after=r"\w-",
        fold=True,
        assigned=True,
        group=1,
        validator=lambda text: entropy(text) >= 3.0,
        unless=(*_OPEN, "the", "my", "a", "an", "this", "your", "our", "export", "set", "env", "let", "const", "var"),
        behind=_ALONE,
        score=0.6,
        hits=(
            "ONESIGNAL_SECRET_KEY=«98765432-10fe-dcba-9876-543210fedcba»",
            "kontent_key = «123e4567-e89b-12d3-a456-426614174000»",
            "//registry.example.org/:_authToken=«743b294a-cd03-11ec-9d64-0242ac120002»",
        ),
        misses=(
            "Here is my key 3bb79c49-6633-5f09-db86-bf8fbdfd93ce",
            "export TOKEN=c9c8121e-0bad-f9f1-52c2-44ef39adec59",
            "Idempotency-Key: 3bb79c49-6633-5f09-db86-bf8fbdfd93ce",
            "api_key=00000000-0000-0000-0000-000000000000",
        ),
    ),
    Rule(
        kind="authorization-header",
        pattern=r"authorization[\"']?\s{0,12}[:=]\s{0,12}[\"']?(?:[a-z][a-z-]{2,19}\s{1,12})?"
        r"([\w.=+/~:@-]{8,1000})",
        after="",
        fold=True,
        assigned=True,
        group=1,
        validator=_sent,
        score=0.8,
        hits=(
            "Authorization: Bearer «Xqz8PoEXnLwrWnfRVUWJuK5N796lK5muVlQG25fd»",
            "Authorization: SSWS «00QCjAl4MlV-WPXM-7k2xR9tY3wZ5vB8nL1cD4fG6hJ»",
            'curl -H "Authorization: Token «22cb987851bc5659229114c62e60c79abd0d2c08»"',
        ),
        misses=("Authorization: Bearer $TOKEN", "Authorization: Basic ...", "Authorization: Bearer YOUR_API_KEY"),
    ),
    Rule(
        kind="bearer-token",
        pattern=r"bearer\s{1,12}([\w.=+/~-]{20,1000})",
        after="",
        fold=True,
        group=1,
        validator=_sent,
        score=0.7,
        hits=("bearer «hM66N8EVOzpanvqVe0wr7WIP7FqsOv0ZnHYqlErX»",),
        misses=("bearer authentication-is-required-here", "bearer $ACCESS_TOKEN_FROM_ENV_1"),
    ),
)
