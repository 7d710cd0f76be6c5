"""What every API dialect can do for a request."""

from typing import Literal, Protocol, TypeAlias

from extproc.apis.request import Request
from extproc.protocol.errors import ClientError

Api: TypeAlias = Literal["openai", "anthropic"]
"""The families of dialects, by the name a backend's `api` has in the policy."""


class Dialect(Protocol):
    """One operation of one API."""

    @property
    def name(self) -> str:
        """`openai.chat` and the like, for logs and metrics."""

    @property
    def api(self) -> Api:
        """The family it belongs to."""

    @property
    def operation(self) -> str:
        """OpenTelemetry's `gen_ai.operation.name`; a word of our own where the conventions have none."""

    @property
    def path(self) -> str:
        """The path it claims."""

    def read(self, body: bytes) -> Request:
        """Read what routing needs.

        Raises:
            ClientError: 400, when the body cannot be read or names no model.
        """

    def error(self, error: ClientError) -> bytes:
        """The JSON body that tells a client of this API about an error."""

    def error_event(self, error: ClientError, sequence: int = 0) -> bytes:
        """The same as one server-sent event. `sequence`: its number in the stream, where the API numbers events."""
