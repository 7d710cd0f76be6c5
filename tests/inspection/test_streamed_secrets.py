"""Secrets that the names of their members tell are found alike in streamed and in whole responses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inspection.test_streamed_as_whole import alike, every, masking, nested
from tests.inspection.twins import TWINS

SECRETS = {
    "password": "hunter2xyz9",
    "db_passwd": "%dLoZ4fC6uycOIei",
    "api_key": "Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu",
    "clientSecret": "6da89121079f83b2eb6acccf8219ea982c3d79bccc3e9c6a85856480661f8fde",
    "token": "Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu",
    "datadog_api_key": "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
}
HARMLESS = {
    "password": "required, 8 to 32 characters",
    "password_hint": "hunter2xyz9",
    "next_page_token": "Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu",
    "api_key_id": "Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu",
    "token_count": "12",
    "secret": "${SECRET_OF_MINE_1}",
    "note": "Xqz8PoEXnLwrWnfRVUWJuK5N796lK5mu",
    "api_key": "see the page on keys",
}


@pytest.mark.parametrize("name", ["content", "tool_calls", "function_arguments", "input", "custom_input"])
@pytest.mark.parametrize("member", SECRETS)
def test_a_secret_that_the_name_of_its_member_tells_is_found_alike(member: str, name: str) -> None:
    for depth in range(3):
        said = nested(json.dumps({"user": "ann", member: SECRETS[member], "x": "y"}), depth)
        for step in (1, 7, 1000):
            out, counts, *_ = alike(TWINS[name], masking(), every(said, step))
            assert SECRETS[member] not in out
            assert sum(counts.values()) == 1


@pytest.mark.parametrize("member", HARMLESS)
def test_what_only_looks_like_a_secret_of_a_member_is_none(member: str) -> None:
    for depth in range(3):
        said = nested(json.dumps({member: HARMLESS[member], "x": "y"}), depth)
        assert alike(TWINS["tool_calls"], masking(), every(said, 5)) == (said, {}, set(), None)


@given(st.sampled_from(sorted(SECRETS)), st.text("aA0 \"'x9%é:", max_size=8), st.sampled_from([0, 250, 310, 400]))
def test_a_value_under_the_name_of_a_secret_is_judged_alike(member: str, text: str, more: int) -> None:
    value = (text + SECRETS[member] + "a1B2c3D4e5" * (more // 10))[: more or 64]
    alike(TWINS["tool_calls"], masking(), every(json.dumps({member: value}), 7))
