"""Tests that separate a credential from a lookalike: it is random, and nobody's example."""

import base64
import binascii
import json
import math
import re
from collections import Counter

_EXAMPLES = (
    "example",
    "xxxx",
    "your",
    "changeme",
    "placeholder",
    "redacted",
    "dummy",
    "sample",
    "insert",
    "replace",
    "_here",
    "-here",
    "todo",
    "####",
    "....",
)
_STAND_INS = ("${", "$(", "{{", "<", "%(", "#{", "...", "***", "[[", "(", "`")
_ABOUT = (
    *("id", "ids", "name", "names", "path", "file", "files", "dir", "url", "uri", "type", "length", "size", "version"),
    *("endpoint", "count", "limit", "limits", "usage", "expiry", "expires", "hash", "digest", "algorithm", "format"),
    *("checksum", "md5", "sha1", "sha256", "sha512"),
    *("public_key", "publickey", "pub_key"),
)
"""Endings of names whose values describe a secret and do not contain it."""

_RUN = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}")
"""A run of letters as it stands in words and in the parts of a program's names."""

_PAIRS = frozenset(
    re.findall(
        "..",
        "acadaialamanarasatbeblbucacechclcoctdadedieaecedefelemeneresetexfifogegihahehiho"
        "hticieifigiliminioisitkelalelflilllolslumamemimompnancndnengnonsntocodofolomonop"
        "orotoupapepoprptpyrarerirorsrtsesisosssttatethtitotrtstttutyubueulunurusutvavewi",
    )
)
"""The 120 pairs of letters that make up 78% of those in programs and their documentation, and 18% of random ones."""

_LETTERS_CHOSEN = 8
"""Letters that a password of nothing else has at least, where only its name tells it."""

_SIGNED = re.compile(r"[A-Za-z][A-Za-z!@#$%^&+~-]*[!@#$%^&+~][A-Za-z!@#$%^&+~]*")
"""Letters with a sign among them or behind them, as passwords have and labels do not."""

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.|->|::)[A-Za-z_]|\w\[")
"""A member, a method or an element of something in a program."""

_NUMBERED = re.compile(r"[.-][0-9]+$")
"""A number that is a part by itself, as no member's name is."""

_DIGESTS_AND_PLACES = (
    *(f"sha{bits}{sign}" for bits in (1, 256, 384, 512) for sign in "-=:"),
    *("md5:", "md5=", "http://", "https://", "/", "./"),
)

_DOCUMENTED = frozenset(
    (
        # OAuth 2.0 (RFC 6749, RFC 6750), HTTP authentication (RFC 7617), JSON web tokens
        *("2yotnfzfejr1zcsicmwpaa", "tgzv3jokf0xg5qx2tlkwia", "splxlobezqqybyw6wxsbia", "7fjfp0zbr1ktdrbnfvdmiw"),
        *("gx1fbat3bv", "h480djs93hd8", "mf_9.b5f-4.1jqm", "qwxhzgrpbjpvcgvuihnlc2ftzq==", "dgvzddoxmjpcow=="),
        *("czzcagrsa3f0mzpnwdfmqmf0m2jw", "sflkxwrjsmekkf2qt4fwpmejf36pok6yjv_adqssw5c"),
        # Stripe's and the emulators of Azure's storage and Cosmos DB
        *("sk_test_4ec39hqlyjwdarjtt1zdp7dc", "sk_test_bqokikjovbii2hlwgh4olfq2"),
        "eby8vdm02xnocqflquwjpllmetlcdxj1ouzft50usrz6ifsufq2uvercz4i6tq/k1szfptotr/kbhbeksogmgw==",
        "c2y6ydjf5/r+ob0n8a7cgv30vrdjiwehlm+4qdu5dey2gjsr7rqxwuelp4ck1eqwbcdkn3gfdmlesagx4k3qfw==",
    )
)
"""Keys and tokens that documentation shows, in small letters."""

_MARK = re.compile(r"(?<=\w)[!@#$%^&*?+~]+(?:$|(?=\w))")
"""A sign of a password: one that stands among its letters and digits, or ends it."""

_VARIABLE = re.compile(r"[A-Za-z]+(?:_[A-Za-z]+)+_?\d?:?")

_NO_PASSWORDS = frozenset(
    (
        *(
            "password",
            "passwd",
            "passphrase",
            "passcode",
            "pass",
            "pwd",
            "secret",
            "string",
            "text",
            "null",
            "none",
            "nil",
        ),
        *("true", "false", "undefined", "required", "optional", "incorrect", "invalid", "wrong", "empty", "missing"),
        *("forgotten", "disabled", "enabled", "hidden", "masked", "encrypted", "plaintext", "credentials", "unknown"),
        *("username", "test", "user", "default", "prompt", "expired", "correct", "reset", "value", "token", "object"),
        *("thepassword", "userpass", "user_password", "new_password", "replace_with_password", "password_here"),
    )
)
"""Words that stand in place of a password."""

_CALLED = re.compile("(?:[a-z]+[-_])+(?:password|passwd|passphrase|pass|pwd|secret|token)")
"""A password that is called one: `bad-password`."""

_KEY_ID = re.compile(r"0x[0-9A-Fa-f]{8,16}\.?")
"""The number of a key that signs, as OpenPGP shows it."""

_RATE = re.compile(r"\d+/(?:\d*(?:sec|min|hr|[smhd])\b|second|minute|hour|day)")
"""A rate, of what may be done so often: `5/m/user`, `100/hour`."""

_LETTERS_ALONE, _DIGITS_ALONE = 20, 24
"""Letters that a key without digits has at least, and digits of one without letters: identifiers have up to 20."""

_PARAMETER = re.compile(r"&[\w.-]{1,64}=")

_HEX_RUN = re.compile(r"(?:^|[^0-9A-Za-z])(?:[0-9a-f]{10,}|[0-9A-F]{10,})$")
"""Hexadecimal digits to the end, alone or behind a prefix."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]{32,}={0,2}")
_BITS_OF_BASE64 = 4.2
"""Entropy of 32 characters of base64 is 4.4 at the least, and that of a path 4.0 at the most."""

_DIGIT = re.compile("[0-9]")
_LETTER = re.compile("[A-Za-z]")
_SMALL, _CAPITAL = re.compile("[a-z]"), re.compile("[A-Z]")
_SHORT = re.compile(r"[A-Z0-9-]*(?:[a-z]+[A-Z0-9-]*)?|(?:[A-Z][a-z]+)+[0-9]{1,4}")
"""Names of algorithms and versions (`SHA256withRSA`, `Base64`), and words with a number behind them."""
_UUID_PARTS = (8, 4, 4, 4, 12)
_HEX = frozenset("0123456789abcdefABCDEF")


def entropy(text: str) -> float:
    """Shannon entropy of the characters of `text`, in bits a character."""
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values()) if size else 0.0


def example(text: str) -> bool:
    """True if `text` says of itself that it stands for something else."""
    low = text.lower()
    return low in _DOCUMENTED or any(word in low for word in _EXAMPLES)


def random(text: str, bits: float) -> bool:
    """True if `text` has at least `bits` of entropy a character and is no example."""
    return entropy(text) >= bits and not example(text)


def token(text: str) -> bool:
    """A token whose prefix already tells it: any value that is not one sign over and over, and no example."""
    return random(text, 3.0)


def mixed(text: str) -> bool:
    """True if digits stand among letters."""
    return digits(text) and (_LETTER.search(text) is not None if text.isascii() else any(map(str.isalpha, text)))


def digits(text: str) -> bool:
    """True if there is a digit. Asked first, and of long texts: in C, if that can be."""
    return _DIGIT.search(text) is not None if text.isascii() else any(map(str.isdigit, text))


def uuid(text: str) -> bool:
    """True if `text` is a UUID, which names a thing far more often than it opens one."""
    return tuple(map(len, text.split("-"))) == _UUID_PARTS and set(text) <= _HEX | {"-"}


def hexadecimal(text: str) -> bool:
    """True if `text` is hexadecimal digits alone: a digest, a commit, at times a key."""
    return set(text) <= _HEX


def readable(text: str) -> bool:
    """True if `text` is base64 of plain ASCII text."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(plain) >= 8 and all(32 <= byte < 127 for byte in plain)


def words(text: str) -> bool:
    """True if `text` reads as words, a name in a program, a path or a version rather than as something random."""
    parts = text.replace("/", "-").replace(".", "-").replace("_", "-").replace(":", "-").split("-")
    return all(len(part) < 4 or part.isalpha() or part.isdigit() for part in parts)


def wordy(text: str) -> bool:
    """True if at least half of the letters read as words: a name in a program, such as `ed25519.Ed25519PrivateKey`."""
    if _HEX_RUN.search(text) is not None and digits(text):
        return False  # `decade` is six digits
    read = sum(len(run) for run in _RUN.findall(text) if len(run) > 3 and _spoken(run.lower()))
    return read > 0 and 2 * read >= sum(map(str.isalpha, text))


def _spoken(run: str) -> bool:
    pairs = [run[at : at + 2] for at in range(len(run) - 1)]
    return 2 * sum(pair in _PAIRS for pair in pairs) >= len(pairs)


def stand_in(text: str) -> bool:
    """True if `text` is a variable, a call or a template where a value would stand."""
    percent = text.startswith("%") and text.endswith("%")
    return percent or text.startswith(("$", "&", "@", "--")) or any(mark in text for mark in _STAND_INS)


def assigned(text: str) -> bool:
    """True if what is assigned to a name that speaks of secrets is one."""
    if not mixed(text) or stand_in(text) or example(text) or uuid(text) or words(text) or readable(text):
        return False
    if _digest_or_place(text):
        return False
    return not wordy(text) and entropy(text) >= _least_bits(text)


def keyed(text: str) -> bool:
    """True if what stands beside a word for a key is one: no sign of an assignment vouches for it."""
    if stand_in(text) or example(text) or uuid(text) or readable(text) or wordy(text):
        return False
    if _KEY_ID.fullmatch(text) is not None:
        return False
    if _digest_or_place(text):
        return False
    if not mixed(text):
        return _of_one_kind(text)
    return not words(text) and entropy(text) >= min(3.0, _least_bits(text))


def _least_bits(text: str) -> float:
    """Entropy that random characters have at least: hexadecimal ones have less of it, and so have few."""
    if hexadecimal(text):
        return 2.5
    return 3.0 if len(text) < 20 else 3.3


def _digest_or_place(text: str) -> bool:
    """True if `text` is a digest that says so, an address or a path, and not base64 that begins with a slash."""
    if not text.lower().startswith(_DIGESTS_AND_PLACES):
        return False
    return _BASE64.fullmatch(text) is None or entropy(text) < _BITS_OF_BASE64


def _of_one_kind(text: str) -> bool:
    """True if `text` is a key without digits, or of digits alone: longer, and no sign over and over."""
    if text.isalpha() and text.islower() and ("key" in text or "token" in text):
        return False  # the next name of a list
    longest = max(re.split(r"[^0-9A-Za-z]", text), key=len)
    return len(longest) >= (_DIGITS_ALONE if text.isdigit() else _LETTERS_ALONE) and entropy(text) >= 2.5


def query_value(text: str) -> int:
    """Return how many characters of `text` come before the next parameter of a query string."""
    following = _PARAMETER.search(text)
    return following.start() if following else len(text)


def jwt(text: str) -> bool:
    """True if the first part of `text` is the header of a JSON web token: base64 of a JSON object."""
    head = text.partition(".")[0].rstrip("=")
    if example(text):
        return False
    try:
        return isinstance(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))), dict)
    except ValueError:  # also binascii.Error and UnicodeDecodeError
        return False


def named(match: str, secret: str) -> bool:
    """True if the name in `match`, before what is assigned to it, is that of a secret, not of its path or type."""
    name = match[: match.rindex(secret)].rstrip(" \t\r\n\"'`=:>?,|").lower()
    return not name.endswith(_ABOUT)


def password(text: str) -> bool:
    """True if what is called a password is one: people choose less random ones than machines do."""
    if not digits(text) or text.isdigit():
        return False  # it takes two kinds of characters, one of them digits
    if stand_in(text) or example(text) or uuid(text) or text.startswith(("http://", "https://", "/")):
        return False
    if _member(text) or _RATE.match(text) is not None:
        return False
    cased = text.upper() != text.lower() if text.isascii() else any(map(_cased, text))
    return (cased or not text.isalnum()) and entropy(text) >= (2.2 if _MARK.search(text) else 2.5)


def strong(text: str) -> bool:
    """True if nothing but a password looks like `text`: small and capital letters and digits, mixed, and no words."""
    cased = _SMALL.search(text) is not None and _CAPITAL.search(text) is not None
    if not cased or not password(text) or words(text) or wordy(text) or not text.isascii():
        return False
    return entropy(text) >= 2.8 and _SHORT.fullmatch(text) is None and not any(sign in text for sign in "(){}[]/\\=:|")


def signed(text: str) -> bool:
    """True if letters, digits and a sign that only passwords have among them are mixed: `Banana@0984`."""
    mark = _MARK.search(text)
    return mark is not None and password(text) and not any(sign in text for sign in "(){}[]/\\=:|,")


def variable(text: str) -> bool:
    """True if `text` is written as a variable's name is: words, underscores between them, and at most one digit."""
    return _VARIABLE.fullmatch(text) is not None


def chosen(text: str) -> bool:
    """True if what stands in quotation marks beside its name is a password: one without digits may be, too."""
    if password(text):
        return True
    if not given(text) or not text.isascii() or text.startswith(("#", ".", "/")):
        return False
    if text.isalpha():
        return len(text) >= _LETTERS_CHOSEN and text.islower()
    return _SIGNED.fullmatch(text) is not None


def given(text: str) -> bool:
    """True if what stands where a password must is one, and not its name, a variable or a word for none."""
    low = text.lower().strip("(){}[]")
    if low in _NO_PASSWORDS or _CALLED.fullmatch(low) is not None or text.isdigit():
        return False
    if stand_in(text) or example(text) or text.startswith(("-", "http")):
        return False
    return entropy(text) >= 1.5 and not _member(text)


def _member(text: str) -> bool:
    return _DOTTED.search(text) is not None and _NUMBERED.search(text) is None and wordy(text)


def stands_for_password(text: str) -> bool:
    """True if `text` is a word that stands in place of a password, or such a word with a number behind it."""
    return text.lower().rstrip("0123456789") in _NO_PASSWORDS


def login(text: str) -> bool:
    """True if `text` is base64 of a user and a password, as HTTP's Basic scheme has them."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except ValueError:  # also binascii.Error and UnicodeDecodeError
        return False
    user, mark, secret = plain.partition(":")
    return bool(user and mark) and plain.isprintable() and given(secret)


def decoded_secret(text: str) -> bool:
    """True if `text` is base64 of printable text that is a password or a key."""
    try:
        plain = base64.b64decode(text, validate=True).decode()
    except ValueError:
        return False
    return plain.isascii() and plain.isprintable() and (strong(plain) or signed(plain) or assigned(plain))


def _cased(char: str) -> bool:
    return char.islower() or char.isupper()
