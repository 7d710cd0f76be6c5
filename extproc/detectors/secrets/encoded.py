"""Credentials in base64, and those that a cookie holds."""

from extproc.detectors.secrets.assigned import ASSIGNED, ESCAPED
from extproc.detectors.secrets.likelihood import decoded_secret, login, random
from extproc.matching.rule import Rule

_HOLDERS = r"(?:sess(?:ion)?(?:[_.-]?id)?|sid|(?:auth|access|id|remember|refresh|login)[_.-]?token|jwt)"
"""Ends of the names of cookies that stand for whoever is logged in."""

RULES = (
    Rule(
        kind="basic-auth",
        # As npm's and Docker's settings have it, and HTTP.
        pattern=rf"(?:_auth|\bauth|basic){ESCAPED}(?:{ASSIGNED}(?:{ESCAPED}[\"'])?|\s)([A-Za-z0-9+/]{{8,256}}={{0,2}})",
        sign=r"(?:auth|basic)\x{5c}{0,3}[\"']?\s{0,3}(?:[:=]|\s[A-Za-z0-9+/]{8})",
        before="",
        after=r"[:alnum:]+/=",
        fold=True,
        group=1,
        validator=login,
        score=0.8,
        hits=(
            "//registry.example.org/:_auth=«YW5uOm5pbmphLW1hcmJsZTg5»",
            '"registry.example": {"auth": "«YW5uOkI0bjRuNCE5NA==»"}',
            "Authorization: Basic «YW5uOkI0bjRuNCE5NA==»",
        ),
        misses=("auth: YWJjZGVmZ2hpamts", "_auth=dXNlcjpwYXNzd29yZA==", "basic authentication", "Basic ...."),
    ),
    Rule(
        kind="assigned-secret",
        name="secret-in-base64",
        # As in the `data` of Kubernetes' secrets: the name says what it is, and the value is text in base64.
        pattern=r"(?:password|passwd|secret|token|api[_.-]?key)[\"']?: {1,4}[\"']?([A-Za-z0-9+/]{8,256}={0,2})",
        sign=r"(?:password|passwd|secret|token|api[_.-]?key)[\"']?: {1,4}[\"']?[A-Za-z0-9+/]{8}",
        before="",
        after=r"[:alnum:]+/=",
        fold=True,
        group=1,
        validator=decoded_secret,
        score=0.6,
        hits=("data:\n  token: «bWFyYmxlNTAk»\n", "  DB_PASSWORD: «IUhNcyptK0lPcHI2NnN2OXo=»\n"),
        misses=("token: dG9rZW4=", "password: cGFzc3dvcmQ=", "secret: aGVsbG8gd29ybGQ=", "token: identifier12"),
    ),
    Rule(
        kind="password-hash",
        name="password-hash-of-directory",
        pattern=r"\{(?:S?SHA(?:224|256|384|512)?|S?MD5)\}[A-Za-z0-9+/]{20,120}={0,2}",
        sign=r"\{(?:S?SHA(?:224|256|384|512)?|S?MD5)\}",
        before="",
        after=r"[:alnum:]+/=",
        validator=lambda text: random(text, 3.5),
        score=0.7,
        hits=("userPassword: «{SSHA}e/jhHfKd7sIldzFogKCzsNMSNJUx9kQ2»",),
        misses=("{SHA}hash", "a {MD5} of it"),
    ),
    Rule(
        kind="session-cookie",
        pattern=rf"cookie: (?:[^\n]{{0,400}}[ ._-])?[\w.-]{{0,24}}{_HOLDERS}=([^\s;,\"']{{16,512}})",
        sign="cookie: ",
        before="",
        after="",
        fold=True,
        group=1,
        validator=lambda text: random(text, 3.2) and any(map(str.isdigit, text)),
        score=0.7,
        hits=(
            "Cookie: theme=dark; sessionid=«wBzceTexcFeTwqruIqKs0PcWCBY6ggN1»; csrftoken=x",
            "Set-Cookie: PHPSESSID=«tGv9REmTmYttqTqLih7AzVSh1X»; path=/",
        ),
        misses=("Cookie: theme=dark; lang=en", "Cookie: sessionid=<your-session-id>", "set-cookie: sid=deleted"),
    ),
)
