from pathlib import Path

import pytest

from extproc.policy import (
    Policy,
    PolicyError,
    UnusableError,
    drafted,
    key_of,
    loads,
    missing_authorities,
    parts_of,
    read_rule_files,
    read_secrets,
    rules_of,
    stand_ins,
)
from extproc.policy.secrets import KEY_MIN, RULES_MAX, SECRET_MAX
from extproc.server.files import read_file
from tests.policy.texts import backend, pipeline

FROM_FILE = backend("credential: {bearer: {file: key}}")
FROM_VARIABLE = backend("credential: {header: x-api-key, env: KEY}")


def from_file(folder: Path, content: bytes) -> bytes:
    (folder / "key").write_bytes(content)
    return read_secrets(loads(FROM_FILE, folder=folder), {}, read_file)["a"]


def test_a_file_holds_the_credential_and_the_newline_that_editors_add(tmp_path: Path) -> None:
    assert from_file(tmp_path, b"sk-1") == b"sk-1"
    assert from_file(tmp_path, b" sk-1\r\n") == b"sk-1"


def test_a_variable_holds_the_credential() -> None:
    assert read_secrets(loads(FROM_VARIABLE), {"KEY": "sk-1"}, read_file) == {"a": b"sk-1"}


def test_backends_without_a_credential_of_their_own_have_none() -> None:
    assert read_secrets(loads(backend()), {}, read_file) == {}
    assert read_secrets(loads(backend("credential: client")), {}, read_file) == {}


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"a\x00", b"caf\xc3\xa9", b"a\x7f"])
def test_what_no_header_can_hold_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnusableError) as caught:
        from_file(tmp_path, content)
    assert str(caught.value).startswith("backends 0 credential: ")
    assert str(tmp_path / "key") in str(caught.value)
    assert "caf" not in str(caught.value)


def test_a_credential_is_bounded_at_the_limit(tmp_path: Path) -> None:
    assert len(from_file(tmp_path, b"x" * SECRET_MAX)) == SECRET_MAX
    with pytest.raises(UnusableError, match="cannot go into a header"):
        from_file(tmp_path, b"x" * (SECRET_MAX + 1))


def test_every_credential_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    text = FROM_FILE + "  - {name: b, url: http://b, api: openai, credential: {bearer: {env: NOBODY}}}\n"
    with pytest.raises(UnusableError) as caught:
        read_secrets(loads(text, folder=tmp_path), {}, read_file)
    first, second = caught.value.parts
    assert first.where == ("backends", 0, "credential")
    assert "No such file" in first.message
    assert str(second) == "backends 1 credential: the variable NOBODY is not set (set it for the processor)"


def test_a_directory_is_no_credential(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(UnusableError, match="cannot be read: Is a directory"):
        read_secrets(loads(FROM_FILE, folder=tmp_path), {}, read_file)


HASHING = pipeline("request: [{use: pii, action: mask, format: hash, key: {file: key}}]")
KEY = key_of("default", "request", "pii")
RULES = pipeline("response: [{use: secrets, gitleaks: rules.toml}]")


def key_from(folder: Path, content: bytes) -> bytes:
    (folder / "key").write_bytes(content)
    return read_secrets(loads(HASHING, folder=folder), {}, read_file)[KEY]


def rule_files(policy: Policy) -> dict[str, bytes]:
    found, unusable = read_rule_files(parts_of(policy), read_file)
    assert unusable == []
    return found


def rules_from(folder: Path, content: bytes) -> bytes:
    (folder / "rules.toml").write_bytes(content)
    return read_secrets(loads(RULES, folder=folder), {}, read_file)[rules_of("default", "response", "secrets")]


def test_what_processors_need_has_names_that_no_backend_can_have() -> None:
    assert KEY == "pipelines/default/request/pii/key"
    assert rules_of("a", "response", "b") == "pipelines/a/response/b/gitleaks"
    with pytest.raises(PolicyError, match="1 problem"):
        loads(backend().replace("name: a", f"name: {KEY}"))


def test_a_key_is_any_bytes_without_the_newline_that_editors_add(tmp_path: Path) -> None:
    assert key_from(tmp_path, b"\x00\xff" * 8 + b"\r\n") == b"\x00\xff" * 8
    text = HASHING.replace("file: key", "env: KEY")
    assert read_secrets(loads(text), {"KEY": "k" * 32}, read_file) == {KEY: b"k" * 32}


def test_a_key_is_bounded_on_both_sides(tmp_path: Path) -> None:
    assert len(key_from(tmp_path, b"k" * KEY_MIN)) == KEY_MIN
    assert len(key_from(tmp_path, b"k" * SECRET_MAX)) == SECRET_MAX
    for content in (b"k" * (KEY_MIN - 1), b"k" * (SECRET_MAX + 1)):
        with pytest.raises(UnusableError, match="16 to 16384 bytes") as caught:
            key_from(tmp_path, content)
        assert str(caught.value).startswith("pipelines 0 request 0 key: ")
        assert "kkk" not in str(caught.value)


def test_an_empty_key_is_none(tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match=r"is empty \(write the key into it\)"):
        key_from(tmp_path, b"\n")


def test_rules_are_read_as_they_stand(tmp_path: Path) -> None:
    assert rules_from(tmp_path, b"[[rules]]\n") == b"[[rules]]\n"
    assert rule_files(loads(RULES, folder=tmp_path)) == {"pipelines/default/response/secrets/gitleaks": b"[[rules]]\n"}


def test_rules_are_bounded_and_text(tmp_path: Path) -> None:
    assert len(rules_from(tmp_path, b"#" * RULES_MAX)) == RULES_MAX
    for content, message in ((b"#" * (RULES_MAX + 1), "larger than 1 MiB"), (b"\xff", "not UTF-8")):
        with pytest.raises(UnusableError, match=message) as caught:
            rules_from(tmp_path, content)
        assert str(caught.value).startswith("pipelines 0 response 0 gitleaks: ")


def test_credentials_keys_and_rules_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    side = "request: [{use: pii, action: mask, format: hash, key: {env: K}}, {use: secrets, gitleaks: rules.toml}]"
    text = pipeline(side).replace("    api: openai\n", "    api: openai\n    credential: {bearer: {env: NOBODY}}\n")
    with pytest.raises(UnusableError) as caught:
        read_secrets(loads(text, folder=tmp_path), {}, read_file)
    places = [each.where for each in caught.value.parts]
    assert places == [
        ("backends", 0, "credential"),
        ("pipelines", 0, "request", 0, "key"),
        ("pipelines", 0, "request", 1, "gitleaks"),
    ]
    _, unusable = read_rule_files(parts_of(loads(text, folder=tmp_path)), read_file)
    assert [each.where for each in unusable] == places[2:]


def test_what_is_right_in_a_wrong_file_is_looked_for_as_well(tmp_path: Path) -> None:
    text = FROM_FILE + "  - {name: b, url: http://b, api: openai, credential: {bearer: {env: NOBODY}}, colour: red}\n"
    draft = drafted(text, folder=tmp_path)
    assert draft.policy is None
    assert [where for where, _ in draft.parts.backends] == [("backends", 0)]


def test_authorities_that_are_not_there_are_named(tmp_path: Path) -> None:
    policy = loads(backend("tls: {ca: ca.pem}").replace("http:", "https:"), folder=tmp_path)
    (missing,) = missing_authorities(parts_of(policy), Path.is_file)
    assert missing.where == ("backends", 0, "tls", "ca")
    assert str(tmp_path / "ca.pem") in missing.message
    (tmp_path / "ca.pem").touch()
    assert missing_authorities(parts_of(policy), Path.is_file) == []


def test_what_takes_the_place_of_secrets_has_all_of_their_names_but_those_of_rules(tmp_path: Path) -> None:
    policy = loads(HASHING, folder=tmp_path)
    assert set(stand_ins(policy)) == {"a", KEY}
    assert len(stand_ins(policy)[KEY]) == KEY_MIN
    assert set(stand_ins(loads(RULES))) == {"a"}
