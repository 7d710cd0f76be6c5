"""Virtual keys: who shows a good one is its tenant, asks for its models only, and leaves it at the gateway."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from extproc.policy import UnusableError, loads
from extproc.policy.secrets import KEY_FILE
from extproc.policy.virtual_keys import VirtualKey, hash_of, read_keys, written
from extproc.protocol.effects import Effect, Proceed, Reject
from extproc.protocol.headers import Field
from extproc.protocol.messages import StreamClosed
from extproc.protocol.record import Record
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import FIELDS_READ, Plan, Shared
from tests.gathered import gathered
from tests.records import logged

POLICY = """\
version: 1
backends:
  - {name: hosted, url: https://api.example.com/v1, api: openai, credential: {bearer: {env: KEY}}}
  - {name: claude, url: https://claude.example.com/v1, api: anthropic, credential: {header: x-api-key, env: KEY}}
models:
  - {name: chat, targets: [{backend: hosted}, {backend: claude}]}
  - {name: other, targets: [{backend: hosted}]}
tenants: {from: {keys: keys.jsonl}%s}
"""
SECRETS = {"hosted": b"planted-backend-key", "claude": b"planted-backend-key"}
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
GOOD, LIMITED, REVOKED, EXPIRED, GLOBEX = (f"sk-extproc-planted-{name}" for name in "abcde")


def made(name: str, shown: str, tenant: str = "acme", **more: Any) -> VirtualKey:
    return VirtualKey(id=name, hash=hash_of(shown), tenant=tenant, created=NOON, **more)


KEYS = (
    made("good", GOOD),
    made("limited", LIMITED, models=("other",)),
    made("revoked", REVOKED, revoked=NOON),
    made("expired", EXPIRED, expires=NOON),
    made("globex", GLOBEX, "globex"),
)


def plan(more: str = "", extra: str = "", keys: tuple[VirtualKey, ...] = KEYS) -> Plan:
    return Plan.compile(loads(POLICY % more + extra), {**SECRETS, KEY_FILE: written(keys)})


def sent(
    under: Plan,
    *fields: Field,
    path: str = CHAT,
    model: str = "chat",
    method: str = "POST",
    end: bool = False,
    shared: Shared | None = None,
    known: bool = True,
) -> tuple[Effect, dict[str, Any]]:
    """The effect of a request, and its line of the log."""
    shared = shared or Shared(epoch=NOON.timestamp())
    book = Playbook(under, shared, configuration=under.fingerprint if known else b"")
    message = request_headers(path, ("content-type", b"application/json"), *fields, method=method, end=end)
    effects = book.sends(message).effects
    if not isinstance(effects[0], Reject) and not end:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
        effects = book.sends(request_body(json.dumps(body).encode())).effects
    (record,) = book.sends(StreamClosed()).effects
    assert isinstance(record, Record)
    assert "planted" not in repr(effects) + json.dumps(logged(record))
    return effects[0], logged(record)


def bearer(key: str) -> Field:
    return "authorization", f"Bearer {key}".encode()


def code(effect: Effect) -> tuple[int, str]:
    assert isinstance(effect, Reject)
    return effect.status, json.loads(effect.body)["error"]["code"]


@gathered(
    "field",
    [
        ("authorization", b"Bearer " + GOOD.encode()),
        ("authorization", b"bearer  " + GOOD.encode() + b" "),
        ("x-api-key", GOOD.encode()),
        ("api-key", GOOD.encode()),
        ("x-goog-api-key", GOOD.encode()),
    ],
)
def test_a_key_is_taken_from_where_the_sdks_show_it_and_leaves_with_no_request(field: Field) -> None:
    effect, line = sent(plan(), field)
    assert isinstance(effect, Proceed)
    assert (line["tenant"], line["key"]) == ("acme", "good")
    assert effect.headers is not None
    assert set(plan().needs.fields) >= {"authorization", "x-api-key", "api-key", "x-goog-api-key"}
    assert {"authorization", "x-api-key", "api-key", "x-goog-api-key"} <= {*effect.headers.remove}


@gathered(
    ("fields", "refused"),
    [
        ([], (401, "key_required")),
        ([("authorization", b"Basic " + GOOD.encode())], (401, "key_unknown")),
        ([("authorization", b"Bearer")], (401, "key_unknown")),
        ([("x-api-key", b"")], (401, "key_unknown")),
        ([bearer("sk-extproc-nobody")], (401, "key_unknown")),
        ([bearer(GOOD.upper())], (401, "key_unknown")),
        ([bearer("good")], (401, "key_unknown")),
        ([bearer(KEYS[0].hash)], (401, "key_unknown")),
        ([bearer("x" * 60_000)], (401, "key_unknown")),
        ([bearer(f"{GOOD},{GOOD}")], (401, "key_unknown")),
        ([bearer(REVOKED)], (401, "key_revoked")),
        ([bearer(EXPIRED)], (401, "key_expired")),
        ([bearer(GOOD), ("x-api-key", GLOBEX.encode())], (400, "key_unclear")),
        ([bearer(GOOD), bearer(GLOBEX)], (400, "key_unclear")),
        ([bearer(GOOD), ("api-key", b"")], (400, "key_unclear")),
        ([bearer(GOOD), ("authorization", b"Basic x")], (400, "key_unclear")),
    ],
)
@pytest.mark.parametrize("path", [CHAT, MESSAGES, "/v1/images/generations", "/v1/models", "/anything"])
def test_who_shows_no_good_key_is_refused_on_every_path(
    fields: list[Field], refused: tuple[int, str], path: str
) -> None:
    effect, line = sent(plan(extra="default_backend: hosted\n"), *fields, path=path)
    assert isinstance(effect, Reject)
    if path == MESSAGES:
        assert json.loads(effect.body)["type"] == "error"
        assert effect.status == refused[0]
    else:
        assert code(effect) == refused
    assert (line["reason"], line["decision"]) == (refused[1], "rejected")


def test_the_same_key_in_two_fields_is_one_key() -> None:
    effect, line = sent(plan(), bearer(GOOD), ("x-api-key", GOOD.encode()))
    assert isinstance(effect, Proceed)
    assert line["key"] == "good"


def test_the_log_knows_whose_revoked_or_expired_key_was_shown() -> None:
    for key, name in ((REVOKED, "revoked"), (EXPIRED, "expired")):
        _, line = sent(plan(), bearer(key))
        assert (line["tenant"], line["key"]) == ("acme", name)


def test_a_key_asks_for_its_own_models_and_sees_no_others() -> None:
    under = plan()
    assert code(sent(under, bearer(LIMITED))[0]) == (403, "model_not_allowed")
    assert isinstance(sent(under, bearer(LIMITED), model="other")[0], Proceed)
    listed = {}
    for key in (GOOD, LIMITED):
        effect, _ = sent(under, bearer(key), path="/v1/models", method="GET", end=True)
        assert isinstance(effect, Reject)
        listed[key] = [each["id"] for each in json.loads(effect.body)["data"]]
    assert listed == {GOOD: ["chat", "other"], LIMITED: ["other"]}
    card, _ = sent(under, bearer(LIMITED), path="/v1/models/chat", method="GET", end=True)
    assert code(card) == (404, "model_not_found")


def test_a_key_cannot_ask_for_more_than_its_tenant_may() -> None:
    under = plan(", models: {acme: [chat]}")
    assert code(sent(under, bearer(LIMITED), model="other")[0]) == (403, "model_not_allowed")
    assert isinstance(sent(under, bearer(GOOD))[0], Proceed)
    assert isinstance(sent(under, bearer(GLOBEX), model="other")[0], Proceed)


def test_a_policy_without_models_holds_a_key_to_its_own_as_well() -> None:
    text = POLICY[: POLICY.index("models:")] + "tenants: {from: {keys: keys.jsonl}}\nunknown_models: pass\n"
    under = Plan.compile(loads(text), {**SECRETS, KEY_FILE: written(KEYS)})
    assert not under.inert
    assert code(sent(under, bearer(LIMITED), model="anything")[0]) == (403, "model_not_allowed")


def test_the_tenant_of_a_key_has_its_attributes_or_is_unknown() -> None:
    under = plan(", known: {acme: {region: eu}}")
    assert isinstance(sent(under, bearer(GOOD))[0], Proceed)
    assert code(sent(under, bearer(GLOBEX))[0]) == (403, "tenant_unknown")


def test_without_a_key_a_request_has_no_tenant_where_none_is_required() -> None:
    effect, line = sent(plan(", required: false"))
    assert isinstance(effect, Proceed)
    assert "tenant" not in line
    assert "key" not in line
    assert code(sent(plan(", required: false"), bearer("nobody"))[0]) == (401, "key_unknown")


def test_an_envoy_that_may_hide_the_key_is_closed() -> None:
    for more in ("", ", required: false"):
        under = plan(more)
        message = request_headers(CHAT, method="POST")
        hidden = [each for each in message.fields if each[0] != ":scheme"]
        book = Playbook(under, Shared(epoch=0.0))
        (effect,) = book.sends(replace(message, fields=type(message.fields)(hidden))).effects
        assert code(effect) == (503, "misconfigured")
        assert isinstance(sent(under, bearer(GOOD), known=False)[0], Proceed)
    assert (
        plan().fingerprint
        != Plan.compile(loads(POLICY.replace("keys: keys.jsonl", "header: x-t") % ""), SECRETS).fingerprint
    )


def test_conditions_read_the_key_by_its_id_and_none_can_read_the_secret() -> None:
    rules = """models:
  - name: chat
    rules:
      - {name: shown, when: 'headers["authorization"] != "" || headers["x-api-key"] != ""', to: [{backend: hosted}]}
      - {name: good, when: 'key == "good"', to: [{backend: hosted}]}
    targets: [{backend: hosted}]
"""
    chat = "models:\n  - {name: chat, targets: [{backend: hosted}, {backend: claude}]}\n"
    text = (POLICY % ", required: false").replace(chat, rules) + "recorded_signals: [key]\n"
    under = Plan.compile(loads(text), {**SECRETS, KEY_FILE: written(KEYS)})
    for key, name, rule in ((GOOD, "good", "good"), (LIMITED, "limited", None)):
        _, line = sent(under, bearer(key), model="other" if rule is None else "chat")
        assert (line["signals"], line.get("rule")) == ({"key": name}, rule)
    assert sent(under)[1]["signals"] == {"key": ""}


def test_the_shells_keys_go_before_those_of_the_plan() -> None:
    under, shared = plan(), Shared(epoch=NOON.timestamp())
    shared.ring = read_keys(written([replace(KEYS[0], revoked=NOON)]))
    assert code(sent(under, bearer(GOOD), shared=shared)[0]) == (401, "key_revoked")
    assert code(sent(under, bearer(GLOBEX), shared=shared)[0]) == (401, "key_unknown")
    shared.ring = read_keys(b"")
    assert code(sent(under, bearer(GOOD), shared=shared)[0]) == (401, "key_unknown")


def test_a_file_that_is_wrong_is_a_problem_of_the_policy() -> None:
    with pytest.raises(UnusableError) as caught:
        Plan.compile(loads(POLICY % ""), {**SECRETS, KEY_FILE: b"{planted"})
    assert "line 1: it is not JSON in UTF-8" in str(caught.value)
    assert "planted" not in str(caught.value)


def test_who_does_not_use_keys_is_shown_none() -> None:
    under = Plan.compile(loads(POLICY.replace("keys: keys.jsonl", "header: x-t") % ""), SECRETS)
    assert not {"authorization", "x-api-key", "api-key", "x-goog-api-key"} & {*FIELDS_READ, *under.needs.fields}
