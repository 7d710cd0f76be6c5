"""The registry, and the signals of one exchange: read when asked for, once, and never raising."""

from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from extproc.apis.demand import TOOL_TOKENS, TOOLS_TOKENS
from extproc.policy import Condition
from extproc.policy.signals import BUILT_IN, MEASURED, OF_BACKENDS, SCALARS, SignalError
from extproc.protocol.headers import HeaderMap
from extproc.signals.registry import REGISTRY, SignalRegistry, Signals
from extproc.signals.signal import Signal
from extproc.signals.view import Circumstances, RequestView

BODY = b'{"model":"big","tools":[{},{}]}'
FIELDS = HeaderMap([("x-team", b"red")])
CIRCUMSTANCES = Circumstances("acme", {"region": "eu"}, 1_767_654_000.0, ZoneInfo("Europe/Berlin"))
"""On Tuesday, 6 January 2026, 00:00 in Berlin; it is Monday in UTC."""


def view(body: bytes | None = None) -> RequestView:
    return RequestView(FIELDS, "/x", "llm", None, body, "application/json", CIRCUMSTANCES)


def counting(cost: str) -> tuple[Signal, list[RequestView]]:
    asked: list[RequestView] = []

    def compute(of: RequestView) -> int:
        asked.append(of)
        return len(asked)

    return Signal(name="counted", type="int", trial=1, description="a count", cost=cost, compute=compute), asked  # type: ignore[arg-type]


def test_every_built_in_signal_is_declared_and_computed() -> None:
    assert REGISTRY.vocabulary.names == BUILT_IN.names
    assert all(name in REGISTRY for name in BUILT_IN.names)


def test_the_values_of_a_request_have_the_types_that_were_declared_and_tried() -> None:
    signals = Signals(REGISTRY, view(BODY), whole=True)
    for declared in BUILT_IN:
        value = signals.read([declared.name])[declared.name]
        if declared.name in {"intent", *OF_BACKENDS}:
            continue  # it is of the classes or the backends of a policy, and there is none
        by_name = declared.type in {"named", "attributes"}
        assert type(value) is (dict if by_name else type(declared.trial)), declared.name
        assert SCALARS.get(declared.type, type(value)) is type(value)
    assert signals.told == {
        "model": "big",
        "path": "/x",
        "route_name": "llm",
        "headers": {"x-team": "red"},
        "findings": [],
        "stream": False,
        "tools": 2,
        "images": 0,
        "mcp": {"method": "", "tool": ""},
        "mcp_method": "",
        "mcp_tool": "",
        "audio": False,
        "json_schema": False,
        "input_tokens": 2 * TOOL_TOKENS + TOOLS_TOKENS,
        "max_output_tokens": 0,
        "turns": 0,
        "tenant": "acme",
        "key": "",
        "tenant_attributes": {"region": "eu"},
        "time": {"hour": 0, "minute": 0, "weekday": 2},
        "intent": None,
        "difficulty": 0.0,
        "language": "unknown",
        "backend_state": None,
        "fits": None,
        "spent": None,
    }


def test_a_body_that_is_no_json_leaves_all_that_it_may_ask_for_undetermined() -> None:
    asked = sorted(MEASURED)
    assert Signals(REGISTRY, view(b'{"max_tokens":'), whole=True).read(asked) == dict.fromkeys(asked)
    odd = Signals(REGISTRY, view(b'{"max_tokens":1e999,"messages":[{"role":"user"}]}'), whole=True)
    assert odd.read(["max_output_tokens", "turns"]) == {"max_output_tokens": None, "turns": 1}


@pytest.mark.parametrize("measures", [True, False])
def test_a_demand_and_an_outline_say_the_same_in_either_order(measures: bool) -> None:
    read = []
    for names in (["tools", "turns", "images"], ["turns", "tools", "images"]):
        seen = view(b'{"tools":[{}],"messages":[{"role":"user","content":[{"type":"image_url"}]}]}')
        seen.circumstances = replace(CIRCUMSTANCES, measures=measures)
        read.append(Signals(REGISTRY, seen, whole=True).read(names))
    assert read[0] == read[1] == {"tools": 1, "turns": 1, "images": 1}


def test_without_a_clock_nobody_knows_the_time() -> None:
    assert Signals(REGISTRY, RequestView(FIELDS, "/x"), whole=True).read(["time"]) == {"time": None}


@pytest.mark.parametrize("cost", ["headers", "body"])
def test_a_signal_is_computed_once_and_only_if_it_is_read(cost: str) -> None:
    signal, asked = counting(cost)
    signals = Signals(SignalRegistry().adding(signal), view(BODY), whole=True)
    signals.read(["tools"])
    assert asked == []
    assert [signals.read(["counted"]) for _ in range(3)] == [{"counted": 1}] * 3
    assert len(asked) == 1


def test_one_of_the_body_is_not_computed_before_the_body_is_there_and_one_of_the_headers_not_again() -> None:
    for cost, first in (("headers", 1), ("body", None)):
        signal, asked = counting(cost)
        before = Signals(SignalRegistry().adding(signal), view(), whole=False)
        assert before.read(["counted"]) == {"counted": first}
        assert before.whole(view(BODY)).read(["counted"]) == {"counted": 1}
        assert len(asked) == 1


def test_what_was_read_is_kept_when_the_body_is_forgotten_and_the_rest_cannot_be_told() -> None:
    signals = Signals(REGISTRY, view(BODY), whole=True)
    signals.read(["tools"])
    signals.forget_body()
    assert signals.read(["tools", "model"]) == {"tools": 2, "model": None}


def test_before_the_body_is_there_nothing_is_forgotten() -> None:
    signals = Signals(REGISTRY, view(), whole=False)
    signals.forget_body()
    assert signals.read(["path", "tools"]) == {"path": "/x", "tools": None}


def raising(_: RequestView) -> int:
    raise RuntimeError("planted")


@pytest.mark.parametrize("compute", [raising, lambda _: "7", lambda _: True, lambda _: None, lambda _: 7.0])
def test_one_that_raises_or_gives_another_type_cannot_be_told(compute: object) -> None:
    signal = Signal(name="risk", type="int", trial=7, description="a risk", compute=compute)  # type: ignore[arg-type]
    assert Signals(SignalRegistry().adding(signal), view(), whole=True).read(["risk"]) == {"risk": None}


def test_a_registry_has_one_signal_of_a_name() -> None:
    signal = Signal(name="tools", type="int", trial=7, description="a risk", compute=raising)
    with pytest.raises(SignalError, match="two signals"):
        SignalRegistry().adding(signal)


def test_a_signal_says_nothing_of_the_request_when_it_is_shown() -> None:
    signals = Signals(REGISTRY, view(b'{"model":"PLANTED"}'), whole=True)
    signals.read(BUILT_IN.names)
    assert "PLANTED" not in repr(signals) + repr(view(b"PLANTED"))


@pytest.mark.parametrize("first", ["a", "b"])
def test_a_condition_sees_all_values_of_a_repeated_field(first: str) -> None:
    """Whoever repeats a field cannot hide one value behind another."""
    second = "ab".replace(first, "")
    fields = HeaderMap([("x-team", first.encode()), ("x-team", second.encode())])
    told = Signals(REGISTRY, RequestView(fields, "/x"), whole=True).read(["headers"])
    assert told["headers"] == {"x-team": f"{first},{second}"}
    assert not Condition('headers["x-team"] == "a"').holds(told)
    assert Condition('headers["x-team"].contains("b")').holds(told)
