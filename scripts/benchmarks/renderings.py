"""Forms in which the bytes of packages are shown as text: vectors, dumps, listings, diffs."""

import difflib
import io
import json
import math
import struct
import zipfile
from collections.abc import Iterator
from typing import Final

VECTOR: Final = 1536
"""Numbers of a vector: the size of a common model of embeddings."""

DUMPED: Final = 16
"""Bytes of a line of a dump."""

DIFFED_MOST: Final = 40_000
"""Characters of a file whose differences are looked for: that takes quadratic time."""


def floats(data: bytes) -> str:
    """Return what the weights of a model look like as vectors in JSON: one with all digits, one with eight, in turn."""
    whole = struct.unpack(f"<{len(data) // 4}f", data[: len(data) // 4 * 4])
    numbers = [each for each in whole if math.isfinite(each) and 1e-9 < abs(each) < 1e2]
    vectors = [numbers[at : at + VECTOR] for at in range(0, len(numbers) - VECTOR, VECTOR)]
    shown = (
        {"object": "embedding", "index": at, "embedding": vector if at % 2 else [round(each, 8) for each in vector]}
        for at, vector in enumerate(vectors)
    )
    return "\n".join(map(json.dumps, shown)) + "\n"


def hexdump(data: bytes) -> str:
    """Return dumps of bytes as four programs write them, in turn: `hexdump -C`, `xxd`, `od -tx1` and `od -tu4`."""
    size = DUMPED * 64
    parts = (data[at : at + size] for at in range(0, len(data), size))
    return "\n".join("\n".join(_dumped(part, number % 4)) for number, part in enumerate(parts)) + "\n"


def _dumped(data: bytes, style: int) -> Iterator[str]:
    for at in range(0, len(data), DUMPED):
        line = data[at : at + DUMPED]
        printed = "".join(chr(each) if 0x20 <= each < 0x7F else "." for each in line)
        if style == 0:
            yield f"{at:08x}  {line[:8].hex(' ')}  {line[8:].hex(' ')}  |{printed}|"
        elif style == 1:
            yield f"{at:08x}: {line.hex(' ', 2)}  {printed}"
        elif style == 2:
            yield f"{at:07o} {line.hex(' ')}"
        else:
            words = struct.unpack(f"<{len(line) // 4}I", line[: len(line) // 4 * 4])
            yield f"{at:07o}" + "".join(f" {each:>10}" for each in words)


def listing(data: bytes) -> str:
    """Return the log of a program that unpacks a wheel: a line a member, with dates, sizes, checksums and offsets."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        infos = opened.infolist()
    return "".join(_logged(number, info) for number, info in enumerate(infos))


def _logged(number: int, info: zipfile.ZipInfo) -> str:
    year, month, day, hour, minute, second = info.date_time
    time = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{number % 1000:03}Z"
    sizes = f"size={info.file_size} packed={info.compress_size} crc32={info.CRC:08x} crc={info.CRC}"
    ratio = info.compress_size / (info.file_size or 1)
    return (
        f"{time} INFO unpack[{number + 2000}] file={info.filename} {sizes} offset=0x{info.header_offset:x} "
        f"ratio={ratio:.6f}\n"
    )


def diff(name: str, before: str, after: str) -> str:
    """Return the unified differences of two versions of a file; nothing for large ones."""
    if before == after or max(len(before), len(after)) > DIFFED_MOST:
        return ""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    return "\n".join(lines) + "\n"
