"""Names in the policy: of backends, of models, of header fields."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

from extproc.policy.base import Written, refusal
from extproc.policy.credential_headers import carries_credential

BACKEND_NAME_MAX: Final = 63
"""As long as a DNS label and a name in GEP-5091: fits every place a cluster's name goes."""
MODEL_NAME_MAX: Final = 128
"""Longer than any provider's model name; bounds header values and metric labels."""
LABEL_MAX: Final = 63
HEADER_NAME_MAX: Final = 128
MEDIA_TYPE_MAX: Final = 128

CONTROL_PREFIX: Final = "x-extproc-"
"""Header names with this prefix are the processor's alone: a client's are removed, and so are an upstream's."""

RESERVED_PROCESSORS: Final = frozenset({"block", "allow"})
NO_BACKEND: Final = "none"
OWN_ROUTES: Final = "route"
"""Words for `default_backend` that are not the names of backends."""
RESERVED_BACKENDS: Final = {
    "extproc": "the generated Envoy configuration has a cluster of that name for the processor",
    NO_BACKEND: "`default_backend: none` means no backend",
    OWN_ROUTES: "`default_backend: route` means the routes of Envoy itself",
}

_BACKEND: Final = re.compile(rf"[A-Za-z0-9._-]{{1,{BACKEND_NAME_MAX}}}", re.ASCII)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+", re.ASCII)  # RFC 9110 5.6.2, lower case as HTTP/2 has it
_SHORT: Final = re.compile(rf"[a-z0-9-]{{1,{BACKEND_NAME_MAX}}}", re.ASCII)
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", re.ASCII)  # RFC 6838 4.2

HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Fields that belong to one connection (RFC 9110 7.6.1); Envoy owns them."""
FRAMING: Final = frozenset({"host", "content-length", "content-type", "content-encoding", "expect"})
"""Fields that say where a message goes or how its body reads."""


def _backend(name: str) -> str:
    if _BACKEND.fullmatch(name) is None:
        raise refusal(
            "this cannot be the name of an Envoy cluster",
            f"use 1 to {BACKEND_NAME_MAX} letters, digits, dots, dashes and underscores",
        )
    if name in RESERVED_BACKENDS:
        raise refusal(f"the name {name} is taken: {RESERVED_BACKENDS[name]}", "choose another name")
    return name


def _model(name: str) -> str:
    if not 1 <= len(name) <= MODEL_NAME_MAX:
        raise refusal(
            f"a model's name has 1 to {MODEL_NAME_MAX} characters, this has {len(name)}", "write the provider's name"
        )
    if not name.isprintable() or name != name.strip():
        raise refusal(
            "a model's name has no control characters and no space at its ends", "copy the provider's name exactly"
        )
    return name


def _label(name: str) -> str:
    if not 1 <= len(name) <= LABEL_MAX or not name.isprintable():
        raise refusal(f"a label has 1 to {LABEL_MAX} printable characters", "write a short word such as eu")
    return name


def is_header_name(name: str) -> bool:
    """True if a header field can have this name, written in lower case."""
    return len(name) <= HEADER_NAME_MAX and _TOKEN.fullmatch(name) is not None


def _field(name: str) -> str:
    if name.startswith(":"):
        raise refusal("a pseudo header is Envoy's own", "name an ordinary header such as x-extproc-cluster")
    if name != name.lower():
        raise refusal("header names are written in lower case here", f"write {name.lower()[:HEADER_NAME_MAX]}")
    if not is_header_name(name):
        raise refusal(
            "this is not the name of a header",
            f"use 1 to {HEADER_NAME_MAX} lower-case letters, digits and dashes, such as x-extproc-cluster",
        )
    return name


def _header(name: str) -> str:
    _field(name)
    if name in HOP_BY_HOP or name in FRAMING:
        raise refusal(f"the header {name} belongs to HTTP itself", "name a header of your own")
    if name.startswith("x-envoy-"):  # Envoy drops such mutations without a word, unless told to take them
        raise refusal("x-envoy- headers are Envoy's own", "name a header of your own")
    return name


def _steering(name: str) -> str:
    if carries_credential(name):
        raise refusal(f"the header {name} carries credentials", "name a header of your own such as x-extproc-cluster")
    return name


def _matched(name: str) -> str:
    _field(name)
    if name in HOP_BY_HOP:
        raise refusal(f"the header {name} belongs to the connection", "name one that says something of the request")
    return name


def is_short_name(name: str) -> bool:
    """True if a processor, a pipeline or a word of `use` can have this name."""
    return _SHORT.fullmatch(name) is not None


def _short(name: str) -> str:
    if not is_short_name(name):
        raise refusal(
            f"a name here has 1 to {BACKEND_NAME_MAX} lower-case letters, digits and dashes", "write it like prompt-pii"
        )
    return name


def _processor(name: str) -> str:
    if name in RESERVED_PROCESSORS:
        raise refusal(f"the name {name} is taken: `on_failure: {name}` has its own meaning", "choose another name")
    return _short(name)


def _media_type(name: str) -> str:
    if len(name) > MEDIA_TYPE_MAX or _MEDIA_TYPE.fullmatch(name) is None:
        raise refusal("this is not a content type", "write it in lower case without parameters, such as text/plain")
    return name


BackendName = Annotated[str, AfterValidator(_backend), Written("name", "openai")]
ModelName = Annotated[str, AfterValidator(_model), Written("model name", "gpt-4o-mini")]
Label = Annotated[str, AfterValidator(_label), Written("label", "eu")]
HeaderName = Annotated[str, AfterValidator(_header), Written("header name", "x-api-key")]
SteeringHeader = Annotated[
    str, AfterValidator(_header), AfterValidator(_steering), Written("header name", "x-gateway-cluster")
]
MatchedHeader = Annotated[str, AfterValidator(_matched), Written("header name", "x-team")]
RuleName = Annotated[str, AfterValidator(_short), Written("name", "code")]
PipelineName = Annotated[str, AfterValidator(_short), Written("name", "default")]
ProcessorName = Annotated[str, AfterValidator(_processor), Written("name", "prompt-pii")]
MediaType = Annotated[str, AfterValidator(_media_type), Written("content type", "[text/plain]")]
