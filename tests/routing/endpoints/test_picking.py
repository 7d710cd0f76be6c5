"""The pick among endpoints: by what they report, what was sent there, and within what Envoy allows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from extproc.policy.endpoints import ENDPOINTS_MAX, EndpointMetrics, EndpointPool, EndpointScorer, Shedding
from extproc.routing.endpoints import EndpointBook, MetricsSample, NoEndpointError, Wish, pick
from extproc.routing.endpoints.book import FAILED_FOR, FORGOTTEN_AFTER
from extproc.routing.endpoints.picking import begun, ended
from extproc.routing.endpoints.prefixes import affinity_of, blocks_of
from extproc.routing.endpoints.scoring import SPREAD_LEAST

A, B, C = "10.0.0.1:8000", "10.0.0.2:8000", "[fd00::3]:8000"
NOW = 1000.0


def pool(*uses: str, **more: Any) -> EndpointPool:
    scorers = tuple(EndpointScorer(use=use, weight=1) for use in uses)  # type: ignore[arg-type]
    return EndpointPool(name="p", scorers=scorers or (EndpointScorer(use="queue"),), **{"endpoints": (A, B, C), **more})


def book(of: EndpointPool, **waiting: float) -> EndpointBook:
    """A book whose endpoints a, b, c report so many waiting requests."""
    found = EndpointBook()
    found.configure(of, NOW)
    for name, value in waiting.items():
        found.sampled({"a": A, "b": B, "c": C}[name], MetricsSample(value, 0, 0.5, NOW))
    return found


def test_fewer_waiting_requests_come_first_and_so_many_as_the_policy_says_are_named() -> None:
    of = pool("queue", picks=2)
    found = pick(of, book(of, a=30, b=10, c=20), Wish(), NOW)
    assert (found.endpoints, found.value) == ((B, C), f"{B},{C}")


def test_metrics_that_are_old_do_not_count_and_their_endpoint_comes_last() -> None:
    of = pool("queue", metrics=EndpointMetrics.model_validate({"stale_after": "5s"}))
    filled = book(of, a=3, b=10, c=20)
    filled.sampled(A, MetricsSample(0, 0, 0.0, NOW - 5.01))
    assert pick(of, filled, Wish(), NOW).endpoints == (B, C, A)
    filled.sampled(A, MetricsSample(0, 0, 0.0, NOW - 5.0))
    assert pick(of, filled, Wish(), NOW).endpoints[0] == A


def test_where_nobody_reports_anything_the_draw_decides() -> None:
    of = pool("queue", "kv_cache", "least_busy")
    firsts = {pick(of, book(of), Wish(draw=number / 32), NOW).endpoints[0] for number in range(32)}
    assert firsts == {A, B, C}


def test_what_was_sent_since_the_last_reading_counts_until_it_is_over() -> None:
    of = pool("least_busy", picks=1)
    filled = book(of, a=0, b=2, c=2)
    firsts = [pick(of, filled, Wish(), NOW).endpoints[0] for _ in range(7)]
    assert (firsts[:2], sorted(firsts[2:5])) == ([A, A], sorted((A, B, C)))
    for _ in range(2):
        ended(filled, B, NOW)
    filled.sampled(A, MetricsSample(9, 0, 0.5, NOW))
    assert pick(of, filled, Wish(), NOW).endpoints == (B,)


def test_without_metrics_open_requests_count() -> None:
    of = pool("least_busy", metrics=None, picks=1)
    filled = book(of)
    assert {pick(of, filled, Wish(), NOW).endpoints[0] for _ in range(3)} == {A, B, C}
    ended(filled, B, NOW)
    assert pick(of, filled, Wish(), NOW).endpoints == (B,)


def test_a_free_cache_is_better_than_a_full_one() -> None:
    of = pool("kv_cache")
    filled = book(of)
    for endpoint, used in ((A, 0.9), (B, 0.2), (C, None)):
        filled.sampled(endpoint, MetricsSample(0, 0, used, NOW))
    assert pick(of, filled, Wish(), NOW).endpoints == (B, A, C)


def test_a_prompt_goes_where_more_of_it_was_sent_before() -> None:
    of = pool("prefix")
    filled, prompt = book(of), b"x" * 1024
    begun(filled, B, blocks_of(prompt[:512], "m"), NOW)
    begun(filled, C, blocks_of(prompt, "m"), NOW)
    assert pick(of, filled, Wish(blocks=blocks_of(prompt, "m")), NOW).endpoints == (C, B, A)
    assert filled.prefixes.matched(blocks_of(prompt, "other model"), (A, B, C)) == {}


def test_workers_that_know_nothing_of_each_other_send_a_prompt_to_the_same_endpoint() -> None:
    of = pool("prefix")
    for number in range(20):
        key = affinity_of(b"prompt %d" % number)
        firsts = {pick(of, book(of), Wish(affinity=key, draw=draw), NOW).endpoints for draw in (0.0, 0.4, 0.9)}
        assert len(firsts) == 1


def test_a_difference_of_few_requests_weighs_less_than_a_prompt_that_is_there() -> None:
    of = pool("prefix", "queue")
    filled, blocks = book(of, a=SPREAD_LEAST - 1, b=0, c=0), blocks_of(b"x" * 600, "m")
    begun(filled, A, blocks, NOW)
    assert pick(of, filled, Wish(blocks=blocks), NOW).endpoints[0] == A
    filled.sampled(A, MetricsSample(SPREAD_LEAST + 0.1, 0, 0.5, NOW))
    filled.sampled(B, MetricsSample(0, 0, 0.5, NOW))
    heavy = EndpointPool(
        name="p", endpoints=(A, B, C), scorers=(EndpointScorer(use="prefix"), EndpointScorer(use="queue", weight=2))
    )
    assert pick(heavy, filled, Wish(blocks=blocks), NOW).endpoints[0] != A


# -- who may be picked


def refused(of: EndpointPool, filled: EndpointBook, wish: Wish, now: float = NOW) -> tuple[int, str]:
    with pytest.raises(NoEndpointError) as caught:
        pick(of, filled, wish, now)
    assert caught.value.retry_after
    return caught.value.status, caught.value.code


def test_a_hint_that_names_nobody_known_leaves_nobody() -> None:
    of = pool()
    for hint in ((), ("10.9.9.9:1",)):
        assert refused(of, book(of), Wish(hint=hint)) == (503, "no_endpoint")


def test_a_hint_alone_names_the_endpoints_of_a_pool_without_a_list() -> None:
    of = pool(endpoints=())
    filled = book(of)
    assert refused(of, filled, Wish()) == (503, "no_endpoint")
    assert set(pick(of, filled, Wish(hint=(A, B)), NOW).endpoints) == {A, B}
    assert {each.address for each in filled.current(NOW + FORGOTTEN_AFTER)} == {A, B}
    assert not list(filled.current(NOW + FORGOTTEN_AFTER + 0.1))


def test_endpoints_that_failed_are_left_alone_for_a_while() -> None:
    of = pool()
    filled = book(of, a=0, b=5, c=9)
    filled.failed(A, NOW)
    assert pick(of, filled, Wish(), NOW).endpoints == (B, C)
    for endpoint in (B, C):
        filled.failed(endpoint, NOW)
    assert refused(of, filled, Wish()) == (503, "no_endpoint")
    for endpoint, value in ((A, 0), (B, 5), (C, 9)):
        filled.sampled(endpoint, MetricsSample(value, 0, 0.5, NOW + FAILED_FOR))
    assert pick(of, filled, Wish(), NOW + FAILED_FOR).endpoints == (A, B, C)


def test_errors_in_a_row_take_an_endpoint_out_and_one_success_begins_anew() -> None:
    of = pool()
    filled = book(of)
    for _ in range(2):
        filled.stumbled(A, NOW, 3)
        filled.stumbled(A, NOW, 3)
        filled.served(A)
    assert A in pick(of, filled, Wish(), NOW).endpoints
    for _ in range(3):
        filled.stumbled(A, NOW, 3)
    assert A not in pick(of, filled, Wish(), NOW).endpoints


@pytest.mark.parametrize(
    ("waiting", "used", "shed"), [(4, 0.89, False), (5, 0.0, True), (0, 0.9, True), (4, None, False)]
)
def test_only_where_all_endpoints_are_saturated_a_request_makes_room(waiting: float, used: float, shed: bool) -> None:
    of = pool(shed=Shedding.model_validate({"kv_cache": "90%"}), endpoints=(A, B))
    filled = EndpointBook()
    filled.configure(of, NOW)
    for endpoint in (A, B):
        filled.sampled(endpoint, MetricsSample(waiting, 0, used, NOW))
    assert pick(of, filled, Wish(), NOW).endpoints
    if shed:
        assert refused(of, filled, Wish(sheddable=True)) == (429, "shed")
        filled.sampled(B, MetricsSample(0, 0, 0.1, NOW))
    assert pick(of, filled, Wish(sheddable=True), NOW).endpoints


ENDPOINTS = [f"10.0.0.{number}:80" for number in range(12)]
REPORTED = some.tuples(some.sampled_from(ENDPOINTS), some.floats(0, 50), some.floats(0, 1), some.floats(900, 1000))


@given(
    some.lists(some.sampled_from(ENDPOINTS), unique=True),
    some.none() | some.lists(some.sampled_from([*ENDPOINTS, "10.9.9.9:1"]), unique=True),
    some.lists(REPORTED),
    some.lists(some.sampled_from(ENDPOINTS)),
    some.binary(max_size=2000),
    some.booleans(),
    some.floats(0, 0.999),
)
def test_nobody_outside_of_the_hint_and_the_list_is_ever_picked(
    listed: list[str],
    hint: list[str] | None,
    reported: list[tuple[str, float, float, float]],
    failing: list[str],
    prompt: bytes,
    sheddable: bool,
    draw: float,
) -> None:
    of = pool("least_busy", "queue", "kv_cache", "prefix", endpoints=tuple(listed), picks=16)
    filled = EndpointBook()
    filled.configure(of, NOW)
    for endpoint, waiting, used, at in reported:
        begun(filled, endpoint, blocks_of(prompt, "m"), NOW)
        filled.sampled(endpoint, MetricsSample(waiting, 1, used, at))
    for endpoint in failing:
        filled.failed(endpoint, NOW)
    allowed = set(listed) if hint is None else set(hint) & set(listed) if listed else set(hint)
    allowed = {each for each in allowed if not filled.down(each, NOW)}
    wish = Wish(hint, blocks_of(prompt, "m"), affinity_of(prompt), sheddable, draw)
    found, refusal = picked(of, filled, wish)
    assert len(found) == len(set(found))
    assert set(found) == (set() if refusal == 429 else allowed)
    assert refusal in ({None, 429} if allowed and sheddable else {None} if allowed else {503})


def picked(of: EndpointPool, filled: EndpointBook, wish: Wish) -> tuple[tuple[str, ...], int | None]:
    """The endpoints, or the status of the refusal."""
    try:
        return pick(of, filled, wish, NOW).endpoints, None
    except NoEndpointError as error:
        return (), error.status


# -- bounds


def test_endpoints_that_hints_name_are_bounded_and_the_oldest_go_first() -> None:
    of = pool(endpoints=())
    filled = book(of)
    for number in range(ENDPOINTS_MAX + 50):
        pick(of, filled, Wish(hint=(f"10.1.{number // 250}.{number % 250}:80",)), NOW + number)
        assert len(filled) <= ENDPOINTS_MAX
    assert len(list(filled.current(NOW + ENDPOINTS_MAX))) > 0


def test_a_list_is_cut_at_the_limit() -> None:
    filled = EndpointBook()
    filled.relist((f"10.1.{number // 250}.{number % 250}:80" for number in range(ENDPOINTS_MAX + 10)), NOW)
    assert filled.listed is not None
    assert len(filled.listed) == ENDPOINTS_MAX
