"""Keys that a policy names are checked before it is in force."""

import pytest

from extproc.policy import loads
from extproc.server.audit import keys
from extproc.telemetry.audit.signing import new_key
from tests.gathered import gathered
from tests.server.audit.writing import POLICY


def wrong(section: str, **read: bytes) -> list[str]:
    """Return what is said of the keys of a policy."""
    policy = loads(POLICY % section)
    return [str(each) for each in keys.unusable_keys(policy, {f"audit/{name}": value for name, value in read.items()})]


SIGNED = "file: a.jsonl, sign: {file: k}"
SEALED = "file: a.jsonl, capture: masked, encrypt: {file: k}"


def test_keys_of_their_kind_are_right() -> None:
    assert wrong(SIGNED, sign=new_key()[0]) == []
    assert wrong(SEALED, encrypt=b"0f" * 32) == []
    assert wrong(SIGNED) == [], "without secrets, none is looked at"


@gathered(
    ("section", "name", "value", "said"),
    [
        (SIGNED, "sign", b"planted-planted-planted", "not a private key in PEM"),
        (SIGNED, "sign", new_key()[1], "not a private key in PEM"),
        (SEALED, "encrypt", b"planted-planted-planted", "not a key of 32 bytes"),
    ],
)
def test_others_are_refused_and_not_quoted(section: str, name: str, value: bytes, said: str) -> None:
    (told,) = wrong(section, **{name: value})
    assert said in told
    assert "planted" not in told


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "installed", lambda: False)
    (told,) = wrong(SIGNED, sign=new_key()[0])
    assert "install the extra `audit`" in told
