"""Quotes, numbers and links of replies that do not occur in the documents of the request: `use: grounded`."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final

from extproc.apis.asked import NOTHING_ASKED, Asked
from extproc.apis.events.event import Scope
from extproc.apis.reply import ReplyPart
from extproc.detectors.registry import built_in
from extproc.detectors.replies import Noticed, ReplyDetector, ReplyFinding, Undecided, Wakes, never
from extproc.policy.replies import Grounded

KINDS: Final = ("quote", "number", "link")

DOCUMENTS_MAX: Final = 64 * 1024
"""Code points of all documents that are compared: 5 ms, if they are full of numbers. Judges of replies must not keep
the loop longer."""

TEXT_MAX: Final = 64 * 1024
"""Code points of a message that are looked at."""

CLAIMS_MAX: Final = 500
"""Quotes, numbers and links of a message that are compared."""

WORDS_MIN: Final = 3
"""Words of a quote: two in quotation marks are a name, or irony."""

_QUOTED: Final = re.compile(
    r"“([^“”\n]{8,1000})”|„([^„“”\n]{8,1000})[“”]|«\s?([^«»\n]{8,1000}?)\s?»|「([^「」\n]{4,500})」|(?<![\w\"])\"([^\"\n]{8,1000})\"(?!\w)"
)
_LINK: Final = re.compile(r"https?://[^\s<>\"'`)\]}]+", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(?<![\w.,/-])[-+\u2212]?\d+(?:[.,'\u2019\u202f\u00a0 ]\d{3})*(?:[.,]\d+)?(?![\w]|[.,]\d)")
_ITEM: Final = re.compile(r"(?m)^[^\S\n]*+(?:\d{1,3}[.)]|\[\d{1,3}\])\s")
_DIGITS: Final = re.compile(r"\d")
_SPACES: Final = re.compile(r"\s+")
_MARKS: Final = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-", "\u2212": "-"}
)


class Sources:
    """The documents of one request, as they are compared."""

    def __init__(self, documents: Sequence[str]) -> None:
        whole = "\n".join(documents)
        self._text = normal(whole)
        self._numbers = {value for found in set(_NUMBER.findall(whole)) for value in readings(found)}

    def has(self, kind: str, claim: str) -> bool:
        """True if a quote, a number or a link occurs."""
        match kind:
            case "number":
                return not self._numbers.isdisjoint(readings(claim))
            case "link":
                return normal(claim).rstrip("/") in self._text
        return normal(claim).strip(" .,;:!?") in self._text


class GroundedReply:
    """Follows one reply."""

    __slots__ = ("_options", "_silent", "_sources", "_texts", "_unknown")

    def __init__(self, options: Grounded, asked: Asked | None) -> None:
        self._options = options
        documents = () if asked is None else asked.documents
        beyond = sum(map(len, documents)) > DOCUMENTS_MAX
        self._unknown = asked is None or beyond or "documents" in asked.cut
        self._silent = asked is NOTHING_ASKED or not documents
        self._sources = documents
        self._texts: dict[int, list[ReplyPart]] = {}

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """See `Follower.take`."""
        if self._unknown:
            self._unknown, self._silent = False, True
            return (Undecided("documents"),)
        if self._silent:
            return ()
        if part.kind == "text":
            parts = self._texts.setdefault(part.message, [])
            if part.whole and any(each.path == part.path for each in parts):
                parts.clear()
            parts.append(part)
        elif part.kind == "end":
            ended = [*self._texts] if part.message < 0 else [part.message]
            return [each for message in ended for each in self._judged(self._texts.pop(message, []))]
        return ()

    def wakes(self, _: ReplyPart) -> Wakes | None:
        """See `PatientFollower.wakes`. A message is judged at its end."""
        return None if self._unknown else never

    def finish(self) -> Sequence[Noticed]:
        """See `Follower.finish`."""
        texts, self._texts = self._texts, {}
        return [each for parts in texts.values() for each in self._judged(parts)]

    def _judged(self, parts: Sequence[ReplyPart]) -> Sequence[Noticed]:
        """Return the findings in a message: all claims without a source, if their share is too large."""
        texts: dict[Scope, str] = {}
        for part in parts:
            texts[part.path] = texts.get(part.path, "") + part.text
        if sum(map(len, texts.values())) > TEXT_MAX:
            return (Undecided("size"),)
        found = ((path, *claim) for path, text in texts.items() for claim in claims(text))
        made = list(islice(found, CLAIMS_MAX))
        if len(made) < self._options.claims:
            return ()
        sources = Sources(self._sources)
        missing = [each for each in made if not sources.has(each[1], each[2])]
        share = len(missing) / len(made)
        if share < self._options.threshold:
            return ()
        why = f"{len(missing)} of {len(made)} claims"
        return [
            ReplyFinding(kind, path, start, start + len(text), round(share, 4), why, self._options.threshold)
            for path, kind, text, start in missing
        ]


def claims(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield the quotes, links and numbers of a text, each with its kind and where it begins."""
    taken = bytearray(len(text))  # code points of claims, and of numbers of items
    for found in _LINK.finditer(text):
        link = found[0].rstrip(".,;:!?*_")
        _take(taken, found.start(), len(link))
        yield "link", link, found.start()
    for found in _QUOTED.finditer(text):
        quote = next(each for each in found.groups() if each is not None)
        if len(quote.split()) >= WORDS_MIN or not quote.isascii():
            at = found.start() + found[0].index(quote)
            _take(taken, at, len(quote))
            yield "quote", quote, at
    for found in _ITEM.finditer(text):
        _take(taken, found.start(), len(found[0]))
    for found in _NUMBER.finditer(text):
        single = len(_DIGITS.findall(found[0])) < 2
        if not single and not taken[found.start()]:
            yield "number", found[0], found.start()


def _take(taken: bytearray, at: int, size: int) -> None:
    taken[at : at + size] = b"\1" * size


def readings(number: str) -> frozenset[str]:
    """Return what a number may mean: separators of thousands and of decimals differ by language."""
    digits = _SPACES.sub("", number.translate(_MARKS)).lstrip("+").replace("'", "")
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    found = {sign + _trimmed(digits.replace(",", ""), ".")}
    if "," in digits or (digits.count(".") and all(len(part) == 3 for part in digits.split(".")[1:])):
        found.add(sign + _trimmed(digits.replace(".", ""), ","))
    # A minus is as often a dash.
    return frozenset({*found, *(each.lstrip("-") for each in found)})


def _trimmed(digits: str, point: str) -> str:
    whole, _, part = digits.partition(point)
    part = part.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")


def normal(text: str) -> str:
    """Return a text in lower case, with one kind of quotation marks, dashes and blanks."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text).translate(_MARKS).lower())


def grounded(options: Grounded) -> ReplyDetector:
    """Return the detector of `use: grounded`."""
    return ReplyDetector(KINDS, partial(GroundedReply, options), frozenset({"documents"}))


GROUNDED: Final = built_in(Grounded, grounded)
