"""Passwords beside their name, in programs, settings and prose. People choose less random ones than machines do."""

from extproc.detectors.secrets.assigned import ASSIGNED, ATTRIBUTE, ESCAPED, VALUE
from extproc.detectors.secrets.likelihood import (
    chosen,
    given,
    password,
    query_value,
    signed,
    stands_for_password,
    strong,
    variable,
    words,
)
from extproc.matching.rule import Rule

PASSWORDS = r"passw(?:or)?d|passphrase|passcode|pwd|[_.-]pass"
"""Names of passwords, or their ends."""

_USERS = r"(?:user(?:[ _-]?(?:id|name))?|uid|login)"

# A gate of a whole pattern takes Hyperscan 0.1 s to compile; a name with what must follow it tells enough.
_SIGN = rf"(?:{PASSWORDS})(?:{ESCAPED}[\"'])?[\s:=?<>-]"
_FOR = r"(?: (?:for|to|of|on|per|f\x{fc}r|pour|para|do|del) [^\n:]{1,40}?)?"
_SIGN_SAID = rf"(?:{PASSWORDS}) (?:is|was|will|to|for|of|on|per|f\x{{fc}}r|pour|para|do|del) "


def _unpointed(text: str) -> int:
    """The length of what stands in prose, without the points and brackets behind it."""
    return len(text.rstrip(".,;:!?)"))


RULES = (
    Rule(
        kind="password",
        name="password-quoted",
        pattern=rf"(?:{PASSWORDS})(?:(?:{ASSIGNED}|[ \t]{{1,4}}){ESCAPED}[\"'`]|{ATTRIBUTE})"
        rf"([^\s\"'`]{{5,127}}[^\s\"'`\x{{5c}}]){ESCAPED}[\"'`]",
        before="",
        after="",
        fold=True,
        assigned=True,
        sign=_SIGN,
        group=1,
        validator=chosen,
        score=0.8,
        hits=(
            'password: "«cX4PHXFQl0Irtg9s»"',
            "DB_PASSWORD='«%dLoZ4fC6uycOIei»'",
            '{"passwd":"«hunter2!x»"}',
            r"log: {\"id\": 1, \"password\": \"«hunter2!x»\"}",
            "ALTER ROLE app WITH PASSWORD '«Tr0ub4dor»';",
            'AdminPassword = "«thisismypassword»"',
            'my_password := "«super$ecret»"',
            '<add key="FromPassword" value="«Prestigitariu$»"/>',
        ),
        misses=(
            'password: "<your password>"',
            'password = ""',
            'password: "changeme1"',
            'password: "password"',
            'password: "REPLACE_WITH_PASSWORD"',
            '"password": "Passwort"',
            'password: "required"',
            'this.addPassword = "#add-password"',
        ),
    ),
    Rule(
        kind="password",
        name="password-bare",
        pattern=rf"(?:(?:{PASSWORDS})(?:{ASSIGNED}| ?-> ?)|-[\w-]{{0,24}}(?:{PASSWORDS})[ \t]{{1,4}}[\"']?)"
        rf"({VALUE}{{6,128}})",
        before="",
        after=r"\w(",
        fold=True,
        assigned=True,
        sign=_SIGN,
        group=1,
        fit=query_value,
        validator=lambda text: password(text) and not variable(text),
        score=0.6,
        hits=(
            "export PGPASSWORD=«s3cr3tPa55»",
            "new password -> «0r4ng3!56»",
            "pwd=«Tr0ub4dor&3»;server=db",
            "<dbPassword>«s3cr3tPa55»</dbPassword>",
            "GET /login?password=«s3cr3tPa55»&open=1",
            '<add key="FromPassword" value="«s3cr3tPa55»"/>',
            "tool --db-password «s3cr3t!Pa55» --verbose",
            "Connect-Server -User admin -Password '«VMware1!»'",
        ),
        misses=(
            "password = getpass1()",
            "password=$PASSWORD1",
            "password: str",
            "password = base64.b64decode",
            "if password == confirm_password1: ok()",
            "tool --password $DB_PASSWORD1",
            "tool --password-file ./secret1.txt",
            "<password>${db.password1}</password>",
        ),
    ),
    Rule(
        kind="password",
        name="password-of-program",
        pattern=r"[A-Z][A-Z0-9_]{0,40}(?:PASSWORD|PASSWD|_PASS|_PWD)=([a-z0-9!@#%^&*_+.~-]{6,64})",
        before=r"\w",
        after=r"\w(=/\\:$\x{7b}",
        group=1,
        validator=given,
        score=0.6,
        hits=("REACT_APP_AUTH_PASSWORD=«whiteduke»", "export DB_PASS=«opensesame»"),
        misses=("DB_PASSWORD=changeme", "DB_PASSWORD=password", "DB_PASSWORD=os.environ", "DB_PASSWORD=$SECRET"),
    ),
    Rule(
        kind="password",
        name="secret-chosen",
        # What a person chose as the secret that signs tokens: shorter and less random than a machine's.
        pattern=rf"[_.-](?:secret|auth)(?:[_.-]?key)?(?:{ESCAPED}[\"'])?\s?[:=]\s?{ESCAPED}[\"']?([^\s\"'`<>,;]{{8,64}})",
        before="",
        after=r"\w(",
        fold=True,
        assigned=True,
        sign=rf"[_.-](?:secret|auth)(?:[_.-]?key)?(?:{ESCAPED}[\"'])?\s?[:=]",
        group=1,
        validator=lambda text: strong(text) or signed(text),
        score=0.5,
        hits=("JWT_SECRET=«Monkey@4649»", 'app.secret: "«hQ7xk2mVx9»"', "REDISCLI_AUTH=«f8Kq2mVx!a»"),
        misses=("JWT_SECRET=changeme1!", "client_secret=${SECRET1}", "jwt_secret: my-app-secret-v2"),
    ),
    Rule(
        kind="password",
        name="password-of-user",
        pattern=rf"\b{_USERS}[\"']?\s{{0,8}}(?:=>|[:=]|\s)\s{{0,8}}[\\\"']{{0,2}}[^\s;,\"'\\]{{1,64}}[\\\"']{{0,2}}"
        rf"(?:\s?[;,]\s{{0,24}}|\n\s{{0,16}})[\w.\"'$-]{{0,24}}?(?:pass(?:word)?|pwd)[\"']?\s{{0,16}}"
        r"(?:(?:=>|[:=]|\s)\s{0,8}(?:\\?[\"'])([^\s\"'\\]{4,64})\\?[\"']|=([^\s;,\"'()\\]{6,64}))",
        before="",
        after=r"\w(.[",
        fold=True,
        sign=r"(?:pass(?:word)?|pwd)[\"']?\s{0,4}(?:=|:|[\"'])",
        group=None,
        validator=given,
        score=0.6,
        hits=(
            "Server=host;Uid=app;Pwd=«goodspec»;Database=x",
            "[site]\nUsername=ann\nPassword=«thisismine»\n",
            "user => 'joe',\n  password => '«opensesame»',",
        ),
        misses=(
            "user=user, password=password",
            'user: "ann"\npassword: "password"',
            "login(user=self.user, password=self.password)",
            "User Id=${USER};Password=${PASSWORD};",
        ),
    ),
    Rule(
        kind="password",
        name="password-beside",
        pattern=rf"(?:{PASSWORDS})[ \t]{{1,4}}[\"'`(]?([^\s\"'`<>]{{8,64}})",
        before="",
        after="",
        fold=True,
        sign=_SIGN,
        group=1,
        fit=_unpointed,
        validator=lambda text: strong(text) or signed(text),
        score=0.5,
        hits=(
            "log in as root, password «Tr0ub4dor&3»; then restart",
            "administrator, password «Tiger@7580»",
            "wifi password «hQ7xk2mVx9»",
        ),
        misses=(
            "password SHA256withRSA",
            "the password authentication2Factor",
            "password get_password2(User)",
            "password hashing (PBKDF2-HMAC-SHA1)",
            "passwords changed1",
            "password AUTH_LDAP_BIND_2",
        ),
    ),
    Rule(
        kind="password",
        name="password-said",
        pattern=rf"(?:{PASSWORDS}){_FOR}(?: (?:is|was|will be|to)(?: now|:)?|:) {{1,2}}[\"'`]?"
        r"([^\s\"'`<>]{6,64}[^\s\"'`<>.,;:!?)])",
        after="",
        fold=True,
        sign=_SIGN_SAID,
        group=1,
        validator=lambda text: password(text) and not words(text),
        score=0.6,
        hits=(
            "my password is «hunter2Zx9», please keep it",
            "The passphrase is '«c0rrectH0rse»'.",
            "the password for the database is «hunter22x»",
            "the passcode to the vault is «rocket18$»",
            "Password per il wifi: «hQ7xk2mVx9»",
        ),
        misses=("the password is required", "password is incorrect", "the password is 8-32 characters"),
    ),
    Rule(
        kind="password",
        name="password-said-quoted",
        pattern=rf"(?:{PASSWORDS})(?: for [^\n]{{1,40}}?)? (?:is|was|will be)(?: now|:)? {{1,2}}[\"'`]"
        rf"([^\s\"'`<>]{{4,64}})[\"'`]",
        after="",
        fold=True,
        sign=_SIGN_SAID,
        group=1,
        validator=given,
        score=0.5,
        hits=('ensure the password is "«centipede»" and go', "Ensure the password for user 'postgres' is '«admin»' or"),
        misses=('the password is "incorrect"', "the password is 'None'", 'if the password is "..."'),
    ),
    Rule(
        kind="password",
        name="password-of-argument",
        # An argument behind the name of a password: define, setProperty, put; and of a call that sets one.
        pattern=rf"(?:{PASSWORDS})(?:{ESCAPED}[\"'] ?, {{0,4}}|\()[\"']([^\s\"'\x{{5c}}]{{6,64}})[\"']",
        sign=rf"(?:{PASSWORDS})(?:{ESCAPED}[\"'] ?,|\([\"'])",
        before="",
        after="",
        fold=True,
        group=1,
        validator=lambda text: password(text) and not (words(text) or variable(text) or stands_for_password(text)),
        score=0.6,
        hits=("define('DB_PASSWORD', '«TMcoAu*tlOU!R8»');", 'user.set_password("«ninja2099@»")'),
        misses=(
            "['password', 'password2']",
            "define('DB_PASSWORD', 'password_here1');",
            "get_password('app-db-1')",
            'getpass.getpass("Password1: ")',
        ),
    ),
)
