"""The parts of a body that the transaction wants to be shown."""

from enum import Enum, auto

from extproc.protocol.enums import plain


@plain
class Lane(Enum):
    """The part of one side's body."""

    READ = auto()  # each piece is a message to it
    PASS = auto()  # none: each piece may be answered with a plain Proceed
    ECHO = auto()  # none: each piece that neither is empty nor ends the body may be answered with the same piece
