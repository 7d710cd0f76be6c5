"""An API that a plug-in registers is routed, refused and streamed as those of the program are."""

import json

from msgspec.structs import replace

from extproc.apis import registered
from extproc.apis.families import OPENAI
from extproc.apis.streams import StreamReader, StreamWriter
from extproc.policy import loads
from extproc.protocol.effects import Proceed, Reject
from extproc.protocol.errors import ClientError
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan
from tests.apis.toy import TOY

POLICY = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/up/v1", api: openai}]
models: [{name: chat, targets: [{backend: local, model: small/one}]}]
"""
MASKING = "pipelines: [{name: p, request: [{use: pii, kinds: [email], action: mask}]}]"
SPOKEN = replace(TOY, family=OPENAI)
"""The toy for clients and backends of a family that a policy can name."""


def plan(more: str = "") -> Plan:
    return Plan.compile(loads(POLICY + more, "policy.yaml"), {})


def test_a_model_in_the_path_is_routed_and_changed_there() -> None:
    with registered(SPOKEN):
        compiled = plan(MASKING)
    body = b'{"say": "to john.doe@example.com"}'
    with Playbook(compiled) as envoy:
        envoy.sends(request_headers("/toy/models/chat:streamPlay?x=1", ("content-type", b"application/json")))
        passed = envoy.sends(request_body(body)).gets_one(Proceed)
    assert passed.headers is not None
    fields = dict(passed.headers.set)
    assert fields[":path"] == b"/up/v1/models/small%2Fone:streamPlay?x=1"
    assert fields["x-extproc-model"] == b"small/one"
    assert passed.body is not None
    assert json.loads(passed.body)["say"].startswith("to [")


def test_a_plan_keeps_the_registry_that_it_was_compiled_with() -> None:
    compiled = plan()
    with registered(SPOKEN), Playbook(compiled) as envoy:
        assert isinstance(envoy.sends(request_headers("/toy/models/chat:play")).effects[0], Reject)


def test_an_unknown_model_in_a_path_is_refused_in_the_apis_words() -> None:
    with registered(TOY), Playbook(plan()) as envoy:
        envoy.sends(request_headers("/toy/models/nobodys:play", ("content-type", b"application/json")))
        refused = envoy.sends(request_body(b"{}")).gets_one(Reject)
    assert json.loads(refused.body)["kind"] == "model_not_found"


def test_a_client_is_known_by_its_familys_header_where_its_path_shows_nothing() -> None:
    with registered(TOY):
        compiled = plan()
        assert "x-toy" in compiled.needs.fields
        with Playbook(compiled) as envoy:
            refused = envoy.sends(request_headers("/nothing", ("x-toy", b"1"), method="GET", end=True)).gets_one(Reject)
            assert json.loads(refused.body)["kind"] == "not_found"
        with Playbook(compiled) as envoy:
            listed = envoy.sends(request_headers("/v1/models", ("x-toy", b"1"), method="GET", end=True)).gets_one(
                Reject
            )
            assert json.loads(listed.body) == {"toys": ["chat"], "since": 0}
    assert "x-toy" not in plan().needs.fields


def test_a_stream_is_read_by_its_shape_and_ended_by_its_writer() -> None:
    with registered(TOY):
        reader, writer = StreamReader("toy.play"), StreamWriter("")
    (event,) = reader.feed(b'data: {"toy":"hello"}\n\n')
    assert (event.dialect, event.kind, [delta.text for delta in event.deltas]) == ("toy.play", "delta", ["hello"])
    assert writer.write(event) == event.raw
    end = writer.block(ClientError(403, "content_blocked", "No."))
    assert b'data: {"toy":"","over":"blocked"}\n\n' in end
    assert b'data: {"oops":"No.","kind":"content_blocked"}\n\n' in end
