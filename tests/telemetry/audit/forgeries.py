"""What a forger does to an audit record: each way once, at a random place."""

import re
from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import Final

from tests.telemetry.audit.records import Files

Forgery = Callable[[Files, Random], None]
"""Changes files. Leaves them as they are where the way does not apply."""

_HASH: Final = re.compile(rb',"hash":"([0-9a-f]{64})"(,"sig":"[0-9a-f]{128}")?\}\n$')
_PREV: Final = re.compile(rb'"prev":"[0-9a-f]{64}"')


def _place(files: Files, random: Random) -> tuple[list[bytes], int]:
    lines = random.choice([each for each in files.values() if each])
    return lines, random.randrange(len(lines))


def flip_bit(files: Files, random: Random) -> None:
    """One bit of one byte, the line break included."""
    lines, at = _place(files, random)
    data = bytearray(lines[at])
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    lines[at] = bytes(data)


def change_number(files: Files, random: Random) -> None:
    """One digit."""
    lines, at = _place(files, random)
    digits = [each for each in range(len(lines[at])) if lines[at][each : each + 1].isdigit()]
    where = random.choice(digits)
    other = random.choice([d for d in b"0123456789" if d != lines[at][where]])
    lines[at] = lines[at][:where] + bytes((other,)) + lines[at][where + 1 :]


def insert_byte(files: Files, random: Random) -> None:
    """A space, a digit or a line break somewhere."""
    lines, at = _place(files, random)
    where = random.randrange(len(lines[at]))
    lines[at] = lines[at][:where] + random.choice((b" ", b"7", b"\n", b"x")) + lines[at][where:]


def delete_lines(files: Files, random: Random) -> None:
    """Some lines in a row."""
    lines, at = _place(files, random)
    del lines[at : at + random.randint(1, 5)]


def swap_lines(files: Files, random: Random) -> None:
    """Two lines change places."""
    lines, at = _place(files, random)
    other = random.choice([each for each in range(len(lines)) if each != at])
    lines[at], lines[other] = lines[other], lines[at]


def repeat_line(files: Files, random: Random) -> None:
    """A line stands twice."""
    lines, at = _place(files, random)
    lines.insert(random.randint(0, len(lines)), lines[at])


def cut_end(files: Files, random: Random) -> None:
    """The end of a file, at a line or within one."""
    lines, at = _place(files, random)
    torn = lines[at][: random.randrange(len(lines[at]))] if random.random() < 0.5 else b""
    lines[at:] = [torn] if torn else []


def cut_beginning(files: Files, random: Random) -> None:
    """The beginning of a file."""
    lines, at = _place(files, random)
    del lines[: at + 1]


def drop_file(files: Files, random: Random) -> None:
    """A file of several that hold one chain. (That all of a chain is gone, only who knows its head can see.)"""
    del files[random.choice([name for name in files if not name.startswith("audit.1.")])]


def swap_files(files: Files, random: Random) -> None:
    """Two files have each other's names."""
    one, other = random.sample(list(files), 2)
    files[one], files[other] = files[other], files[one]


def move_line(files: Files, random: Random) -> None:
    """A line of one file into another."""
    one, other = random.sample(list(files), 2)
    lines = files[one]
    files[other].insert(random.randint(0, len(files[other])), lines.pop(random.randrange(len(lines))))


def rechain(files: Files, random: Random) -> None:
    """A line is changed or deleted, and all hashes after it in its file are computed anew, signatures kept."""
    lines, at = _place(files, random)
    if random.random() < 0.3 and at + 1 < len(lines):
        del lines[at]
    else:
        body = lines[at][: _found(lines[at]).start()]
        changed = body.replace(b'"status":200', b'"status":500') if b'"status":200' in body else body + b',"x":1'
        lines[at] = changed + lines[at][len(body) :]
    previous = _found(lines[at - 1])[1] if at else None
    for number in range(at, len(lines)):
        found = _found(lines[number])
        body, sig = lines[number][: found.start()], found[2] or b""
        if previous is not None:
            body = _PREV.sub(b'"prev":"' + previous + b'"', body, count=1)
        previous = sha256(body).hexdigest().encode()
        lines[number] = b'%b,"hash":"%b"%b}\n' % (body, previous, sig)


def _found(line: bytes) -> re.Match[bytes]:
    found = _HASH.search(line)
    assert found is not None, line
    return found


UNSIGNED: Final[tuple[Forgery, ...]] = (
    flip_bit,
    change_number,
    insert_byte,
    delete_lines,
    swap_lines,
    repeat_line,
    cut_end,
    cut_beginning,
    drop_file,
    swap_files,
    move_line,
)
"""The forgeries that the chain alone shows."""

SIGNED: Final[tuple[Forgery, ...]] = (*UNSIGNED, rechain)
"""Those that signatures show."""
