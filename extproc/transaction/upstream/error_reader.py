"""The response side of a filter before a backend: errors that are about what a request says are named to Envoy."""

from extproc.protocol.effects import HeaderMutation, Phase, Proceed
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Side
from extproc.protocol.modes import BodyMode, ModeOverride, SendMode
from extproc.transaction.answers import PASS_RESPONSE_BODY, PASS_RESPONSE_HEADERS, Effects
from extproc.transaction.outcome import status_of
from extproc.transaction.upstream.attempts import NAMESPACE, attempt_of, reads_of
from extproc.transaction.upstream.content import CONTENT_STATUS, RETRIABLE_HEADER, content_reason


class ErrorReader:
    """Reads one response, if it is an error. `reason` is what it found; `number` the attempt, 0 before a response."""

    __slots__ = ("_fields", "_wanted", "number", "reason")

    def __init__(self) -> None:
        self._fields: HeaderMap | None = None
        self._wanted: frozenset[str] = frozenset()
        self.number = 0
        self.reason: str | None = None

    def headers(self, message: Headers) -> Effects:
        """Have an error handed over that may be about what the request says; all else passes unread."""
        self.number, self._wanted = attempt_of(message), reads_of(message)
        if not self._wanted or message.end or status_of(message) not in CONTENT_STATUS:
            return PASS_RESPONSE_HEADERS
        self._fields = message.fields
        # The override says the request's mode again. The configuration comes with the first message: if that is not
        # this one, the filter has read the request of a later attempt.
        request = BodyMode.BUFFERED if message.config is None else message.config.request_body
        modes = ModeOverride(request, BodyMode.BUFFERED, response_headers=SendMode.SEND)
        return (Proceed(Side.RESPONSE, Phase.HEADERS, modes=modes),)

    def body(self, message: Body) -> Effects:
        """Name the reason, if the body has one, before Envoy decides about a retry."""
        fields, self._fields = self._fields, None
        reason = None if fields is None else content_reason(fields, message.data, self._wanted)
        if reason is None:
            return PASS_RESPONSE_BODY
        self.reason = reason
        told = HeaderMutation(set=((RETRIABLE_HEADER, reason.encode()),))
        metadata = {NAMESPACE: {"spoilt": str(self.number)}}
        return (Proceed(Side.RESPONSE, Phase.BODY, told, metadata=metadata),)

    def __repr__(self) -> str:
        return f"ErrorReader({self.number}, {self.reason})"
