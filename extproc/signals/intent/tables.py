"""The tables that ship with the package: vectors of words, and the built-in domains."""

from functools import cache
from typing import Final

from extproc.classify.domains import DomainModel
from extproc.classify.vectors import WordVectors
from extproc.detectors.shipped import shipped

PACKAGE: Final = "extproc.signals.intent"

WORDS: Final = "words.bin"
WORDS_SHA256: Final = "ff200da41d55e26f5b292796cb06f297b9fa07bc56458d2b7958149903f6cebb"

DOMAINS: Final = "domains.bin"
DOMAINS_SHA256: Final = "76a55f26374bc88fffdd41323a77d9c108b7d89e5767889a63a78404f6733af2"
"""The files, and the digest of each."""


@cache
def word_vectors() -> WordVectors:
    """Return the vectors of words. Raises DetectorError if the file is missing or is another one."""
    return shipped(PACKAGE, WORDS, WORDS_SHA256, WordVectors.load)


@cache
def domains() -> DomainModel:
    """Return the model of domains. Raises DetectorError if the file is missing or is another one."""
    return shipped(PACKAGE, DOMAINS, DOMAINS_SHA256, DomainModel.load)
