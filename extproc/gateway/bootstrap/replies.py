"""The texts of Envoy's own responses, in the client's dialect, so that an SDK shows a message and not a parse error.

The texts are fixed. Nothing that a client sent is put into them, so there is nothing to escape and nothing to inject.
"""

import json
import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from extproc.apis.mcp.request import BLOCKED
from extproc.gateway.bootstrap.values import Json, Setting, typed

TOO_MANY: Final = "response.code_details.contains('header_mutation') && response.code_details.contains('exceeds_limit')"
"""Expression that is true where the processor's changes would leave too many header fields."""

ANSWERED: Final = "has(upstream.address)"
"""Expression that is true once a backend was asked. With `TOO_MANY` it is the backend that sent too many fields, else
the client: Envoy says the same of both."""

OURS: Final = "response.code_details.startsWith('extproc_')"
"""Expression that is true for the processor's own responses: their details begin so; the filter's with `ext_proc_`."""


class LocalReply(NamedTuple):
    """The error for a status: OpenAI's `code` and `type`, Anthropic's `type`, and the message."""

    status: int
    code: str
    openai: str
    anthropic: str
    message: str


Told: TypeAlias = Callable[[LocalReply], Json]
"""The form of a dialect's errors."""


REPLIES: Final = (
    LocalReply(400, "bad_request", "invalid_request_error", "invalid_request_error", "The request is not valid HTTP."),
    LocalReply(
        401,
        "unauthorized",
        "authentication_error",
        "authentication_error",
        "The gateway requires valid credentials for this request.",
    ),
    LocalReply(
        402, "payment_required", "invalid_request_error", "billing_error", "The gateway requires payment for this."
    ),
    LocalReply(
        403, "forbidden", "invalid_request_error", "permission_error", "The gateway does not allow this request."
    ),
    LocalReply(404, "not_found", "invalid_request_error", "not_found_error", "Nothing is served under this path."),
    LocalReply(408, "request_timeout", "timeout_error", "timeout_error", "The request did not arrive in time."),
    LocalReply(
        413,
        "request_too_large",
        "invalid_request_error",
        "request_too_large",
        "The request body is larger than the gateway accepts.",
    ),
    LocalReply(
        415,
        "unsupported_media_type",
        "invalid_request_error",
        "invalid_request_error",
        "The gateway does not accept this content type.",
    ),
    LocalReply(
        426, "upgrade_required", "invalid_request_error", "invalid_request_error", "HTTP/1.1 or HTTP/2 is needed."
    ),
    LocalReply(
        429,
        "rate_limit_exceeded",
        "rate_limit_error",
        "rate_limit_error",
        "The gateway received too many requests; try again later.",
    ),
    LocalReply(
        431, "headers_too_large", "invalid_request_error", "request_too_large", "The request headers are too large."
    ),
    LocalReply(502, "bad_upstream", "server_error", "api_error", "The backend's answer is not valid HTTP."),
    LocalReply(
        503,
        "unavailable",
        "server_error",
        "overloaded_error",
        "The gateway or the backend cannot serve the request now; try again later.",
    ),
    LocalReply(504, "timeout", "timeout_error", "timeout_error", "The gateway or the backend did not answer in time."),
)
"""Every status that Envoy and its usual filters were seen to answer with; REFUSED and FALLBACK are for the rest."""

REFUSED: Final = LocalReply(
    499, "refused", "invalid_request_error", "invalid_request_error", "The gateway refused this request."
)
"""Any other status from 400 to 499: the client's fault, whichever filter says so. Its own status is kept."""

FALLBACK: Final = LocalReply(
    500, "internal_error", "server_error", "api_error", "The gateway could not handle the request."
)


FIELDS: Final = next(reply for reply in REPLIES if reply.status == 431)

BACKEND_FIELDS: Final = LocalReply(
    502, "bad_upstream", "server_error", "api_error", "The backend's response has too many header fields."
)
"""The error for a response without room for the processor's changes."""


def local_replies(setting: Setting) -> Json:
    """`local_reply_config` of the connection manager. The first mapper that matches decides."""
    others = _dialects(setting)
    return {
        "mappers": [
            {"filter": _cel(OURS), "body_format_override": _format("%LOCAL_REPLY_BODY%")},
            *_fields(others, f"{TOO_MANY} && {ANSWERED}", BACKEND_FIELDS),
            # Not 503, which clients would try again.
            *_fields(others, TOO_MANY, FIELDS),
            # No error: a redirect to a login page, a health check, a direct response.
            {"filter": _code("LE", 399), "body_format_override": _format("%LOCAL_REPLY_BODY%")},
            *(mapper for paths, told in others for mapper in _errors(paths, told)),
            *({"filter": _status(reply), **_says(_openai(reply))} for reply in REPLIES),
            {"filter": _code("LE", REFUSED.status), **_says(_openai(REFUSED))},
        ],
        "body_format": _says(_openai(FALLBACK))["body_format_override"],
    }


def _dialects(setting: Setting) -> list[tuple[Json, Told]]:
    """Return the dialects that are not OpenAI's: the paths of each, and how it tells an error."""
    named = [(_anthropic_paths(setting), _anthropic)]
    if setting.policy.mcp is not None:
        named.append((_mcp_paths(setting), _rpc))
    return [({"header_filter": {"header": {"name": ":path", "string_match": paths}}}, told) for paths, told in named]


def _errors(paths: Json, told: Told) -> list[Json]:
    """Return the mappers of all errors on these paths."""
    return [
        *({"filter": _both(paths, _status(reply)), **_says(told(reply))} for reply in REPLIES),
        {"filter": _both(paths, _code("LE", REFUSED.status)), **_says(told(REFUSED))},
        {"filter": paths, **_says(told(FALLBACK))},
    ]


def _fields(others: list[tuple[Json, Told]], expression: str, reply: LocalReply) -> list[Json]:
    """Return the mappers, in all dialects, of a message with too many header fields."""
    return [
        *(
            {"filter": _both(paths, _cel(expression)), "status_code": reply.status, **_says(told(reply))}
            for paths, told in others
        ),
        {"filter": _cel(expression), "status_code": reply.status, **_says(_openai(reply))},
    ]


def _cel(expression: str) -> Json:
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": typed(
                "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=expression
            ),
        }
    }


def _both(*filters: Json) -> Json:
    return {"and_filter": {"filters": list(filters)}}


def _status(reply: LocalReply) -> Json:
    return _code("EQ", reply.status)


def _code(op: str, status: int) -> Json:
    # The runtime key is mandatory in this message; nobody sets it.
    value = {"default_value": status, "runtime_key": "extproc.status"}
    return {"status_code_filter": {"comparison": {"op": op, "value": value}}}


def _anthropic_paths(setting: Setting) -> Json:
    """Return the paths of Anthropic's dialect: the client's, and what the processor makes of it for a backend."""
    prefixes = {"/v1"} | {b.address.prefix for b in setting.policy.backends if b.api == "anthropic"}
    paths = "|".join(re.escape(prefix).replace(r"\-", "-") for prefix in sorted(prefixes))
    return {"safe_regex": {"regex": f"(?:{paths})/messages(?:[/?].*)?"}}


def _mcp_paths(setting: Setting) -> Json:
    """Return the paths of MCP servers: the clients', and those at the backends."""
    servers = () if setting.policy.mcp is None else setting.policy.mcp.servers
    backends = [backend.address.prefix for backend in setting.policy.backends if backend.api == "mcp"]
    named = sorted({*(server.path for server in servers), *backends})
    paths = "|".join(re.escape(path).replace(r"\-", "-") for path in named)
    return {"safe_regex": {"regex": f"(?i)(?:{paths})/?(?:[?].*)?"}}


def _openai(reply: LocalReply) -> Json:
    return {"error": {"message": reply.message, "type": reply.openai, "param": None, "code": reply.code}}


def _anthropic(reply: LocalReply) -> Json:
    return {"type": "error", "error": {"type": reply.anthropic, "message": reply.message}}


def _rpc(reply: LocalReply) -> Json:
    """Return an error of JSON-RPC. Envoy does not know whose request it answers."""
    described = {"code": BLOCKED, "message": reply.message, "data": {"code": reply.code}}
    return {"jsonrpc": "2.0", "id": None, "error": described}


def _says(body: Json) -> Json:
    return {"body_format_override": {**_format(json.dumps(body)), "content_type": "application/json"}}


def _format(text: str) -> Json:
    return {"text_format_source": {"inline_string": text}}
