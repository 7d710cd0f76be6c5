"""Bodies that are text as they stand."""

from extproc.payload.codec import plain
from extproc.payload.document import Document
from extproc.payload.fieldvalue import known
from extproc.payload.json.walk import walk
from extproc.payload.limits import MAX_VALUES
from extproc.payload.opened import Limit, Reading, TextSource
from extproc.payload.passage import Passage, Uninspected
from extproc.payload.probabilities import spellings


def read_plain(body: bytes, charset: str = "", limit: Limit = MAX_VALUES) -> Document:
    """Read a body in `charset` (UTF-8 when empty) as one passage with the pointer "".

    A body that is the JSON text of an object or array is opened, whatever it is said to be. Bytes that are not UTF-8
    are lone surrogates in the text (as `surrogateescape` has them) and go on as they came. In any other charset than
    UTF-8 and Latin-1 the body is not read, and named with the reason `charset`. What is no text is named `binary`, and
    what a lenient reader takes for JSON `malformed`; both are read as far as they can be.

    Raises:
        TextLimitError: as `read_json` does, for a body that is JSON.
    """
    codec = known(charset)
    if codec is None:
        return Document(body, (), (Uninspected(None, None, "charset"),), ())
    text = body.decode(codec, "surrogateescape")
    reading = Reading(walk, limit)
    source = reading.add(TextSource(text, plain(codec)))
    reading.passages.append(Passage(text, "text", None, None, source, 0, len(text)))
    reading.distrust(reading.passages[-1])
    reading.open(carrier=False)
    passages, uninspected = reading.settle()
    passages, spelled = spellings(passages, reading)
    return Document(body, passages, uninspected, reading.sources, codec, spelled)
