"""The parts of a body that the transaction wants to be shown, and the intent with which a request is taken."""

from collections.abc import Callable
from enum import Enum, auto
from typing import TypeAlias

from extproc.protocol.enums import plain

Tap: TypeAlias = Callable[[bytes], bool | None]
"""Shown a piece of a body that passes; False, and nothing was taken, if it wants the piece as a message."""


@plain
class Lane(Enum):
    """The part of one side's body."""

    READ = auto()  # each piece is a message to it
    PASS = auto()  # none: each piece may be answered with a plain Proceed
    TAP = auto()  # as PASS, once the exchange's `tap` was shown the piece, unless that wants it as a message
    TAP_ECHO = auto()  # as ECHO, once the same
    ECHO = auto()  # none: each piece that neither is empty nor ends the body may be answered with the same piece


@plain
class Intent(Enum):
    """The transaction's plan for the request."""

    PASSING = auto()  # it goes on as it comes
    READING = auto()  # its body decides; nothing of it has gone on
    DECIDED = auto()  # its destination is known; what still comes is a formality
