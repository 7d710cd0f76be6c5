"""Errors that are about what a request says, and not about the backend: another model may well serve it.

Envoy retries by statuses and header fields, and these stand in the body. So for models that ask for it, a filter before
the backend reads errors and names what it found in a header field, before Envoy decides about a retry.
"""

from typing import Final

from extproc.payload.encodings import codings as encodings
from extproc.policy.retries import ContentReason
from extproc.protocol.headers import HeaderMap

RETRIABLE_HEADER: Final = "x-extproc-retriable"
"""The response header field by which Envoy knows of such an error; clients do not see it."""

CONTENT_STATUS: Final = frozenset({400, 403, 404, 413, 422, 501})
"""Statuses of errors that are read."""

READ_MAX: Final = 256 * 1024
"""Bytes of an error, decoded, that is read; errors of APIs have some hundred."""

_WORDS: Final[dict[ContentReason, tuple[bytes, ...]]] = {
    "context_length": (
        b"context_length_exceeded",
        b"maximum context length",
        b"context window",
        b"prompt is too long",
        b"request_too_large",
    ),
    "content_filter": (b"content_filter", b"content_policy_violation", b"responsibleaipolicyviolation"),
    "unsupported_feature": (
        b"unsupported_parameter",
        b"unsupported_value",
        b"not supported",
        b"does not support",
        b"unsupported_feature",
    ),
}
"""Words of OpenAI, Azure, Anthropic and vLLM, in small letters. A client whose own words are quoted in an error gains
nothing but another attempt."""


def content_reason(fields: HeaderMap, body: bytes, wanted: frozenset[str]) -> ContentReason | None:
    """Return for which of the reasons that are `wanted` a request may be tried elsewhere, by a backend's error."""
    if len(body) > READ_MAX:
        return None
    given = fields.getall("content-encoding")
    try:
        codings = encodings.codings(b",".join(given).decode("latin-1")) if given else ()
        plain = encodings.decode(body, codings, READ_MAX) if codings else body
    except (encodings.EncodingError, encodings.UnknownEncodingError):
        return None
    small = plain.lower()
    return next((why for why, words in _WORDS.items() if why in wanted and any(word in small for word in words)), None)
