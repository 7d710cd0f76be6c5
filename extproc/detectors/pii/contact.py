"""Contact data: e-mail addresses. For telephone numbers see `phone`."""

import re

from extproc.detectors.pii import glued_email
from extproc.matching.rule import Rule

_LETTERS = r"\x{c0}-\x{24f}\x{370}-\x{dff}\x{10a0}-\x{10ff}\x{1200}-\x{139f}\x{1e00}-\x{1fff}"
"""Letters beyond ASCII of the scripts that part words by spaces: Latin to Sinhala, Georgian, Ethiopic. For the others
see `glued_email`."""

_PROGRAMS = frozenset({"git", "hg", "svn"})
"""Users that programs log in as."""
_FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "mjs", "jsx", "ts", "tsx", "html"})
_FILES |= frozenset({"json", "yaml", "yml", "toml", "xml", "txt", "csv", "exe", "dll", "tgz", "whl", "lock"})
"""Ends of the names of files that are no domains: `logo@2x.png`."""


_ESCAPED = re.compile(r"[a-z]{2,}E")
"""The last label of an address in Perl's documentation, where `E<gt>` is the sign that closes it."""


def _email_end(text: str) -> int:
    return len(text) - (_ESCAPED.fullmatch(text.rpartition(".")[2]) is not None)


def _email(text: str) -> bool:
    local, _, domain = text.replace("%40", "@").rpartition("@")
    # Coded tables in programs: `5@OO.YxQ`.
    label = domain.rpartition(".")[2]
    if label.isascii() and not (label.islower() or label.isupper() or label.istitle() or _ESCAPED.fullmatch(label)):
        return False
    # `ann@example.org.txt` is a file that is named after an address.
    if domain.count(".") == 1 and domain.partition(".")[2].lower() in _FILES:
        return False
    return ".." not in text and local[-1] != "." and not domain.startswith("-") and local not in _PROGRAMS


RULES = (
    Rule(
        kind="email",
        pattern=rf"[\w{_LETTERS}](?:[\w.%+'&~#{_LETTERS}-]{{0,63}})(?:@|%40)"
        rf"(?:[a-z0-9{_LETTERS}][a-z0-9{_LETTERS}-]{{0,62}}\.){{1,6}}(?:xn--[a-z0-9-]{{2,40}}|[a-z{_LETTERS}]{{2,24}})",
        sign=rf"[\w%+&'~#{_LETTERS}-](?:@|%40)[a-z0-9{_LETTERS}][a-z0-9{_LETTERS}-]{{0,62}}\.[a-z{_LETTERS}]",
        before=rf"\w{_LETTERS}",
        after=rf"[:alnum:]{_LETTERS}",
        fold=True,
        fit=_email_end,
        # What stands there is the password of a URL, and its host.
        behind=r"//[^\s/@:]{1,16}:[^\s/@\"'<>]{0,20}",
        validator=_email,
        score=1.0,
        hits=(
            "write to «ann.smith+news@mail.example.co.uk», please",
            "«a@xn--d1acufc.xn--p1ai»",
            "«jürgen@bücher.example»!",
            "<«o'neil@example.com»>",
            "Ann E<lt>«ann@example.org»E<gt>",
            "«ANN@EXAMPLE.COM»",
            "mailto:«x@example.org».",
            "邮箱«li@example.cn»。",
            "?id=1&email=«ann.smith%40example.com»&open=1",
            "«राम@example.in»",
            "-«li@example.cn», ...«ann@example.org», +«x@example.com», %«y@example.com»",
        ),
        misses=(
            "hello-world here",
            "a@b",
            "lodash@4.17.21",
            "me @ example.com",
            "@example.com",
            "git@github.com:x/y",
            "logo@2x.PNG",
            "1Y1RO$8jQ_O'#HrO$:xQWO,5@OO.YxQ`O1G1d",
            "redis://ann:s3cret@db.example.com",
            "ftp://ann:1wQp(A@db.example.com",
        ),
    ),
    glued_email.RULE,
)
