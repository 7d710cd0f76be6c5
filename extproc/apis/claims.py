"""Which dialect a path belongs to, and where a claimed request goes upstream."""

import re
from collections.abc import Mapping
from urllib.parse import quote_from_bytes

from extproc.apis.anthropic_messages.dialect import COUNT_TOKENS, MESSAGES
from extproc.apis.api import Dialect
from extproc.apis.openai_chat.dialect import CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES
from extproc.apis.paths import ROOT, normalise

DIALECTS: tuple[Dialect, ...] = (CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES, MESSAGES, COUNT_TOKENS)
"""All of them. Their paths differ."""

_BY_PATH: Mapping[str, Dialect] = {dialect.path: dialect for dialect in DIALECTS}

_UNFIT = re.compile(rb"[^!$-~]+")
_SEGMENTS = "/-._~!$&'()*+,;=:@"


def claim(path: str) -> Dialect | None:
    """The dialect of a normalised path, or None. Case does not count: some servers (IIS, Azure) ignore it."""
    return _BY_PATH.get(path) or _BY_PATH.get(path.lower())


def target_path(raw_path: bytes, prefix: str) -> bytes:
    """The path for a backend: what the client's has below /v1, behind the backend's prefix, with the client's query.

    `/v1/chat/completions?x=1` for `/openai/v1` gives `/openai/v1/chat/completions?x=1`. The path is written anew from
    its normalised form, so the upstream can see no other path than the one that was judged; what may not stand in a
    request target is percent-encoded, in the query, too.
    """
    path = normalise(raw_path)
    dialect = claim(path)
    if dialect is not None:
        path = dialect.path
    below = path[len(ROOT) :] if path == ROOT or path.startswith(ROOT + "/") else path
    # The prefix is the operator's, and percent-encoded already where it has to be.
    target = prefix.rstrip("/") + quote_from_bytes(below.encode(), _SEGMENTS) or "/"
    return target.encode() + _query(raw_path)


def _query(raw_path: bytes) -> bytes:
    """The query with its question mark, or nothing; a fragment, which no client should send, is left out."""
    _, mark, query = raw_path.partition(b"#")[0].partition(b"?")
    return mark + _UNFIT.sub(lambda unfit: quote_from_bytes(unfit[0]).encode(), query)
