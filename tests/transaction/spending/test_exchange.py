"""What exchanges reserve of budgets, what they are charged, and what their clients are told."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from extproc.policy import loads
from extproc.protocol.effects import Inspect, Proceed, Reject
from extproc.protocol.messages import Failed, Headers, Inspected
from extproc.protocol.modes import BodyMode
from extproc.protocol.record import Record
from extproc.protocol.work import RemoteAsk, WorkResult
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.spending.account import AMOUNT_MOST
from extproc.usage.budgets.ledger import Ask, LedgerError, Reserved, Settled, Standing
from extproc.usage.budgets.process import ProcessLedger
from tests.gathered import gathered

BASE: Final = """\
version: 1
backends:
- name: one
  url: http://127.0.0.1:1/v1
  api: openai
  models: [{name: dear, input_usd_per_mtok: 100, output_usd_per_mtok: 1000}]
- {name: two, url: "http://127.0.0.1:2/v1", api: openai, models: [{name: new}]}
- name: claude
  url: http://127.0.0.1:3
  api: anthropic
models:
- {name: chat, targets: [{backend: one, model: dear}]}
- {name: new, targets: [{backend: two}]}
- {name: opus, targets: [{backend: claude}]}
default_backend: none
tenants: {from: {header: x-tenant-id}}
pipelines: [{name: p, response: [{use: pii, action: block}]}]
"""
EPOCH: Final = 1_800_000_000.0
TOKENS: Final = "- {name: team, per: tenant, tokens: 10000, window: 1h}"
OK: Final = {"usage": {"prompt_tokens": 20, "completion_tokens": 30}, "choices": []}


class Watched(ProcessLedger):
    """A ledger that remembers what was settled."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[int] = []

    def settle(self, settled: tuple[Settled, ...]) -> None:
        self.settled += [each.amount for each in settled]
        super().settle(settled)


class Exchanges:
    """Exchanges under one policy, with one ledger."""

    def __init__(self, *budgets: str, ledger: Any = None, more: str = "", base: str = BASE) -> None:
        self.plan = Plan.compile(loads(base + "budgets:\n" + "\n".join(budgets) + "\n" + more), {})
        self.shared = Shared(epoch=EPOCH)
        self.shared.ledger = self.ledger = Watched() if ledger is None else ledger
        self.record: Record | None = None

    def book(self, **more: Any) -> Playbook:
        return Playbook(
            self.plan, shared=self.shared, configuration=self.plan.fingerprint, response=BodyMode.BUFFERED, **more
        )

    def asks(self, envoy: Playbook, model: str = "chat", tenant: str = "acme", **body: Any) -> Any:
        path = "/v1/messages" if model == "opus" else "/v1/chat/completions"
        headers = (("content-type", b"application/json"), ("x-tenant-id", tenant.encode()))
        envoy.sends(request_headers(path, *headers))
        return envoy.sends(request_body(json.dumps({"model": model, "messages": [], **body}).encode()))

    def served(self, answer: Mapping[str, Any] = OK, status: int = 200, **body: Any) -> Record:
        with self.book() as envoy:
            self.asks(envoy, **body)
            envoy.sends(response_headers(status, ("content-type", b"application/json")))
            envoy.sends(response_body(json.dumps(answer).encode()))
            return envoy.leaves()

    def refused(self, **body: Any) -> Reject:
        with self.book() as envoy:
            found = self.asks(envoy, **body).gets_one(Reject)
            self.record = envoy.leaves()
            assert isinstance(found, Reject)
            return found


def fields(effect: Any) -> dict[str, bytes]:
    headers = effect.headers if isinstance(effect, Reject) else effect.headers.sets
    return dict(headers)


def used(exchanges: Exchanges, tenant: str = "acme") -> int:
    budgets = exchanges.plan.budgets
    assert budgets is not None
    standing = exchanges.ledger.standing(budgets.rules[0].ask(tenant, 0, EPOCH), EPOCH)
    assert isinstance(standing, Standing)
    return standing.used


def test_an_exchange_is_charged_what_the_provider_counted() -> None:
    exchanges = Exchanges(TOKENS)
    record = exchanges.served()
    assert [(each.budget, each.unit, each.amount) for each in record.budgets] == [("team", "tokens", 50.0)]
    assert used(exchanges) == 50
    assert used(exchanges, "other") == 0


def test_a_backend_that_reports_more_than_numbers_hold_is_charged_as_much_as_they_hold() -> None:
    exchanges = Exchanges("- {name: money, per: tenant, usd: 1000, window: 1h}")
    exchanges.served({"usage": {"prompt_tokens": 2**53 - 1, "completion_tokens": 2**53 - 1}})
    assert exchanges.ledger.settled == [AMOUNT_MOST]


def test_a_budget_that_is_used_up_refuses_until_its_window_ends() -> None:
    exchanges = Exchanges(TOKENS)
    exchanges.served({"usage": {"prompt_tokens": 9000, "completion_tokens": 950}})
    reject = exchanges.refused()
    found, error = fields(reject), json.loads(reject.body)["error"]
    assert (reject.status, error["code"], error["type"]) == (429, "budget_exceeded", "requests")
    left = 3600 - EPOCH % 3600
    assert found["retry-after"] == b"%d" % left
    assert found["x-ratelimit-limit-tokens"] == b"10000"
    assert found["x-ratelimit-remaining-tokens"] == b"50"
    assert found["x-ratelimit-reset-tokens"] == b"%ds" % left
    assert found["x-should-retry"] == b"false"
    record = exchanges.record
    assert record is not None
    assert (record.decision, record.reason, record.budgets[0].refused) == ("rejected", "budget_exceeded", True)
    assert exchanges.served(tenant="other").status == 200


def test_a_refusal_is_in_the_dialect_of_the_client() -> None:
    exchanges = Exchanges(TOKENS.replace("10000", "10"))
    error = json.loads(exchanges.refused(model="opus", max_tokens=5000).body)
    assert (error["type"], error["error"]["type"]) == ("error", "rate_limit_error")


def test_a_short_window_lets_sdks_try_again() -> None:
    exchanges = Exchanges("- {name: calls, per: tenant, requests: 1, window: 30s}")
    exchanges.served()
    found = fields(exchanges.refused())
    assert json.loads(exchanges.refused().body)["error"]["code"] == "rate_limit_exceeded"
    assert int(found["retry-after"]) <= 30
    assert "x-should-retry" not in found
    assert found["x-ratelimit-limit-requests"] == b"1"


def test_what_a_request_may_take_is_reserved_until_it_ends() -> None:
    exchanges = Exchanges(TOKENS)
    with exchanges.book() as envoy:
        exchanges.asks(envoy, max_tokens=9900)
        assert 9900 < used(exchanges) < 9950
        assert exchanges.refused(max_tokens=1000).status == 429
        envoy.sends(response_headers(200, ("content-type", b"application/json")))
        envoy.sends(response_body(json.dumps(OK).encode()))
        envoy.leaves()
    assert used(exchanges) == 50


def test_a_request_that_is_larger_than_the_budget_is_told_so() -> None:
    reject = Exchanges(TOKENS).refused(max_tokens=20_000)
    assert "larger than the whole" in json.loads(reject.body)["error"]["message"]
    assert "retry-after" not in fields(reject)


def test_a_client_that_leaves_is_charged_what_was_reserved() -> None:
    exchanges = Exchanges(TOKENS)
    with exchanges.book() as envoy:
        exchanges.asks(envoy, max_tokens=1000)
        held = used(exchanges)
        envoy.sends(response_headers(200, ("content-type", b"application/json")))
        record = envoy.leaves()
    assert used(exchanges) == held == record.budgets[0].amount


def test_a_client_that_leaves_before_the_response_is_charged_what_was_reserved_as_the_provider_may_go_on() -> None:
    exchanges = Exchanges(TOKENS)
    with exchanges.book() as envoy:
        exchanges.asks(envoy, max_tokens=1000)
        held = used(exchanges)
        record = envoy.leaves()
    assert (record.usage_source, record.output_tokens) == ("estimated", None)
    assert used(exchanges) == held > 1000


@gathered("details", ["response_timeout", "upstream_per_try_timeout", "stream_idle_timeout"])
def test_a_response_that_envoy_did_not_wait_for_is_charged_what_was_reserved(details: str) -> None:
    exchanges = Exchanges(TOKENS)
    with exchanges.book() as envoy:
        exchanges.asks(envoy, max_tokens=1000)
        held = used(exchanges)
        envoy.sends(response_headers(504, ("content-type", b"text/plain"), details=details, end=True))
        envoy.leaves()
    assert used(exchanges) == held > 1000


@gathered(
    ("usage", "least"),
    [
        (None, 1000),  # it is queued: its output comes by a request that no budget is for
        ({"prompt_tokens": 5, "completion_tokens": 7}, 12),  # all of it came at once
    ],
)
def test_a_response_that_comes_later_is_charged_at_least_what_was_reserved(
    usage: dict[str, int] | None, least: int
) -> None:
    exchanges = Exchanges(TOKENS)
    exchanges.served({"usage": usage, "choices": []}, max_tokens=1000, background=True)
    assert least <= used(exchanges) < least + 100


@gathered(
    ("status", "details", "amounts"),
    [
        (503, "upstream_reset_before_response_started{remote_connection_failure}", [0, 0, 0]),
        (503, "no_healthy_upstream", [0, 0, 0]),
        (404, "route_not_found", [0, 0, 0]),
        (503, "upstream_reset_before_response_started{connection_termination}", [0, 1, 0]),
        (400, "via_upstream", [0, 1, 0]),
        (429, "via_upstream", [0, 1, 0]),
    ],
)
def test_an_error_without_usage_costs_no_tokens_and_one_that_no_provider_sent_no_request(
    status: int, details: str, amounts: list[int]
) -> None:
    exchanges = Exchanges(
        TOKENS,
        "- {name: calls, per: tenant, requests: 5, window: 1h}",
        "- {name: open, per: tenant, streams: 5}",
    )
    with exchanges.book() as envoy:
        exchanges.asks(envoy)
        envoy.sends(response_headers(status, ("content-type", b"application/json"), details=details, end=True))
        envoy.leaves()
    assert exchanges.ledger.settled == amounts


def test_a_request_that_is_refused_later_gives_all_back() -> None:
    exchanges = Exchanges(TOKENS, "- {name: calls, per: all, requests: 1, window: 1h}")
    exchanges.served()
    assert exchanges.refused().status == 429
    assert used(exchanges) == 50


def test_dollars_are_those_of_the_backend_that_served() -> None:
    exchanges = Exchanges("- {name: usd, per: tenant, usd: 5, window: 1d}")
    record = exchanges.served(max_tokens=100)
    assert record.budgets[0].amount == pytest.approx((20 * 100 + 30 * 1000) / 1e6)
    assert used(exchanges) == 32_000_000
    with exchanges.book() as envoy:
        exchanges.asks(envoy, max_tokens=1000)
        headers = envoy.sends(response_headers(200, ("content-type", b"text/plain"))).gets_one(Proceed)
    assert fields(headers)["x-ratelimit-limit-usd"] == b"5.000000"


def test_a_model_without_a_price_is_refused_where_dollars_are_counted() -> None:
    exchanges = Exchanges("- {name: usd, per: tenant, usd: 5, window: 1d}")
    reject = exchanges.refused(model="new")
    assert (reject.status, json.loads(reject.body)["error"]["code"]) == (403, "model_unpriced")
    shadow = Exchanges("- {name: usd, per: tenant, usd: 5, window: 1d, mode: shadow}")
    assert shadow.served(model="new").status == 200


def test_a_shadow_budget_refuses_nothing_and_is_not_told() -> None:
    exchanges = Exchanges(TOKENS.replace("10000", "10").replace("}", ", mode: shadow}"))
    with exchanges.book() as envoy:
        exchanges.asks(envoy)
        found = envoy.sends(response_headers(200, ("content-type", b"text/plain"))).gets_one(Proceed)
        charge = envoy.leaves().budgets[0]
    assert (charge.refused, charge.shadow) == (True, True)
    assert not [name for name in fields(found) if name.startswith("x-ratelimit")]


def test_responses_tell_of_the_budget_and_not_of_the_gateways_own_key() -> None:
    exchanges = Exchanges(TOKENS)
    with exchanges.book() as envoy:
        exchanges.asks(envoy, max_tokens=100)
        found = envoy.sends(response_headers(200, ("content-type", b"text/plain"))).gets_one(Proceed)
        envoy.leaves()
    assert found.headers is not None
    assert fields(found)["x-ratelimit-limit-tokens"] == b"10000"
    assert {"x-ratelimit-remaining-requests", "anthropic-ratelimit-tokens-limit"} <= set(found.headers.remove)
    assert "x-ratelimit-limit-tokens" not in found.headers.remove


@pytest.mark.parametrize("values", [(b"red", b"blue"), (b"red,blue",), (b"a\tb",)])
def test_a_subject_that_is_not_clear_is_refused(values: tuple[bytes, ...]) -> None:
    exchanges = Exchanges("- {name: b, per: {header: x-team}, tokens: 100, window: 1h}")
    headers = tuple(("x-team", value) for value in values)
    with exchanges.book() as envoy:
        reject = envoy.sends(request_headers("/v1/chat/completions", *headers)).gets_one(Reject)
        envoy.leaves()
    assert (reject.status, json.loads(reject.body)["error"]["code"]) == (403, "subject_unclear")


class Elsewhere:
    """A ledger that answers later, or not at all."""

    timeout = 0.02

    def __init__(self) -> None:
        self.inner = Watched()
        self.asks: tuple[Ask, ...] = ()

    def reserve(self, asks: tuple[Ask, ...], now: float) -> RemoteAsk:
        self.asks = asks
        ledger = self.inner

        class Question:
            async def ask(self) -> WorkResult:
                return ledger.reserve(asks, now)

        return Question()

    def settle(self, settled: tuple[Settled, ...]) -> None:
        self.inner.settle(settled)

    def standing(self, ask: Ask, now: float) -> Standing | None:
        return self.inner.standing(ask, now)


def test_a_request_waits_for_a_state_that_answers_later() -> None:
    ledger = Elsewhere()
    exchanges = Exchanges(TOKENS, ledger=ledger)
    with exchanges.book() as envoy:
        order = exchanges.asks(envoy).gets_one(Inspect)
        assert order.deadline == pytest.approx(0.02)
        assert isinstance(order.work, RemoteAsk)
        found = ledger.inner.reserve(ledger.asks, EPOCH)
        envoy.sends(Inspected(order.ticket, found)).gets_one(Proceed)
        envoy.sends(response_headers(200, ("content-type", b"application/json")))
        envoy.sends(response_body(json.dumps(OK).encode()))
        assert envoy.leaves().budgets[0].amount == 50
    assert ledger.inner.settled == [50]


@pytest.mark.parametrize(("on_failure", "status"), [("block", 503), ("allow", 200)])
def test_a_state_that_does_not_answer_is_what_on_failure_says(on_failure: str, status: int) -> None:
    exchanges = Exchanges(TOKENS, ledger=Elsewhere(), more=f"state: {{memory: {{on_failure: {on_failure}}}}}")
    with exchanges.book() as envoy:
        order = exchanges.asks(envoy).gets_one(Inspect)
        effects = envoy.sends(Failed(order.ticket, "timeout"))
        if status == 503:
            assert effects.gets_one(Reject).status == 503
        else:
            effects.gets_one(Proceed)
        record = envoy.leaves()
    assert record.budgets == ()


@pytest.mark.parametrize(("on_failure", "kind"), [("block", Reject), ("allow", Proceed)])
def test_a_state_that_cannot_count_is_what_on_failure_says(on_failure: str, kind: type[Any]) -> None:
    class Full(Watched):
        def reserve(self, asks: tuple[Ask, ...], now: float) -> Reserved:  # noqa: ARG002
            raise LedgerError("full")

    exchanges = Exchanges(TOKENS, ledger=Full(), more=f"state: {{memory: {{on_failure: {on_failure}}}}}")
    with exchanges.book() as envoy:
        exchanges.asks(envoy).gets_one(kind)
        envoy.leaves()


def test_nothing_is_charged_where_envoy_ignores_the_processor() -> None:
    exchanges = Exchanges(TOKENS)
    with exchanges.book(observes=True, request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        exchanges.asks(envoy)
        envoy.leaves()
    assert used(exchanges) == 0


def test_a_policy_without_budgets_has_none_of_it() -> None:
    plan = Plan.compile(loads(BASE), {})
    assert plan.budgets is None
    assert isinstance(response_headers(200), Headers)


def test_a_rule_leads_elsewhere_once_most_of_a_budget_is_spent() -> None:
    text = BASE.replace(
        "- {name: chat, targets: [{backend: one, model: dear}]}",
        "- {name: chat, rules: [{name: saving, when: 'spent[\"team\"] > 0.8', to: [{backend: two, model: new}]}], "
        "targets: [{backend: one, model: dear}]}",
    )
    exchanges = Exchanges(TOKENS, base=text)
    first = exchanges.served({"usage": {"prompt_tokens": 8000, "completion_tokens": 500}})
    assert (first.rule, first.upstream_model) == (None, "dear")
    assert first.signals == {'spent["team"]': 0.0}
    second = exchanges.served()
    assert (second.rule, second.upstream_model) == ("saving", "new")
    assert second.signals == {'spent["team"]': 0.85}
    assert exchanges.served(tenant="other").rule is None
