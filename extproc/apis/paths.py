"""One spelling for all the spellings of a path, and the other paths that lead to the same resource."""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from msgspec import Struct

DECODINGS = 4
"""Rounds of percent-decoding. A chain of two proxies and a server that each decode once needs three; a path that is
still encoded after four is nobody's claimed path any more."""

ROOT = "/v1"
"""The beginning of a path, in front of the part that every backend shares."""

_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_-][A-Za-z0-9_.:@~-]*+)++")
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]+")
_TAIL = re.compile(rb"[?#].*", re.DOTALL)
_PARAMETERS = re.compile(rb";[^/]*")
_UNFIT = re.compile(rb"[^!$-~]+")


def normalise(raw_path: bytes) -> str:
    """The path that a request means, in the one spelling by which paths are claimed.

    A path that nobody claims passes through untouched. So a spelling that some upstream would take for a claimed path
    must not slip by: the query goes, percent-encoding is undone (also when it was done twice), backslashes count as
    slashes, control characters and path parameters (`;v=1`) go, empty segments and `.` fall together, `..` steps up,
    and a slash at the end does not count. Taking too many paths for a claimed one does no harm: such a request is
    judged, and goes upstream as the path it was judged to be (see `ApiRequestPath.target`).

    Bytes that are not UTF-8 become U+FFFD: no claimed path has them. A path with no slash at its start gets one.
    """
    if _PLAIN.fullmatch(raw_path):
        return raw_path.decode("ascii")
    path = _decoded(_TAIL.sub(b"", raw_path))
    path = _PARAMETERS.sub(b"", _CONTROLS.sub(b"", path).replace(b"\\", b"/"))
    return _resolved(path.decode("utf-8", "replace"))


def query_of(raw_path: bytes) -> bytes:
    """The query with its question mark, or nothing; what may not stand in a request target is percent-encoded.

    A fragment, which no client should send, is left out.
    """
    _, mark, query = raw_path.partition(b"#")[0].partition(b"?")
    return mark + _UNFIT.sub(lambda unfit: quote_from_bytes(unfit[0]).encode(), query)


class Aliases(Struct, frozen=True):
    """The paths that reach the same resource, for a gateway whose backends have these `prefixes` (besides `/v1`).

    Envoy's routes put a backend's prefix in the place of `/v1/` and leave every other path as it is, so that
    `/v1/files` and `/openai/v1/files` are one file. `bare`: the backend for unclaimed paths has no prefix, so that
    `/v1/files` and `/files` are one, too. Prefixes are normalised and in lower case.
    """

    prefixes: tuple[str, ...]
    bare: bool

    def of(self, *paths: str) -> tuple[str, ...]:
        """Every way to write one of these normalised paths, in lower case.

        A path that has a backend's prefix and is below `/v1`, too, is taken for both.
        """
        roots = (ROOT, *self.prefixes, *(("",) if self.bare else ()))
        written = [path.lower() for path in paths]
        below = [path[len(root) :] for path in written for root in roots if path == root or path.startswith(f"{root}/")]
        return tuple(dict.fromkeys((*written, *(root + tail for tail in below for root in roots))))


def _decoded(path: bytes) -> bytes:
    """Percent-decoded until nothing changes; what looks like a query only then is none of the path either."""
    for _ in range(DECODINGS):
        if b"%" not in path:
            break
        path = unquote_to_bytes(path)
    return _TAIL.sub(b"", path)


def _resolved(path: str) -> str:
    """Without empty segments and dots (RFC 3986, section 5.2.4, and what merges slashes)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept)
