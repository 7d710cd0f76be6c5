"""Orders for the stand-in provider, in one small language.

Orders come in the request header `x-provider-do`, in the model's name, or from whoever started the provider; if they
differ the header wins over the model, and the model over the start. They are joined by `+` (or a comma, or blanks):
`x-provider-do: slow-500ms, cut-3`, model `gpt-4o@slow-500ms+cut-3`, or a model that is nothing but orders: `fail-429`.
A model's name that does not read as orders is a plain model; a header that does not is refused with 400.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

HEADER: Final = "x-provider-do"

MAX_SECONDS: Final = 3600.0
"""The longest wait: an hour, the longest exchange that a policy allows by default."""

MAX_COUNT: Final = 10_000_000
"""The most events, or bytes an event. Nothing is kept for them, so the bound is only there to be a bound."""

MAX_BODY: Final = 256 * 1024 * 1024
"""The longest body in bytes: it is built in memory, eight times what the largest request body may be by default."""


class Orders(Struct, frozen=True):
    """Orders for a response. The field's name is the order's word; times in seconds, sizes in bytes."""

    slow: float = 0.0
    """`slow-500ms`: wait before the answer's headers."""
    gap: float = 0.0
    """`gap-10ms`: wait between two events (or two pieces of `split`)."""
    fail: int = 0
    """`fail-429`: this status (400 to 599), an error body in the dialect, `retry-after: 1` with 429 and 503."""
    early: int = 0
    """`early-200`: this status before the request's body was read, or, told by model, as soon as the model was read."""
    leave: bool = False
    """`early-413-close`: and then close without reading the rest."""
    cut: int | None = None
    """`cut-3`: end the connection after 3 events of a stream, or after 3 bytes of a body that is no stream."""
    events: int = 0
    """`events-200`: a stream has this many pieces of text, each `size` characters, in place of the echo."""
    size: int = 8
    """`size-64`: see `events`."""
    body: int = 0
    """`body-6000000`: a body that is no stream is padded to exactly this length, unless it is longer."""
    split: int = 0
    """`split-7`: write the body in pieces of 7 bytes, without regard to events or characters."""
    gzip: bool = False
    """`gzip`: compress the answer, whether or not the client said that it reads that."""
    crlf: bool = False
    """`crlf`: end the lines of events with CR LF."""
    chunked: bool = False
    """`chunked`: send a body that is no stream without a content-length."""
    trailers: bool = False
    """`trailers`: end the answer with the trailer `x-provider-trailer: end` (and chunked)."""
    tool: bool = False
    """`tool`: call a tool, though the request does not require it."""
    close: bool = False
    """`close`: close the connection after the answer, and say so."""
    drop: bool = False
    """`drop`: close the connection without an answer."""
    hang: bool = False
    """`hang`: never answer, until the peer or the provider goes."""


class OrderError(ValueError):
    """Text that is no order; the message says which words there are."""


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s)", text)
    if found is None:
        raise ValueError("no duration")
    return _within(float(found[1]) / (1000 if found[2] == "ms" else 1), MAX_SECONDS)


def _count(text: str, most: int = MAX_COUNT) -> int:
    if re.fullmatch(r"[0-9]{1,10}", text) is None:
        raise ValueError("no number")
    return int(_within(int(text), most))


def _positive(text: str) -> int:
    return _count(text) or _refused("zero")


def _refused(why: str) -> int:
    raise ValueError(why)


def _within(value: float, most: float) -> float:
    if value > most:
        raise ValueError("too much")
    return value


def _status(text: str, least: int) -> int:
    status = _count(text, 599)
    return status if status >= least else _refused("no such status")


def _early(text: str) -> dict[str, object]:
    status, dash, close = text.partition("-")
    if dash and close != "close":
        raise ValueError("unknown ending")
    return {"early": _status(status, 200), "leave": bool(dash)}


_FLAGS: Final = ("gzip", "crlf", "chunked", "trailers", "tool", "close", "drop", "hang")
_VALUES: Final[Mapping[str, Callable[[str], dict[str, object]]]] = {
    "slow": lambda text: {"slow": _seconds(text)},
    "gap": lambda text: {"gap": _seconds(text)},
    "fail": lambda text: {"fail": _status(text, 400)},
    "early": _early,
    "cut": lambda text: {"cut": _count(text)},
    "events": lambda text: {"events": _positive(text)},
    "size": lambda text: {"size": _positive(text)},
    "body": lambda text: {"body": _count(text, MAX_BODY)},
    "split": lambda text: {"split": _positive(text)},
}
KNOWN: Final = (
    "slow-500ms gap-10ms fail-429 early-200 early-413-close cut-3 events-200 size-64 body-6000000 split-7 "
    + " ".join(_FLAGS)
)
"""One example of every order, for people."""


def parse(text: str, base: Orders | None = None) -> Orders:
    """The orders in `text`, on top of `base`.

    Raises:
        OrderError: a word is unknown, or its value is not one.
    """
    changes: dict[str, object] = {}
    for order in filter(None, re.split(r"[+,\s]+", text)):
        word, _, value = order.partition("-")
        try:
            changes |= {word: True} if order in _FLAGS else _VALUES[word](value)
        except (KeyError, ValueError):
            raise OrderError(f"no such order; there are: {KNOWN}") from None
    return msgspec.structs.replace(base or Orders(), **changes)


def in_model(model: str, base: Orders | None = None) -> Orders:
    """The orders in a model's name: behind its last `@`, or the whole of it; `base` when it holds none."""
    try:
        return parse(model.rpartition("@")[2], base)
    except OrderError:
        return base or Orders()
