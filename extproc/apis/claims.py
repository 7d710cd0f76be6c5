"""The target of a claimed request at a backend."""

import re
from urllib.parse import quote_from_bytes

from extproc.apis.api import ApiRequestPath

_UNFIT = re.compile(rb"[^!$-~]+")


def target_path(claimed: ApiRequestPath, raw_path: bytes, prefix: str, model: str) -> bytes:
    """The request target for a backend: the claimed path, behind the backend's prefix, with the client's query.

    `/v1/chat/completions?x=1` for `/openai/v1` gives `/openai/v1/chat/completions?x=1`. The path is written anew from
    its claim, so the upstream can see no other path than the one that was judged; what may not stand in a request
    target is percent-encoded, in the query, too.
    """
    return claimed.target(prefix, model).encode() + _query(raw_path)


def _query(raw_path: bytes) -> bytes:
    """The query with its question mark, or nothing; a fragment, which no client should send, is left out."""
    _, mark, query = raw_path.partition(b"#")[0].partition(b"?")
    return mark + _UNFIT.sub(lambda unfit: quote_from_bytes(unfit[0]).encode(), query)
