import pytest

from extproc.testing.provider.orders import KNOWN, MAX_BODY, MAX_COUNT, OrderError, Orders, in_model, parse
from tests.gathered import gathered


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("", Orders()),
        ("slow-500ms", Orders(slow=0.5)),
        ("slow-2s", Orders(slow=2.0)),
        ("slow-3600s", Orders(slow=3600.0)),
        ("gap-1.5ms", Orders(gap=0.0015)),
        ("fail-400", Orders(fail=400)),
        ("fail-599", Orders(fail=599)),
        ("early-200", Orders(early=200)),
        ("early-413-close", Orders(early=413, leave=True)),
        ("cut-0", Orders(cut=0)),
        ("events-200+size-64+gap-10ms", Orders(events=200, size=64, gap=0.01)),
        ("gzip, crlf chunked", Orders(gzip=True, crlf=True, chunked=True)),
        (f"body-{MAX_BODY}", Orders(body=MAX_BODY)),
        (f"split-{MAX_COUNT}", Orders(split=MAX_COUNT)),
    ],
)
def test_orders_are_read(text: str, orders: Orders) -> None:
    assert parse(text) == orders


@gathered(
    "text",
    [
        "slow",
        "slow-5",
        "slow--5s",
        "slow-3601s",
        "fail-399",
        "fail-600",
        "early-199",
        "early-200-stay",
        "cut-x",
        "cut--1",
        "events-0",
        "split-0",
        "gzip-9",
        "gzip+nonsense",
        f"body-{MAX_BODY + 1}",
        f"cut-{MAX_COUNT + 1}",
        "SLOW-5s",
        "slow-\u0665s",
    ],
)
def test_what_is_no_order_is_an_error_that_lists_them(text: str) -> None:
    with pytest.raises(OrderError, match="slow-500ms"):
        parse(text)


def test_every_listed_example_is_an_order() -> None:
    for example in KNOWN.split():
        assert parse(example) != Orders()


def test_every_order_is_listed() -> None:
    listed = {example.partition("-")[0] for example in KNOWN.split()}
    assert listed == set(Orders.__struct_fields__) - {"leave"}, "`leave` is the ending of `early`"


def test_later_orders_stand_on_earlier_ones() -> None:
    assert parse("cut-3", Orders(slow=1.0, cut=9)) == Orders(slow=1.0, cut=3)


@pytest.mark.parametrize(
    ("model", "orders"),
    [
        ("fail-429", Orders(fail=429)),
        ("llama-3.1-8b@slow-20ms+cut-2", Orders(slow=0.02, cut=2)),
        ("gpt-4o", Orders()),
        ("gpt-4o@2024", Orders()),
        ("cut-glass", Orders()),
        ("", Orders()),
    ],
)
def test_a_model_may_hold_orders(model: str, orders: Orders) -> None:
    assert in_model(model) == orders
