import json

import pytest

from extproc.apis import Api, model_card, models_list

NAMES = ["chat", 'o"1', "é"]


def test_openai_models_are_listed_in_the_order_given() -> None:
    listed = json.loads(models_list(NAMES, "openai"))
    assert listed["object"] == "list"
    assert listed["data"] == [{"id": name, "object": "model", "created": 0, "owned_by": "extproc"} for name in NAMES]


def test_anthropic_models_are_listed_as_one_page() -> None:
    listed = json.loads(models_list(NAMES, "anthropic"))
    assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (False, "chat", "é")
    assert listed["data"][0] == {
        "type": "model",
        "id": "chat",
        "display_name": "chat",
        "created_at": "1970-01-01T00:00:00Z",
    }
    assert [card["id"] for card in listed["data"]] == NAMES


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_a_card_is_what_the_list_has(api: Api) -> None:
    listed = json.loads(models_list(NAMES, api, created=86_400))
    assert [json.loads(model_card(name, api, created=86_400)) for name in NAMES] == listed["data"]


def test_the_time_given_is_told_in_each_apis_form() -> None:
    assert json.loads(model_card("chat", "openai", 1_700_000_000))["created"] == 1_700_000_000
    assert json.loads(model_card("chat", "anthropic", 1_700_000_000))["created_at"] == "2023-11-14T22:13:20Z"


def test_no_models_make_an_empty_list() -> None:
    assert json.loads(models_list([], "openai")) == {"object": "list", "data": []}
    assert json.loads(models_list([], "anthropic")) == {
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }
