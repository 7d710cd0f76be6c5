"""Events added to streams of Anthropic's messages."""

import re
from typing import Any

import msgspec

from extproc.apis.api import Dialect
from extproc.apis.events.added import Added, Cut, told
from extproc.apis.events.event import StreamEvent

_OUTPUT = re.compile(rb'"output_tokens"[ \t]*:[ \t]*(\d{1,15})')


class Messages:
    """Writes deltas for the blocks of a message."""

    __slots__ = ("_dialect", "_tokens")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._tokens = 0

    def note(self, event: StreamEvent) -> None:
        """See `Scribe.note`. Only the event that starts a message tells of tokens before the end."""
        if event.opens == (("message",),) and (found := _OUTPUT.search(event.raw)) is not None:
            self._tokens = int(found[1])

    def blocked(self, cut: Cut) -> list[Added]:
        """See `Scribe.blocked`.

        `refusal` is the stop reason that the API gives when its own classifiers cut an answer in mid-stream. The tokens
        are those last told: nobody counts what was cut.
        """
        failed = told(self._dialect, cut.error)
        if ("message",) not in cut.begun:
            return [failed]
        blocks = sorted(scope[1] for scope in cut.begun if scope[0] == "content" and isinstance(scope[1], int))
        return [
            *(_added("content_block_stop", index=block) for block in blocks),
            _added(
                "message_delta",
                delta={"stop_reason": "refusal", "stop_sequence": None},
                usage={"output_tokens": self._tokens},
            ),
            failed,
            _added("message_stop"),
        ]


def _added(kind: str, **more: Any) -> Added:
    return Added(msgspec.json.encode({"type": kind, **more}), kind)
