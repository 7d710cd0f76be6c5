"""Signs of life in a stream of which nothing goes out for a while: a guard judges, or the model thinks."""

import math
from collections.abc import Iterable
from typing import Final, Protocol

from extproc import apis
from extproc.protocol.effects import Chunk, Effect
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Side
from extproc.transaction.answers import NOTHING, Effects
from extproc.transaction.steering.proof import Proof

SILENCE: Final = 600.0
"""Seconds without a byte of the backend's after which a stream ends in an error event. As many as Envoy's idle timeout
in generated configurations, which would end it otherwise: a sign of life begins that timeout anew."""

_BOUNDARIES: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_TAIL: Final = 4
"""Bytes of the longest of them."""


class LiveStream(Protocol):
    """A stream that is judged as it comes."""

    @property
    def dialect(self) -> str:
        """The name of the API that the stream is of, as far as it has shown that."""

    ended: bool
    """True once nothing more goes on of it."""

    def silenced(self) -> Effects:
        """End the stream: its backend says nothing more."""


class Keepalive:
    """Mutable, one for each stream. `every`: seconds of silence after which the client gets a sign of life.

    `due`: when to look next. It is not moved with each event: who looks too early is told a later time.
    """

    __slots__ = ("_answer", "_every", "_heard", "_sent", "_tail", "due")

    def __init__(self, every: float, now: float, answer: LiveStream) -> None:
        self._answer = answer
        self._every = every
        self._sent = self._heard = now
        self._tail = b"\n\n"
        self.due = now + every

    def came(self, effects: Iterable[Effect], now: float) -> None:
        """Note that the backend has sent something, and what goes on for it."""
        self._heard = now
        self.went(effects, now)

    def went(self, effects: Iterable[Effect], now: float) -> None:
        """Note what goes on to the client."""
        for effect in effects:
            if isinstance(effect, Chunk) and effect.data:
                self._sent = now
                self._tail = (self._tail + effect.data)[-_TAIL:]

    def look(self, now: float, proof: Proof | None) -> Effects:
        """Return a sign of life, if one is due; or the end of a stream whose backend is silent for too long.

        Nothing within an event that is half out. Nothing before an Envoy has shown that it takes overrides: a chunk of
        ours would be no such proof.
        """
        due = self._sent + self._every
        self.due = due if due > now else now + self._every
        if self._answer.ended:
            self.due = math.inf
            return NOTHING
        if now - self._heard >= SILENCE:
            return self._answer.silenced()
        sign = _sign(self._answer.dialect)
        if due > now or not sign or not self._tail.endswith(_BOUNDARIES) or (proof is not None and not proof.given):
            return NOTHING
        self._sent, self._tail = now, sign[-_TAIL:]
        return (Chunk(Side.RESPONSE, sign),)


def silenced() -> ClientError:
    """Return the error of a stream whose backend says nothing more."""
    return ClientError(504, "response_silent", "The backend has sent nothing for too long.")


def _sign(dialect: str) -> bytes:
    """Return the sign of life that clients of an API skip; nothing for a stream that shows no API."""
    api = apis.current().named(dialect)
    return b"" if api is None or api.events is None else api.events.alive
