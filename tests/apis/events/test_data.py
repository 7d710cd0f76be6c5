"""The data of an event, whichever way it is found."""

import pytest

from extproc.apis.events.added import data_of
from extproc.payload.sse_lines import data_lines


@pytest.mark.parametrize(
    "raw",
    [
        b"data: {}\n\n",
        b"data: \n\n",
        b"data: {}\r\n\r\n",
        b"data: a\rdata: b\n\n",
        b"data: a\ndata: b\n\n",
        b"data: a\n\ndata: b\n\n",
        b"data: a\n",
        b"data:a\n\n",
        b"\xef\xbb\xbfdata: a\n\n",
        b"event: x\ndata: a\n\n",
    ],
)
def test_an_event_has_the_data_of_its_lines(raw: bytes) -> None:
    assert data_of(raw) == b"\n".join(line.value for line in data_lines(raw, bom=True))
