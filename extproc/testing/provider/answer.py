"""From a request to its answer: which dialect a path speaks, and what the orders make of it."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from extproc.testing.provider import anthropic, openai, responses
from extproc.testing.provider.ask import ProviderError, Question, decode
from extproc.testing.provider.ask import read as read_ask
from extproc.testing.provider.orders import HEADER, OrderError, Orders, in_model, parse
from extproc.testing.provider.reply import ModelReply, compose, filler
from extproc.testing.provider.request import Head
from extproc.testing.provider.response import ProviderResponse
from extproc.testing.provider.sse import ProviderEvent

JSON: Final = ("content-type", "application/json")
SSE: Final = ("content-type", "text/event-stream; charset=utf-8")


class Endpoint(Struct, frozen=True):
    """The handlers of paths with this ending; `events` is None if there are no streams."""

    ending: str
    dialect: Literal["openai", "anthropic"]
    whole: Callable[[ModelReply, Question], dict[str, Any]]
    events: Callable[[ModelReply, Question], Iterator[ProviderEvent]] | None


# By the path's ending, because a provider's API may stand below any prefix. The first that fits counts.
ENDPOINTS: Final = (
    Endpoint("/chat/completions", "openai", lambda reply, _: openai.chat(reply), openai.chat_events),
    Endpoint("/completions", "openai", lambda reply, _: openai.completion(reply), openai.completion_events),
    Endpoint("/embeddings", "openai", openai.embeddings, None),
    Endpoint(
        "/responses",
        "openai",
        lambda reply, _: responses.response(reply),
        lambda reply, _: responses.response_events(reply),
    ),
    Endpoint(
        "/messages",
        "anthropic",
        lambda reply, _: anthropic.message(reply),
        lambda reply, _: anthropic.message_events(reply),
    ),
)


class Who(Struct, frozen=True):
    """The provider as its answers show it: its name, its models, and the orders it was started with."""

    name: str
    models: tuple[str, ...]
    orders: Orders


class Planned(Struct, frozen=True):
    """An answer and the orders by which it is sent."""

    answer: ProviderResponse
    orders: Orders


def orders_of(who: Who, head: Head, model: str = "") -> Orders:
    """The orders for a request, from its headers and from as much as is known of its model.

    Raises:
        OrderError: the header holds none.
    """
    return parse(head.get(HEADER), in_model(model, who.orders) if model else who.orders)


def plan(who: Who, head: Head, body: bytes | None) -> Planned:
    """The answer to a whole request; `body` is None when it was too long to be kept."""
    endpoint = find(head.path)
    try:
        orders = orders_of(who, head)
        if endpoint is None or body is None:
            return _plain(who, head, orders)
        document = _posted(head, body)
        orders = orders_of(who, head, document["model"])
        return Planned(_answer(who, endpoint, document, body, orders), orders)
    except OrderError as error:
        return Planned(_error(who, endpoint, 400, str(error), "invalid_order", HEADER), Orders())
    except ProviderError as refusal:
        return Planned(_error(who, endpoint, refusal.status, str(refusal), refusal.code, refusal.param), Orders())


def _posted(head: Head, body: bytes) -> dict[str, Any]:
    if head.method != "POST":
        raise ProviderError(405, "method_not_allowed", "only POST is allowed here")
    return decode(body)


def early(who: Who, head: Head, orders: Orders) -> ProviderResponse:
    """An answer to a request that has not been read: nobody knows what it asks."""
    endpoint = find(head.path)
    if orders.early >= 400:
        return _error(who, endpoint, orders.early, "answered before the request was read", "early")
    reply = compose(Question(model=""), orders, who.name, "early")
    document = {"provider": who.name} if endpoint is None else endpoint.whole(reply, Question(model=""))
    return _json(who, orders.early, document)


def find(path: str) -> Endpoint | None:
    """The endpoint of a path, if it is one."""
    return next((endpoint for endpoint in ENDPOINTS if path.endswith(endpoint.ending)), None)


def _answer(who: Who, endpoint: Endpoint, document: dict[str, Any], body: bytes, orders: Orders) -> ProviderResponse:
    if orders.fail:
        return _failure(who, endpoint, orders)
    ask = read_ask(document, orders)
    reply = compose(ask, orders, who.name, hashlib.sha256(body).hexdigest()[:24])
    if ask.stream and endpoint.events is not None:
        events = (event.encode(crlf=orders.crlf) for event in endpoint.events(reply, ask))
        return ProviderResponse(200, _headers(who, SSE), events=events)
    answer = _json(who, 200, endpoint.whole(reply, ask))
    missing = orders.body - len(answer.body)
    if missing > 0 and not reply.tool:
        reply = msgspec.structs.replace(reply, pieces=(*reply.pieces, filler(missing)))
        answer = _json(who, 200, endpoint.whole(reply, ask))
    # What has no text to lengthen (vectors, arguments of a tool) gets blanks behind it, which JSON allows.
    return msgspec.structs.replace(answer, body=answer.body.ljust(orders.body))


def _plain(who: Who, head: Head, orders: Orders) -> Planned:
    """The answer where no dialect is spoken: models, or a mirror for what a gateway passes through."""
    if orders.fail:
        return Planned(_failure(who, None, orders), orders)
    if head.path.endswith("/models"):
        return Planned(_json(who, 200, openai.models(who.models, who.name)), orders)
    before, _, name = head.path.rpartition("/")
    if before.endswith("/models"):
        if name not in who.models:
            return Planned(_error(who, None, 404, "there is no such model"), orders)
        return Planned(_json(who, 200, openai.model(name, who.name)), orders)
    seen = {"provider": who.name, "method": head.method, "target": head.target}
    answer = _json(who, 200, seen)
    return Planned(msgspec.structs.replace(answer, body=answer.body.ljust(orders.body)), orders)


def _failure(who: Who, endpoint: Endpoint | None, orders: Orders) -> ProviderResponse:
    answer = _error(who, endpoint, orders.fail, f"{who.name} was told to fail")
    if orders.fail in {429, 503}:
        return msgspec.structs.replace(answer, headers=(*answer.headers, ("retry-after", "1")))
    return answer


def _error(
    who: Who, endpoint: Endpoint | None, status: int, text: str, code: str | None = None, param: str | None = None
) -> ProviderResponse:
    if endpoint is not None and endpoint.dialect == "anthropic":
        return _json(who, status, anthropic.error(status, text))
    return _json(who, status, openai.error(status, text, code, param))


def _json(who: Who, status: int, document: dict[str, Any]) -> ProviderResponse:
    return ProviderResponse(status, _headers(who, JSON), body=msgspec.json.encode(document))


def _headers(who: Who, kind: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return kind, ("x-provider", who.name)
