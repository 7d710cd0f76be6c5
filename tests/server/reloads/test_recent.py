from typing import Final

from extproc.policy import loads
from extproc.server.reloads.recent import PLANS_KEPT, RecentPlans
from extproc.transaction import Plan

POLICY: Final = """\
version: 1
backends: [{name: a, url: "http://127.0.0.1:1/v1", api: openai}, {name: b, url: "http://127.0.0.1:2/v1", api: openai}]
models: [{name: chat, targets: [{backend: a}], fallback: [{backend: b}]}]
limits: {exchange_timeout: 10m}
pipelines: [{name: p, request: [{use: pii, kinds: [email], action: mask}]}]
"""


def plan(generation: str, text: str = POLICY) -> Plan:
    return Plan.compile(loads(text), {}, generation=generation)


def test_a_plan_is_known_before_it_is_in_force_and_for_as_long_as_its_exchanges_last() -> None:
    plans, one, two = RecentPlans(), plan("1"), plan("2")
    plans.offered = two
    assert plans.find(two.version) is two
    assert plans.find(one.version) is None
    plans.retire(one, 100.0)
    found = plans.find(one.version)
    assert found is not None
    assert (found.digest, found.pipelines) == (one.digest, ())
    assert found.table is one.table
    assert one.pipelines, "the plan itself is what exchanges go on with"
    plans.retire(two, 699.0)
    assert plans.find(one.version) is not None
    plans.retire(plan("3"), 700.0)
    assert plans.find(one.version) is None


def test_plans_that_are_kept_are_bounded() -> None:
    plans, one = RecentPlans(), plan("first")
    plans.retire(one, 0.0)
    for number in range(PLANS_KEPT - 1):
        plans.retire(plan(str(number)), 0.0)
    assert (len(plans), plans.find(one.version) is None) == (PLANS_KEPT, False)
    plans.retire(plan("last"), 0.0)
    assert (len(plans), plans.find(one.version) is None) == (PLANS_KEPT, True)


def test_a_plan_without_later_attempts_and_copies_is_not_kept() -> None:
    plans, one = RecentPlans(), plan("1", POLICY.replace(", fallback: [{backend: b}]", ""))
    plans.retire(one, 0.0)
    assert len(plans) == 0


def test_plans_of_the_same_policy_and_other_secrets_have_one_digest_and_two_versions() -> None:
    assert plan("1").digest == plan("2").digest
    assert plan("1").version != plan("2").version
