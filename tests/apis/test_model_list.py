import json

import pytest

from extproc.apis.families import ANTHROPIC, OPENAI, ApiFamily

NAMES = ["chat", 'o"1', "é"]


def test_openai_models_are_listed_in_the_order_given() -> None:
    listed = json.loads(OPENAI.model_list(NAMES, 0))
    assert listed["object"] == "list"
    assert listed["data"] == [{"id": name, "object": "model", "created": 0, "owned_by": "extproc"} for name in NAMES]


def test_anthropic_models_are_listed_as_one_page() -> None:
    listed = json.loads(ANTHROPIC.model_list(NAMES, 0))
    assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (False, "chat", "é")
    assert listed["data"][0] == {
        "type": "model",
        "id": "chat",
        "display_name": "chat",
        "created_at": "1970-01-01T00:00:00Z",
    }
    assert [card["id"] for card in listed["data"]] == NAMES


@pytest.mark.parametrize("family", [OPENAI, ANTHROPIC], ids=lambda family: family.name)
def test_a_card_is_what_the_list_has(family: ApiFamily) -> None:
    listed = json.loads(family.model_list(NAMES, 86_400))
    assert [json.loads(family.model_card(name, 86_400)) for name in NAMES] == listed["data"]


def test_the_time_given_is_told_in_each_apis_form() -> None:
    assert json.loads(OPENAI.model_card("chat", 1_700_000_000))["created"] == 1_700_000_000
    assert json.loads(ANTHROPIC.model_card("chat", 1_700_000_000))["created_at"] == "2023-11-14T22:13:20Z"


def test_no_models_make_an_empty_list() -> None:
    assert json.loads(OPENAI.model_list([], 0)) == {"object": "list", "data": []}
    assert json.loads(ANTHROPIC.model_list([], 0)) == {
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }
