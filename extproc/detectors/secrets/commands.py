"""Credentials as people type them: at a shell, in SQL, in `.netrc`, as arguments of a call that logs in."""

from typing import Final

from extproc.detectors.secrets.likelihood import entropy, example, given, signed, strong
from extproc.matching.rule import Rule

_LINE = r"(?:[^\n|;]|\\\n){0,200}?"
"""The space before an option of a command, continued lines included."""

_PROGRAMS = (
    r"(?:mysql|mariadb)[\w-]{0,8} |sshpass |[Pp][Ss][Ee][Xx][Ee][Cc]|(?:docker|podman) login |smbclient |"
    r"mongo[a-z]{0,7} |cqlsh |evil-winrm |"
    r"redis-cli |sqlcmd |bcp |ldap[a-z]{3,6} "
)
_CALLS = (
    r"getConnection|NetworkCredential|DirectoryEntry|PasswordAuthentication|UsernamePasswordCredentials|"
    r"HTTP(?:Basic|Digest|Proxy)Auth|set_?basic_?auth|auth\s?="
)

_WORD: Final = r"[\"']?([^\s\"'|]{4,64})"
_OF_USER: Final = r"([^\s/\"'*][^\s\"']{3,64})"
_PIPED: Final = "|".join(
    (
        rf"echo {_WORD}[\"']? ?\| ?sudo (?:-\w )?-S",
        rf"echo [\"']?[\w.-]{{1,40}}:{_WORD}[\"']? ?\| ?(?:sudo )?chpasswd",
        rf"chpasswd ?<<< ?[\"']?[\w.-]{{1,40}}:{_WORD}",
        rf"net user(?: /add)? [\w.-]{{1,40}} {_OF_USER}",
        rf"net use [^\n]{{1,120}}?/user:[\w.\x{{5c}}@-]{{1,60}} {_OF_USER}",
        rf"htpasswd -\w{{0,6}}b\w{{0,6}} [^\s]{{1,80}} [\w.@-]{{1,40}} {_WORD}",
        rf"-pass(?:in|out)? pass:{_WORD}",
        rf"(?:un)?zip (?:-\w )?-P ?{_WORD}",
        r"sqlplus (?:-\w{1,8} )?[\w.]{1,40}/[\"']?([^\s\"'/@]{4,64}(?:@[\w!#$%]{1,30})?)@[\w.]",
        rf"az [a-z][^\n|;]{{0,160}}? -p {_WORD}",
        r"ConvertTo-SecureString (?:-String )?[\"']([^\s\"']{4,64})[\"']",
    )
)
"""Commands of `password-piped`, a line each."""

_TYPED = r"[\"']?([^\s\"'|;&<>]{4,128})"


def _typed(text: str) -> bool:
    user, _, secret = text.partition(":")
    if any(mark in text for mark in ("$", "<", "[", "*")) or example(text):
        return False
    return max(entropy(part.strip("{}\"'")) * (len(part) >= 8) for part in (user, secret)) >= 2.75 and any(
        map(str.isdigit, text)
    )


RULES = (
    Rule(
        kind="curl-credentials",
        pattern=rf"curl {_LINE}(?:-u|--user)[ =]{{0,3}}[\"']?([^\s]{{0,64}}:[^\s]{{1,127}}[^\s\"'])",
        after="",
        fold=True,
        sign="curl ",
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
    Rule(
        kind="password",
        name="password-typed",
        pattern=rf"(?:(?:mysql|mariadb)[\w-]{{0,8}} {_LINE}\s-p|"
        r"(?:sshpass|[Pp][Ss][Ee][Xx][Ee][Cc](?:64)?(?:\.(?:exe|EXE))?|(?:docker|podman) login|smbclient|"
        r"mongo(?:sh|dump|restore|export)?|"
        rf"cqlsh|evil-winrm) (?:{_LINE}\s)?-p\s?|redis-cli (?:{_LINE}\s)?-a\s|"
        rf"(?:sqlcmd|bcp) {_LINE}\s-P\s?|ldap(?:search|add|modify|passwd) {_LINE}\s-w\s){_TYPED}",
        after="",
        sign=_PROGRAMS,
        group=1,
        validator=given,
        score=0.7,
        hits=(
            "mysql -u root -p«opensesame» shop",
            "sshpass -p '«hunter22x»' ssh ann@host",
            'system("psexec 192.0.2.7 -u Administrator -p «braksha» shutdown");',
            "redis-cli -h cache -a «f8Kq2mVx»",
        ),
        misses=(
            "mysql -u root -p shop",
            'mysql -u root -p"$MYSQL_PWD"',
            "docker run -p 8080:8080 image",
            "mysqldump -u root -pPASSWORD shop",
        ),
    ),
    Rule(
        kind="password",
        name="password-in-sql",
        pattern=r"identified\s{1,4}(?:with\s{1,4}[\"'\w]{1,40}\s{1,4})?by\s{1,4}(?:password\s{1,4})?[\"']([^\s\"']{4,128})[\"']",
        after="",
        fold=True,
        sign=r"identified\s{1,4}(?:by|with)\s",
        group=1,
        validator=given,
        score=0.8,
        hits=("CREATE USER app IDENTIFIED BY '«opensesame»';",),
        misses=("CREATE USER app IDENTIFIED BY 'password';", "IDENTIFIED BY '${PASSWORD}'", "identified by 'xxxxxxxx'"),
    ),
    Rule(
        kind="password",
        name="password-piped",
        # To sudo, chpasswd, net user and net use, htpasswd, openssl, zip, sqlplus and az.
        pattern=_PIPED,
        after="",
        sign=r"\| ?sudo |chpasswd|net use[r ]|htpasswd -|-pass(?:in|out)? pass:|zip -[P\w]|sqlplus |az [a-z]{2,20} |"
        r"ConvertTo-SecureString ",
        group=None,
        validator=given,
        score=0.7,
        hits=(
            "echo '«hunter22x»' | sudo -S apt update",
            "echo 'ann:«dragon61»' | chpasswd",
            "net user ann «falcon9627$» /add",
            "net use Z: \\\\srv\\share /user:ann «EZQNf3eLhE!»",
            "htpasswd -b .htpasswd ann «XJ3XcsQ+FO»",
            "openssl enc -aes-256-cbc -pass pass:«r0ck3t!39» -in f",
            "zip -P «Hello_24» a.zip f",
            "sqlplus scott/«tiger7x»@orcl",
            "az sql server create -u sa -p «m4rbl3!97»",
            '$p = ConvertTo-SecureString "«c0ff33!81»" -AsPlainText -Force',
        ),
        misses=(
            "echo $PASS | sudo -S true",
            "net user ann /delete",
            "htpasswd -c .htpasswd ann",
            "openssl rsa -passin pass:$PW",
            "zip -r a.zip f",
            "sqlplus user/password@orcl",
            "ConvertTo-SecureString $env:PASSWORD",
        ),
    ),
    Rule(
        kind="password",
        name="password-of-pgpass",
        pattern=r"^[\w.*-]{1,80}:(?:\d{4,5}|\*):[\w*-]{1,40}:[\w-]{1,40}:([^\s:]{6,64})",
        before="",
        after=r"[^\r\n]",
        sign=r":(?:\d{4,5}|\*):[\w*-]{1,40}:[\w-]{1,40}:",
        group=1,
        validator=lambda text: strong(text) or signed(text),
        score=0.6,
        hits=("db.example:5432:app:ann:«0r4ng3!13»\n", "*:*:*:ann:«hQ7xk2mVx9»"),
        misses=("a.py:1234:def:main:pass1", "host:5432:db:user:password", "10:20:30:40:50:60"),
    ),
    Rule(
        kind="password",
        name="password-in-netrc",
        pattern=r"machine\s{1,8}\S{1,120}\s{1,16}login\s{1,8}\S{1,80}\s{1,16}password\s{1,8}(\S{4,128})",
        after=r"",
        fold=True,
        sign=r"machine\s{1,8}[\w.-]{1,80}\s{1,8}login\s",
        group=1,
        validator=given,
        score=0.8,
        hits=("machine api.example.com\n  login ann\n  password «pass123»\n",),
        misses=("machine api.example.com login ann password <token>", "machine learning login page password reset"),
    ),
    Rule(
        kind="password",
        name="password-of-call",
        pattern=rf"(?:{_CALLS})\s?\(\s{{0,20}}(?:(?:[\"'][^\"'\n]{{0,120}}[\"']|[\w.]{{1,40}})\s?,\s{{0,20}}){{1,2}}[\"']([^\s\"']{{4,128}})[\"']",
        after="",
        fold=True,
        sign=_CALLS,
        group=1,
        validator=given,
        score=0.7,
        hits=(
            'new NetworkCredential("ann@example.com", "«vzihlaquknriqlht»")',
            "HTTPBasicAuth('ann', '«open-sesame7»')",
            'DriverManager.getConnection(url, "ann", "«Monkey713#»")',
            'requests.get(u, auth=("ann", "«tiger-falcon18»"))',
        ),
        misses=(
            "HTTPBasicAuth('user', 'pass')",
            'NetworkCredential("user", "password")',
            "HTTPBasicAuth(user, password)",
        ),
    ),
)
