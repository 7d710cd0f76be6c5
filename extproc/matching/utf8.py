"""Steps between code points in UTF-8 bytes."""

ASCII = 0x80
"""The first byte that is no code point by itself."""


def whole(data: bytes, at: int) -> int:
    """The beginning of the code point that byte `at` belongs to."""
    while 0 < at < len(data) and data[at] & 0xC0 == 0x80:
        at -= 1
    return max(at, 0)


def after(data: bytes, at: int) -> int:
    """The beginning of the code point that follows the one beginning at byte `at`."""
    at += 1
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at += 1
    return at


def before(data: bytes, at: int) -> int:
    """The beginning of the code point in front of byte `at`; 0 if there is none."""
    at -= 1
    return at if at >= 0 and data[at] < ASCII else whole(data, at)


def back(data: bytes, at: int, points: int) -> int:
    """The byte at which the `points` code points in front of byte `at` begin; 0 if there are fewer."""
    start = max(at - points, 0)
    if data[start:at].isascii():
        return start
    while points and at > 0:
        at = whole(data, at - 1)
        points -= 1
    return at


def ahead(data: bytes, at: int, points: int) -> int:
    """The byte at which the `points` code points from byte `at` on end; the length of `data` if there are fewer."""
    end = min(at + points, len(data))
    if data[at:end].isascii():
        return end
    while points and at < len(data):
        at = after(data, at)
        points -= 1
    return at
