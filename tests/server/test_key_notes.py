"""What `extproc check` says of a file of virtual keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from extproc.policy import loads
from extproc.policy.virtual_keys import KeyRing, VirtualKey, hash_of
from extproc.server.key_notes import key_notes
from tests.gathered import gathered

POLICY = """\
version: 1
backends: [{name: a, url: "http://127.0.0.1:1/v1", api: openai}]
default_backend: DEFAULT
models: [{name: chat, targets: [{backend: a}]}]
tenants: {from: {keys: FILE}MORE}
budgets: [{name: own, per: key, tokens: 10, window: 1d}, {name: team, per: tenant, tokens: 10, window: 1d}]
"""
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def noted(folder: Path, *keys: dict[str, Any], mode: int = 0o600, default: str = "none", more: str = "") -> str:
    file = folder / "keys.jsonl"
    file.write_bytes(b"")
    file.chmod(mode)
    text = POLICY.replace("FILE", str(file)).replace("DEFAULT", default).replace("MORE", more)
    made = [
        VirtualKey(**{"id": f"k{at}", "hash": hash_of(str(at)), "tenant": "acme", "created": NOW, **each})
        for at, each in enumerate(keys)
    ]
    return "\n".join(each.message for each in key_notes(loads(text), KeyRing(made), NOW.timestamp()))


def test_good_keys_in_a_file_of_ones_own_need_no_note(tmp_path: Path) -> None:
    assert noted(tmp_path, {"models": ("chat",), "budgets": {"own": 5.0}}) == ""


@gathered(
    ("keys", "settings", "note"),
    [
        ([], {}, "no key in it is good"),
        ([{"revoked": NOW}, {"expires": NOW - timedelta(days=1)}], {}, "no key in it is good"),
        ([{}], {"mode": 0o644}, "everybody on this machine may read this file"),
        ([{}], {"mode": 0o620}, "others may write this file"),
        ([{}], {"more": ", required: false"}, "a request without a key is served"),
        ([{}], {"more": ", known: {globex: {}}"}, "not in `tenants.known`: k0"),
        ([{"models": ("chat", "lost")}], {}, "models that the policy does not have: k0"),
        ([{"models": ("chat",)}], {"default": "a"}, "on paths of no API"),
        ([{"budgets": {"team": 5.0}}] * 7, {}, "k4 and 2 more"),
        ([{"budgets": {"lost": 5.0}}], {}, "no `per: key` budget"),
    ],
)
def test_each_oddity_has_its_note(keys: list[dict[str, Any]], settings: dict[str, Any], note: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        assert note in noted(Path(folder), *keys, **settings)


def test_a_policy_without_keys_has_no_note() -> None:
    text = POLICY.replace("keys: FILE", "header: x-a").replace("DEFAULT", "none").replace("MORE", "")
    assert list(key_notes(loads(text), None, 0.0)) == []
