"""The proof that Envoy took the override by which an event stream was asked for in full duplex.

An Envoy that did not take it (`allow_mode_override` is off by default) sends the whole stream in one buffered message,
which looks like a short stream in full duplex; and a full-duplex response to that message lets it pass as it was. So
the first chunk of such a stream is guarded: it carries a header mutation that full duplex ignores, and for which an
exchange in any other mode fails (measured with Envoy 1.40: 503, and no byte of the stream passes).

What is left is to know which of the two it was. A second message is the proof; for a stream that came in one message,
its end waits for a moment, unless the same Envoy has given the proof before.
"""

from typing import Final

from msgspec.structs import replace

from extproc.protocol.effects import Chunk
from extproc.protocol.messages import Side
from extproc.transaction.answers import Effects

END: Final = Chunk(Side.RESPONSE, b"", end=True)


class Proof:
    """Mutable, one for each stream. `known`: this Envoy has taken an override before."""

    __slots__ = ("_given", "_guarded", "_messages", "withholds")

    def __init__(self, *, known: bool) -> None:
        self._given = known
        self._guarded = False
        self._messages = 0
        self.withholds = False
        """True while the end of the stream is held back for a moment."""

    @property
    def given(self) -> bool:
        """True if this Envoy has shown that it takes overrides."""
        return self._given

    @property
    def over(self) -> bool:
        """True once nothing of the stream has to be guarded or held back any more."""
        return self._guarded and self._given and not self.withholds

    @property
    def missing(self) -> bool:
        """True if the guarded chunk has gone out and nothing has shown since that Envoy took the override."""
        return self._guarded and not self._given

    def came(self, effects: Effects) -> Effects:
        """Return `effects`, the responses to a message of the stream, guarded where they have to be."""
        self._messages += 1
        if self._messages > 1:
            self._given = True
            if self.withholds:
                self.withholds = False
                return (*effects, END)
        return self.sent(effects)

    def sent(self, effects: Effects) -> Effects:
        """Return `effects`, chunks that no message caused just now, guarded where they have to be."""
        if self._guarded or not effects:
            return effects
        first, *rest = effects
        if not isinstance(first, Chunk):
            return effects
        self._guarded = True
        self.withholds = first.end and not self._given
        return (replace(first, guard=True, end=first.end and self._given), *rest)
