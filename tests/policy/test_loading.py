import os
import time
from pathlib import Path

import pytest

from extproc.policy import Bearer, Header, PolicyError, Problem, loads
from extproc.policy.base import COMPARED_MAX
from extproc.policy.document import TEXT_MAX
from extproc.policy.loading import PROBLEMS_MAX, written
from extproc.server.files import draft, load
from tests.policy.texts import GOOD, backend, root


def problem(path: Path) -> Problem:
    """The one problem of a file."""
    with pytest.raises(PolicyError) as caught:
        load(path)
    (found,) = caught.value.problems
    assert found.file == str(path)
    return found


def test_a_good_file_becomes_a_policy(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(GOOD)
    policy = load(path)
    assert [backend.name for backend in policy.backends] == ["openai", "local"]
    assert [(target.backend, target.model, target.weight) for target in policy.models[0].targets] == [
        ("openai", "gpt-4o-mini", 80),
        ("local", None, 20),
    ]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert problem(tmp_path / "none.yaml").message == "there is no such file"


def test_a_directory_is_told(tmp_path: Path) -> None:
    assert problem(tmp_path).message == "this is a directory"


def test_a_file_in_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot be read: Not a directory" in problem(tmp_path / "file" / "policy.yaml").message


def test_a_path_with_a_null_is_told(tmp_path: Path) -> None:
    assert problem(tmp_path / "a\0b").message == "this is not the path of a file"


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything, so the refusal is played

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    assert problem(path).message == "the file may not be read"


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"version: 1\n# \xff")
    found = problem(path)
    assert (found.line, found.column) == (2, 3)
    assert found.message == "the file is not UTF-8 text"


def test_a_file_past_the_size_limit_is_told_without_reading_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    with path.open("wb") as file:
        file.truncate(TEXT_MAX * 100_000)  # sparse: 100 GB that nobody could read
    assert "larger than 1 MiB" in problem(path).message


def test_relative_paths_start_at_the_policy_files_folder(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(backend("credential: {bearer: {file: keys/a}}"))
    credential = load(path).backends[0].credential
    assert isinstance(credential, Bearer)
    assert credential.source.file == tmp_path / "keys" / "a"


def test_whole_paths_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(backend("credential: {header: x-api-key, file: /run/secrets/a}"))
    credential = load(path).backends[0].credential
    assert isinstance(credential, Header)
    assert credential.source.file == Path("/run/secrets/a")


def test_problems_past_what_a_person_reads_are_cut_with_a_word_on_it() -> None:
    with pytest.raises(PolicyError) as caught:
        loads(root(*(f"field{i}: 1" for i in range(PROBLEMS_MAX))))
    assert len(caught.value.problems) == PROBLEMS_MAX
    with pytest.raises(PolicyError) as caught:
        loads(root(*(f"field{i}: 1" for i in range(PROBLEMS_MAX + 1))))
    assert len(caught.value.problems) == PROBLEMS_MAX + 1
    assert caught.value.problems[-1].message == f"there are more than {PROBLEMS_MAX} problems"


@pytest.mark.measured
def test_thousands_of_wrong_names_are_told_in_bounded_time() -> None:
    backends = "".join(f"  - {{name: backend-{i}, url: http://a, api: openai}}\n" for i in range(COMPARED_MAX + 1))
    targets = "".join(f"      - {{backend: bakcend-{i}}}\n" for i in range(2000))
    began = time.process_time()
    with pytest.raises(PolicyError):
        loads(f"version: 1\nbackends:\n{backends}models:\n  - name: m\n    targets:\n{targets}")
    assert time.process_time() - began < 15


PATHS = [
    ((), ""),
    (("models", 0, "targets", 1, "backend"), "models[0].targets[1].backend"),
    (("a b",), "['a b']"),
    (("backends", 0, "x.y"), "backends[0]['x.y']"),
    (("request-body",), "request-body"),
    ((0, 1), "[0][1]"),
]


@pytest.mark.parametrize(("loc", "path"), PATHS)
def test_paths_are_written_as_people_write_them(loc: tuple[str | int, ...], path: str) -> None:
    assert written(loc) == path


def notes(tmp_path: Path, text: str) -> list[tuple[int, str, str, str]]:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    found = [(note.line, note.path, note.message, note.mend) for note in draft(path).loaded().notes]
    return [note for note in found if "paths of no API" not in note[2]]  # said of each policy here


def test_a_policy_without_a_default_backend_is_told_what_that_means(tmp_path: Path) -> None:
    for text, told in (
        (GOOD, True),
        (GOOD + "default_backend: none\n", False),
        (GOOD + "default_backend: local", False),
    ):
        path = tmp_path / "policy.yaml"
        path.write_text(text)
        mends = [note.mend for note in draft(path).loaded().notes if "get 404" in note.message]
        assert mends == (["write `default_backend: openai` to send them there, or none"] if told else [])


def test_a_good_policy_has_no_notes(tmp_path: Path) -> None:
    assert notes(tmp_path, GOOD) == []


def test_a_target_that_the_backends_list_does_not_hold_is_noted_and_not_refused(tmp_path: Path) -> None:
    text = GOOD.replace("    api: openai\n", "    api: openai\n    models: [{name: gpt-4o}]\n")
    assert notes(tmp_path, text) == [
        (
            13,
            "models[0].targets[0].model",
            "backend openai lists models, but not gpt-4o-mini",
            "did you mean gpt-4o?",
        )
    ]


def test_a_target_that_keeps_the_asked_name_is_noted_under_that_name(tmp_path: Path) -> None:
    text = GOOD.replace("    api: anthropic\n", "    api: anthropic\n    models: [{name: claude}]\n")
    assert [(line, message) for line, _, message, _ in notes(tmp_path, text)] == [
        (14, "backend local lists models, but not chat"),
        (16, "backend local lists models, but not chat"),
    ]


def test_a_credential_in_clear_text_is_noted_unless_it_stays_on_the_machine(tmp_path: Path) -> None:
    tail = "models: [{name: m, targets: [{backend: a}]}]\n"
    text = backend("credential: client") + tail
    assert notes(tmp_path, text) == []
    assert notes(tmp_path, text.replace("127.0.0.1:1", "localhost")) == []
    assert notes(tmp_path, text.replace("http://127.0.0.1:1", "https://a.example/v1")) == []
    for host in ("a.example", "10.0.0.1", "'[2001:db8::1]'"):
        found = notes(tmp_path, text.replace("http://127.0.0.1:1", f"'http://{host.strip(chr(39))}'"))
        assert [(line, path) for line, path, _, _ in found] == [(6, "backends[0].credential")]
        assert "clear text" in found[0][2]


def test_a_policy_that_rejects_every_model_is_noted(tmp_path: Path) -> None:
    assert [note[2] for note in notes(tmp_path, backend())] == ["every model is unknown, so every request is rejected"]
    assert notes(tmp_path, root("unknown_models: pass")) == []
