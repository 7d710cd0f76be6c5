"""What only one provider can read stays with it on later attempts, and what a later one seals is known for its own."""

import json
from typing import Any

from extproc.protocol.effects import Chunk, Proceed
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers, Side
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body
from extproc.transaction import Plan, Shared
from extproc.transaction.upstream.attempts import NAMESPACE
from tests.sealing import PATHS
from tests.transaction.test_sealing import JSON, PLAN, compiled, tagged, worked

RESPONSES = PATHS["responses"]


def opened(body: dict[str, Any], plan: Plan = PLAN) -> tuple[Playbook, list[str]]:
    """An exchange up to where its request goes, and the backends of its attempts, none if there is one attempt."""
    shared = Shared()
    shared.overridden.add(plan.fingerprint)
    envoy = Playbook(plan, shared, configuration=plan.fingerprint, request=BodyMode.BUFFERED)
    effects = worked(envoy, request_headers(RESPONSES, JSON)) + worked(envoy, request_body(json.dumps(body).encode()))
    told = next(each.metadata for each in effects if isinstance(each, Proceed) and each.metadata is not None)
    attempts = str(told[NAMESPACE].get("attempts", ""))
    return envoy, [each.partition("\t")[0] for each in attempts.splitlines()]


def test_a_request_that_carries_a_provider_s_content_is_tried_again_at_that_provider_s_backends_alone() -> None:
    _, order = opened({"model": "auto", "input": "hi"})
    assert {"north", "south", "south-two"} == set(order)
    _, order = opened({"model": "auto", "previous_response_id": tagged("south", "resp_1"), "input": "hi"})
    assert order == ["south", "south-two"]
    _, order = opened({"model": "auto", "previous_response_id": tagged("north", "resp_1"), "input": "hi"})
    assert order == []


def test_what_nobody_knows_the_maker_of_is_sent_once() -> None:
    passing = compiled("sealed: {unknown: pass}\n")
    _, order = opened({"model": "auto", "previous_response_id": "resp_1", "input": "hi"}, passing)
    assert order == []


def test_what_a_later_attempt_s_backend_seals_is_tagged_as_its_own() -> None:
    envoy, order = opened({"model": "auto", "input": "hi"})
    second = order[1]
    attributes = {
        "response.code_details": "via_upstream",
        "xds.cluster_name": f"{second}:retry",
        "upstream.request_attempt_count": "2",
    }
    fields = HeaderMap([(":status", b"200"), JSON])
    effects = worked(envoy, Headers(Side.RESPONSE, fields, False, attributes))
    effects += worked(envoy, response_body(json.dumps({"id": "resp_9", "object": "response", "output": []}).encode()))
    bodies = [
        each.data if isinstance(each, Chunk) else each.body for each in effects if isinstance(each, Chunk | Proceed)
    ]
    said = json.loads(b"".join(each for each in bodies if each))
    assert said["id"] == tagged("north" if second == "north" else "south", "resp_9")
