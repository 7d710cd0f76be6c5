"""`python -m scripts.train.languages`: counts letters of thirty languages for `use: language`, and measures that.

The texts are Django's messages, and for English also questions of clinc150 and banking77. It needs no library.
"""

import hashlib
import re
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from extproc.classify.languages import Languages, counted
from scripts.train import corpus

HOME: Final = Path(__file__).resolve().parents[2] / "extproc" / "detectors" / "language"

ENGLISH: Final = 200
"""Questions in English that are added: messages of a program are no chat."""


def texts() -> list[tuple[str, str]]:
    """Texts with their languages."""
    found = [(row["lang"], row["text"]) for row in corpus.lines("lang")]
    more = [row["text"] for name in ("clinc150", "banking77") for row in corpus.lines(name)]
    return [*found, *(("en", text) for text in more[:: len(more) // ENGLISH])]


def main() -> int:
    """Measure on one half what the other tells, and write what all tell."""
    every = texts()
    halves: Sequence[Sequence[tuple[str, str]]] = (every[::2], every[1::2])
    rights = 0
    for known, asked in (halves, halves[::-1]):
        model = Languages(counted(known))
        for name, text in asked:
            likely = model.likely(text)
            rights += max(likely, key=likely.__getitem__) == name
    print(f"right: {rights / len(every):.3f} of {len(every)}", file=sys.stderr)
    data = zlib.compress(msgspec.json.encode(counted(every)), 9)
    (HOME / "counts.bin").write_bytes(data)
    module = HOME / "__init__.py"
    digest = hashlib.sha256(data).hexdigest()
    module.write_text(re.sub(r'SHA256: Final = "\w*"', f'SHA256: Final = "{digest}"', module.read_text()))
    print(f"{len(data)} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
