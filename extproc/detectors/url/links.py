"""Links in the texts of replies, as they come: bare, in Markdown and in HTML."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from extproc.apis.asked import Asked
from extproc.apis.events.event import Scope
from extproc.apis.reply import ReplyPart
from extproc.detectors.registry import built_in
from extproc.detectors.replies import Noticed, ReplyDetector, ReplyFinding, Undecided, Wakes, never
from extproc.detectors.url.address import LinkAddress, address
from extproc.detectors.url.hosts import HostList
from extproc.policy.replies import URL_CHECKS, Url

KINDS: Final = ("denied", "not_allowed", "userinfo", "ip_host", "punycode", "homograph", "data", "scheme")

LINK_MAX: Final = 4096
"""Characters of a link; browsers read some more, and nobody needs them."""

_END: Final = r"\s<>\"'`\x00-\x1f\u2028\u2029"
_CHARS: Final = rf"[^{_END}|()\[\]]"
_REST: Final = rf"(?:{_CHARS}++|\({_CHARS}{{0,{LINK_MAX}}}+\)|\[{_CHARS}{{0,{LINK_MAX}}}+\])*+"
"""The rest of a link: brackets in it are closed in it, so that none goes on behind that of a Markdown link."""
_OPEN: Final = rf"(?:[(\[]{_CHARS}{{0,{LINK_MAX}}}+\Z)?+"
"""A bracket in it that may yet be closed."""

_HOSTED: Final = (
    r"(?:(?:(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,20}:)?[\\/]{2,64}+|(?:https?|wss?|ftp):[\\/]|(?<![\w@.-])www\d?\.)"
)
_FORMS: Final = (
    rf"{_HOSTED}(?=[^{_END}\\/.,;:!?)\]}}|]){_REST}{_OPEN}",
    rf"(?:javascript|vbscript|data):(?={_CHARS}){_REST}{_OPEN}",
    rf"\]\([ \t]{{0,8}}+<?+(?P<target>(?!\#)(?={_CHARS}){_REST}{_OPEN})",
    rf"(?:href|src|action)=[\"']?+(?P<value>(?={_CHARS}){_REST}{_OPEN})",
)
"""A link: with a scheme or two slashes; a host that begins with www; what a browser would run; the target of a link in
Markdown, which may have a host alone; the value of an attribute in HTML."""

_BARE: Final = (
    rf"(?<![\w@./\\:%-])(?P<host>\w[\w-]{{0,62}}+(?:\.[\w-]{{1,63}}+){{1,8}}+(?:[:/?#]{_REST}{_OPEN}|\.\Z)?+)"
)
"""A host alone: no link, but people copy it, and some programs make it one."""

_LINK: Final = re.compile("|".join(_FORMS), re.IGNORECASE)
_LINK_OR_HOST: Final = re.compile("|".join((*_FORMS, _BARE)), re.IGNORECASE)

_BEHIND: Final = ".,;:!?}*_~"
"""Characters that end a sentence or are markup, and are part of no link at its end."""

_LONG: Final = re.compile(rf"[{_END}]")
"""The end of what is too long for a link."""

_HEAD: Final = re.compile(r"[a-z0-9+.-]{0,21}(?::?[\\/]{0,64}|=[\"']?)\Z|\](?:\([ \t]{0,8}<?)?\Z", re.IGNORECASE)
_HOST_HEAD: Final = re.compile(r"[\w.-]*\Z")
"""Text that may be the beginning of a link, or of a host, at the end of a piece."""
_HEAD_MAX: Final = 96
_HOST_MAX: Final = 256
"""Characters of these."""

_PLAIN: Final = re.compile(r"[\w+-]*")
_wakes: Final = re.compile(r"[\\/:(=]|[wW]\d?\.|\A\d?\.").search
_wakes_host: Final = re.compile(r"[\\/:(=.]").search
"""The characters without which no link and no host begins."""
_ends: Final = re.compile(rf"[{_END}|()\[\]]").search
"""Those that may end one."""

_SAFE: Final = frozenset({"http", "https", "ftp", "ws", "wss", ""})
_NO_LINKS: Final = frozenset({"mailto", "tel", "sms"})
"""Schemes that lead to no host."""

_HOST: Final = re.compile(r"[\w.-]+\.[a-z]{2,}(?:[/?#:]|\Z)", re.IGNORECASE)
_ESCAPE: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
"""A sign that Markdown takes for itself."""


class _Tail(Struct):
    """The end of a text that may become a link. `at`: its place; `skips`: it is the rest of one that is too long.

    `seen`: characters of `text` that only say what stands in front of it.
    """

    message: int
    at: int = 0
    text: str = ""
    seen: int = 0
    skips: bool = False
    wakes: Wakes | None = None

    def keep(self, start: int, wakes: Wakes | None) -> None:
        """Forget the text before a place, but for a character."""
        self.seen = min(start, 1)
        self.at += start - self.seen
        self.text = self.text[start - self.seen :]
        self.wakes = wakes


class Linked:
    """Follows one reply."""

    __slots__ = ("_judge", "_tails")

    def __init__(self, judge: "LinkJudge") -> None:
        self._judge = judge
        self._tails: dict[Scope, _Tail] = {}

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """See `Follower.take`."""
        if part.kind == "end":
            return self._ended(part.message)
        if part.kind not in {"text", "arguments"}:
            return ()
        tail = self._tails.get(part.path)
        if tail is None or part.whole:
            tail = self._tails[part.path] = _Tail(part.message)
        tail.text += part.text
        return self._found(part.path, tail)

    def wakes(self, part: ReplyPart) -> Wakes | None:
        """See `PatientFollower.wakes`."""
        tail = self._tails.get(part.path)
        return never if tail is None else tail.wakes

    def finish(self) -> Sequence[Noticed]:
        """See `Follower.finish`."""
        return self._ended(-1)

    def _ended(self, message: int) -> Sequence[Noticed]:
        """A message is over, or all of them."""
        ended = [(path, tail) for path, tail in self._tails.items() if message in {-1, tail.message}]
        return [each for path, tail in ended for each in self._found(path, tail, over="\n")]

    def _found(self, path: Scope, tail: _Tail, over: str = "") -> list[Noticed]:
        """Judge the links of a text that are whole, and keep what may become one. `over`: what ends a text."""
        noticed: list[Noticed] = []
        text, at = tail.text + over, tail.seen
        size = len(text)
        search = self._judge.pattern.search
        while True:
            if tail.skips:
                ended = _LONG.search(text, at)
                if ended is None:
                    tail.keep(size, _LONG.search)
                    return noticed
                tail.skips, at = False, ended.start()
            found = search(text, at)
            if found is None:
                break
            form = found.lastgroup or ""
            start, end = found.span(form or 0)
            if end == size and end - start <= 2 * LINK_MAX:
                wakes = None if form == "host" else _growing(2 * LINK_MAX - end + start)
                tail.keep(self._beginning(text, at, found.start()), wakes)
                return noticed
            at = end
            if end - start > LINK_MAX:
                tail.skips, at = True, start + LINK_MAX
                noticed.append(Undecided("size"))
            noticed += self._judge.judged(text[start:at].rstrip(_BEHIND), form, path, tail.at + start)
        self._keep_head(tail, at, size - len(over))
        return noticed

    def _keep_head(self, tail: _Tail, at: int, size: int) -> None:
        """Keep what may be the beginning of a link, behind the last one."""
        text = tail.text
        start = self._beginning(text, at, size)
        wakes = (_wakes_host if self._judge.hosts else _wakes) if _PLAIN.fullmatch(text, start) else None
        tail.keep(start, wakes)

    def _beginning(self, text: str, at: int, end: int) -> int:
        """Return where a link may begin that goes on behind `end`."""
        found = _HEAD.search(text, max(at, end - _HEAD_MAX), end)
        start = end if found is None else found.start()
        if self._judge.hosts:
            found = _HOST_HEAD.search(text, max(at, end - _HOST_MAX), end)
            start = min(start, end if found is None else found.start())
        return min(start, end)


def _growing(room: int) -> Wakes:
    """Return the test of the pieces of a link that is not whole, of which so many characters may come."""

    def wakes(piece: str) -> object:
        nonlocal room
        room -= len(piece)
        return True if room < 0 else _ends(piece)

    return wakes


class LinkJudge:
    """Judges single links by the policy."""

    def __init__(self, options: Url) -> None:
        self._allow = None if options.allow is None else HostList(options.allow)
        self._deny = HostList(options.deny)
        self._checks = frozenset(URL_CHECKS if options.checks is None else options.checks)
        self.hosts = bool(self._deny)
        """True if hosts alone are judged, too: those that are denied are found however they stand there."""
        self.pattern = _LINK_OR_HOST if self.hosts else _LINK

    def judged(self, link: str, form: str, path: Scope, at: int) -> Iterator[ReplyFinding]:
        """Yield the findings of a link. `form`: the group of the expression that found it."""
        kinds = list(self._kinds(link, form))
        if form == "target" and "\\" in link:
            kinds += [each for each in self._kinds(_ESCAPE.sub(r"\1", link), form) if each not in kinds]
        for kind in kinds:
            yield ReplyFinding(kind, path, at, at + len(link), why=kind)

    def _kinds(self, link: str, form: str) -> Iterator[str]:
        parts = address(link)
        if parts is None or parts.scheme in _NO_LINKS:
            return
        if form == "host":
            if self._deny.holds(parts):
                yield "denied"
            return
        if parts.scheme not in _SAFE:
            if "scheme" in self._checks:
                yield "scheme"
            return
        slashed = link.startswith(("//", "\\\\", "\\/", "/\\"))
        if not parts.scheme and not slashed and (form == "value" or not _HOST.match(link)):
            return  # a relative link
        if not parts.scheme and slashed and "." not in parts.host and not parts.is_number:
            return  # two slashes in a program
        if self._deny.holds(parts):
            yield "denied"
        elif self._allow is not None and not self._allow.holds(parts):
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


URL: Final = built_in(Url, url)
