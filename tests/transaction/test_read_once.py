"""A request that inspection changed is not read again, unless the change may have touched what routing goes by."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from extproc.apis import ApiRequestPath, Request, registered
from extproc.apis.request import read_request
from extproc.policy import loads
from extproc.protocol.effects import Effect, Proceed, Reject
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan
from tests.transaction.test_registered_api import MASKING, POLICY, SPOKEN

PATH = "/read"
MAIL = "john.doe@example.com"


class Counted:
    """An API that counts the bodies that it reads. `spans`: it says where the model stands."""

    def __init__(self, *, spans: bool = True) -> None:
        self.bodies: list[bytes] = []
        self._spans = spans

    def __call__(self, body: bytes, claimed: ApiRequestPath) -> Request:
        self.bodies.append(body)
        asked = read_request(body, claimed)
        return asked if self._spans else replace(asked, model_span=None)


@contextmanager
def gateway(counted: Counted) -> Iterator[Playbook]:
    with registered(replace(SPOKEN, paths=(PATH,), read_request=counted)):
        compiled = Plan.compile(loads(POLICY + MASKING, "policy.yaml"), {})
    with Playbook(compiled) as envoy:
        envoy.sends(request_headers(PATH, ("content-type", b"application/json")))
        yield envoy


def sent(counted: Counted, said: dict[str, Any], *, escaped: bool = True) -> Effect:
    with gateway(counted) as envoy:
        [effect] = envoy.sends(request_body(json.dumps(said, ensure_ascii=escaped).encode())).effects
    return effect


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize(
    "said",
    [
        {"model": "chat", "say": f"to {MAIL}"},
        {"say": f"to {MAIL} now", "model": "chat"},
        {"say": f"über {MAIL} 😀", "model": "chat", "then": [f"é {MAIL}", {"inner": json.dumps({"to": MAIL})}]},
    ],
)
def test_a_masked_body_is_read_once_and_its_model_renamed_where_it_stands_now(
    said: dict[str, Any], escaped: bool
) -> None:
    counted = Counted()
    passed = sent(counted, said, escaped=escaped)
    assert isinstance(passed, Proceed)
    assert passed.body is not None
    masked = json.dumps(said, ensure_ascii=escaped).replace(MAIL, "[EMAIL_1]").replace('"chat"', '"small/one"')
    assert passed.body == masked.encode()
    assert len(counted.bodies) == 1


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"say": "hi", "model": MAIL}, id="the model is masked"),
        pytest.param({"model": f"chat {MAIL}"}, id="a part of it is"),
        pytest.param({"model": "chat", MAIL: 1}, id="a name is"),
    ],
)
def test_a_body_is_read_again_if_its_model_or_a_members_name_was_masked(said: dict[str, Any]) -> None:
    counted = Counted()
    sent(counted, said)
    before, after = counted.bodies
    assert MAIL.encode() in before
    assert MAIL.encode() not in after


def test_a_masked_model_is_routed_by_what_stands_there_now() -> None:
    refused = sent(Counted(), {"model": MAIL})
    assert isinstance(refused, Reject)
    assert refused.status == 404


def test_a_body_is_read_again_if_nobody_knows_where_its_model_stands() -> None:
    counted = Counted(spans=False)
    sent(counted, {"model": "chat", "say": f"to {MAIL}"})
    assert len(counted.bodies) == 2


def test_a_body_that_nothing_was_changed_in_is_read_once() -> None:
    counted = Counted()
    assert isinstance(sent(counted, {"model": "chat", "say": "hi"}), Proceed)
    assert len(counted.bodies) == 1
