"""Files that change in each of the ways that editors, deploy tools and Kubernetes change them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.server.reloads.seen import RecordedReading, seen
from extproc.server.reloads.watch import READ_EVERY, FileWatch

MOST = 100


def watched(path: Path) -> FileWatch:
    watch = FileWatch()
    watch.keep([seen(str(path), MOST)])
    assert watch.differing(READ_EVERY) == {}
    return watch


def in_place(path: Path) -> None:
    path.write_text("another")


def renamed(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("another")
    other.rename(path)


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [in_place, renamed, gone])
def test_a_file_that_changed_is_noticed_until_it_is_read(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("one")
    watch = watched(path)
    change(path)
    assert list(watch.differing(READ_EVERY + 1)) == list(watch.differing(READ_EVERY + 2)) == [str(path)]
    watch.keep([seen(str(path), MOST)])
    assert watch.differing(READ_EVERY + 3) == {}


def test_the_swap_of_a_config_map_s_link_is_noticed(tmp_path: Path) -> None:
    for name in ("..one", "..two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").write_text(name)
    (tmp_path / "..data").symlink_to("..one")
    path = tmp_path / "policy.yaml"
    path.symlink_to("..data/policy.yaml")
    watch = watched(path)
    (tmp_path / "..tmp").symlink_to("..two")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    assert list(watch.differing(READ_EVERY + 1)) == [str(path)]


def test_a_file_that_was_only_touched_or_went_back_is_no_other(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("one")
    watch = watched(path)
    os.utime(path, (1, 1))
    assert watch.differing(READ_EVERY + 1) == {}
    path.write_text("two")
    assert watch.differing(READ_EVERY + 2) != {}
    path.write_text("one")
    assert watch.differing(READ_EVERY + 3) == {}


def test_a_change_that_stat_does_not_show_is_found_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("one")
    watch = watched(path)
    monkeypatch.setattr("extproc.server.reloads.watch._mark", watch._marks.get)
    path.write_text("two")
    assert watch.differing(2 * READ_EVERY - 1) == {}
    assert list(watch.differing(2 * READ_EVERY)) == [str(path)]


def test_the_files_of_a_wrong_policy_are_watched_beside_those_of_the_one_in_force(tmp_path: Path) -> None:
    path, key = tmp_path / "policy.yaml", tmp_path / "key"
    path.write_text("one")
    watch = watched(path)
    watch.add([seen(str(key), MOST)])
    assert len(watch) == 2
    key.write_text("here at last")
    assert list(watch.differing(READ_EVERY + 1)) == [str(key)]


def test_reading_remembers_what_was_read_and_what_could_not_be(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("secret")
    read = RecordedReading()
    assert read(path, MOST) == b"secret"
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none", MOST)
    assert read.seen == (seen(str(path), MOST), seen(str(tmp_path / "none"), MOST))
    assert "secret" not in repr(read.seen)


def test_a_file_that_became_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("one")
    watch = watched(path)
    path.unlink()
    os.mkfifo(path)
    assert watch.differing(2 * READ_EVERY) == {}
    path.unlink()
    path.write_text("two")
    assert list(watch.differing(3 * READ_EVERY)) == [str(path)]
