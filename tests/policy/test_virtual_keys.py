"""The file of virtual keys: each line is held to its form, and no error says what stands in it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from extproc.policy import PolicyError, loads
from extproc.policy import virtual_keys as module
from extproc.policy.virtual_keys import (
    BUDGETS_MAX,
    LABEL_MAX,
    LINE_MAX,
    MODELS_MAX,
    SHOWN_MAX,
    KeyFileError,
    VirtualKey,
    hash_of,
    read_keys,
    written,
)
from tests.gathered import gathered

CREATED = datetime(2026, 1, 5, 12, tzinfo=UTC)
SHOWN = "sk-extproc-" + "x" * 43


def key(shown: str = SHOWN, **more: Any) -> VirtualKey:
    """A key as the file has it."""
    return VirtualKey(**{"id": "key_1", "hash": hash_of(shown), "tenant": "acme", "created": CREATED, **more})


def line(**changes: Any) -> bytes:
    """A line with other fields."""
    return msgspec.json.encode({**msgspec.to_builtins(key()), **changes})


def test_a_key_is_found_by_what_a_client_shows_and_by_nothing_else() -> None:
    full = key(models=("a", "b"), budgets={"team": 5e4}, expires=CREATED + timedelta(days=1), label="Größe")
    ring = read_keys(written([full, key("sk-other", id="key_2")]))
    assert ring.find(SHOWN.encode()) == full
    assert [each.id for each in ring.keys] == ["key_1", "key_2"]
    for other in (b"", SHOWN.encode() + b" ", SHOWN.upper().encode(), full.hash.encode(), full.id.encode()):
        assert ring.find(other) is None
    assert SHOWN not in repr(ring) + repr(full)
    assert full.hash not in repr(ring) + repr(full)


def test_what_is_longer_than_any_key_is_not_even_hashed() -> None:
    ring = read_keys(written([key("x" * SHOWN_MAX), key("x" * (SHOWN_MAX + 1), id="key_2")]))
    assert ring.find(b"x" * SHOWN_MAX) is not None
    assert ring.find(b"x" * (SHOWN_MAX + 1)) is None


@gathered(
    ("text", "problem"),
    [
        (b"{", "it is not JSON in UTF-8"),
        (b"\xff", "it is not JSON in UTF-8"),
        (b"[" * 5000, "Expected `object`"),
        (b"[]", "Expected `object`"),
        (line(planted="planted"), "it has a field that keys do not have"),
        (line(hash="sha256:planted"), "`$.hash`"),
        (line(hash=hash_of("a") + "\n"), "`$.hash`"),
        (line(id="planted key"), "`$.id`"),
        (line(id=""), "`$.id`"),
        (line(created="2026-01-05T12:00:00"), "`$.created`"),
        (line(expires="planted"), "`$.expires`"),
        (line(budgets={"team": -1}), "`$.budgets[...]`"),
        (line(models=[""]), "`$.models[0]`"),
        (line(tenant=""), "the name of a tenant"),
        (line(tenant="a\nplanted"), "the name of a tenant"),
        (line(label="a\x1bplanted"), "cannot be printed"),
        (line() + b"\n\n" + line(hash=hash_of("planted")), "line 3: another line has the same id"),
        (line() + b"\n" + line(id="planted"), "line 2: another line has the same hash"),
    ],
)
def test_a_line_that_is_wrong_is_refused_and_not_quoted(text: bytes, problem: str) -> None:
    with pytest.raises(KeyFileError) as caught:
        read_keys(text)
    assert problem in str(caught.value)
    assert "planted" not in str(caught.value) + caught.value.mend


@gathered(
    ("at", "past"),
    [
        (line(models=[f"m{n}" for n in range(MODELS_MAX)]), line(models=[f"m{n}" for n in range(MODELS_MAX + 1)])),
        (line(budgets={f"b{n}": 1 for n in range(BUDGETS_MAX)}), line(budgets={f"b{n}": 1 for n in range(65)})),
        (line(label="x" * LABEL_MAX), line(label="x" * (LABEL_MAX + 1))),
        (line().ljust(LINE_MAX), line().ljust(LINE_MAX + 1)),
    ],
)
def test_each_limit_holds_at_its_value_and_past_it(at: bytes, past: bytes) -> None:
    assert len(read_keys(at)) == 1
    with pytest.raises(KeyFileError):
        read_keys(past)


def test_there_is_a_limit_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEYS_MAX", 2)
    keys = [key(str(number), id=f"key_{number}") for number in range(3)]
    assert len(read_keys(written(keys[:2]))) == 2
    with pytest.raises(KeyFileError, match="more than 2 keys"):
        read_keys(written(keys))


def test_ten_thousand_keys_are_read_in_a_moment() -> None:
    text = written(key(str(number), id=f"key_{number}") for number in range(10_000))
    before = time.process_time()
    assert len(read_keys(text)) == 10_000
    assert time.process_time() - before < 1.0  # 40 ms where it was measured


def test_a_key_expires_at_its_moment_and_whenever_nobody_knows_the_time() -> None:
    expiring, at = key(expires=CREATED), CREATED.timestamp()
    assert [expiring.expired(each) for each in (at - 0.001, at, None)] == [False, True, True]
    assert not key().expired(None)


POLICY = """\
version: 1
backends: [{name: a, url: "http://127.0.0.1:1/v1", api: openai%s}]
tenants: {from: %s}
"""


@gathered(
    ("backend", "source", "problem"),
    [
        (", credential: client", "{keys: keys.jsonl}", "clients show keys of the gateway"),
        ("", "{keys: keys.jsonl, header: x-tenant-id}", "a tenant's name comes from one place"),
        ("", "{keys: keys.jsonl, forward: true}", "only a header may be forwarded"),
        ("", "{keys: keys.jsonl, trusted: true}", "only a header may be trusted"),
    ],
)
def test_what_would_hand_a_key_on_or_name_two_sources_is_refused(backend: str, source: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(POLICY % (backend, source))
    assert problem in caught.value.render()


def test_keys_are_required_unless_the_policy_says_otherwise() -> None:
    for source, requires in (("{keys: k}", True), ("{keys: k}, required: false", False), ("{header: x-a}", False)):
        tenants = loads((POLICY % ("", source)).replace("}, required", "}, required")).tenants
        assert tenants is not None
        assert tenants.requires is requires
