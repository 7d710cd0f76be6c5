from pathlib import Path

from extproc.gateway.authorities import system_ca
from extproc.gateway.bootstrap import SYSTEM_CA


def file(folder: Path, name: str) -> str:
    path = folder / name
    path.touch()
    return str(path)


def test_the_environment_comes_first(tmp_path: Path) -> None:
    named, placed = file(tmp_path, "named.pem"), file(tmp_path, "placed.pem")
    assert system_ca({"SSL_CERT_FILE": named}, [placed]) == named


def test_a_named_file_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    placed = file(tmp_path, "placed.pem")
    assert system_ca({"SSL_CERT_FILE": str(tmp_path / "gone.pem")}, [placed]) == placed


def test_the_first_place_that_has_a_file_is_taken(tmp_path: Path) -> None:
    first, second = file(tmp_path, "first.pem"), file(tmp_path, "second.pem")
    assert system_ca({}, [str(tmp_path / "gone.pem"), str(tmp_path), first, second]) == first


def test_what_is_found_is_a_file_or_the_customary_path() -> None:
    found = system_ca()
    assert found == SYSTEM_CA or Path(found).is_file()
