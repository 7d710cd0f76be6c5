"""Keys and tokens that are the same everywhere: private keys, JSON web tokens, credentials in URLs."""

import re

from extproc.detectors.secrets.likelihood import entropy, example, jwt, stand_in
from extproc.matching.rule import Rule

_MOST_KEY = 7000
"""Characters of a private key's body: 8,192 bits take 6,400 in PEM."""

_BREAK = r"(?:\s|\x{5c}[nr])"
_HEADERS = rf"{_BREAK}{{0,8}}(?:[A-Za-z-]{{2,20}}: [^\n\x{{5c}}]{{1,80}}{_BREAK}{{1,6}}){{0,4}}"
_BODY = r"[A-Za-z0-9+/=\s\x{5c}\"',<>|#&;]"
"""Characters of a key's body, and what mail, programs and documents put at the ends and beginnings of its lines."""
_BODY_CLOSED = r"[A-Za-z0-9+/=\s\x{5c}\"',<>|#&;.*:%-]"
"""The same, and what comments, logs, diffs and URLs add, as prose does: only where the end of the key is seen."""
_KEY = r"[ A-Z0-9_+%-]{0,40}PRIVATE(?: |%20|\+)KEY(?: BLOCK)? ?-{4,5}"
_PUTTY = rf"Private-Lines: \d{{1,3}}{_BREAK}{{1,6}}{_BODY}{{40,{_MOST_KEY}}}?Private-(?:MAC|Hash): [0-9a-f]{{40,64}}"
_ENCODED = (
    r"(?:LS0tLS1CRUdJTi(?:BQUklW|BSU0EgUFJJV|BFQyBQUklW|BPUEVOU1NIIFBSSVZ|BFTkNSWVBURUQgUFJJV|BEU0EgUFJJV|BQR1AgUFJJV)|"
    r"MII[A-Z][A-Za-z0-9+/]{2}IBA(?:DANBgkqhkiG9w0BAQEFAASC|AK[BC])|MIGHAgEAMBMGByqGSM49|MC4CAQAwBQYDK2VwBCIEI|MHcCAQEEI|"
    r"b3BlbnNzaC1rZXktdjE)"
)
"""Beginnings of private keys in base64: those of a PEM file, and of what stands between its lines, without them."""

_QUOTE = r"\x{5c}{0,3}\""
"""A quotation mark, also in JSON within JSON."""
_BITS_OF_PART = 4.5
"""Entropy of 40 random characters of base64 is 4.7 at the least."""

_SCHEMES = (
    r"(?:postgres(?:ql)?|mysql|mariadb|mongodb|redis|rediss|amqps?|mssql|sqlserver|oracle|clickhouse|cockroachdb|cassandra|"
    r"couchdb|elasticsearch|kafka|mqtts?|ldaps?|smtps?|imaps?|s?ftps?|ssh|git|cloudinary|https?)(?:\+[a-z0-9]{2,12})?"
)
_LEAST_SIGNS = 12
"""Different characters in the body of a key; 40 of base64 have 26 on average."""
_RUN = re.compile(r"[A-Za-z0-9+/]{20}")
"""A sign that a line of a key has, and words do not."""
_BORDER = re.compile(r"-{4,5} ?(?:BEGIN|END)[^-]{0,80}-{4,5}")

_SAID = frozenset(
    (
        "abc",
        "xyz",
        "123",
        "password",
        "mypassword",
        "passwd",
        "pass",
        "pwd",
        "secret",
        "user",
        "username",
        "token",
        "test",
        "example",
    )
)


def _url_password(text: str) -> bool:
    if stand_in(text) or example(text) or text.lower() in _SAID or text.startswith(("[", "{", "*")):
        return False
    return len(set(text)) > 1


def _of_user(match: str, secret: str) -> bool:
    """True unless the user and the password are the same, as of databases that nobody has set up."""
    return f"//{secret}:" not in match and f":{secret}/" not in match


def _keyed(text: str) -> bool:
    """True if the body of a private key is one: no sign over and over, and no words that say what belongs there."""
    if text.startswith("Private-Lines"):
        return len(set(text)) > _LEAST_SIGNS
    body = _BORDER.sub("", text)
    return len(set(body)) > _LEAST_SIGNS and _RUN.search(body) is not None


RULES = (
    Rule(
        kind="private-key",
        pattern=rf"-{{4,5}} ?BEGIN{_KEY}{_HEADERS}"
        rf"(?:{_BODY_CLOSED}{{44,{_MOST_KEY}}}?---- ?END{_KEY}|{_BODY}{{40,{_MOST_KEY}}})|{_PUTTY}",
        before="",
        after="",
        sign=r"---- ?BEGIN[ A-Z0-9_+%-]{0,40}PRIVATE|Private-Lines: ",
        validator=_keyed,
        score=1.0,
        hits=(
            (
                "> «-----BEGIN EC PRIVATE KEY-----\n"
                "> MHcCAQEEIKq8R3mX7vT5wY1zB3nL6cD9fG4hJ0kPq2sU8v+oAoGCCqGSM49\n> -----END EC PRIVATE KEY-----»"
            ),
            (
                "key: «-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAx7vK2mQ8rT5wY1zB3nL6cD9fG4hJ0kP\nq2sU8v=\n"
                "-----END RSA PRIVATE KEY-----» end"
            ),
            (
                " * «-----BEGIN EC PRIVATE KEY-----\n"
                " * MHcCAQEEIKq8R3mX7vT5wY1zB3nL6cD9fG4hJ0kPq2sU8v+oAoGCCqGSM49\n * -----END EC PRIVATE KEY-----»"
            ),
            (
                "Public-Lines: 1\nAAAAC3NzaC1lZDI1NTE5\n«Private-Lines: 1\nAAAAIKq8R3mX7vT5wY1zB3nL6cD9fG4hJ0kPq2sU8v\n"
                "Private-MAC: 9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c»\n"
            ),
        ),
        misses=(
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----",
            "-----BEGIN PRIVATE KEY----- goes here",
            "-----BEGIN PRIVATE KEY-----\n" + "XXXX\n" * 12 + "-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nThe lines of the key of your own server go here\n-----END PRIVATE KEY-----",
        ),
    ),
    Rule(
        kind="private-key",
        name="private-key-encoded",
        pattern=rf"{_ENCODED}(?:[A-Za-z0-9+/]{{129,{_MOST_KEY}}}={{0,2}}|[A-Za-z0-9+/]{{20,128}}={{0,2}}"
        rf"(?:{_BREAK}{{1,6}}[A-Za-z0-9+/]{{16,129}}){{0,55}}={{0,2}})",
        after=r"[:alnum:]+/=",
        sign=_ENCODED,
        validator=lambda text: len(set(text)) > _LEAST_SIGNS,
        score=1.0,
        hits=(
            "PRIVATE_KEY_B64=«LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb2dJQkFBS0NBUUVBb3kxWFh1VkFRcHE»",
            "key: «MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDndJt7NaG8T64qMJ9QyvAY42n1m0aOk5DAvPgKwaA»",
        ),
        misses=(
            "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSURkekNDQWwrZ0F3SUJBZ0lFQWdBQXVUQU5CZ2s=",
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAndJt7NaG8T64qMJ9QyvAY42n1m0aOk5DAvPgKwaAFOWz",
        ),
    ),
    Rule(
        kind="private-key",
        name="private-key-in-parts",
        pattern=rf"(?:d|p|q|dp|dq|qi){_QUOTE}\s?:\s?{_QUOTE}([\w-]{{40,700}}){_QUOTE}|"
        r"<(?:D|P|Q|DP|DQ|InverseQ)>\s?([A-Za-z0-9+/=]{40,1400})\s?</",
        before=r"\w",
        after="",
        sign=rf"[\x{{22}}dq][dpqi]{_QUOTE}\s?:\s?{_QUOTE}[\w-]{{12}}|<(?:D|P|Q|DP|DQ|InverseQ)>\s?[A-Za-z0-9+/]{{12}}",
        group=None,
        validator=lambda text: entropy(text) >= _BITS_OF_PART,
        score=0.9,
        hits=(
            '{"kty":"EC","crv":"P-256","d":"«870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE»"}',
            "<P>«2sU8vTz9Kq4mW7xY1bN3cL6dF0gH5jR8tQkZpA2eVuIoEwSxMiGyBnCr==»</P>",
        ),
        misses=(
            '{"d":"M10 20h30v40h-30z", "e": 1}',
            '{"d":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}',
            "<P>A paragraph of an old document</P>",
        ),
    ),
    Rule(
        kind="password-hash",
        pattern=r"\$(?:1|apr1)\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}|\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|"
        r"\$[56]\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$(?:[./A-Za-z0-9]{86}|[./A-Za-z0-9]{43})|"
        r"\$g?y\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}|\$[89]\$[./A-Za-z0-9]{14}\$[./A-Za-z0-9]{43}|"
        r"\$argon2(?:id|i|d)\$(?:v=\d{1,3}\$)?m=\d{1,8},t=\d{1,4},p=\d{1,3}\$[\w+/]{8,64}\$[\w+/]{20,128}|"
        r"\$krb5(?:tgs|asrep|pa)\$\d{1,2}\$[^\s$]{1,100}\$[0-9a-f$]{64,4000}|\$[PH]\$[./A-Za-z0-9]{31}",
        after=r"[./[:alnum:]]",
        sign=r"\$(?:1|apr1|2[abxy]?|[5689]|g?y|argon2i?d?|krb5[a-z]{2,5}|[PH])\$[./\w=]",
        validator=lambda text: len(set(text)) > 12 and not example(text),
        score=0.7,
        hits=(
            "root:«$6$52450745$k5ka2p8bFuSmoVT1tzOyyuaREkkKBcCNqoDKzYiJL9RaE8yMnPgh2XzzF0NDrUhgrcLwg78xs1w5pJiypEdFX/»:19000:",
            "ann:«$2a$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW»",
            "enable secret 8 «$8$mTj4RZG8N9ZDOk$elY/asfm8kD3iDmkBe3hD2r4xcA/0oWS5V3os.O91u.»",
        ),
        misses=("cost $1$ and $2$10", "$2a$12$" + "x" * 53, "$6$salt$short", "echo $1$2"),
    ),
    Rule(
        kind="jwt",
        pattern=r"ey[A-Za-z0-9_/+-]{15,1000}={0,2}\.ey[A-Za-z0-9_/+-]{15,1500}={0,2}(?:\.(?:[A-Za-z0-9_/+-]{10,700}={0,2})?)?",
        before=r"[:alnum:]-",
        after="",
        validator=jwt,
        hits=(
            (
                "«eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiAiNDUxNDgxNzEyNSIsICJuYW1lIjogIngifQ."
                "IlgTfbZb7qE6WRKkYcEn96tYU9Ay9E1_xHJlFbQLYXA» ok"
            ),
        ),
        misses=("eyJhbGciOiJIUzI1NiJ9", "eyJ.eyJ.x", "eyJhbasdGciOiJIUaddasd.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSM"),
    ),
    Rule(
        kind="jwt-encoded",
        pattern=r"ZXlK[A-Za-z0-9+/]{40,2000}={0,2}",
        after=r"[:alnum:]+/=",
        hits=("«ZXlKaGJHY2lPaUpJVXpJMU5pSXNJblI1Y0NJNklrcFhWQ0o5LmV5SnpkV0lpT2lKaA==»",),
        misses=("ZXlKaGJH",),
    ),
    Rule(
        kind="url-password",
        pattern=rf"{_SCHEMES}://[^\s:@/\"'<>]{{0,64}}:([^\s@/\"'<>]{{3,128}})@[a-z0-9\[]|"
        r"oracle:(?:thin|oci):[^\s:@/\"'<>]{1,64}/([^\s@/\"'<>]{3,128})@",
        # The whole of it takes the fast lane a tenth of a second to compile.
        sign=r"://[^\s:@/\"'<>]{0,64}:[^\s@/\"'<>]{3}|oracle:(?:thin|oci):",
        before=r"[:alnum:]+.-",
        after="",
        fold=True,
        group=None,
        validator=_url_password,
        judge=_of_user,
        hits=(
            "postgres://app:«1clbQ2w0Wlthw9Q0»@db.internal:5432/prod",
            "redis://:«p4ss»@cache:6379",
            "jdbc:oracle:thin:app/«1clbQ2w0Wlthw9Q0»@db.internal:1521:prod",
        ),
        misses=(
            "https://user:password@example.com",
            "postgres://postgres:postgres@localhost",
            "https://user:1111@example.com",
            "postgres://${U}:${P}@db",
            "http://host:80/a@b",
            "https://abc:xyz@example.com",
        ),
    ),
)
