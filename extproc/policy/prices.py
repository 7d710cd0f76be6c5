"""Prices: what the policy says beside its backends of what models cost, and the file that it may name."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from extproc.policy.base import Loc, Value, Written
from extproc.policy.document import UnreadableError, read
from extproc.policy.names import BackendName, ModelName
from extproc.policy.paths import FilePath
from extproc.policy.units import Amount, Count, Truth

ENTRIES_MAX: Final = 10_000
"""Entries of a file of prices: a public list of all models of all providers has 2,300."""

UsdPerMtok = Annotated[Amount, Field(ge=0), Written("number", "0.15")]


class Prices(Value):
    """Sources of prices that no backend states.

    What an entry of a backend's `models` says counts first, then the file, then, with the extra `prices`, the public
    price list of the package genai-prices for backends whose `url` is one of a provider there. A model without a price
    is never taken for a free one.
    """

    file: FilePath | None = None
    """A YAML file: a list of [price entries](#price-entry)."""
    public: Truth = True
    """`false`: the public price list is not used."""
    unknown: Literal["block", "allow"] = "allow"
    """A model without a price: `block` refuses the policy if it names one, and requests that would go to one that it
    does not name (403); `allow` serves it."""


class PriceEntry(Value):
    """An entry of the file of prices."""

    model: ModelName
    """The name that backends know the model by."""
    backend: BackendName | None = None
    """The name of a backend; every backend if absent."""
    input_usd_per_mtok: UsdPerMtok | None = None
    """Price of a million input tokens in US dollars."""
    output_usd_per_mtok: UsdPerMtok | None = None
    """Price of a million output tokens in US dollars."""
    cached_input_usd_per_mtok: UsdPerMtok | None = None
    """Price of a million input tokens that the provider read from its cache."""
    cache_creation_input_usd_per_mtok: UsdPerMtok | None = None
    """Price of a million input tokens that the provider wrote to its cache; if absent, 1.25 times that of other
    input."""
    input_audio_usd_per_mtok: UsdPerMtok | None = None
    """Price of a million input tokens of audio; that of other input if absent."""
    output_audio_usd_per_mtok: UsdPerMtok | None = None
    """Price of a million output tokens of audio; that of other output if absent."""
    context_tokens: Annotated[Count, Field(ge=1), Written("whole number", "128000")] | None = None
    """Most tokens of a request and its answer together."""


class PriceFileError(ValueError):
    """A file of prices is wrong. The text says where and how, the mend what to write."""

    def __init__(self, line: int, message: str, mend: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.mend = mend


_ENTRIES: Final[TypeAdapter[tuple[PriceEntry, ...]]] = TypeAdapter(
    Annotated[tuple[PriceEntry, ...], Field(max_length=ENTRIES_MAX)]
)
_MEND: Final = "write a list of entries like {model: gpt-4o, input_usd_per_mtok: 2.5, output_usd_per_mtok: 10}"


def read_entries(text: str) -> tuple[PriceEntry, ...]:
    """Return the entries of a file. Raises PriceFileError for the first thing that is wrong with it."""
    try:
        document = read(text)
    except UnreadableError as error:
        raise PriceFileError(error.fault.line, error.fault.message, error.fault.mend) from None
    if document.faults:
        fault = document.faults[0]
        raise PriceFileError(fault.line, fault.message, fault.mend)
    try:
        return _ENTRIES.validate_python(document.data)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        loc: Loc = tuple(detail["loc"])
        context: dict[str, Any] = detail.get("ctx", {})
        while loc and loc not in document.places:
            loc = loc[:-1]
        field = ".".join(map(str, detail["loc"][1:]))
        message = context.get("problem") or detail["msg"]
        raise PriceFileError(
            document.places[loc].line, f"{field}: {message}" if field else str(message), context.get("mend", _MEND)
        ) from None
