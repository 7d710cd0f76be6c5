"""Trials of a contribution when it is registered: what fails here would otherwise fail in the middle of an exchange."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from extproc.apis import Api, ApiRequestPath, Request
from extproc.apis.api import MODEL
from extproc.apis.asked import Asked
from extproc.apis.events.added import Added, Cut
from extproc.apis.roles import PassageRole
from extproc.apis.usage import ReportedUsage
from extproc.policy.signals import SCALARS
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.signals.signal import Signal
from extproc.signals.view import RequestView

OF_OTHERS: Final[tuple[Mapping[str, object], ...]] = (
    {},
    {"choices": [{"index": 0, "delta": {"content": "a"}}], "object": "chat.completion.chunk"},
    {"choices": [{"index": 0, "text": "a"}], "object": "text_completion"},
    {"type": "response.output_text.delta", "item_id": "a", "output_index": 0, "content_index": 0, "delta": "a"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
    {"candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}}]},
    {"jsonrpc": "2.0", "id": 1, "result": {}},
)
"""Events that an API of a plug-in must not know: an event that two APIs know is ambiguous, and so uninspected."""

_ERROR: Final = ClientError(400, "trial", "A trial.")


class ContributionError(ValueError):
    """Raised when a contribution cannot be registered. The message is for the operator and its plug-in's author."""


def try_signal(signal: Signal) -> None:
    """Compute a signal for the poorest request: no header, no body, the path /. Raises ContributionError."""
    expected = SCALARS.get(signal.type)
    if expected is None:
        raise ContributionError(f"the type of a signal is one of {', '.join(SCALARS)}")
    try:
        value = signal.compute(RequestView(HeaderMap(), "/"))
    except Exception as error:
        raise ContributionError(f"`compute` raises {_named(error)} for a request with no header and no body") from error
    if value is not None and type(value) is not expected:
        raise ContributionError(f"`compute` gives a value of type {_named(value)}, declared is {signal.type}")


def try_api(api: Api) -> None:
    """Call the functions of an API with little. Raises ContributionError."""
    try:
        problem = _problem(api)
    except Exception as error:
        raise ContributionError(f"a function of Api raises {_named(error)} on trial") from error
    if problem:
        raise ContributionError(problem)


def _problem(api: Api) -> str:
    """Return what an API does wrong, if it does. Raises whatever its functions raise."""
    for name, found, expected in _calls(api):
        if not isinstance(found, expected):
            return f"`{name}` gives a value of type {_named(found)}"
    if api.role_of((), {}) not in get_args(PassageRole):
        return "`role_of` gives no role: see PassageRole"
    if api.events is not None and any(api.events.known(each) for each in OF_OTHERS):
        return "`known` takes events of other APIs for its own"
    return ""


def _calls(api: Api) -> Iterator[tuple[str, object, Any]]:
    """Yield the name of each function, its result, and the type that the result must have."""
    family = api.family
    yield "error_type", family.error_type(400), str
    yield "error", api.error(_ERROR), bytes
    yield "error_event", api.error_event(_ERROR), bytes
    yield "model_list", family.model_list(("a",), 0), bytes
    yield "model_card", family.model_card("a", 0), bytes
    yield "usage", api.usage({}), ReportedUsage | None
    yield "role_of", api.role_of((), {}), str
    yield "asked", api.asked({}), Asked | None
    for path in api.paths:
        yield "read_request", _read(ApiRequestPath(api, path, "a" if MODEL in path else None)), Request
    if api.events is not None:
        yield "known", api.events.known({}), bool
        scribe = api.scribe(api.own_error_event or family.error_event)
        ends = scribe.blocked(Cut(_ERROR, frozenset(), 0, None))
        yield "blocked", ends, list
        for each in ends:
            yield "blocked", each, Added


def _read(claimed: ApiRequestPath) -> Request:
    try:
        return claimed.api.read_request(b'{"model":"a"}', claimed)
    except ClientError:  # it may need more than that
        return Request("a", None, stream=False)


def _named(value: object) -> str:
    return type(value).__name__
