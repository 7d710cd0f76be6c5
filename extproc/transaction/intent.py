"""The intent with which a request is taken: what is to become of its body."""

from enum import Enum, auto

from extproc.protocol.enums import plain


@plain
class Intent(Enum):
    """The transaction's plan for the request."""

    PASSING = auto()  # it goes on as it comes
    READING = auto()  # its body decides; nothing of it has gone on
    DECIDED = auto()  # its destination is known; what still comes is a formality
