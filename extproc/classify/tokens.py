"""The tokens of texts: counted by OpenAI's own encodings where the extra `tokens` is installed, else estimated."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Literal, TypeAlias

from extproc.classify.token_estimate import estimated

Encoding: TypeAlias = Literal["o200k_base", "cl100k_base"]
"""An encoding of OpenAI's: that of its models since GPT-4o, and that of GPT-4, GPT-3.5 and the embeddings."""

LIBRARY: Final = "quicktok"
"""The package of the extra `tokens`."""

COUNTED_MAX: Final = 32 * 1024
"""Characters of a request that are counted one by one: 0.3 ms, or 5 ms of letters at random. Of more, `SAMPLES` pieces
are counted, and the estimate of the whole is corrected by what they show."""

SAMPLES: Final = 16
"""Pieces of a text that is too long, spread evenly over it; together they have `COUNTED_MAX` characters."""

REMEMBERED: Final = 256
REMEMBERED_MOST: Final = 64
"""Names of models whose encoding is remembered, and characters of one: clients ask for a few models."""

_OLDER: Final = ("gpt-4-", "gpt-3.5", "gpt-35", "text-embedding-", "davinci-002", "babbage-002")
_NAMED: Final = frozenset({"gpt-4"})

Count: TypeAlias = Callable[[str], int]

_loaded: dict[Encoding, Count] = {}


def installed() -> bool:
    """True if the tokenizer is installed, so that counts are exact."""
    return find_spec(LIBRARY) is not None


def load(encoding: Encoding = "o200k_base") -> bool:
    """Load an encoding, so that the first request does not wait for it; False if there is no tokenizer.

    Costs 0.7 s and 80 MiB for the first encoding, 0.3 s and 15 MiB for the other: done when a policy is compiled that
    asks for tokens, and by nobody else.
    """
    if encoding not in _loaded:
        if not installed():
            return False
        library = import_module(LIBRARY)
        _loaded[encoding] = library.get_encoding(encoding).count
    return True


def load_for(models: Iterable[str]) -> bool:
    """Load the encodings of models, and the one that stands for all others; False if there is no tokenizer."""
    loaded = load()
    for encoding in {encoding_of(model) for model in models} if loaded else ():
        load(encoding)
    return loaded


def encoding_of(model: str) -> Encoding:
    """Return the encoding of an OpenAI model by its name; that of the newer ones for every other name."""
    return _remembered(model) if len(model) <= REMEMBERED_MOST else _encoding_of(model)


def _encoding_of(model: str) -> Encoding:
    name = model.lower().rpartition("/")[2]
    return "cl100k_base" if name in _NAMED or name.startswith(_OLDER) else "o200k_base"


_remembered: Final = lru_cache(REMEMBERED)(_encoding_of)


def counted(texts: Sequence[str], encoding: Encoding = "o200k_base") -> int:
    """Return the tokens of texts together: exact if the encoding, or else the newer one, was loaded.

    Words of special tokens (`<|endoftext|>`) count as the text that they are. Beyond `COUNTED_MAX` characters it is an
    estimate in any case.
    """
    count = _loaded.get(encoding) or _loaded.get("o200k_base")
    if count is None:
        return round(estimated("".join(texts)))
    if sum(map(len, texts)) <= COUNTED_MAX:
        return sum([count(_plain(text)) for text in texts])
    return _sampled("\n".join(texts), count)


def most(texts: Iterable[str]) -> int:
    """Return more tokens than texts can have: their bytes, of which each token has one at least. Takes 1 µs for 10 KB.

    All of OpenAI's encodings are of bytes; others fall back on them for what they do not know.
    """
    return sum([len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts])


def _sampled(text: str, count: Count) -> int:
    size, step = COUNTED_MAX // SAMPLES, len(text) // SAMPLES
    pieces = [text[at * step : at * step + size] for at in range(SAMPLES)]
    likely = sum(map(estimated, pieces))
    exact = sum(count(_plain(piece)) for piece in pieces)
    return round(estimated(text) * exact / likely) if likely else exact


def _plain(text: str) -> str:
    """Return the text as UTF-8 can hold it: JSON may have half a surrogate pair."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


__all__ = ["COUNTED_MAX", "SAMPLES", "Encoding", "counted", "encoding_of", "installed", "load", "load_for", "most"]
