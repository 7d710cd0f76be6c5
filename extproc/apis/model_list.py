"""The answers to GET /v1/models and /v1/models/{id}: what a client may ask for, told in its dialect."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

import msgspec
from msgspec import Struct

from extproc.apis.api import Api

OWNER = "extproc"
"""`owned_by` of every model: who serves a virtual model is not for the client to know."""


class _OpenAICard(Struct, frozen=True):
    id: str
    object: str
    created: int
    owned_by: str


class _AnthropicCard(Struct, frozen=True):
    type: str
    id: str
    display_name: str
    created_at: str


def models_list(names: Sequence[str], api: Api, created: int = 0) -> bytes:
    """The list of models, in the order given. `created`: Unix seconds that all of them get; there is no clock here."""
    cards = [_card(name, api, created) for name in names]
    match api:
        case "openai":
            return msgspec.json.encode({"object": "list", "data": cards})
        case "anthropic":
            ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
            return msgspec.json.encode({"data": cards, "has_more": False, **ends})
        case _:
            assert_never(api)


def model_card(name: str, api: Api, created: int = 0) -> bytes:
    """One model, as the list has it."""
    return msgspec.json.encode(_card(name, api, created))


def _card(name: str, api: Api, created: int) -> _OpenAICard | _AnthropicCard:
    match api:
        case "openai":
            return _OpenAICard(name, "model", created, OWNER)
        case "anthropic":
            return _AnthropicCard(
                "model", name, name, datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            )
        case _:
            assert_never(api)
