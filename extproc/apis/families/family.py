"""The family of an API: how its clients are told of errors and of models, whatever operation they use."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from extproc.protocol.errors import ClientError

ErrorEvent: TypeAlias = Callable[[ClientError, int], bytes]
"""Returns an error as one server-sent event; the number is its place in the stream, where the API numbers events."""


class ApiFamily(Struct, frozen=True, eq=False):
    """A family, by the name that a backend's `api` has in the policy.

    `error_type` returns the word that errors of an HTTP status have; `error` is the JSON body of an error.
    `model_list` and `model_card` are the bodies for `GET /v1/models` and `/v1/models/{id}`; their number is the time,
    in Unix seconds, that all models get. `missing_model` tells a client that its request names no model. `headers`:
    header fields that this family's clients alone send, by which they are known where a path does not show the family.
    `context_exceeded` tells a client that its request is too long, with `{tokens}` and `{limit}`, in the words by which
    programs know that: some look at nothing else.
    """

    name: str
    error_type: Callable[[int], str]
    error: Callable[[ClientError], bytes]
    error_event: ErrorEvent
    model_list: Callable[[Sequence[str], int], bytes]
    model_card: Callable[[str, int], bytes]
    missing_model: str
    headers: tuple[str, ...] = ()
    context_exceeded: str = "The request needs {tokens} tokens; the largest context of this model has {limit}."

    def __repr__(self) -> str:
        return f"ApiFamily({self.name})"
