"""Budgets: how much each tenant, key, model, backend or header may take in a window of time."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from extproc.policy.base import Value, Written, refusal
from extproc.policy.names import BackendName, ModelName, RuleName
from extproc.policy.tenants import TENANT_MAX, TenantName, TrustedHeader, is_tenant
from extproc.policy.units import Amount, Count, Seconds, Truth, written_duration

BUDGETS_MAX: Final = 64
"""Budgets of a policy. A request is held against each that matches, at about 2 µs apiece."""

SUBJECTS_MAX: Final = 10_000
"""Subjects with limits of their own; a file of 1 MiB holds about as many. Others can be set at run time."""

TOKENS_MAX: Final = 10**15
"""Tokens of a limit: all that the largest providers serve in a month."""

USD_MAX: Final = 10**9
"""Dollars of a limit. In billionths of a dollar it fits a signed 64-bit number nine times over."""

WINDOW_LEAST: Final = 1.0
WINDOW_MOST: Final = 366 * 86400.0
"""Seconds of a window: below a second a limit is not felt, and beyond a year nobody remembers it."""

BudgetUnit: TypeAlias = Literal["tokens", "usd", "requests", "streams"]
"""The unit that a budget counts in."""

UNITS: Final[tuple[BudgetUnit, ...]] = ("tokens", "usd", "requests", "streams")

_FORMS: Final = "write {name: team, per: tenant, usd: 50, window: 1d}"


def _subject(name: str) -> str:
    if not is_tenant(name):
        raise refusal(
            f"a subject has 1 to {TENANT_MAX} printable characters and no space at its ends",
            "write the tenant, key, model, backend or value of the header exactly as it is",
        )
    return name


SubjectName: TypeAlias = Annotated[str, AfterValidator(_subject), Written("name of a subject", "acme")]


def _per(value: Any) -> str:
    return "(word)" if isinstance(value, str) else "(subject)"


class HeaderSubject(Value):
    """The subject of a budget, by a header of the request."""

    header: TrustedHeader
    """A request header that a trusted filter before the processor sets, as for [`tenants.from`](#tenant-source): who
    may set it chooses whose budget is spent. A request in which it comes twice, or with a comma, is refused (403)."""
    trusted: Truth | None = None
    """As for [`tenants.from`](#tenant-source): whether those who connect to the Envoy that `extproc envoy` writes may
    set it."""


class BudgetMatch(Value):
    """The requests that a budget is for; all that is written must hold."""

    tenant: TenantName | None = None
    """The requests of this tenant."""
    model: ModelName | None = None
    """The requests for this model, by the name that clients ask for."""
    backend: Annotated[BackendName, Written("name of a backend", "openai")] | None = None
    """The requests that go to this backend."""


class Budget(Value):
    """A budget: a limit for each subject, in one of `tokens`, `usd`, `requests` and `streams`.

    See [budgets.md](budgets.md).
    """

    name: RuleName
    """Name of the budget, in metrics, the log and `extproc budget`."""
    per: Annotated[
        Annotated[Literal["tenant", "key", "model", "backend", "all"], Tag("(word)")]
        | Annotated[HeaderSubject, Tag("(subject)")],
        Discriminator(_per),
        Written("`tenant`, `key`, `model`, `backend`, `all` or a header", "tenant"),
    ]
    """The subject that each has the limit for itself: the tenant, the virtual key, the model by the name that clients
    ask for, the backend, the value of a header (`{header: x-team}`), or all requests together. Requests without such a
    subject share one budget."""
    tokens: Annotated[Count, Field(ge=1, le=TOKENS_MAX), Written("whole number", "1000000")] | None = None
    """Input and output tokens per window."""
    usd: Annotated[Amount, Field(gt=0, le=USD_MAX), Written("number", "50")] | None = None
    """US dollars per window, by the [prices](#prices) that are known. A model without a price is refused (403)."""
    requests: Annotated[Count, Field(ge=1, le=TOKENS_MAX), Written("whole number", "600")] | None = None
    """Requests per window."""
    streams: Annotated[Count, Field(ge=1, le=1_000_000), Written("whole number", "20")] | None = None
    """Concurrent requests, streamed or not. It has no window."""
    window: (
        Annotated[Seconds, Field(ge=WINDOW_LEAST, le=WINDOW_MOST), Written("duration", "1d")] | Literal["month"] | None
    ) = None
    """Length of the window, or `month` for a calendar month. Every budget but one of `streams` needs it."""
    windows: Literal["fixed", "sliding"] = "fixed"
    """`fixed`: windows follow one another: a day begins at midnight of the policy's `time_zone`, seven days on Monday.
    `sliding`: the last `window` counts at every moment, where the part of the window before is taken as evenly
    spent."""
    action: Literal["block"] = "block"
    """The treatment of a request without room: `block` answers 429."""
    mode: Literal["enforce", "shadow"] = "enforce"
    """`shadow`: the budget is counted and recorded, and refuses nothing."""
    match: BudgetMatch = BudgetMatch()
    """The requests that it is for; all if absent."""
    limits: Annotated[
        Mapping[SubjectName, Annotated[Amount, Field(ge=0, le=TOKENS_MAX)]],
        Field(max_length=SUBJECTS_MAX),
        Written("limits by subject", "{acme: 2000000}"),
    ] = {}
    """Limits of single subjects, in the budget's unit; 0 refuses every request. `extproc budget set` goes before
    them."""
    output_tokens: Annotated[Count, Field(ge=1, le=10_000_000), Written("whole number", "4096")] = 1024
    """Output tokens that are reserved for a request that states no limit of its own; what it did not take is given
    back at its end. More responses than that are longer in few applications, and a larger number refuses requests that
    would have had room."""

    @property
    def unit(self) -> BudgetUnit:
        """The unit of the limit."""
        return next(each for each in UNITS if getattr(self, each) is not None)

    @property
    def limit(self) -> float:
        """The limit of a subject without one of its own."""
        found: float = getattr(self, self.unit)
        return found

    @property
    def header(self) -> str | None:
        """The header field that names the subject."""
        return self.per.header if isinstance(self.per, HeaderSubject) else None

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        given = [each for each in UNITS if getattr(self, each) is not None]
        if len(given) != 1:
            raise refusal("a budget has one of tokens, usd, requests and streams", _FORMS)
        if self.streams is not None:
            if self.window is not None or self.windows == "sliding":
                raise refusal("concurrent streams have no window", "delete `window`, or count `requests`")
        elif self.window is None:
            raise refusal("a budget needs a window", "write window: 1d, or window: month")
        if self.window == "month" and self.windows == "sliding":
            raise refusal("months are of different lengths, so none slides", "write window: 30d, or windows: fixed")
        if isinstance(self.window, float) and not self.window.is_integer():
            shorter = written_duration(float(int(self.window)))
            raise refusal("a window is a number of whole seconds", f"write window: {shorter}")
        if self.usd is None and any(not each.is_integer() for each in self.limits.values()):
            raise refusal(f"a number of {given[0]} is whole", "write whole numbers in `limits`")
        return self
