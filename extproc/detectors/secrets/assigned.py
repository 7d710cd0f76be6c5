"""Secrets that only their surroundings give away: assigned to a telling name, sent as a header, typed at a shell."""

from extproc.detectors.secrets.likelihood import assigned, entropy, example, named, password, stand_in, words
from extproc.matching.rule import Rule

NAMES = (
    r"(?:api|access|account|auth|client|consumer|encryption|private|secret|service|session|signing|master|webhook)"
    r"[ _.-]?(?:key|secret|token)|"
    r"secret|token|credentials?|creds|(?:user|basic)[_.-]auth|apikey|authkey"
)
"""Beginnings of names that secrets are assigned to."""
PASSWORDS = r"passw(?:or)?d|passphrase|passcode|pwd"
"""The same of passwords."""

_ASSIGNED = r"[\"']?\s{0,12}(?:=>|[:?]{0,3}=|==|:)\s{0,12}"
_VALUE = r"[^\s\"'`<>,;)(\]}{]"


def _sent(text: str) -> bool:
    return not (stand_in(text) or example(text) or words(text)) and entropy(text) >= 3.0


def _typed(text: str) -> bool:
    user, _, secret = text.partition(":")
    if any(mark in text for mark in ("$", "<", "[", "*")) or example(text):
        return False
    return max(entropy(part.strip("{}\"'")) * (len(part) >= 8) for part in (user, secret)) >= 2.75 and any(
        map(str.isdigit, text)
    )


RULES = (
    Rule(
        kind="assigned-secret",
        pattern=rf"(?:{NAMES})[\w.-]{{0,20}}{_ASSIGNED}[\"'`]?({_VALUE}{{12,256}})",
        before=r"",
        after=r"\w",
        fold=True,
        assigned=True,
        group=1,
        validator=assigned,
        judge=named,
        score=0.7,
        hits=(
            '"client_secret" : "«6da89121079f83b2eb6acccf8219ea982c3d79bccc3e9c6a85856480661f8fde»",',
            "API_KEY=«Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu»",
        ),
        misses=(
            "clientId = 73082700-1f09-405b-80d0-3131bfd6272d",
            "access_token_url='https://github.com/login/oauth/access_token'",
            "secret = os.environ['SECRET']",
            "token: ${TOKEN}",
            "KeyPair = X25519.KeyPair",
        ),
    ),
    Rule(
        kind="password",
        name="password-quoted",
        pattern=rf"(?:{PASSWORDS}){_ASSIGNED}[\"'`]([^\s\"'`]{{6,128}})[\"'`]",
        before="",
        after="",
        fold=True,
        assigned=True,
        group=1,
        validator=password,
        score=0.8,
        hits=('password: "«cX4PHXFQl0Irtg9s»"', "DB_PASSWORD='«%dLoZ4fC6uycOIei»'", '{"passwd":"«hunter2!x»"}'),
        misses=('password: "<your password>"', 'password = ""', 'password: "changeme1"', 'password: "password"'),
    ),
    Rule(
        kind="password",
        name="password-bare",
        pattern=rf"(?:{PASSWORDS}){_ASSIGNED}({_VALUE}{{6,128}})",
        before="",
        after=r"\w(",
        fold=True,
        assigned=True,
        group=1,
        validator=password,
        score=0.6,
        hits=("export PGPASSWORD=«s3cr3tPa55»", "pwd=«Tr0ub4dor&3»;server=db"),
        misses=("password = getpass1()", "password=$PASSWORD1", "password: str"),
    ),
    Rule(
        kind="password",
        name="password-said",
        pattern=rf"(?:{PASSWORDS}) (?:is|was|will be|to)(?: now|:)? {{1,2}}[\"'`]?"
        r"([^\s\"'`<>]{6,64}[^\s\"'`<>.,;:!?)])",
        after="",
        fold=True,
        group=1,
        validator=lambda text: password(text) and not words(text),
        score=0.6,
        hits=("my password is «hunter2Zx9», please keep it", "The passphrase is '«c0rrectH0rse»'."),
        misses=("the password is required", "password is incorrect", "the password is 8-32 characters"),
    ),
    Rule(
        kind="authorization-header",
        pattern=r"authorization[\"']?\s{0,12}[:=]\s{0,12}[\"']?(?:(?:bearer|basic|token|apikey|api-key|digest)\s{1,12})?"
        r"([\w.=+/~:@-]{8,1000})",
        after="",
        fold=True,
        assigned=True,
        group=1,
        validator=_sent,
        score=0.8,
        hits=(
            "Authorization: Bearer «Xqz8PoEXnLwrWnfRVUWJuK5N796lK5muVlQG25fd»",
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
    Rule(
        kind="curl-credentials",
        pattern=r"curl [^\n|]{0,200}?(?:-u|--user)[ =]{0,3}[\"']?([^\s]{0,64}:[^\s]{1,127}[^\s\"'])",
        after="",
        fold=True,
        group=1,
        validator=_typed,
        score=0.8,
        hits=('curl -u "«:d2LkV78zLx!t»" https://localhost:9200',),
        misses=(
            'curl -u "${_username}:${_password}"',
            "curl --user user:pass http://x",
            'curl -u "myusername" http://x',
        ),
    ),
)
