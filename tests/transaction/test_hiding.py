"""What a client can hide text in, from the table of `tests.hiding`: each is read, or named and refused."""

import json
from functools import cache
from typing import Any

import pytest

from extproc.protocol.effects import Proceed, Reject
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan
from tests.gathered import gathered
from tests.hiding import READ, REFUSED, Place, places
from tests.records import logged
from tests.transaction.test_inspection import plan

PLACES = places()


@cache
def blocking() -> Plan:
    return plan("  - {name: p, request: [{use: pii, kinds: [email, credit_card], action: block}]}\n")


def test_no_place_stands_in_the_table_twice() -> None:
    names = [place.name for place in PLACES]
    assert len(set(names)) == len(names)


@gathered("place", PLACES, ids=lambda place: place.name, parts=3)
def test_what_can_hide_text_is_read_or_named(place: Place) -> None:
    fields = [("content-type", place.kind.encode())] if place.kind else []
    with Playbook(blocking()) as envoy:
        envoy.sends(request_headers(place.path, *fields))
        refused = envoy.sends(request_body(place.body)).gets_one(Reject)
        record = logged(envoy.leaves())
    if place.outcome == REFUSED:
        assert refused.status == 400
    elif place.outcome == READ:
        assert (refused.status, record["blocked_for"]) == (403, "finding")
    else:
        reasons = [each["reason"] for each in record["uninspected"]]
        # What is named is read all the same, as far as it can be, and a finding is told first.
        assert refused.status == 403
        assert place.outcome in reasons


@pytest.mark.parametrize(
    "body",
    [
        {"image": "nginx:latest", "mask": "255.255.255.0", "images": ["nginx:latest", "redis:7"]},
        {"bytes": "12345", "use_base64": "true", "video": "yes", "audio": "on"},
        {"encoding": "utf-8", "content": "abcdefgh"},
        {"encoding": "base64", "type": "file", "name": "main", "content": "not base64!"},
        {"params": {"arguments": {"image": "registry.example/a/b:latest", "content": [1, 2], "text": [1, 2]}}},
        {"structuredContent": {"content": [1, 2], "ids": [3]}},
        None,
    ],
    ids=str,
)
def test_words_and_lists_of_numbers_that_are_no_media_pass(body: Any) -> None:
    with Playbook(blocking()) as envoy:
        envoy.sends(request_headers("/mcp", ("content-type", b"application/json")))
        envoy.sends(request_body(json.dumps(body).encode() if body is not None else b"")).gets_one(Proceed)
        assert not envoy.leaves().uninspected
