"""Trials of contributions: a function that would fail in an exchange fails when it is registered."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from extproc.apis.registry import BUILT_IN
from extproc.ext import OPENAI, Api, ApiEvents, ContributionError, registered
from extproc.ext.trial import OF_OTHERS, try_api
from tests.seams.acme.play import PLAY, PlayWriter, known, read


def raises(*_: Any) -> Any:
    raise KeyError("planted-marker")


def giving(value: object) -> Callable[..., Any]:
    return lambda *_: value


class NoWriter(PlayWriter):
    def blocked(self, _: object) -> Any:
        return "over"


@pytest.mark.parametrize("api", BUILT_IN, ids=lambda api: api.name)
def test_no_trial_is_too_hard_for_the_apis_of_the_program(api: Api) -> None:
    try_api(replace(api, events=None if api.events is None else replace(api.events, known=giving(False))))


@pytest.mark.parametrize("event", OF_OTHERS[1:], ids=lambda event: next(iter(event)))
def test_each_event_of_the_trial_is_known_by_one_api_of_the_program(event: dict[str, object]) -> None:
    assert len([api for api in BUILT_IN if api.events is not None and api.events.known(event)]) == 1


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (replace(PLAY, usage=raises), "a function of Api raises KeyError on trial"),
        (replace(PLAY, usage=giving(3)), "`usage` gives a value of type int"),
        (replace(PLAY, role_of=raises), "a function of Api raises KeyError on trial"),
        (replace(PLAY, role_of=giving("users")), "`role_of` gives no role"),
        (replace(PLAY, read_request=raises), "a function of Api raises KeyError on trial"),
        (replace(PLAY, read_request=giving(None)), "`read_request` gives a value of type NoneType"),
        (replace(PLAY, scribe=raises), "a function of Api raises KeyError on trial"),
        (replace(PLAY, scribe=NoWriter), "`blocked` gives a value of type str"),
        (replace(PLAY, own_error_event=giving("error")), "`error_event` gives a value of type str"),
        (replace(PLAY, family=replace(OPENAI, name="own", error=giving({}))), "`error` gives a value of type dict"),
        (replace(PLAY, family=replace(OPENAI, name="own", model_list=raises)), "raises KeyError on trial"),
        (replace(PLAY, events=ApiEvents(giving(True), read)), "`known` takes events of other APIs for its own"),
        (replace(PLAY, events=ApiEvents(lambda value: "choices" in value, read)), "`known` takes events of other APIs"),
        (replace(PLAY, events=ApiEvents(lambda value: value["play"] is not None, read)), "raises KeyError on trial"),
        (replace(PLAY, events=ApiEvents(giving(None), read)), "`known` gives a value of type NoneType"),
    ],
)
def test_an_api_that_would_fail_in_an_exchange_is_not_registered(broken: Api, message: str) -> None:
    with pytest.raises(ContributionError) as caught, registered(broken):
        pass
    assert message in str(caught.value)
    assert "planted-marker" not in str(caught.value)


def test_an_api_without_events_or_paths_is_registered() -> None:
    with registered(Api(name="acme.bare"), replace(PLAY, name="acme.other", paths=(), events=ApiEvents(known, read))):
        pass
