"""Processors that judge what a model replies, by what the request asked for or by rules of the policy."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import AfterValidator, Field, Strict, model_validator

from extproc.policy.base import Written, matching, refusal, refusals
from extproc.policy.names import ProcessorName
from extproc.policy.step import Step
from extproc.policy.units import Count, Truth

LISTED_MAX: Final = 1_000
"""Hosts of a list: each link is compared with all of them."""

_HOST: Final = re.compile(r"(?:\*\.)?[^\s/?#@:*]{1,253}(?:/[^\s?#]*)?")


def _schema(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if not value:
        raise refusal("this schema says nothing", "write one like {type: object}, or delete it")
    return value


class JsonSchema(Step):
    """Replies have to be JSON that fits a schema: the request's `response_format`, or `fits`. Only in `response`."""

    use: Literal["json_schema"]
    name: ProcessorName = "json_schema"
    action: Literal["report", "block", "repair"] = "block"  # type: ignore[assignment]  # `repair` is for replies alone
    """The reaction to a reply that is wrong. `repair` removes code fences and prose around the document, and blocks
    whatever else is wrong."""
    fits: Annotated[Mapping[str, Any], AfterValidator(_schema), Written("JSON Schema", "{type: object}")] | None = None
    """The schema that every reply has to fit. If absent, the request's; a reply to a request without one is not
    judged."""


class ToolSchema(Step):
    """Calls of tools have to name a tool of the request, with arguments that fit its parameters. Only in `response`."""

    use: Literal["tool_schema"]
    name: ProcessorName = "tool_schema"
    action: Literal["report", "block"] = "block"
    """The reaction to a call that is wrong."""


_Limit = Annotated[Count, Field(ge=1), Written("whole number", "2000")] | None


class Length(Step):
    """Limits on the length of replies. Only in `response`."""

    use: Literal["length"]
    name: ProcessorName = "length"
    action: Literal["report", "block"] = "block"
    """The reaction to a reply that is too long, or too short."""
    per: Literal["message", "response"] = "message"
    """The thing that is measured: each message (choice, output item), or all of them together."""
    max_chars: _Limit = None
    """Most code points."""
    max_words: _Limit = None
    """Most words, parted by white space."""
    max_tokens: _Limit = None
    """Most tokens: an estimate by characters, not the count of the model's tokenizer."""
    min_chars: _Limit = None
    """Least code points of a message that was not cut off and calls no tool."""
    min_words: _Limit = None
    """Least words of it."""
    min_tokens: _Limit = None
    """Least tokens of it, estimated."""

    @model_validator(mode="after")
    def _some_length(self) -> Self:
        for name in ("chars", "words", "tokens"):
            least, most = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if least is not None and most is not None and least > most:
                raise refusals("Length", [((f"min_{name}",), refusal("no reply is so long and so short", "lower it"))])
        if not any(value for name, value in self if name.startswith(("min_", "max_"))):
            raise refusal("this limits nothing", "write max_chars, max_words, max_tokens or one of min_")
        return self


class RefusalStep(Step):
    """Replies that refuse. Only in `response`."""

    use: Literal["refusal"]
    name: ProcessorName = "refusal"
    action: Literal["report", "block"] = "report"
    """The reaction to a refusal. A refusal is rarely a reason to block; the record and metrics count it."""
    words: Truth = True
    """`false`: only what the API says counts, and not the first sentences of the text."""


UrlCheck = Literal["userinfo", "ip_host", "punycode", "homograph", "data", "scheme"]

URL_CHECKS: Final[tuple[UrlCheck, ...]] = get_args(UrlCheck)


Host = Annotated[
    str,
    matching(
        _HOST, "this is no host, nor a host and a path", "write it like example.com, *.example.com or a.com/docs/"
    ),
    Written("host, or host and path", "[example.com]"),
]


class Url(Step):
    """Links in replies. Only in `response`."""

    use: Literal["url"]
    name: ProcessorName = "url"
    action: Literal["report", "block"] = "block"
    """The reaction to a link that is not allowed, or suspicious."""
    allow: Annotated[tuple[Host, ...], Field(max_length=LISTED_MAX)] | None = None
    """The only hosts that links may lead to: `example.com`, `*.example.com` for all below it, `example.com/docs/` for
    the beginning of a path."""
    deny: Annotated[tuple[Host, ...], Field(max_length=LISTED_MAX)] = ()
    """Hosts that no link may lead to, written in the same way."""
    checks: Annotated[tuple[UrlCheck, ...], Written("list of names", "[data, ip_host]")] | None = None
    """The marks of a suspicious link, all if absent: `userinfo`, a name or a password before the host; `ip_host`, an IP
    address as the host; `punycode`, letters that are not ASCII, also hidden as `xn--`; `homograph`, letters that look
    like those of another script; `data`, a query or a fragment that carries data; `scheme`, one that a browser runs
    (`javascript:`, `data:`)."""


class Grounded(Step):
    """Quotes, numbers and links of replies have to occur in documents of the request. Only in `response`."""

    use: Literal["grounded"]
    name: ProcessorName = "grounded"
    action: Literal["report", "block"] = "report"
    """The reaction to a message of which too much has no source."""
    threshold: Annotated[float, Strict(), Field(gt=0, le=1, allow_inf_nan=False), Written("number", "0.5")] = 0.5
    """The share of quotes, numbers and links without a source from which on they are findings."""
    claims: Annotated[Count, Field(ge=1, le=500), Written("whole number", "3")] = 3
    """Quotes, numbers and links that a message must have to be judged."""
