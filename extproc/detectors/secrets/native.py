"""Passwords beside their name in other languages than English, and beside its short forms."""

from typing import Final

from extproc.detectors.secrets.likelihood import password, signed, strong, variable
from extproc.matching.rule import Rule

NATIVE: Final = (
    r"passwort|kennwort|mot[ _-]?de[ _-]?passe|contrase(?:\x{f1}|n)a|senha|wachtwoord|has(?:\x{142}|l)o|"
    r"\x{43f}\x{430}\x{440}\x{43e}\x{43b}[\x{44c}\x{44f}\x{44e}]|\x{5bc6}[\x{7801}\x{78bc}]|"
    r"\x{30d1}\x{30b9}\x{30ef}\x{30fc}\x{30c9}|\x{be44}\x{bc00}\x{bc88}\x{d638}|\x{c554}\x{d638}|"
    r"(?:\x{15f}|s)ifre(?:si|niz|n|m)?|l(?:\x{f6}|o)senord|adgangskode|passord|salasana|heslo|jelsz(?:\x{f3}|o)|lozinka|"
    r"zaporka|parol(?:a|\x{103})|\x{3ba}\x{3c9}\x{3b4}\x{3b9}\x{3ba}[\x{3cc}\x{3bf}]\x{3c2}|"
    r"\x{5e1}\x{5d9}\x{5e1}\x{5de}[\x{5d4}\x{5d0}]|\x{92a}\x{93e}\x{938}\x{935}\x{930}\x{94d}\x{921}|"
    r"\x{e23}\x{e2b}\x{e31}\x{e2a}\x{e1c}\x{e48}\x{e32}\x{e19}|kata sandi|sandi"
)
"""The word for a password in 24 languages: German, French, Spanish, Portuguese, Dutch, Polish, Russian, Chinese,
Japanese, Korean, Turkish, Swedish, Danish, Norwegian, Finnish, Czech, Hungarian, Croatian, Italian and Romanian, Greek,
Hebrew, Hindi, Thai, Indonesian."""

_IS: Final = (
    r"(?: (?:ist|lautet|est|es|\x{e9}|\x{e8}|jest|to|\x{e4}r|er|on|je|este|adalah|is|=>|-|\x{2014}) |"
    r" ?\x{5c}{0,3}[\"']? ?(?:[:=\x{ff1a}]|=>|->|\x{306f}|\x{662f}|\x{4e3a}|\x{70ba}) ?)"
)
_LOGIN: Final = (
    r"(?:logins?|creds|credentials|account|(?:log|sign) in with)(?: details)?(?: are| is|:| with| as|=)? {1,2}"
    r"[\w.@-]{2,40} ?[:/]"
)
_VALUE: Final = r"\x{5c}{0,3}[\"'`]?([!#-&(-;=?-_a-~]{5,64}[!#-&*+\x{2f}-9=?-\x{5b}\x{5d}^_a-z~-])"


def _given(text: str) -> bool:
    return password(text) and not variable(text)


def _sure(text: str) -> bool:
    return strong(text) or signed(text)


RULES = (
    Rule(
        kind="password",
        name="password-native",
        pattern=rf"(?:{NATIVE}){_IS}{_VALUE}",
        sign=NATIVE,
        before="",
        after=r"\w(",
        fold=True,
        assigned=True,
        group=1,
        validator=_given,
        score=0.6,
        hits=(
            "Das Passwort lautet «Winter2024x».",
            "Mot de passe : «c0ff33!79»",
            "contraseña: «dr4g0n!88»",
            "密码\uff1a«44z8Ff%YB3W9z»",
            "パスワードは «Wint3r!99» です",
            "пароль: «summer5596&»",
            "contrasena=«Rocket3167»",
        ),
        misses=(
            "Passwort vergessen? Teil2",
            "Mot de passe : ********",
            "senha: <sua senha1>",
            "heslo: ${HESLO1}",
            "Passwort: neues_passwort_1",
        ),
    ),
    Rule(
        kind="password",
        name="password-short-name",
        pattern=rf"(?:pw|pass|pswd|psw|passw|mdp|pwort)(?: ?\x{{5c}}{{0,3}}[\"']? ?[:=] ?| is ){_VALUE}",
        sign=r"(?:pw|pass|pswd|psw|passw|mdp|pwort)(?: ?\x{5c}{0,3}[\"']? ?[:=]| is )",
        after=r"\w(",
        fold=True,
        group=1,
        validator=_sure,
        score=0.5,
        hits=("user: admin pass: «n5SKsPlRw#sYJ»", "pw: «Banana@0984»", "mdp = «hQ7xk2mVx9»"),
        misses=("pass: 12 fail: 3", "tests pass: 123abc", "pw: changeme1!", "pass=$PASS1", "pass: true"),
    ),
    Rule(
        kind="password",
        name="password-of-login",
        pattern=rf"{_LOGIN} ?{_VALUE}",
        sign=_LOGIN,
        after=r"\w(/",
        fold=True,
        group=1,
        validator=_sure,
        score=0.5,
        hits=("creds are admin:«dr4gon#Berlin41»", "login: admin / «Tr0ub4dor&3x»"),
        misses=("account is open/closed2", "login as http://x.example/A1b2", "credentials are user/password1"),
    ),
)
