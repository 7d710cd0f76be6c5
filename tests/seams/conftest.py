from collections.abc import Iterator

import pytest

from extproc.ext import registered
from tests.seams.toys import TOYS


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    """The toys are installed."""
    with registered(*TOYS):
        yield
