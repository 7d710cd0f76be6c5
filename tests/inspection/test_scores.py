"""How sure a finding must be (`min_score`, `min_scores`), and addresses that are left out."""

import json

import pytest

from extproc.inspection.judge import Job
from extproc.inspection.stage import Stage
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Verdict
from extproc.policy import PolicyError, UnusableError, loads
from extproc.protocol.meter import Meter
from extproc.transaction import Plan

POLICY = """\
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local}]}]
pipelines:
  - name: scores
    request: [{use: pii, action: mask, OPTIONS}]
"""


def stage(options: str) -> Stage:
    (pipeline,) = Plan.compile(loads(POLICY.replace("OPTIONS", options), "scores.yaml"), {}).pipelines
    assert pipeline.request is not None
    return pipeline.request


def masked(options: str, text: str) -> str:
    """The text as it goes on."""
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": text}]}).encode()
    verdict = Job("scores", stage(options), body, "application/json", {}, Vault(), blocks_unread=False).run(Meter())
    assert isinstance(verdict, Verdict)
    content = json.loads(verdict.body)["messages"][0]["content"]
    assert isinstance(content, str)
    return content


def test_a_card_in_one_run_of_digits_is_less_sure_than_one_in_groups_or_behind_its_name() -> None:
    options = "kinds: [credit_card], min_score: 0.9"
    assert masked(options, "order 4012888888881881") == "order 4012888888881881"
    assert masked(options, "order 4012 8888 8888 1881") == "order [CREDIT_CARD_1]"
    assert masked(options, "card 4012888888881881") == "card [CREDIT_CARD_1]"
    assert masked("kinds: [credit_card], min_score: 0.8", "order 4012888888881881") == "order [CREDIT_CARD_1]"


def test_a_score_of_one_kind_stands_for_that_kind_alone() -> None:
    options = "kinds: [credit_card, phone], min_score: 0.1, min_scores: {credit_card: 1}"
    assert masked(options, "4012 8888 8888 1881, (415) 555-0132") == "4012 8888 8888 1881, [PHONE_1]"


def test_addresses_that_are_not_public_can_be_left_out() -> None:
    text = "10.0.0.1 192.168.0.0/16 127.0.0.1 192.0.2.7 fe80::1%eth0 2001:db8::1"
    assert masked("kinds: [ip_address], ip_addresses: public", text) == text
    assert masked("kinds: [ip_address], ip_addresses: public", "8.8.8.8 and 2606:4700::1111") == (
        "[IP_ADDRESS_1] and [IP_ADDRESS_2]"
    )
    assert masked("kinds: [ip_address]", "10.0.0.1") == "[IP_ADDRESS_1]"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("kinds: [email], min_score: 1.1", "min_score"),
        ("kinds: [email], min_scores: {phone: 0.5}", "not looked for"),
        ("kinds: [email], min_scores: {mail: 0.5}", "not a kind"),
        ("kinds: [email], min_scores: {finance: 0.5}", "not looked for"),
        ("kinds: [email], ip_addresses: public", "no addresses are looked for"),
    ],
)
def test_scores_and_addresses_of_nothing_are_errors(options: str, said: str) -> None:
    with pytest.raises(PolicyError) as raised:
        loads(POLICY.replace("OPTIONS", options), "scores.yaml")
    assert said in raised.value.render()


def test_a_score_that_no_finding_of_a_kind_reaches_is_an_error() -> None:
    with pytest.raises(UnusableError) as raised:
        stage("kinds: [email, passport, phone], min_score: 0.95, min_scores: {phone: 1}")
    assert [(each.where[-1], each.message) for each in raised.value.parts] == [
        ("phone", "no finding of phone reaches this score"),
        ("min_score", "no finding of passport reaches this score"),
    ]


def test_a_score_that_many_kinds_do_not_reach_is_one_error_with_the_score_that_all_reach() -> None:
    with pytest.raises(UnusableError) as raised:
        stage("min_score: 1")
    (problem,) = raised.value.parts
    assert problem.message == (
        "no finding of phone, ip_address, mac_address, url_credentials, passport and 66 more kinds reaches this score"
    )
    assert "write 0.9 at most" in problem.mend
    stage("min_score: 0.9")


def test_a_score_of_a_group_stands_for_its_kinds_and_that_of_a_kind_goes_before_it() -> None:
    text = "4012888888881881, acct 945456787654, ITIN 911701234"
    assert masked("kinds: [us, credit_card]", text) == "[CREDIT_CARD_1], acct [US_BANK_ACCOUNT_1], ITIN [US_ITIN_1]"
    assert masked("kinds: [us, credit_card], min_scores: {us: 0.9}", text) == (
        "[CREDIT_CARD_1], acct 945456787654, ITIN [US_ITIN_1]"
    )
    options = "kinds: [us, credit_card], min_scores: {finance: 0.9, us_bank_account: 0.5}"
    assert masked(options, text) == "4012888888881881, acct [US_BANK_ACCOUNT_1], ITIN [US_ITIN_1]"


def test_of_the_scores_of_two_groups_of_a_kind_the_highest_counts() -> None:
    for scores in ("{us: 0.5, finance: 0.9}", "{finance: 0.9, us: 0.5}"):
        assert masked(f"kinds: [us], min_scores: {scores}", "acct 945456787654") == "acct 945456787654"


def test_a_score_of_a_group_that_a_kind_of_it_does_not_reach_is_an_error() -> None:
    with pytest.raises(UnusableError) as raised:
        stage("kinds: [contact], min_scores: {contact: 0.9}")
    assert [(each.where[-1], each.message) for each in raised.value.parts] == [
        ("contact", "no finding of postal_address reaches this score")
    ]
