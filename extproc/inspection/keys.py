"""The backends' credentials in the texts of streamed responses: rules beside those of a pipeline, in the same scanner.

A provider that quotes the gateway's key may do so in pieces, each in an event of its own. Only a reader of texts joins
them. What such a rule finds is no finding of the pipeline: it is replaced, and neither counted nor reported.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from extproc.detectors import patterns
from extproc.matching.keyforms import FOR_URLS, form_least, in_base64, middle, part_least
from extproc.matching.literals import BEGUN_LEAST, LiteralScanner
from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span

KIND: Final = "~credential"
"""The kind of such findings; no processor of a policy can have this name."""

KEY_MOST: Final = 4096
"""Characters of a credential that is looked for in pieces: signed tokens have up to two thousand. A stream would hold
back as much of what resembles a longer one."""

SIGN_MOST: Final = 12
"""Characters of a part by which the fast pass knows it: enough to stand in little else."""

_BASE64: Final = "A-Za-z0-9+/_\\-"


class BackendKeys(Struct, frozen=True):
    """The rules, and a scanner of them alone for responses that no other rule reads. Has no rendering."""

    rules: tuple[Rule, ...]
    scanner: Scanner

    def __repr__(self) -> str:
        return f"BackendKeys({len(self.rules)} rules)"


class KeyRun(Struct, frozen=True):
    """Tells how much of a text, from its start, is a part of a credential in one form. Has no rendering.

    `texts`: the credentials in that form, each with the characters of a part. `folded`: in small letters, as letters
    count in either case; else in base64, whose two alphabets count as one.
    """

    texts: tuple[tuple[str, int], ...]
    folded: bool

    def __call__(self, text: str) -> int:
        """Return the characters, 0 for none."""
        said = text.lower() if self.folded else text.translate(_FROM_URLS)
        return max(_shared(said, each, least) for each, least in self.texts)

    def __repr__(self) -> str:
        return "KeyRun()"


def keys_of(credentials: Iterable[bytes]) -> BackendKeys | None:
    """Return the rules for these credentials; None if there are none that a text could have."""
    wanted = {text for each in credentials if (text := _text(each)) and len(text) <= KEY_MOST}
    if not wanted:
        return None
    whole = [replace(each, private=True) for each in patterns.literals(KIND, wanted, words=False)]
    # What a client or a proxy writes in another form is the credential itself, without the scheme in front of it.
    parted = sorted({max(text.split(), key=len, default="") for text in wanted if text.isascii()} - {""})
    runs = [*_parts(parted)]
    forms = [text for run, _ in runs for text, _ in run.texts]
    rules = (*whole, *(_rule(number, *each) for number, each in enumerate(runs)))
    return BackendKeys(rules, LiteralScanner.of(rules, wanted, forms))


def is_key(span: Span) -> bool:
    """True if the finding is a credential of a backend."""
    return span.kind == KIND


def _parts(credentials: Sequence[str]) -> Iterator[tuple[KeyRun, tuple[str, ...]]]:
    """Yield what tells parts of them, with the texts one of which stands in each part: as they are, in hex, in base64.

    A scanner that holds back no beginning of fewer than BEGUN_LEAST characters sees as many fewer of a part.
    """
    small = [text.lower() for text in credentials]
    parts = tuple((text, _least(part_least(len(text)), len(text))) for text in small)
    if parts:
        yield KeyRun(parts, True), tuple(sign for each in parts for sign in _signs(*each))
    octets = [text.encode() for text in credentials]
    in_hex = [each.hex() for each in octets]
    if in_hex:
        yield KeyRun(_formed(in_hex), True), tuple(middle(each.encode()).decode() for each in in_hex)
    encoded = [each.decode() for each in dict.fromkeys(text for each in octets for text in in_base64(each))]
    if encoded:
        yield KeyRun(_formed(encoded), False), tuple(middle(each.encode()).decode() for each in encoded)


def _formed(texts: Sequence[str]) -> tuple[tuple[str, int], ...]:
    return tuple((text, _least(form_least(len(text)), len(text))) for text in texts)


def _least(least: int, size: int) -> int:
    """The characters of a part of which the first may have left, as they are too few to be held back."""
    return least if least == size else least - BEGUN_LEAST + 1


def _signs(text: str, least: int) -> Iterator[str]:
    """Yield parts of a text, one of which stands in whatever has so many characters of it."""
    step = (least + 1) // 2
    return (text[at : at + step] for at in range(0, len(text) - step + 1, step))


def _rule(number: int, run: KeyRun, signs: Sequence[str]) -> Rule:
    shortest = min(least for _, least in run.texts)
    longest = max(len(text) for text, _ in run.texts)
    known = _either_case("".join(sorted({char for text, _ in run.texts for char in text}))) if run.folded else _BASE64
    return Rule(
        kind=KIND,
        name=f"{KIND}-part#{number}",
        pattern=f"[{known}]{{{shortest},{longest}}}",
        sign="|".join(dict.fromkeys(_sign(each[:SIGN_MOST], folded=run.folded) for each in signs)),
        before="",
        after="",
        private=True,
        fit=run,
        score=1.0,
    )


def _sign(text: str, *, folded: bool) -> str:
    """An expression for a text, in either case or in either alphabet of base64."""
    if folded:
        return "".join(f"[{_either_case(char)}]" for char in text)
    return "".join({"+": "[+\\-]", "/": "[/_]"}.get(char, char) for char in text)


def _either_case(chars: str) -> str:
    """The contents of a class for characters in either case. Written out: other letters fold to some of ASCII."""
    return "".join(re.escape(each) for char in chars for each in dict.fromkeys((char, char.upper())))


def _shared(said: str, text: str, least: int) -> int:
    """The characters with which `said` begins that stand in `text`; 0 if they are fewer than `least`."""
    if said[:least] not in text or len(said) < least:
        return 0
    return bisect_left(range(min(len(said), len(text))), True, lo=least, key=lambda size: said[: size + 1] not in text)


_FROM_URLS: Final = {new: old for old, new in enumerate(FOR_URLS) if new != old}


def _text(credential: bytes) -> str:
    try:
        return credential.decode()
    except UnicodeDecodeError:
        return ""
