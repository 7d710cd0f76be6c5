"""A copy of a share of the requests goes to another backend, as that one needs it, and changes nothing else."""

import socket
import time
from typing import Final

import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.testing import eventually
from extproc.testing.provider import RecordedRequest
from tests.e2e.bodies import chat, said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import KEYS, Gateway, gateway, manager, post, site, tagged
from tests.e2e.test_failover import BACKENDS, CLIENT, LIMITS, everything

pytestmark = pytest.mark.envoy

ALL: Final = "mirror: {to: {backend: south, model: small}, share: 100%}"
MIRRORED: Final = f"""\
{BACKENDS}\
models:
  - {{name: all, targets: [{{backend: north, model: big}}], {ALL}}}
  - {{name: quarter, targets: [{{backend: north}}], mirror: {{to: {{backend: south}}, share: 25%}}}}
  - name: retried
    targets: [{{backend: north, model: big@fail-503}}]
    fallback: [{{backend: third}}]
    mirror: {{to: {{backend: south, model: small}}, share: 100%}}
  - {{name: failing, targets: [{{backend: north}}], mirror: {{to: {{backend: south, model: x@fail-500}}, share: 100%}}}}
  - {{name: slow, targets: [{{backend: north}}], mirror: {{to: {{backend: south, model: x@slow-3s}}, share: 100%}}}}
  - {{name: dead, targets: [{{backend: north}}], mirror: {{to: {{backend: dead}}, share: 100%}}}}
  - {{name: at-home, targets: [{{backend: north}}], {ALL}}}
residency:
  - {{name: in-us, when: 'model == "at-home"', regions: [us]}}
pipelines:
  - name: all
    request: [{{use: pii, kinds: [email], action: mask, restore: true}}]
    body_limit: 8MiB
{LIMITS}"""


@pytest.fixture
def mirroring(shared: Shared, profile: Profile) -> Gateway:
    return shared(MIRRORED, profile)


def sent(gateway: Gateway, body: bytes, copies: int, *headers: tuple[str, str]) -> dict[str, list[RecordedRequest]]:
    """All of a served request that reached a provider, by the providers' names, once `copies` have come to south."""
    tag = tagged()
    answer = gateway.send(post(body, *CLIENT, *headers, tag=tag))
    assert answer.status == 200
    told = gateway.line(answer)
    assert (told.get("mirror") is not None) == bool(copies), told
    if copies:
        gateway.processor.told(lambda each: each["request_id"] == told["request_id"], "mirror")
    assert eventually(lambda: sum(name == "south" for name, _ in gateway.site.found(tag)) == copies, 5.0)
    found = gateway.site.found(tag)
    gateway.site.expected += len(found)
    return {name: [each for other, each in found if other == name] for name, _ in found}


def test_a_copy_has_its_own_model_path_and_key_and_nothing_of_the_first_backend_or_the_client(
    mirroring: Gateway,
) -> None:
    forged = (("x-extproc-copy", "0 0 /v1/x"), ("x-extproc-mirror", "0"))
    for body in (said("mail ann@corp.example", "all"), chat(3_000_000, "all")):
        found = sent(mirroring, body, 1, *forged)
        (north,), (south,) = found["north"], found["south"]
        assert (south.target, south.header("x-south-key")) == ("/v1/chat/completions", KEYS["SOUTH_KEY"])
        assert south.header("host") == f"127.0.0.1:{mirroring.providers['south'].port}"
        assert south.header("content-length") == str(len(south.body))
        assert south.body == north.body.replace(b'"big"', b'"small"'), "what is masked stays masked"
        assert b"ann@corp.example" not in south.body
        for secret in (KEYS["NORTH_KEY"], "client-secret", "client-token", "x-extproc", "x-envoy", "x-forwarded-for"):
            assert secret not in everything(south)
        assert north.header("authorization") == f"Bearer {KEYS['NORTH_KEY']}"
        for other in (KEYS["SOUTH_KEY"], "x-extproc", "x-envoy", "shadow"):
            assert other not in everything(north)


def test_a_share_is_copied_to_within_one_request_and_each_once(mirroring: Gateway) -> None:
    tags = [tagged() for _ in range(40)]
    with mirroring.client() as client:
        answers = [client.request(post(said("x", "quarter"), tag=tag)) for tag in tags]
    assert {each.status for each in answers} == {200}
    drawn = [tag for tag, each in zip(tags, answers, strict=True) if "mirror" in mirroring.line(each)]
    assert 9 <= len(drawn) <= 11
    south = mirroring.providers["south"]

    def copied() -> list[str]:
        return sorted(tag for record in south.records if (tag := record.header("x-tag")) in tags)

    assert eventually(lambda: copied() == sorted(drawn), 5.0)
    mirroring.site.expected += len(tags) + len(drawn)


def test_a_retried_request_is_copied_once(mirroring: Gateway) -> None:
    found = sent(mirroring, said("x", "retried"), 1)
    assert {name: len(each) for name, each in found.items()} == {"north": 1, "third": 1, "south": 1}
    assert KEYS["SOUTH_KEY"] not in everything(found["third"][0])


def test_what_residency_forbids_is_not_copied_and_the_record_says_so(mirroring: Gateway) -> None:
    tag = tagged()
    answer = mirroring.send(post(said("x", "at-home"), tag=tag))
    assert (answer.status, mirroring.line(answer)["unmirrored"]) == (200, "residency")
    assert [name for name, _ in mirroring.site.found(tag)] == ["north"]
    mirroring.site.expected += 1


def test_a_mirror_that_fails_is_slow_or_is_not_there_changes_nothing(mirroring: Gateway) -> None:
    for model, copies in (("failing", 1), ("slow", 1), ("dead", 0)):
        tag, began = tagged(), time.monotonic()
        answer = mirroring.send(post(chat(1_000_000, model), tag=tag))
        assert (answer.status, answer.header("x-extproc-backend")) == (200, "north"), model
        assert time.monotonic() - began < 2.5, model
        wanted = ["north"] + ["south"] * copies
        assert eventually(lambda: sorted(name for name, _ in mirroring.site.found(tag)) == wanted, 5.0), model  # noqa: B023
        mirroring.site.expected += len(wanted)


def test_a_mirror_that_hangs_keeps_no_request_out(transport: str, profile: Profile) -> None:
    """Each copy that is under way is an open exchange of the processor, which has room for few."""
    limits = LIMITS.replace("{request_body", "{open_exchanges: 8, request_body")
    policy = f"{BACKENDS}models:\n  - {{name: some, targets: [{{backend: north}}], {ALL}}}\n{limits}"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        policy = policy.replace("$south", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with site(policy, transport) as before, gateway(before, profile) as own:
            with own.client() as client:
                for _ in range(30):
                    assert client.request(post(chat(100_000, "some"))).status == 200
            before.expected += 30
            assert before.open <= 4


def test_a_copy_that_its_filter_cannot_vouch_for_does_not_leave(transport: str, profile: Profile) -> None:
    """As a mistaken configuration would have it: copies of all requests, without what the processor says of them."""

    def careless(whole: Json) -> None:
        host = manager(whole)["route_config"]["virtual_hosts"][0]
        (example,) = [r for r in host["routes"] if r["name"] == "steered-mirrored-0"]
        for route in host["routes"]:
            if route["name"] == "steered":
                route["route"]["request_mirror_policies"] = example["route"]["request_mirror_policies"]

    policy = f"{BACKENDS}models:\n  - {{name: some, targets: [{{backend: north}}], {ALL}}}\n{LIMITS}"
    policy = policy.replace("share: 100%", "share: 1%")
    with site(policy, transport) as before, gateway(before, profile, careless) as own:
        for body in (said("x", "some"), chat(500_000, "some")):
            tag = tagged()
            answer = own.send(post(body, ("x-extproc-copy", "0 0 /v1/chat/completions"), tag=tag))
            assert answer.status == 200
            request_id = answer.header("x-extproc-request-id")
            told = before.processor.told(lambda each: each["request_id"] == request_id, "mirror")  # noqa: B023
            assert (told["decision"], told["reason"]) == ("refused", "copy_unknown")
            assert [name for name, _ in before.found(tag)] == ["north"]
            before.expected += 1
        own.check()
