"""Stateful turns: what only one provider can read reaches nobody else, whatever a client sends and whoever is down."""

import base64
import json
import random
from collections import Counter
from collections.abc import Sequence
from textwrap import dedent
from typing import Any, Final

import pytest

from extproc.apis.seals.tag import MARK, SealTag
from extproc.explain.explanation import explain
from extproc.explain.lines import read_line
from extproc.policy import Health, loads
from extproc.protocol.effects import Chunk, Effect, Inspect, Proceed, Reject
from extproc.protocol.headers import Field
from extproc.protocol.messages import Headers, Inspected, Message, Side
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.requests.opening import OUTLINED_BYTES
from tests.gathered import gathered
from tests.records import logged
from tests.sealing import DIALECTS, PATHS, Dialect, SealingProvider, seen

POLICY: Final = """
    version: 1
    usage: {from: none, metadata: null}
    backends:
      - {name: north, url: "http://127.0.0.1:9001/v1", api: openai}
      - {name: south, url: "http://127.0.0.1:9002/v1", api: openai}
      - {name: south-two, url: "http://127.0.0.1:9003/v1", api: openai, sealed_by: south}
      - {name: cold, url: "http://127.0.0.1:9004/v1", api: anthropic}
      - {name: warm, url: "http://127.0.0.1:9005/v1", api: anthropic}
    models:
      - name: auto
        targets: [{backend: north}, {backend: south}, {backend: cold}, {backend: warm}]
        fallback: [{backend: south-two}]
      - {name: northern, targets: [{backend: north, model: n}, {backend: cold, model: c}]}
      - {name: southern, targets: [{backend: south, model: s}, {backend: warm, model: w}]}
"""
BACKENDS: Final = {"openai": ("north", "south", "south-two"), "anthropic": ("cold", "warm")}
MAKERS: Final = {"north": "north", "south": "south", "south-two": "south", "cold": "cold", "warm": "warm"}
JSON: Final[Field] = ("content-type", b"application/json")
EVENTS: Final[Field] = ("content-type", b"text/event-stream; charset=utf-8")
DUPLEX: Final = BodyMode.FULL_DUPLEX_STREAMED
TOOL: Final = {"type": "function", "function": {"name": "look", "parameters": {}}}


def compiled(extra: str = "", policy: str = POLICY) -> Plan:
    return Plan.compile(loads(dedent(policy) + extra, "policy.yaml"), {})


PLAN: Final = compiled("sealed: {chat: all}\n")


def worked(envoy: Playbook, message: Message) -> list[Effect]:
    """The effects of a message, work done at once."""
    effects = [*envoy.sends(message).effects]
    while effects and isinstance(order := effects[-1], Inspect):
        effects[-1:] = envoy.sends(Inspected(order.ticket, order.work.run())).effects  # type: ignore[union-attr]
    return effects


def refusal(effects: Sequence[Effect]) -> tuple[int, dict[str, Any]] | None:
    return next(((each.status, json.loads(each.body)) for each in effects if isinstance(each, Reject)), None)


class Exchange:
    """One exchange, up to where its request goes; `to` is the backend, None if it was refused."""

    def __init__(
        self,
        body: dict[str, Any] | bytes,
        dialect: Dialect = "responses",
        plan: Plan = PLAN,
        shared: Shared | None = None,
        mode: BodyMode = BodyMode.BUFFERED,
    ) -> None:
        if shared is None:
            shared = Shared()
        shared.overridden.add(b"")
        self.dialect: Dialect = dialect
        self.mode = mode
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.envoy = Playbook(plan, shared, request=mode)
        effects = worked(self.envoy, request_headers(PATHS[dialect], JSON)) + worked(self.envoy, request_body(raw))
        self.refused = refusal(effects)
        proceeds = [each for each in effects if isinstance(each, Proceed)]
        chosen = [value for each in proceeds if each.headers for name, value in each.headers.sets if "cluster" in name]
        self.to = chosen[0].decode() if chosen else None
        pieces = [each.data for each in effects if isinstance(each, Chunk)]
        replaced = next((each.body for each in proceeds if each.body is not None), raw)
        self.forwarded = b"".join(pieces) if pieces else replaced

    @property
    def sent(self) -> Any:
        """What the backend gets."""
        return json.loads(self.forwarded)

    def answered(self, pieces: Sequence[bytes], kind: Field) -> bytes:
        """What the client gets of a response."""
        effects = worked(self.envoy, response_headers(200, kind))
        for piece in pieces:
            effects += worked(self.envoy, response_body(piece, end=False))
        effects += worked(self.envoy, response_body(b""))
        assert refusal(effects) is None
        parts = [each.data for each in effects if isinstance(each, Chunk)]
        if parts:
            return b"".join(parts)
        return next((e.body for e in effects if isinstance(e, Proceed) and e.body is not None), b"".join(pieces))

    def line(self) -> dict[str, Any]:
        return logged(self.envoy.leaves())


def tagged(maker: str, value: str) -> str:
    return f"{value}_{SealTag.of(maker).text}"


def sealed(maker: str, value: str) -> str:
    return SealTag.of(maker).text + value


def down(*backends: str) -> Shared:
    shared = Shared()
    for each in backends:
        shared.health.unreachable(each, 0.0, Health())
    return shared


# -- a client's turns, one after the other


class Client:
    """Keeps one conversation in one dialect, as the SDKs do: all of a response goes back in the next request."""

    def __init__(self, dialect: Dialect, draw: random.Random) -> None:
        self.dialect: Dialect = dialect
        self.draw = draw
        self.turns: list[Any] = []
        self.last: dict[str, Any] | None = None

    def asks(self, model: str, *, stream: bool) -> dict[str, Any]:
        chosen: dict[str, Any] = {"model": model, "stream": stream}
        if self.dialect == "responses":
            if self.last is not None and self.draw.random() < 0.4:
                self.turns.clear()
                return {**chosen, "previous_response_id": self.last["id"], "input": "go on"}
            return {**chosen, "input": [*self.turns, self.said({"role": "user", "content": "go on"})]}
        return {**chosen, "messages": [*self.turns, self.said({"role": "user", "content": "go on"})], "max_tokens": 9}

    def said(self, turn: dict[str, Any]) -> dict[str, Any]:
        self.turns.append(turn)
        return turn

    def hears(self, reply: dict[str, Any]) -> None:
        self.last = reply
        match self.dialect:
            case "chat":
                self.turns.append(reply["choices"][0]["message"])
                if "tool_calls" in self.turns[-1]:
                    self.turns.append({"role": "tool", "tool_call_id": "call_1", "content": "found"})
            case "responses":
                self.turns += reply["output"]
                self.turns.append({"type": "function_call_output", "call_id": "call_1", "output": "found"})
            case "messages":
                self.turns.append({"role": "assistant", "content": reply["content"]})
                result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "found"}
                if reply["content"][-1]["type"] == "tool_use":
                    self.turns.append({"role": "user", "content": [result]})

    def starts_anew(self) -> None:
        self.turns, self.last = [], None


def check_own(body: bytes, maker: str, providers: dict[str, SealingProvider]) -> None:
    """A provider gets its own values as it made them, and nothing of another's."""
    assert MARK.encode() not in body
    for each in providers.values():
        if each.name != maker:
            assert each.name.encode() not in body, f"{maker} got what {each.name} sealed"
    for value in json.dumps(json.loads(body)).split('"'):
        if maker in value:
            assert value in providers[maker].made


CONVERSATIONS: Final = 12
"""Random conversations in each dialect and under each policy, of eight requests each."""


@gathered("dialect", DIALECTS)
@gathered("unknown", ["reject", "drop"])
def test_no_provider_sees_what_another_sealed(dialect: Dialect, unknown: str) -> None:
    outcomes = Counter[str | None]()
    for seed in range(CONVERSATIONS):
        mode = (BodyMode.BUFFERED, DUPLEX)[seed % 2]
        outcomes += conversation(random.Random(f"{seed} {dialect} {unknown}"), dialect, unknown, mode)
    assert min(outcomes[each] for each in (None, "pinned", "dropped", "refused")) >= CONVERSATIONS // 4, outcomes


def conversation(draw: random.Random, dialect: Dialect, unknown: str, mode: BodyMode) -> Counter[str | None]:
    """Holds a conversation while backends go down and come back; returns what became of its requests."""
    providers = {maker: SealingProvider(maker) for maker in set(MAKERS.values())}
    every = BACKENDS["anthropic" if dialect == "messages" else "openai"]
    client, outcomes = Client(dialect, draw), Counter[str | None]()
    for _ in range(8):
        out = [each for each in every if draw.random() < 0.25]
        stream = draw.random() < 0.5
        model = draw.choice(["auto", "auto", "northern", "southern"])
        exchange = Exchange(client.asks(model, stream=stream), dialect, PLANS[unknown], down(*out), mode)
        if exchange.refused is None:
            assert exchange.to is not None
            assert exchange.to not in out
            provider = providers[MAKERS[exchange.to]]
            check_own(exchange.forwarded, provider.name, providers)
            client.hears(answered(exchange, provider, draw, stream=stream))
        else:
            assert exchange.refused[0] in {409, 503}
            client.starts_anew()
        outcomes[exchange.line().get("sealed")] += 1
    return outcomes


def answered(exchange: Exchange, provider: SealingProvider, draw: random.Random, *, stream: bool) -> dict[str, Any]:
    """What a client makes of a provider's response, which comes in any pieces."""
    reply = provider.reply(exchange.dialect, light=draw.random() < 0.6)
    if not stream:
        whole: dict[str, Any] = json.loads(exchange.answered([json.dumps(reply).encode()], JSON))
        return whole
    data = b"".join(provider.events(exchange.dialect, reply))
    size = draw.randint(1, len(data))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return seen(exchange.dialect, exchange.answered(pieces, EVENTS))


PLANS: Final = {each: compiled(f"sealed: {{chat: all, unknown: {each}}}\n") for each in ("reject", "drop")}


@gathered("dialect", DIALECTS)
@gathered("stream", [False, True])
def test_a_turn_goes_back_to_the_provider_that_made_the_one_before(dialect: Dialect, stream: bool) -> None:
    providers = {maker: SealingProvider(maker) for maker in set(MAKERS.values())}
    shared, draw = Shared(), random.Random(1)
    client = Client(dialect, draw)
    first = Exchange(client.asks("auto", stream=stream), dialect, shared=shared)
    provider = providers[MAKERS[str(first.to)]]
    client.hears(answered(first, provider, draw, stream=stream))
    assert "sealed" not in first.line()
    body = client.asks("auto", stream=stream)
    for _ in range(6):  # by weight alone, others would have their turn
        again = Exchange(body, dialect, shared=shared)
        assert MAKERS[str(again.to)] == provider.name
        check_own(again.forwarded, provider.name, providers)
        assert again.line()["sealed"] == "pinned"


# -- what binds, what may go


def test_a_response_that_goes_on_is_for_its_maker_alone_and_any_of_its_backends() -> None:
    body = {"model": "auto", "previous_response_id": tagged("south", "resp_1"), "input": "hi"}
    for out, to in (((), "south"), (("south",), "south-two"), (("north",), "south")):
        exchange = Exchange(body, shared=down(*out))
        assert (exchange.to, exchange.sent) == (to, {**body, "previous_response_id": "resp_1"})
        line = exchange.line()
        assert (line["sealed"], line["sealed_members"]) == ("pinned", ["previous_response_id"])


def test_without_its_maker_a_response_that_goes_on_is_refused() -> None:
    body = {"model": "auto", "previous_response_id": tagged("south", "resp_1"), "input": "hi"}
    exchange = Exchange(body, shared=down("south", "south-two"))
    assert exchange.refused is not None
    status, said = exchange.refused
    assert (status, said["error"]["code"]) == (503, "sealed_content_unavailable")
    assert said["error"]["param"] == "previous_response_id"
    assert "previous_response_id" in said["error"]["message"]
    assert "resp_1" not in said["error"]["message"]
    assert "not available right now" in said["error"]["message"]
    line = exchange.line()
    assert (line["sealed"], line["reason"], line["status"]) == ("refused", "sealed_content_unavailable", 503)


def test_a_model_that_the_maker_does_not_serve_is_refused() -> None:
    exchange = Exchange({"model": "northern", "conversation": {"id": tagged("south", "conv_1")}, "input": "hi"})
    assert exchange.refused is not None
    assert (exchange.refused[0], exchange.refused[1]["error"]["code"]) == (409, "sealed_content_elsewhere")


def test_values_of_two_makers_that_both_bind_are_refused() -> None:
    file = {"type": "input_file", "file_id": tagged("north", "file-1")}
    body = {
        "model": "auto",
        "previous_response_id": tagged("south", "resp_1"),
        "input": [{"role": "user", "content": [file]}],
    }
    exchange = Exchange(body)
    assert exchange.refused is not None
    assert (exchange.refused[0], exchange.refused[1]["error"]["code"]) == (409, "sealed_content_mixed")
    assert exchange.line()["sealed_members"] == ["previous_response_id", "file_id"]


REASONING: Final[list[dict[str, Any]]] = [
    {"role": "user", "content": "hi"},
    {"type": "reasoning", "id": tagged("north", "rs_1"), "summary": [], "encrypted_content": sealed("north", "SEAL")},
    {"type": "function_call", "id": tagged("north", "fc_1"), "call_id": "call_1", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1", "output": "x"},
]


def test_encrypted_reasoning_is_left_out_if_its_maker_is_down_and_calls_stay_beside_their_outputs() -> None:
    exchange = Exchange({"model": "auto", "input": REASONING}, shared=down("north"))
    call = {name: value for name, value in REASONING[2].items() if name != "id"}
    assert exchange.to in {"south", "south-two"}
    assert exchange.sent["input"] == [REASONING[0], call, REASONING[3]]
    line = exchange.line()
    assert line["sealed"] == "dropped"
    assert line["sealed_members"] == ["reasoning.id", "reasoning.encrypted_content", "function_call.id"]


def test_a_maker_that_only_limits_its_rate_is_spared_if_the_request_can_do_without_it() -> None:
    shared = Shared()
    shared.health.limited("north", "auto", 0.0, 30.0)
    assert Exchange({"model": "auto", "input": REASONING}, shared=shared).to == "south"
    bound = {"model": "auto", "previous_response_id": tagged("north", "resp_1"), "input": "hi"}
    assert Exchange(bound, shared=shared).to == "north"  # which answers for itself


def test_what_is_left_out_of_a_history_of_two_makers_is_that_of_the_earlier() -> None:
    later = {"type": "reasoning", "id": tagged("south", "rs_2"), "encrypted_content": sealed("south", "LAES")}
    exchange = Exchange({"model": "auto", "input": [*REASONING, later]})
    assert exchange.to in {"south", "south-two"}
    assert [each.get("type") for each in exchange.sent["input"]] == [
        None,
        "function_call",
        "function_call_output",
        "reasoning",
    ]
    assert exchange.sent["input"][-1] == {"type": "reasoning", "id": "rs_2", "encrypted_content": "LAES"}


def thinking(maker: str, *, done: bool) -> dict[str, Any]:
    """A request with thinking in a turn that is over, or in a loop of tools that goes on."""
    block = {"type": "thinking", "thinking": "so", "signature": sealed(maker, "SEAL")}
    use = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}
    ends = [result, {"type": "text", "text": "and?"}] if done else [result]
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [block, use]},
        {"role": "user", "content": ends},
    ]
    return {"model": "auto", "max_tokens": 9, "messages": turns}


def test_thinking_of_a_turn_that_is_over_is_left_out_if_its_maker_is_down() -> None:
    exchange = Exchange(thinking("cold", done=True), "messages", shared=down("cold"))
    assert (exchange.to, exchange.line()["sealed"]) == ("warm", "dropped")
    assert [each["type"] for each in exchange.sent["messages"][1]["content"]] == ["tool_use"]


def test_thinking_of_a_running_loop_of_tools_waits_for_its_maker() -> None:
    exchange = Exchange(thinking("cold", done=False), "messages", shared=down("cold"))
    assert exchange.refused is not None
    status, said = exchange.refused
    assert (status, said["error"]["type"]) == (503, "overloaded_error")
    assert "thinking.signature" in said["error"]["message"]
    assert Exchange(thinking("cold", done=False), "messages").to == "cold"


# -- values of an unknown maker


@gathered(
    ("dialect", "body"),
    [
        ("responses", {"previous_response_id": "resp_1", "input": "hi"}),
        ("responses", {"input": [{"type": "item_reference", "id": "rs_1"}]}),
        ("responses", {"input": [{"type": "compaction", "encrypted_content": "SEAL"}]}),
        ("responses", {"input": "hi", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}),
        ("responses", {"input": "hi", "tools": [{"type": "code_interpreter", "container": "cntr_1"}]}),
        ("responses", {"input": "hi", "prompt": {"id": "pmpt_1"}}),
        ("responses", {"previous_response_id": tagged("gone", "resp_1"), "input": "hi"}),
        ("responses", {"previous_response_id": "resp_1_xpbyabc", "input": "hi"}),
        ("messages", {"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "file_1"}]}]}),
        ("messages", {"messages": [{"role": "user", "content": "hi"}], "container": "container_1"}),
        ("messages", thinking("gone", done=False)),
        ("chat", {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}, {"role": "user", "content": "hi"}]}),
        ("chat", {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]}),
    ],
)
@gathered("unknown", ["reject", "drop"])
def test_what_binds_and_is_nobodys_is_refused(dialect: Dialect, body: dict[str, Any], unknown: str) -> None:
    exchange = Exchange({**body, "model": "auto"}, dialect, PLANS[unknown])
    assert exchange.refused is not None
    status, said = exchange.refused
    assert status == 409
    assert "nobody can tell which one did" in said["error"]["message"]
    assert exchange.line()["sealed"] == "refused"


def test_what_may_be_left_out_and_is_nobodys_is_what_the_policy_says() -> None:
    body = json.loads(json.dumps(thinking("gone", done=True)))
    refused = Exchange(body, "messages", PLANS["reject"]).refused
    assert refused is not None
    assert refused[0] == 409
    dropped = Exchange(body, "messages", PLANS["drop"])
    assert [each["type"] for each in dropped.sent["messages"][1]["content"]] == ["tool_use"]
    passed = Exchange(body, "messages", compiled("sealed: {unknown: pass}\n"))
    assert passed.sent == body
    assert "sealed" not in passed.line()


def test_identifiers_that_clients_make_up_bind_nothing() -> None:
    items = [
        {"type": "message", "id": "msg_mine", "role": "assistant", "content": []},
        {"type": "function_call", "id": "fc_mine", "call_id": "call_1", "name": "f", "arguments": "{}"},
    ]
    exchange = Exchange({"model": "auto", "input": items})
    assert (exchange.refused, exchange.sent["input"]) == (None, items)


def test_a_model_of_one_maker_takes_what_has_no_tag() -> None:
    body = {"model": "northern", "previous_response_id": "resp_1", "input": "hi"}
    exchange = Exchange(body)
    assert (exchange.to, exchange.sent) == ("north", {**body, "model": "n"})


def test_a_file_is_of_the_default_backend_to_which_clients_sent_it() -> None:
    file = {"type": "file", "file": {"file_id": "file-1"}}
    body = {"model": "auto", "messages": [{"role": "user", "content": [file]}]}
    plan = compiled("default_backend: south\n")
    for _ in range(4):
        assert Exchange(body, "chat", plan).to == "south"


# -- who pays, and what Envoy must grant


def test_one_maker_costs_nothing_and_changes_nothing() -> None:
    plan = compiled(
        policy=POLICY.replace("api: openai}", "api: openai, sealed_by: south}").replace(
            "api: anthropic}", "api: anthropic, sealed_by: claude}"
        )
    )
    assert plan.sealing is None
    assert not plan.needs.response_body
    body = {"model": "auto", "previous_response_id": "resp_1", "input": "hi"}
    exchange = Exchange(body, plan=plan)
    assert exchange.sent == body


def test_chat_is_read_only_if_its_response_can_hold_what_is_sealed() -> None:
    plain = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    sound = {**plain, "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
    auto = compiled()
    google = compiled(policy=POLICY.replace("http://127.0.0.1:9001/v1", "https://gen.googleapis.com/v1beta/openai"))
    for plan, body, reads in ((auto, plain, False), (auto, sound, True), (PLAN, plain, True), (google, plain, None)):
        exchange = Exchange(body, "chat", plan)
        headers = worked(exchange.envoy, response_headers(200, EVENTS))[0]
        assert isinstance(headers, Proceed)
        wanted = exchange.to == "north" if reads is None else reads
        assert headers.modes is not None
        assert headers.modes.response_body is (DUPLEX if wanted else BodyMode.NONE)


def test_an_envoy_that_hands_no_response_over_is_told_of() -> None:
    body = {"model": "auto", "input": "hi"}
    with Playbook(PLAN, response=BodyMode.NONE) as envoy:
        worked(envoy, request_headers(PATHS["responses"], JSON))
        worked(envoy, request_body(json.dumps(body).encode()))
        headers = envoy.sends(response_headers(200, JSON)).gets_one(Proceed)
        assert headers.modes is None
        assert logged(envoy.leaves())["misconfigured"] == "response_body_mode"


def test_a_response_of_another_cluster_than_was_decided_gets_no_tag() -> None:
    exchange = Exchange({"model": "auto", "input": "hi"}, plan=compiled("steering: {verify: report}\n"))
    headers = response_headers(200, JSON)
    attributes = {"response.code_details": "via_upstream", "xds.cluster_name": "elsewhere"}
    (effect,) = worked(exchange.envoy, Headers(Side.RESPONSE, headers.fields, headers.end, attributes))
    assert isinstance(effect, Proceed)
    assert effect.modes is not None
    assert effect.modes.response_body is BodyMode.NONE  # it is not even read
    assert exchange.line()["missteered"] == "other_cluster"


@gathered("mode", [BodyMode.BUFFERED, DUPLEX])
@gathered("length", [None, "exact"])
@gathered("known", [True, False])
def test_a_whole_response_beyond_the_limit_passes_without_tags(mode: BodyMode, length: str | None, known: bool) -> None:
    """Envoy refuses what is beyond its buffer: a response whose length nobody tells is asked for in pieces."""
    limit = PLAN.unpiped.body_limit
    for size, reads in ((limit, True), (limit + 1, False)):
        body = json.dumps({"object": "response", "id": "resp_1", "pad": ""}).encode()
        body = body[:-2] + b"x" * (size - len(body)) + b'"}'
        fields = (JSON, ("content-length", b"%d" % size)) if length else (JSON,)
        shared = Shared()
        with Playbook(PLAN, shared, request=mode) as envoy:
            if known:
                shared.overridden.add(b"")
            worked(envoy, request_headers(PATHS["responses"], JSON))
            effects = worked(envoy, request_body(b'{"model":"northern","input":"hi"}'))
            effects = worked(envoy, response_headers(200, *fields))
            pieces = [body[at : at + 1_000_000] for at in range(0, size, 1_000_000)]
            if length and not reads and mode is BodyMode.BUFFERED:
                assert isinstance(effects[0], Proceed)
                assert effects[0].modes is not None
                assert effects[0].modes.response_body is BodyMode.NONE
                continue
            held = length and mode is BodyMode.BUFFERED
            for piece in (body,) if held else pieces:
                effects += worked(envoy, response_body(piece, end=bool(held)))
            if not held:
                effects += worked(envoy, response_body(b""))
            out = b"".join(each.data for each in effects if isinstance(each, Chunk))
            out = out or next(e.body for e in effects if isinstance(e, Proceed) and e.body is not None)
            assert len(out) == size + (len(tagged("north", "")) if reads else 0)
            assert (MARK.encode() in out) is reads


def test_a_whole_response_that_there_is_no_room_for_passes_without_tags() -> None:
    plan = compiled("limits: {held_bodies: 1MiB, request_body: 1MiB}\n")
    with Playbook(plan) as envoy:
        worked(envoy, request_headers(PATHS["responses"], JSON))
        worked(envoy, request_body(b'{"model":"northern","input":"hi"}'))
        worked(envoy, response_headers(200, JSON))
        body = b'{"object":"response","id":"resp_1","pad":"%s"}' % (b"x" * 1_200_000)
        halves = body[:1_150_000], body[1_150_000:]
        effects = worked(envoy, response_body(halves[0], end=False)) + worked(envoy, response_body(halves[1]))
        assert b"".join(each.data for each in effects if isinstance(each, Chunk)) == body


def test_an_error_is_not_read_for_it() -> None:
    exchange = Exchange({"model": "auto", "input": "hi"})
    headers = worked(exchange.envoy, response_headers(400, JSON))[0]
    assert isinstance(headers, Proceed)
    assert headers.modes is not None
    assert headers.modes.response_body is BodyMode.NONE


def test_beside_a_pipeline_that_masks_both_ways_each_does_its_part() -> None:
    plan = compiled(
        "pipelines: [{name: p, request: [{use: pii, kinds: [email], action: mask, restore: true}],"
        " response: [{use: pii, kinds: [phone], action: mask}]}]\n"
    )
    body = {
        "model": "auto",
        "previous_response_id": tagged("north", "resp_1"),
        "input": "write to jane.doe@example.com",
    }
    exchange = Exchange(body, plan=plan)
    assert exchange.to == "north"
    assert exchange.sent == {"model": "auto", "previous_response_id": "resp_1", "input": "write to [EMAIL_1]"}
    reply = SealingProvider("north").reply("responses")
    reply["output"][1]["content"][0]["text"] = "[EMAIL_1] has +49 30 1234567"
    got = json.loads(exchange.answered([json.dumps(reply).encode()], JSON))
    assert got["id"] == tagged("north", reply["id"])
    assert got["output"][1]["content"][0]["text"] == "jane.doe@example.com has [PHONE_1]"


@pytest.mark.parametrize("unknown", ["reject", "drop", "pass"])
def test_explain_says_why(unknown: str) -> None:
    plan = compiled(f"sealed: {{unknown: {unknown}}}\n")
    lines = {
        "only the provider that made it can read it": {
            "previous_response_id": tagged("south", "resp_1"),
            "input": "hi",
        },
        "the request cannot go there": {"previous_response_id": tagged("south", "resp_1"), "input": "hi"},
    }
    for number, (said, body) in enumerate(lines.items()):
        model = ("auto", "northern")[number]
        line = json.dumps({"path": PATHS["responses"], "body": {**body, "model": model}}).encode()
        told = explain(plan, Shared(detailed=True), read_line(line))
        assert any(said in each and "previous_response_id" in each for each in told.why)
        assert not any("resp_1" in each for each in told.why)


@gathered("size", [20_000, 100_000, 400_000])
@gathered("pipeline", ["", "pipelines: [{name: p, request: [{use: pii, kinds: [email], action: mask}]}]\n"])
def test_a_large_request_is_read_in_a_thread_and_goes_to_its_maker(size: int, pipeline: str) -> None:
    plan = compiled(pipeline)
    body = {"model": "auto", "input": "to be read " * (size // 11), "previous_response_id": tagged("south", "resp_1")}
    raw = json.dumps(body).encode()
    with Playbook(plan) as envoy:
        worked(envoy, request_headers(PATHS["responses"], JSON))
        effects = envoy.sends(request_body(raw)).effects
        threaded = isinstance(effects[-1], Inspect)
        assert threaded is (size > OUTLINED_BYTES or (bool(pipeline) and threaded))
        if threaded:
            effects = worked(envoy, Inspected(effects[-1].ticket, effects[-1].work.run()))  # type: ignore[union-attr]
        (last,) = effects
        assert isinstance(last, Proceed)
        assert last.body == raw.replace(b"_" + SOUTH.encode(), b"")
        assert last.headers is not None
        assert MAKERS[dict(last.headers.sets)["x-extproc-cluster"].decode()] == "south"
        assert logged(envoy.leaves())["sealed"] == "pinned"


def test_a_sealed_value_that_was_written_with_escapes_is_its_makers_too() -> None:
    raw = json.dumps({"model": "auto", "previous_response_id": tagged("south", "resp_1"), "input": "hi"})
    exchange = Exchange(raw.replace("xpby", "\\u0078pby").encode())
    assert (MAKERS[str(exchange.to)], exchange.sent["previous_response_id"]) == ("south", "resp_1")


def test_a_signature_that_a_client_decodes_and_encodes_is_its_makers_still() -> None:
    body = thinking("cold", done=False)
    block = body["messages"][1]["content"][0]
    block["signature"] = base64.b64encode(base64.b64decode(block["signature"])).decode()
    exchange = Exchange(body, "messages")
    assert (exchange.to, exchange.sent["messages"][1]["content"][0]["signature"]) == ("cold", "SEAL")


# -- what a path asks for


KEEPING: Final = compiled("default_backend: north\n")


def asked_for(path: str, plan: Plan = KEEPING, shared: Shared | None = None) -> tuple[str | None, str, Playbook]:
    """The backend that a request without a body goes to, with the path there."""
    envoy = Playbook(plan, shared)
    (effect,) = envoy.sends(request_headers(path, method="GET", end=True)).effects
    if not isinstance(effect, Proceed) or effect.headers is None:
        return None, "", envoy
    sets = dict(effect.headers.sets)
    return sets["x-extproc-cluster"].decode(), sets.get(":path", path.encode()).decode(), envoy


SOUTH: Final = SealTag.of("south").text


@gathered(
    ("path", "there"),
    [
        (f"/v1/responses/resp_1_{SOUTH}", "/v1/responses/resp_1"),
        (f"/v1/responses/resp_1_{SOUTH}/cancel", "/v1/responses/resp_1/cancel"),
        (
            f"/v1/responses/resp_1_{SOUTH}/input_items?after=msg_1_{SOUTH}&limit=2",
            "/v1/responses/resp_1/input_items?after=msg_1&limit=2",
        ),
        (f"/v1/containers/cntr_1_{SOUTH}/files/cfile_1_{SOUTH}/content", "/v1/containers/cntr_1/files/cfile_1/content"),
        (f"/v1/files/file-1_{SOUTH}/content", "/v1/files/file-1/content"),
    ],
)
def test_what_a_provider_keeps_is_asked_for_where_it_is(path: str, there: str) -> None:
    assert asked_for(path)[:2] == ("south", there)
    assert asked_for(path, shared=down("south"))[:2] == ("south-two", there)


@gathered(
    "path",
    [
        "/v1/responses/resp_1",
        f"/v1/organization/users/user_1_{SOUTH}",
        f"/v1/organization/users?after=user_1_{SOUTH}",
        f"/v1/responses/resp_1_{SOUTH}/../../organization/users",
        f"/v1/responses/resp_1_{SOUTH}/%2e%2e/users",
        f"/v1/responses/resp_1_{SOUTH}x",
        f"/v1/responses/resp_1_{SealTag.of('gone').text}",
        f"/v1/responses?after=resp_1_{SOUTH}",
    ],
)
def test_a_tag_that_a_client_writes_leads_no_other_path_elsewhere(path: str) -> None:
    assert asked_for(path)[:2] == ("north", path)


def test_where_no_other_path_is_served_a_tag_opens_none() -> None:
    for extra in ("", "default_backend: none\n"):
        with Playbook(compiled(extra)) as envoy:
            headers = request_headers(f"/v1/responses/resp_1_{SOUTH}", method="GET", end=True)
            assert envoy.sends(headers).gets_one(Reject).status == 404


def test_a_response_that_is_asked_for_has_the_tags_that_it_had() -> None:
    reply = SealingProvider("south").reply("responses")
    to, _, envoy = asked_for(f"/v1/responses/{reply['id']}_{SOUTH}")
    assert to == "south"
    worked(envoy, response_headers(200, JSON))
    (answer,) = worked(envoy, response_body(json.dumps(reply).encode()))
    assert isinstance(answer, Chunk)
    assert json.loads(answer.data)["id"] == f"{reply['id']}_{SOUTH}"
    line = logged(envoy.leaves())
    assert (line["sealed"], line["sealed_members"]) == ("pinned", ["path"])


def test_residency_comes_before_what_is_sealed() -> None:
    plan = compiled(
        "default_backend: north\nresidency: [{name: all, when: 'true', regions: [eu]}]\n",
        POLICY.replace("name: north,", "name: north, region: eu,"),
    )
    with Playbook(plan) as envoy:
        headers = request_headers(f"/v1/responses/resp_1_{SOUTH}", method="GET", end=True)
        assert envoy.sends(headers).gets_one(Reject).status == 503
    bound = Exchange({"model": "auto", "previous_response_id": tagged("south", "resp_1"), "input": "hi"}, plan=plan)
    assert bound.refused is not None
    assert (bound.refused[0], bound.refused[1]["error"]["code"]) == (503, "residency")
    assert bound.line()["residency"] == ["all"]
    reasoning = [{**each, "encrypted_content": sealed("south", "SEAL")} for each in REASONING[1:2]]
    free = Exchange({"model": "auto", "input": [REASONING[0], *reasoning]}, plan=plan)
    assert (free.to, free.sent["input"]) == ("north", REASONING[:1])
