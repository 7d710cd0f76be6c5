"""Backends: where requests go, what is spoken there, and with which credential."""

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from extproc.policy.address import Address, Url, parse
from extproc.policy.base import Value, Written, refusal, refusals
from extproc.policy.credentials import Credential
from extproc.policy.names import BackendName, Label, ModelName
from extproc.policy.strategy import Feature
from extproc.policy.tls import Tls
from extproc.policy.units import Amount, Count, Truth


class BackendModel(Value):
    """A model at a backend. The list is not a limit: names not listed may still be targets."""

    name: ModelName
    """The name that the backend knows the model by."""
    input_usd_per_mtok: Annotated[Amount, Field(ge=0)] | None = None
    """Price of a million input tokens in US dollars; unknown if absent."""
    output_usd_per_mtok: Annotated[Amount, Field(ge=0), Written("number", "0.60")] | None = None
    """Price of a million output tokens in US dollars; unknown if absent."""
    cached_input_usd_per_mtok: Annotated[Amount, Field(ge=0), Written("number", "0.075")] | None = None
    """Price of a million input tokens that the provider read from its cache; that of other input if absent."""
    cache_creation_input_usd_per_mtok: Annotated[Amount, Field(ge=0), Written("number", "0.30")] | None = None
    """Price of a million input tokens that the provider wrote to its cache; if absent, 1.25 times that of other
    input."""
    input_audio_usd_per_mtok: Annotated[Amount, Field(ge=0), Written("number", "0.30")] | None = None
    """Price of a million input tokens of audio; that of other input if absent."""
    output_audio_usd_per_mtok: Annotated[Amount, Field(ge=0), Written("number", "0.30")] | None = None
    """Price of a million output tokens of audio; that of other output if absent."""
    context_tokens: Annotated[Count, Field(ge=1), Written("whole number", "128000")] | None = None
    """Most tokens of a request and its response together; unknown if absent. A request that needs more, with the output
    tokens that it allows, goes to another target; if all are too small the client gets 400 `context_length_exceeded`.
    If its tokens cannot be determined it goes to the largest."""
    features: Annotated[tuple[Feature, ...], Written("words", "[tools, images]")] | None = None
    """Features of the model: `tools`, `images`, `audio`, `json_schema`, `reasoning`, `files`. A request that needs
    something else goes to another target; if none can, the client gets 400. Everything if absent."""
    quality: Annotated[Amount, Field(ge=0, le=1), Written("number from 0 to 1", "0.8")] | None = None
    """Quality of the model, for `strategy: balanced`; 1 is best."""


class Backend(Value):
    """A destination; becomes one Envoy cluster of the same name."""

    name: BackendName
    """Name of the backend and of its Envoy cluster."""
    url: Url
    """Scheme, host, port and path prefix; what follows `/v1` in a client's path is appended to the prefix."""
    api: Literal["openai", "anthropic", "mcp"]
    """The dialect that the backend speaks. One that speaks `mcp` serves no model: see [MCP](#mcp)."""
    region: Label | None = None
    """A free label for where the backend is, for [residency](#residency); without it the backend is in no region."""
    credential: Credential | None = None
    """The backend's credential; `client` passes the client's own on. Without it none is sent; the client's own is
    removed."""
    sealed_by: Label | None = None
    """A label for whose keys seal its responses; the backend's name if absent. Backends with the same label, such as
    two regions of one account, read each other's [sealed content](sealed.md)."""
    stream_usage: Truth = True
    """`false`: the backend refuses `stream_options`, so that streams of it are not asked for their usage; see
    [Usage](usage.md)."""
    models: tuple[BackendModel, ...] = ()
    """Models known to be there, with prices and sizes. Other names may be targets, too."""
    tls: Tls | None = None
    """Only for https: how the certificate is checked; by the system's authorities and the URL's host if absent."""

    @cached_property
    def address(self) -> Address:
        """The URL, taken apart."""
        return parse(self.url)

    @model_validator(mode="after")
    def _tls_over_https(self) -> Self:
        if self.tls is not None and not self.address.secure:
            error = refusal(
                "TLS is set for a backend that is reached over http", "write https in `url` or delete `tls`"
            )
            raise refusals("Backend", [(("tls",), error)])
        return self
