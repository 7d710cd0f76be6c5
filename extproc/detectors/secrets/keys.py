"""Keys and tokens that are the same everywhere: private keys, JSON web tokens, credentials in URLs."""

from extproc.detectors.secrets.likelihood import example, stand_in
from extproc.matching.rule import Rule

_MOST_KEY = 7000
"""Characters of a private key's body: 8,192 bits take 6,400 in PEM."""

_BREAK = r"(?:\s|\x{5c}[nr])"
_HEADERS = rf"{_BREAK}{{0,8}}(?:[A-Za-z-]{{2,20}}: [^\n\x{{5c}}]{{1,80}}{_BREAK}{{1,6}}){{0,4}}"
_BODY = r"[A-Za-z0-9+/=\s\x{5c}\"',]"
_KEY = r"[ A-Z0-9_-]{0,40}PRIVATE KEY(?: BLOCK)?-----"

_SCHEMES = (
    r"(?:postgres(?:ql)?|mysql|mariadb|mongodb|redis|rediss|amqps?|mssql|sqlserver|oracle|clickhouse|cockroachdb|cassandra|"
    r"couchdb|elasticsearch|kafka|mqtts?|ldaps?|smtps?|imaps?|s?ftps?|ssh|git|https?)(?:\+[a-z0-9]{2,12})?"
)
_SAID = frozenset(("password", "passwd", "pass", "pwd", "secret", "user", "username", "token", "test", "example"))


def _url_password(text: str) -> bool:
    return not (stand_in(text) or example(text) or text.lower() in _SAID or text.startswith(("[", "{", "*")))


RULES = (
    Rule(
        kind="private-key",
        pattern=rf"-----BEGIN{_KEY}{_HEADERS}(?:{_BODY}{{40,{_MOST_KEY}}}?-----END{_KEY}|{_BODY}{{40,{_MOST_KEY}}})",
        before="-",
        after="",
        sign=r"-----BEGIN[ A-Z0-9_-]{0,40}PRIVATE KEY",
        score=1.0,
        hits=(
            (
                "key: «-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAx7vK2mQ8rT5wY1zB3nL6cD9fG4hJ0kP\nq2sU8v=\n"
                "-----END RSA PRIVATE KEY-----» end"
            ),
        ),
        misses=(
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----",
            "-----BEGIN PRIVATE KEY----- goes here",
        ),
    ),
    Rule(
        kind="jwt",
        pattern=r"ey[A-Za-z0-9_/+-]{15,1000}={0,2}\.ey[A-Za-z0-9_/+-]{15,1500}={0,2}\.(?:[A-Za-z0-9_/+-]{10,700}={0,2})?",
        before=r"[:alnum:]-",
        after="",
        hits=(
            (
                "«eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiAiNDUxNDgxNzEyNSIsICJuYW1lIjogIngifQ."
                "IlgTfbZb7qE6WRKkYcEn96tYU9Ay9E1_xHJlFbQLYXA» ok"
            ),
        ),
        misses=("eyJhbGciOiJIUzI1NiJ9", "eyJ.eyJ.x"),
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
        pattern=rf"{_SCHEMES}://[^\s:@/\"'<>]{{0,64}}:([^\s@/\"'<>]{{3,128}})@[a-z0-9\[]",
        before=r"[:alnum:]+.-",
        after="",
        fold=True,
        group=1,
        validator=_url_password,
        hits=("postgres://app:«1clbQ2w0Wlthw9Q0»@db.internal:5432/prod", "redis://:«p4ss»@cache:6379"),
        misses=("https://user:password@example.com", "postgres://${U}:${P}@db", "http://host:80/a@b"),
    ),
)
