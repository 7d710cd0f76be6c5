"""Strategies and hard filters in an exchange: what is read of bodies, learned of responses, and told to clients."""

import json
from collections import Counter
from typing import Any

import pytest

from extproc.policy import loads
from extproc.protocol.effects import Reject
from extproc.protocol.messages import Headers
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan, Shared
from tests.gathered import gathered
from tests.records import logged
from tests.seams.playing import CHAT, JSON, SSE, streamed

BASE = """\
version: 1
backends:
  - {name: a, url: "http://127.0.0.1:1/v1", api: openai, models: [{name: m, MA}]}
  - {name: b, url: "http://127.0.0.1:2/v1", api: openai, models: [{name: m, MB}]}
  - {name: c, url: "http://127.0.0.1:3/v1", api: anthropic, models: [{name: m, MB}]}
models:
  - {name: x, targets: [{backend: a, model: m}, {backend: b, model: m}, {backend: c, model: m}], MORE}
  - {name: plain, targets: [{backend: a, model: m}]}
"""


def plan(more: str, a: str = "quality: 1", b: str = "quality: 1", rest: str = "") -> Plan:
    text = BASE.replace("MA", a).replace("MB", b).replace("MORE", more) + rest
    return Plan.compile(loads(text, "policy.yaml"), {})


def said(text: str = "hi", model: str = "x", **more: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


class Exchange:
    """One exchange with a shared state, that ends when the test says so."""

    def __init__(self, own: Plan, shared: Shared, body: bytes, path: str = CHAT, now: float = 0.0) -> None:
        shared.overridden.add(b"")
        self.book = Playbook(own, shared, now=now)
        self.book.sends(request_headers(path, JSON))
        self.effects = self.book.sends(request_body(body)).effects

    @property
    def rejected(self) -> Reject:
        return next(each for each in self.effects if isinstance(each, Reject))

    def ends(self) -> dict[str, Any]:
        return logged(self.book.leaves())


def backend(own: Plan, shared: Shared, body: bytes, **more: Any) -> tuple[str, str]:
    line = Exchange(own, shared, body, **more).ends()
    return line["backend"], line["reason"]


CHEAP_IN = "input_usd_per_mtok: 0.1, output_usd_per_mtok: 50"
CHEAP_OUT = "input_usd_per_mtok: 5, output_usd_per_mtok: 1"


def test_the_cheapest_is_found_by_what_the_body_needs() -> None:
    own = plan("strategy: cheapest", CHEAP_IN, CHEAP_OUT)
    assert backend(own, Shared(), said("word " * 5_000, max_tokens=5)) == ("a", "cheapest")
    assert backend(own, Shared(), said("hi", max_tokens=400)) == ("b", "cheapest")


SMALL, LARGE = "context_tokens: 100, features: [tools]", "context_tokens: 5000, features: [tools, images]"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def test_a_prompt_goes_where_it_fits_and_can_be_served() -> None:
    own = plan("strategy: weighted", SMALL, LARGE)
    assert backend(own, Shared(), said("hi", max_tokens=10))[0] in "ab"
    assert backend(own, Shared(), said("word " * 200))[0] == "b"
    assert backend(own, Shared(), said("hi", max_tokens=1000))[0] == "b"
    image = json.dumps({"model": "x", "max_tokens": 5, "messages": [{"role": "user", "content": [IMAGE]}]}).encode()
    assert backend(own, Shared(), image)[0] == "b"


def test_a_prompt_that_fits_nowhere_is_refused_in_the_words_of_the_client_s_api() -> None:
    own = plan("strategy: weighted", SMALL, LARGE)
    exchange = Exchange(own, Shared(), said("word " * 6400))
    error = json.loads(exchange.rejected.body)["error"]
    assert (exchange.rejected.status, error["code"], error["param"]) == (400, "context_length_exceeded", "messages")
    assert error["message"].startswith("This model's maximum context length is 5000 tokens")
    exchange = Exchange(own, Shared(), said("word " * 6400, max_tokens=1), "/v1/messages")
    told = json.loads(exchange.rejected.body)
    assert (exchange.rejected.status, told["error"]["type"]) == (400, "invalid_request_error")
    assert told["error"]["message"].startswith("prompt is too long: ")
    assert told["error"]["message"].endswith("tokens > 5000 maximum")
    assert exchange.ends()["reason"] == "context_length_exceeded"


def test_a_feature_that_nobody_has_is_refused_and_named() -> None:
    own = plan("strategy: weighted", SMALL, SMALL)
    exchange = Exchange(own, Shared(), said("hi", modalities=["text", "audio"]))
    error = json.loads(exchange.rejected.body)["error"]
    assert (exchange.rejected.status, error["code"], "audio" in error["message"]) == (400, "unsupported_feature", True)


def test_a_model_that_weighs_nothing_pays_for_nothing() -> None:
    own = plan("strategy: cheapest", CHEAP_IN, CHEAP_OUT)
    assert set(own.table.weighs) == set(own.table.reads) == {"x"}
    bare = plan("strategy: weighted")
    assert (bare.reads.body, bare.watches_load, bare.watches_speed, bare.calling) == (False, False, False, None)
    assert not bare.table.weighs


# -- load

ENDS = [
    pytest.param(lambda _: None, id="the client leaves at once"),
    pytest.param(lambda book: book.sends(response_headers(200, JSON)), id="in the response"),
    pytest.param(lambda book: book.sends(response_headers(503, JSON, end=True)), id="an error"),
    pytest.param(lambda book: book.waits(4000), id="the deadline"),
]


@gathered(("happens",), ENDS)
def test_an_exchange_counts_as_open_until_it_ends_however_it_does(happens: Any) -> None:
    own, shared = plan("strategy: least_busy"), Shared()
    exchange = Exchange(own, shared, said())
    assert [shared.busy.of((name, "m")) for name in "ab"].count(1) == 1
    happens(exchange.book)
    exchange.ends()
    assert [shared.busy.of((name, "m")) for name in "ab"] == [0, 0]


def test_a_request_that_is_refused_after_all_counts_for_nobody() -> None:
    own, shared = plan("strategy: least_busy"), Shared()
    exchange = Exchange(own, shared, said(model="nobody-has-it"))
    assert exchange.rejected.status == 404
    exchange.ends()
    assert repr(shared.busy) == "OpenExchanges({})"


def test_open_exchanges_decide_where_the_next_one_goes() -> None:
    own, shared = plan("strategy: least_busy"), Shared()
    waiting = [Exchange(own, shared, said()) for _ in range(10)]
    assert [shared.busy.of((name, "m")) for name in "ab"] == [5, 5]
    for each in waiting:
        each.ends()
    assert [shared.busy.of((name, "m")) for name in "ab"] == [0, 0]


# -- speed


def test_times_of_responses_decide_who_is_the_fastest() -> None:
    own, shared = plan("strategy: fastest"), Shared()
    assert own.needs.response_headers
    seen = Counter[str]()
    for at in range(40):
        exchange = Exchange(own, shared, said(stream=True), now=float(at))
        chosen = exchange.book.transaction.choice
        assert chosen is not None
        name = chosen.candidate.destination.name
        exchange.book.now += 0.2 if name == "b" else 2.0
        exchange.book.sends(response_headers(200, SSE))
        exchange.ends()
        seen[name] += 1
    assert seen["b"] > 30
    assert seen["a"] >= 1


def test_errors_are_not_fast() -> None:
    own, shared = plan("strategy: fastest"), Shared()
    for details in ("via_upstream", "overload"):
        exchange = Exchange(own, shared, said())
        exchange.book.sends(
            response_headers(429 if details == "via_upstream" else 200, JSON, end=True, details=details)
        )
        exchange.ends()
    assert repr(shared.speeds) == "Speeds(0)"


def test_a_later_attempt_is_not_slow_for_the_failures_before_it() -> None:
    own, shared = plan("strategy: fastest"), Shared()
    shared.overridden.add(own.fingerprint)
    for attempt, known in (("2", 0), ("1", 1)):
        book = Playbook(own, shared, configuration=own.fingerprint)
        book.sends(request_headers(CHAT, JSON))
        book.sends(request_body(said()))
        attributes = {"response.code_details": "via_upstream", "upstream.request_attempt_count": attempt}
        answer = response_headers(200, JSON, end=True)
        book.sends(Headers(answer.side, answer.fields, answer.end, attributes))
        assert logged(book.leaves()).get("attempts", 1) == int(attempt)
        assert repr(shared.speeds) == f"Speeds({known})"


def test_tokens_that_a_provider_reports_give_the_time_of_each() -> None:
    pipe = "pipelines: [{name: p, response: [{use: pii, kinds: [email], action: report}]}]\n"
    own, shared = plan("strategy: fastest", rest=pipe), Shared()
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 50}}
    body = streamed("hello").replace(b"data: [DONE]", b"data: %s\n\ndata: [DONE]" % json.dumps(usage).encode())
    exchange = Exchange(own, shared, said(stream=True))
    chosen = exchange.book.transaction.choice
    assert chosen is not None
    exchange.book.now = 1.0
    exchange.book.sends(response_headers(200, SSE))
    exchange.book.now = 6.0
    exchange.book.sends(response_body(body))
    assert exchange.ends()["output_tokens"] == 50
    expected = shared.speeds.expected(chosen.candidate.key, 100, 6.0, stream=True)
    assert expected == pytest.approx(1.0 + 100 * 0.1, rel=0.26)


# -- placement


def turns(first: str, more: int, **members: Any) -> bytes:
    messages = [{"role": "system", "content": "You help."}, {"role": "user", "content": first}]
    for number in range(more):
        messages += [{"role": "assistant", "content": f"r{number}"}, {"role": "user", "content": f"q{number}"}]
    return json.dumps({"model": "x", "messages": messages, **members}).encode()


def test_a_conversation_stays_where_it_began() -> None:
    own, shared = plan("strategy: sticky"), Shared(0.3)
    where = {first: backend(own, shared, turns(first, 0)) for first in map(str, range(40))}
    assert Counter(name for name, _ in where.values()).keys() == {"a", "b"}
    for first, expected in where.items():
        assert {backend(own, shared, turns(first, more)) for more in (1, 5, 40)} == {expected}


def test_an_id_of_the_client_s_is_a_conversation_and_tenants_share_none() -> None:
    tenants = "tenants: {from: {header: x-tenant-id}}\n"
    own = plan("strategy: sticky", rest=tenants)

    def key(tenant: str, body: bytes) -> int | None:
        shared = Shared()
        shared.overridden.add(b"")
        book = Playbook(own, shared, configuration=b"")
        book.sends(request_headers(CHAT, JSON, ("x-tenant-id", tenant.encode())))
        book.sends(request_body(body))
        weighed = book.transaction._memory.weighed
        assert weighed is not None
        book.leaves()
        return weighed.key

    one = key("acme", turns("a", 0, prompt_cache_key="k"))
    assert one == key("acme", turns("b", 3, prompt_cache_key="k"))
    assert one != key("acme", turns("a", 0, prompt_cache_key="l"))
    assert one != key("other", turns("a", 0, prompt_cache_key="k"))


def test_a_tenant_is_placed_together_and_one_without_a_name_is_drawn() -> None:
    own = plan("strategy: sticky, sticky_by: tenant", rest="tenants: {from: {header: x-tenant-id}}\n")
    found: dict[str, set[str]] = {}
    shared = Shared()
    shared.overridden.add(b"")
    for number in range(60):
        tenant = f"t{number % 6}" if number % 3 else ""
        book = Playbook(own, shared)
        book.sends(request_headers(CHAT, JSON, *((("x-tenant-id", tenant.encode()),) if tenant else ())))
        book.sends(request_body(turns(str(number), 0)))
        found.setdefault(tenant, set()).add(logged(book.leaves())["backend"])
    assert found.pop("") == {"a", "b"}
    assert {len(names) for names in found.values()} == {1}


def test_placing_by_tenant_needs_tenants() -> None:
    with pytest.raises(Exception, match="1 problem") as caught:
        plan("strategy: sticky, sticky_by: tenant")
    assert "who is calling" in str(getattr(caught.value, "problems", ""))


# -- what a tenant may ask for

PERMITTED = "tenants: {from: {header: x-tenant-id}, models: {acme: [plain, made-up], none: []}}\nunknown_models: pass\n"


def asks(own: Plan, tenant: str, model: str) -> tuple[int | None, str]:
    with Playbook(own) as book:
        book.sends(request_headers(CHAT, JSON, ("x-tenant-id", tenant.encode())))
        effects = book.sends(request_body(said(model=model))).effects
        refused = next((each.status for each in effects if isinstance(each, Reject)), None)
        return refused, logged(book.leaves())["reason"]


def test_a_tenant_may_ask_for_the_names_in_its_list_alone_whoever_serves_them() -> None:
    own = plan("strategy: weighted", rest=PERMITTED + "default_backend: a\n")
    assert asks(own, "acme", "plain") == (None, "only")
    assert asks(own, "acme", "made-up") == (None, "default")
    for model in ("x", "m", "unheard-of"):
        assert asks(own, "acme", model) == (403, "model_not_allowed")
    assert asks(own, "none", "plain") == (403, "model_not_allowed")
    assert asks(own, "other", "x") == (None, "weighted")


def test_a_tenant_s_list_of_models_is_what_it_may_ask_for() -> None:
    own = plan("strategy: weighted", rest=PERMITTED)
    for tenant, names in (("acme", ["plain"]), ("none", []), ("other", ["x", "plain"])):
        with Playbook(own) as book:
            message = request_headers("/v1/models", ("x-tenant-id", tenant.encode()), method="GET", end=True)
            listed = json.loads(book.sends(message).gets_one(Reject).body)["data"]
            assert [each["id"] for each in listed] == names
        with Playbook(own) as book:
            message = request_headers("/v1/models/x", ("x-tenant-id", tenant.encode()), method="GET", end=True)
            assert book.sends(message).gets_one(Reject).status == (200 if "x" in names else 404)
