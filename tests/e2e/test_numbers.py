"""Through the real Envoy: values behind escapes are found, and numbers that are nobody's stay what they are."""

import json
from typing import Final

import pytest

from extproc.gateway.bootstrap import Profile
from tests.e2e.bodies import said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, Version, post

pytestmark = pytest.mark.envoy

BLOCKING: Final = """\
version: 1
backends: [{name: north, url: $north/v1, api: openai}]
models: [{name: chat, targets: [{backend: north}]}]
pipelines:
  - name: p
    request: [{use: pii, kinds: [credit_card, us_ssn, phone], action: block}, {use: secrets, action: block}]
"""
MASKING: Final = """\
version: 1
backends: [{name: north, url: $north/v1, api: openai}]
models: [{name: chat, targets: [{backend: north}]}]
pipelines:
  - name: p
    request: [{use: pii, kinds: [credit_card, uk_nhs, au_tfn], action: mask}]
    response: [{use: pii, kinds: [phone, uk_nhs, au_tfn], action: mask}]
"""
HIDDEN: Final = (
    "log: key\\nghp_m3JYUvLB5LMuUkCiVojADEq4xSyweNGcnFHR",
    "log: key%3Dsk_live_vYTIkpfrQKblUOlJRVzCQ8N8",
    "log: key\x1b[31mAKIAZYMLOPIFQYF7M2NX",
    "log: key\\u000a+14155552671",
    "log: key_536-22-8741",
    "4012\u00a08888\u00a08888\u00a01881",
    "4012 8888 8888 1881 123",
)
PATH: Final = "M30.5898 36.3792 28.6306 37.0061 26.3109 37.0061C21.8282 37.0061 18.0201 33.9825"


@pytest.fixture
def blocking(shared: Shared, profile: Profile) -> Gateway:
    return shared(BLOCKING, profile)


@pytest.fixture
def masking(shared: Shared, profile: Profile) -> Gateway:
    return shared(MASKING, profile)


@pytest.mark.parametrize("text", HIDDEN)
def test_a_value_behind_an_escape_is_refused(blocking: Gateway, version: Version, text: str) -> None:
    refused = blocking.send(post(said(text)), version)
    assert (refused.status, refused.json()["error"]["code"]) == (403, "content_filter")
    assert blocking.site.received == 0


@pytest.mark.parametrize("stream", [False, True])
def test_coordinates_pass_both_ways(masking: Gateway, version: Version, stream: bool) -> None:
    answer, record = masking.ask(said(PATH, stream=stream), version, do="split-3")
    assert PATH in record.body.decode()
    assert b"PHONE" not in answer.body


def test_numbers_of_a_schema_reach_the_provider_as_they_are(masking: Gateway, version: Version) -> None:
    schema = {"enum": [12345677, 876543210, 9434765919], "default": 1743324049, "bytes": 876543210}
    body = {**json.loads(said("hi")), "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}
    _, record = masking.ask(json.dumps(body).encode(), version)
    assert json.loads(record.body)["tools"] == body["tools"]


def test_a_masked_number_stays_a_number(masking: Gateway, version: Version) -> None:
    body = {**json.loads(said("hi")), "metadata": {"card": 4012888888881881, "at": 1743324049}}
    _, record = masking.ask(json.dumps(body).encode(), version)
    assert json.loads(record.body)["metadata"] == {"card": 0, "at": 1743324049}
