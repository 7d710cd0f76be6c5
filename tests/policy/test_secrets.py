from pathlib import Path

import pytest

from extproc.policy import SecretsError, loads, read_secrets
from extproc.policy.secrets import SECRET_MAX
from tests.policy.texts import backend

FROM_FILE = backend("credential: {bearer: {file: key}}")
FROM_VARIABLE = backend("credential: {header: x-api-key, env: KEY}")


def from_file(folder: Path, content: bytes) -> bytes:
    (folder / "key").write_bytes(content)
    return read_secrets(loads(FROM_FILE, folder=folder), {})["a"]


def test_a_file_holds_the_credential_and_the_newline_that_editors_add(tmp_path: Path) -> None:
    assert from_file(tmp_path, b"sk-1") == b"sk-1"
    assert from_file(tmp_path, b" sk-1\r\n") == b"sk-1"


def test_a_variable_holds_the_credential() -> None:
    assert read_secrets(loads(FROM_VARIABLE), {"KEY": "sk-1"}) == {"a": b"sk-1"}


def test_backends_without_a_credential_of_their_own_have_none() -> None:
    assert read_secrets(loads(backend()), {}) == {}
    assert read_secrets(loads(backend("credential: client")), {}) == {}


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"a\x00", b"caf\xc3\xa9", b"a\x7f"])
def test_what_no_header_can_hold_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SecretsError) as caught:
        from_file(tmp_path, content)
    assert str(caught.value).startswith("credential of backend a: ")
    assert str(tmp_path / "key") in str(caught.value)
    assert "caf" not in str(caught.value)


def test_a_credential_is_bounded_at_the_limit(tmp_path: Path) -> None:
    assert len(from_file(tmp_path, b"x" * SECRET_MAX)) == SECRET_MAX
    with pytest.raises(SecretsError, match="cannot go into a header"):
        from_file(tmp_path, b"x" * (SECRET_MAX + 1))


def test_every_credential_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    text = FROM_FILE + "  - {name: b, url: http://b, api: openai, credential: {bearer: {env: NOBODY}}}\n"
    with pytest.raises(SecretsError) as caught:
        read_secrets(loads(text, folder=tmp_path), {})
    first, second = caught.value.problems
    assert "backend a" in first
    assert "No such file" in first
    assert second == "credential of backend b: the variable NOBODY is not set (set it for the processor)"


def test_a_directory_is_no_credential(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(SecretsError, match="cannot be read: Is a directory"):
        read_secrets(loads(FROM_FILE, folder=tmp_path), {})
