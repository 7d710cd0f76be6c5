"""The files that a policy was read from, remembered by a digest of what they held."""

from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from extproc.server.files import read_file


class SeenFile(Struct, frozen=True):
    """A file as it was read: its first `most` bytes had this SHA-256, which is empty for a file that cannot be read."""

    path: str
    most: int
    digest: bytes


def seen(path: str, most: int) -> SeenFile:
    """Return a file as it is now."""
    try:
        return seen_as(path, most, read_file(Path(path), most))
    except (OSError, ValueError):
        return SeenFile(path, most, b"")


def seen_as(path: str, most: int, content: bytes) -> SeenFile:
    """Return a file of which `content` was read, which are its first bytes, at most that many."""
    return SeenFile(path, most, sha256(content).digest())


class RecordedReading:
    """Reads files for a policy, and remembers each of them. `seen` is in the order of reading."""

    def __init__(self) -> None:
        self._seen: dict[str, SeenFile] = {}

    @property
    def seen(self) -> tuple[SeenFile, ...]:
        """Return the files that were read, or should have been."""
        return tuple(self._seen.values())

    def __call__(self, path: Path, most: int) -> bytes:
        """Return the first bytes of a file, at most that many. Raises OSError."""
        name = str(path)
        try:
            content = read_file(path, most)
        except OSError:
            self._seen[name] = SeenFile(name, most, b"")
            raise
        self._seen[name] = seen_as(name, most, content)
        return content
