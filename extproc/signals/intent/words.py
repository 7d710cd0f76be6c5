"""The table of vectors of words that ships with the package."""

from functools import cache
from typing import Final

from extproc.classify.vectors import WordVectors
from extproc.detectors.shipped import shipped

FILE: Final = "words.bin"
SHA256: Final = "ff200da41d55e26f5b292796cb06f297b9fa07bc56458d2b7958149903f6cebb"
"""The digest of the file."""


@cache
def word_vectors() -> WordVectors:
    """Return the table. Raises DetectorError if it is missing or is another one."""
    return shipped("extproc.signals.intent", FILE, SHA256, WordVectors.load)
