"""Compiled databases on disk: found by the next process, and not believed where somebody else may have written."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hyperscan import Database

from extproc.matching import databases
from extproc.matching.hyperscan import Fast
from extproc.policy import loads
from extproc.server import database_folder
from extproc.server.database_folder import DatabaseFolder, folder_of, keep_databases
from extproc.transaction import Plan

NAME = "ab" * 32
DATA = bytes(range(256)) * 64
PATTERNS = {3: rb"[a-z]{2,30}_[0-9]{4,40}", 9: rb"key=[0-9a-f]{8,64}"}
COMPILE = databases.compiled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "extproc"


@pytest.fixture
def store(folder: Path) -> DatabaseFolder:
    made = DatabaseFolder(folder)
    made.put(NAME, DATA)
    assert made.get(NAME) == DATA
    return made


class Shelf:
    """A store in memory, and the patterns that had to be compiled with it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: dict[str, bytes] = {}
        self.compiled: list[tuple[int, ...]] = []
        monkeypatch.setattr(databases, "compiled", self._compile)
        monkeypatch.setattr(databases, "LEAST_STORED", 1)

    def _compile(self, patterns: Mapping[int, bytes]) -> Database:
        self.compiled.append((*patterns,))
        return COMPILE(patterns)

    def get(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def put(self, name: str, data: bytes) -> None:
        self.kept[name] = data


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    made = Shelf(monkeypatch)
    before = databases._StoreSlot.store
    databases.keep_in(made)
    yield made
    databases.keep_in(before)


def made(patterns: Mapping[int, bytes] = PATTERNS) -> Fast:
    """As a new process makes it."""
    fast = Fast({})
    fast._database = databases.database(patterns)
    return fast


def test_a_stored_database_hits_as_the_compiled_one(shelf: Shelf) -> None:
    text = b"\nlog ab_12345 and key=0123456789abcdef"
    first, second = made(), made()
    assert shelf.compiled == [(3, 9)]
    assert first.hits(text) == second.hits(text) != []


def test_other_patterns_or_numbers_are_another_database(shelf: Shelf) -> None:
    made()
    made({**PATTERNS, 9: rb"key=[0-9a-f]{8,65}"})
    made({3: PATTERNS[3], 8: PATTERNS[9]})
    assert len(shelf.kept) == len(shelf.compiled) == 3


@pytest.mark.parametrize("change", [bytes, lambda data: data[:-1], lambda data: data[:9] + b"\xff" + data[10:]])
def test_what_the_engine_refuses_is_compiled_anew(shelf: Shelf, change: "type[bytes]") -> None:
    whole = made().hits(b"\nab_12345")
    (name,) = shelf.kept
    good, shelf.kept[name] = shelf.kept[name], b"" if change is bytes else change(shelf.kept[name])
    assert made().hits(b"\nab_12345") == whole
    assert len(shelf.compiled) == 2
    assert shelf.kept[name] == good


def test_small_databases_are_not_stored(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    made()
    (size,) = map(len, shelf.kept.values())
    for least, kept in ((size, 1), (size + 1, 0)):
        shelf.kept.clear()
        monkeypatch.setattr(databases, "LEAST_STORED", least)
        made()
        assert len(shelf.kept) == kept


@pytest.mark.usefixtures("store")
def test_the_folder_and_its_files_are_for_their_owner_alone(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (file,) = folder.iterdir()
    assert file.name == NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_unknown_name_is_not_there(store: DatabaseFolder) -> None:
    assert store.get("cd" * 32) is None


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = DatabaseFolder(tmp_path / "file" / "folder")
    store.put(NAME, DATA)
    assert store.get(NAME) is None


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_nothing_is_read_or_written_where_others_may_write(store: DatabaseFolder, folder: Path, mode: int) -> None:
    folder.chmod(mode)
    store.put("cd" * 32, DATA)
    assert store.get(NAME) is None
    assert [each.name for each in folder.iterdir()] == [NAME]


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_no_file_is_read_that_others_may_write(store: DatabaseFolder, folder: Path, mode: int) -> None:
    (folder / NAME).chmod(mode)
    assert store.get(NAME) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
@pytest.mark.parametrize("part", ["", NAME])
def test_nothing_is_read_of_another_user(store: DatabaseFolder, folder: Path, part: str) -> None:
    os.chown(folder / part, 12345, -1)
    assert store.get(NAME) is None


def test_no_link_and_no_pipe_is_read(store: DatabaseFolder, folder: Path) -> None:
    (folder / NAME).rename(folder.parent / "elsewhere")
    (folder / NAME).symlink_to(folder.parent / "elsewhere")
    assert store.get(NAME) is None
    (folder / NAME).unlink()
    os.mkfifo(folder / NAME, 0o600)
    assert store.get(NAME) is None


def test_a_file_that_was_changed_or_renamed_is_not_read(store: DatabaseFolder, folder: Path) -> None:
    file, other = folder / NAME, "cd" * 32
    whole = file.read_bytes()
    for wrong in (whole[:-1], whole + b"x", whole[:-1] + b"x", b"X" + whole[1:], whole[:30], b""):
        file.write_bytes(wrong)
        assert store.get(NAME) is None
    file.write_bytes(whole)
    assert store.get(NAME) == DATA
    file.rename(folder / other)
    assert store.get(other) is None


@pytest.mark.parametrize("most", [len(DATA), len(DATA) - 1])
def test_one_database_has_a_limit(store: DatabaseFolder, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(database_folder, "MOST_OF_ONE", most)
    expected = DATA if most == len(DATA) else None
    assert store.get(NAME) == expected
    store.put("cd" * 32, DATA)
    assert store.get("cd" * 32) == expected


def _aged(folder: Path, name: str, age: int) -> None:
    os.utime(folder / name, (age, age))


@pytest.mark.parametrize(("files", "bytes_"), [(3, 1 << 30), (100, 3 * (len(DATA) + 200))])
def test_the_oldest_go_when_there_are_too_many(
    folder: Path, monkeypatch: pytest.MonkeyPatch, files: int, bytes_: int
) -> None:
    monkeypatch.setattr(database_folder, "MOST_FILES", files)
    monkeypatch.setattr(database_folder, "MOST_BYTES", bytes_)
    store = DatabaseFolder(folder)
    for number in range(3):
        store.put(f"{number:064}", DATA)
        _aged(folder, f"{number:064}", number)
    assert len([*folder.iterdir()]) == 3
    store.put(f"{3:064}", DATA)
    assert sorted(each.name for each in folder.iterdir()) == [f"{number:064}" for number in (1, 2, 3)]


def test_a_write_that_fails_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "rename", refused)
    DatabaseFolder(folder).put(NAME, DATA)
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"EXTPROC_CACHE_DIR": "/a/b", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/a/b"),
        ({"EXTPROC_CACHE_DIR": "none", "HOME": "/h"}, None),
        ({"EXTPROC_CACHE_DIR": "", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/extproc"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/extproc"),
        ({"HOME": "/h"}, "/h/.cache/extproc"),
        ({"HOME": "h"}, None),
        ({}, None),
    ],
)
def test_the_environment_says_where(environ: Mapping[str, str], expected: str | None) -> None:
    assert folder_of(environ) == (None if expected is None else Path(expected))


def test_a_process_keeps_its_databases_where_the_environment_says(shelf: Shelf, folder: Path) -> None:
    keep_databases({"EXTPROC_CACHE_DIR": "none"})
    assert databases._StoreSlot.store is shelf
    keep_databases({"EXTPROC_CACHE_DIR": str(folder)})
    made()
    made()
    assert len([*folder.iterdir()]) == len(shelf.compiled) == 1


def test_a_pattern_with_a_zero_is_refused() -> None:
    with pytest.raises(databases.UnsupportedPatternError) as caught:
        databases.compiled({1: b"a", 7: b"a\0b"})
    assert caught.value.number == 7


def test_the_pattern_that_cannot_be_compiled_is_told() -> None:
    with pytest.raises(databases.UnsupportedPatternError) as caught:
        databases.compiled({1: b"a", 5: b"(", 7: b"b"})
    assert caught.value.number == 5


GUARDED = """
version: 1
backends: [{name: a, url: "http://127.0.0.1:9/v1", api: openai, credential: {bearer: {env: A_KEY}}}]
models: [{name: chat, targets: [{backend: a, model: m}]}]
pipelines: [{name: p, response: [{use: pii, kinds: [email, phone], action: mask}]}]
"""


@pytest.mark.parametrize("key", [b"sk-one-%b" % (b"Qw3r" * 12), b"two words of a key %b" % (b"Zx8c" * 12)])
def test_nothing_is_stored_that_depends_on_a_credential(shelf: Shelf, key: bytes) -> None:
    stored: list[set[bytes]] = []
    for credential in (key, key[::-1]):
        shelf.kept.clear()
        plan = Plan.compile(loads(GUARDED, "policy.yaml"), {"a": credential})
        assert plan.pipelines[0].keys is not None, "the credential is looked for"
        stored.append({*shelf.kept.values()})
    assert stored[0] == stored[1] != set()
