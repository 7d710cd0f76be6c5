"""Refusals of a request by its headers alone, and of a body that cannot be read as they describe it."""

from typing import Final

from extproc.payload.encodings import codings as encodings
from extproc.payload.fieldvalue import known, parse
from extproc.policy.retries import ATTEMPTS_MAX
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers

READ_ONLY: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"DELETE"})
"""Methods that ask a model for nothing, also on a path that an API claims."""

RETRY_AFTER: Final = 1
"""Seconds until a client may try again: bodies are held for some milliseconds, so that soon there is room again."""

FIELDS_MOST: Final = 128
"""Header fields of a request, in generated configurations: 100 of a client's or a provider's, and room for those of
Envoy and of the processor. Envoy's default of 100 counts again after the processor's changes, so that a request with 93
fields of the client's own would fail by the 5 of Envoy and the 3 of ours."""

FIELDS_OURS: Final = 4 + ATTEMPTS_MAX
"""Header fields that the processor may add: the cluster, the model, a credential, a length; the route for a request
that may be tried again, and the backend of each attempt but the first."""

CROWDED: Final = f"size(request.headers) > {FIELDS_MOST - FIELDS_OURS}"
"""The attribute of requests that have no room for the processor's fields. Envoy takes an expression for an attribute's
name; one that is true or false makes the same bytes of nearly every request, which are read once."""

DENSE: Final = (
    f"is over {encodings.RATIO_FLOOR} bytes and more than %d times as large as its compressed form, "
    "the highest ratio that is accepted."
)
"""The predicate of messages about a body that is refused for its ratio."""

_JSON: Final = "application/json"
_JSON_BYTES: Final = _JSON.encode()

UNKNOWN: Final = ("unknown",)
"""Codings that cannot be undone here."""


def check_claimed(fields: HeaderMap, method: bytes, *, empty: bool) -> None:
    """Refuses what cannot be a request of an API. Raises ClientError."""
    if upgrades(fields):
        # An upgraded connection would carry requests that nobody reads; a WebSocket begins with a GET.
        raise upgrade_refused()
    if method != b"POST":
        raise ClientError(405, "method_not_allowed", "Use POST on this path.")
    if empty:
        raise ClientError(400, "empty_body", "The request has no body; send a JSON object.")


def crowded(message: Headers) -> bool:
    """True for a request that has no room for the processor's fields, where Envoy tells that."""
    return message.attributes.get(CROWDED) == "true"


def too_many_headers() -> ClientError:
    """The refusal of such a request."""
    return ClientError(431, "too_many_headers", "The request has too many header fields; send at most 100.")


def codings(fields: HeaderMap) -> tuple[str, ...]:
    """The codings to be undone before the body can be read; `UNKNOWN` where one of them cannot be."""
    if "content-encoding" not in fields:
        return ()
    try:
        return encodings.codings(b",".join(fields.getall("content-encoding")).decode("latin-1"))
    except encodings.UnknownEncodingError:
        return UNKNOWN


def unknown_encoding() -> ClientError:
    """The refusal of a body that is encoded in a way nobody here knows."""
    return ClientError(415, "unsupported_encoding", "This content-encoding is not supported; use gzip, or none.")


def malformed_encoding() -> ClientError:
    """The refusal of a body that is not what its headers say."""
    return ClientError(400, "malformed_encoding", "The body is not what its content-encoding says.")


def too_large(limit: int) -> ClientError:
    """The refusal of a body over `limit` bytes."""
    return ClientError(413, "request_too_large", f"The request body is larger than the limit of {limit} bytes.")


def too_dense(ratio: int) -> ClientError:
    """The refusal of a body that is more than `ratio` times as large as its compressed form."""
    return ClientError(413, "request_too_large", f"The request body {DENSE % ratio} Send it without content-encoding.")


def overloaded() -> ClientError:
    """The refusal of what there is no room or no time for."""
    return ClientError(503, "overloaded", "The gateway has too much to do; try again.", retry_after=RETRY_AFTER)


def upgrade_refused() -> ClientError:
    """The refusal of a connection that would carry what nobody reads."""
    return ClientError(400, "upgrade_not_supported", "A connection upgrade is not possible on this path.")


def upgrades(fields: HeaderMap) -> bool:
    """True if the connection is to become something else."""
    return "upgrade" in fields or ":protocol" in fields


def exceeds(fields: HeaderMap, limit: int) -> bool:
    """True if the body is said to be larger than `limit` bytes, or what is said of its length is no number."""
    length = fields.get("content-length")
    # By its digits first: a hostile number is not worth converting.
    return length is not None and (not length.isdigit() or len(length) > 15 or int(length) > limit)


def json_type(fields: HeaderMap) -> str:
    """The content-type of a claimed body: JSON, whatever it is said to be, but in the charset that it names."""
    if fields.get("content-type") == _JSON_BYTES:
        return _JSON
    if known(parse(fields.text("content-type")).parameters.get("charset", "")) is not None:
        return _JSON
    return f"{_JSON}; charset=unknown"
