"""An error of a backend, held until our credential is taken out of it: some quote the key that they do not know."""

from collections.abc import Callable
from typing import Final

from extproc.inspection.judge import Job
from extproc.inspection.vault import Vault
from extproc.payload.encodings import codings as encodings
from extproc.pipe.whole import streamed
from extproc.protocol.effects import Chunk, HeaderMutation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Side
from extproc.protocol.work import WorkResult
from extproc.transaction.answers import PASS_RESPONSE_BODY, PASS_RESPONSE_TRAILERS, Effects
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan
from extproc.transaction.responses.answer_body import send_whole

ERROR_MAX: Final = 256 * 1024
"""Bytes of an error, decoded; a larger one is withheld. Errors of APIs have some hundred bytes, pages of proxies some
ten thousand; a quarter of a megabyte is searched in some milliseconds."""


class ErrorAnswer:
    """Holds the body, and in full duplex the headers, too. Raises ClientError.

    `headers` is what is set on them; `said` is told the error's text, once.
    """

    waits = True
    ended = False

    __slots__ = ("_duplex", "_fields", "_headers", "_held", "_keys", "_memory", "_ratio", "_said", "_size", "_trailers")

    def __init__(
        self,
        memory: Memory,
        fields: HeaderMap,
        headers: HeaderMutation,
        said: Callable[[bytes], None],
        plan: Plan,
        *,
        duplex: bool,
    ) -> None:
        self._memory = memory
        self._said = said
        self._fields = fields
        self._headers = headers
        self._keys = plan.unpiped.keys
        self._ratio = plan.limits.inflation_ratio
        self._duplex = duplex
        self._held: list[bytes] | None = []
        self._size = 0
        self._trailers = False

    def piece(self, message: Body, now: float, *, ends: bool) -> Effects:  # noqa: ARG002  - it hands nothing out
        """Takes a piece; with `ends` it is the last one, whether or not trailers follow."""
        if self._held is None:  # a second end mark
            return (Chunk(Side.RESPONSE, message.data, message.end),) if self._duplex else PASS_RESPONSE_BODY
        self._held.append(message.data)
        self._size += len(message.data)
        if self._size > ERROR_MAX:
            raise self._memory.withheld()
        return self._go_on() if ends else ()

    def trailers(self, now: float) -> Effects:  # noqa: ARG002
        """Trailers have ended the body."""
        if self._held is None:
            return PASS_RESPONSE_TRAILERS
        self._trailers = True
        return self._go_on()

    def judged(self, result: WorkResult, now: float) -> Effects:  # noqa: ARG002
        """Never called: there is no work to hand out."""
        raise AssertionError(result)

    def queued(self, size: int) -> Effects:
        """Never called, as `judged`."""
        raise AssertionError(size)

    def gone(self) -> None:
        """The exchange is over: there is nothing to tell of half an error."""

    def _go_on(self) -> Effects:
        assert self._held is not None
        body, self._held = b"".join(self._held), None
        given = self._fields.getall("content-encoding")
        try:
            codings = encodings.codings(b",".join(given).decode("latin-1")) if given else ()
            plain = encodings.decode(body, codings, ERROR_MAX, ratio=self._ratio) if codings and body else body
        except encodings.EncodingError:
            raise self._memory.withheld() from None
        self._said(plain)
        cleaned = self._memory.cleaned_whole(self._joined(plain))
        changed = cleaned is not plain
        return send_whole(self._headers, cleaned if changed else body, changed, codings, self._duplex, self._trailers)

    def _joined(self, body: bytes) -> bytes:
        """The body without a credential that is cut over the events of a stream; the very object if it has none."""
        if self._keys is None:
            return body
        kind = self._fields.text("content-type")
        job = Job("", None, body, kind, {}, Vault(), False, restores=True)
        claimed = self._memory.claimed
        verdict = streamed(job, "" if claimed is None else claimed.api.name, keys=self._keys)
        if verdict is None:
            return body
        if verdict.blocked is not None:  # looking failed
            raise self._memory.withheld()
        return verdict.body
