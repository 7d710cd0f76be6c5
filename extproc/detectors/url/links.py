"""Links in the texts of replies, as they come: bare, in Markdown and in HTML."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from extproc.apis.asked import Asked
from extproc.apis.events.event import Scope
from extproc.apis.reply import ReplyPart
from extproc.detectors.registry import DetectorKind
from extproc.detectors.replies import Noticed, ReplyDetector, ReplyFinding, Undecided
from extproc.detectors.url.address import LinkAddress, Listed, address, entries
from extproc.policy.replies import URL_CHECKS, Url

KINDS: Final = ("denied", "not_allowed", "userinfo", "ip_host", "punycode", "homograph", "data", "scheme")

LINK_MAX: Final = 4096
"""Characters of a link; browsers read some more, and nobody needs them."""

_END: Final = r"\s<>\"'`\x00-\x1f\u2028\u2029"
_BODY: Final = rf"[^{_END}]"
_LINK: Final = re.compile(
    rf"(?:(?:[a-z][a-z0-9+.-]{{1,20}}:)?[\\/]{{2}}|(?<![\w@.-])www\d?\.)(?=[^{_END}\\/.,;:!?)\]}}]){_BODY}{{1,{LINK_MAX}}}"
    rf"|(?:javascript|vbscript|data):(?=[^{_END}]){_BODY}{{1,{LINK_MAX}}}"
    rf"|(?<=\]\()(?!\#){_BODY}{{1,{LINK_MAX}}}",
    re.IGNORECASE,
)
"""A link: with a scheme or two slashes; a host that begins with www; what a browser would run; the target of a link in
Markdown, which may have a host alone."""

_BEHIND: Final = ".,;:!?)]}*_~|"
"""Characters that end a sentence or a bracket, and are part of no link at its end."""

_HEAD: Final = re.compile(r"[a-z0-9+.\-]{0,21}:?[\\/]{0,2}\Z|\]\(?\Z|\]\([^\s)]*\Z", re.IGNORECASE)
"""Text that may be the beginning of a link at the end of a piece."""

_SAFE: Final = frozenset({"http", "https", "ftp", "ws", "wss", ""})
_NO_LINKS: Final = frozenset({"mailto", "tel", "sms"})
"""Schemes that lead to no host."""

_HOST: Final = re.compile(r"[\w.-]+\.[a-z]{2,}(?:[/?#:]|\Z)", re.IGNORECASE)


class Linked:
    """Follows one reply."""

    __slots__ = ("_judge", "_tails")

    def __init__(self, judge: "LinkJudge") -> None:
        self._judge = judge
        self._tails: dict[Scope, tuple[int, str]] = {}  # what may become a link, and where it begins

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """See `Follower.take`."""
        if part.kind == "end":
            return self.finish()
        if part.kind not in {"text", "arguments"}:
            return ()
        at, before = (0, "") if part.whole else self._tails.get(part.path, (0, ""))
        text = before + part.text
        if not before and "/" not in text and ":" not in text and "ww" not in text.lower() and "](" not in text:
            tail = _HEAD.search(text, max(0, len(text) - 32))
            self._tails[part.path] = at + (len(text) if tail is None else tail.start()), "" if tail is None else tail[0]
            return ()
        noticed, kept = self._found(part.path, at, text, over=part.whole)
        self._tails[part.path] = at + len(text) - len(kept), kept
        return noticed

    def finish(self) -> Sequence[Noticed]:
        """See `Follower.finish`."""
        tails, self._tails = self._tails, {}
        return [each for path, (at, text) in tails.items() for each in self._found(path, at, text, over=True)[0]]

    def _found(self, path: Scope, at: int, text: str, *, over: bool) -> tuple[list[Noticed], str]:
        """Judge the links of a text that are whole; return the findings, and what may become one."""
        noticed: list[Noticed] = []
        end = 0
        for found in _LINK.finditer(text):
            if found.end() == len(text) and not over:
                if len(found[0]) >= LINK_MAX:
                    return [*noticed, Undecided("size")], ""
                return noticed, text[max(0, found.start() - 2) :]
            link = found[0].rstrip(_BEHIND)
            noticed += self._judge.judged(link, path, at + found.start())
            end = found.end()
        tail = None if over else _HEAD.search(text, max(end, len(text) - 32))
        return noticed, "" if tail is None else tail[0]


class LinkJudge:
    """Judges single links by the policy."""

    def __init__(self, options: Url) -> None:
        self._allow: tuple[Listed, ...] | None = None if options.allow is None else tuple(entries(options.allow))
        self._deny = tuple(entries(options.deny))
        self._checks = frozenset(URL_CHECKS if options.checks is None else options.checks)

    def judged(self, link: str, path: Scope, at: int) -> Iterator[ReplyFinding]:
        """Yield the findings of a link."""
        for kind in self._kinds(link):
            yield ReplyFinding(kind, path, at, at + len(link), why=kind)

    def _kinds(self, link: str) -> Iterator[str]:
        parts = address(link)
        if parts is None or parts.scheme in _NO_LINKS:
            return
        if parts.scheme not in _SAFE:
            if "scheme" in self._checks:
                yield "scheme"
            return
        if not parts.scheme and not link.startswith(("//", "\\\\", "www", "WWW")) and not _HOST.match(link):
            return  # a relative link
        if not parts.scheme and link[:2] in {"//", "\\\\"} and "." not in parts.host and not parts.is_number:
            return  # two slashes in a program
        if any(each.holds(parts) for each in self._deny):
            yield "denied"
        elif self._allow is not None and not any(each.holds(parts) for each in self._allow):
            yield "not_allowed"
        yield from (kind for kind in _suspicions(parts) if kind in self._checks)


def _suspicions(parts: LinkAddress) -> Iterator[str]:
    if parts.user:
        yield "userinfo"
    if parts.is_number:
        yield "ip_host"
    elif parts.international:
        yield "homograph" if parts.mixed else "punycode"
    if parts.data:
        yield "data"


def url(options: Url) -> ReplyDetector:
    """Return the detector of `use: url`."""
    judge = LinkJudge(options)

    def opened(_: Asked | None) -> Linked:
        return Linked(judge)

    return ReplyDetector(KINDS, opened)


URL: Final = DetectorKind("url", Url, url)
