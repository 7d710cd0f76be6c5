"""Stages: who owns a find, who is at work, and what one takes."""

from typing import Final

from extproc.inspection.stage import Active, BodyLimits, Stage
from extproc.matching.rule import Rule
from extproc.policy.conditions import Condition
from extproc.protocol.messages import Side
from tests.inspection.answering import processor
from tests.inspection.judging import pipeline

TITAN: Final = Rule(kind="titan", pattern="Titan")
ORION: Final = Rule(kind="orion", pattern="Orion")


def test_a_find_belongs_to_the_processor_whose_rule_it_is_though_the_rule_be_the_same() -> None:
    made = Stage(Side.REQUEST, [processor(0), processor(1), processor(2)], [(2, TITAN), (0, ORION), (1, TITAN)])
    assert made.scanner is not None
    owners = [(span.kind, made.owners[span.rule].name) for span in made.scanner.scan("Titan Orion")]
    assert owners == [("titan", "p1"), ("titan", "p2"), ("orion", "p0")]
    assert made.scanning == (0, 1, 2)


def test_a_reserve_counts_its_own_processors() -> None:
    made = pipeline("""
  - name: p
    request:
      - {use: pii, kinds: [email], action: mask, on_failure: bb}
      - {use: pii, name: other, kinds: [email], action: mask, on_failure: aa}
      - {use: pattern, name: aa, regex: Titan}
      - {use: pattern, name: bb, regex: Orion}
""")
    assert made.request is not None
    reserve = made.request.reserve
    assert reserve is not None
    assert reserve.scanner is not None
    assert [reserve.owners[span.rule].name for span in reserve.scanner.scan("Orion Titan")] == ["bb", "aa"]
    assert [reserve.processors[number].name for number in reserve.scanning] == ["aa", "bb"]


def test_stages_of_the_same_rules_share_a_scanner() -> None:
    first, second = (Stage(side, [processor(0)], [(0, TITAN)]) for side in Side)
    assert first.scanner is second.scanner
    assert Stage(Side.REQUEST, [processor(0)], [(0, ORION)]).scanner is not first.scanner


def test_a_stage_without_rules_has_no_scanner() -> None:
    made = Stage(Side.REQUEST, [processor(0, limits=BodyLimits(bytes=1))], [])
    assert made.scanner is None
    assert [each.name for each in made.sizing] == ["p0"]


def test_work_is_given_up_when_the_first_of_its_processors_would_be() -> None:
    assert Stage(Side.REQUEST, [processor(0, timeout=3.0), processor(1, timeout=0.5)], [(0, TITAN)]).timeout == 0.5


def test_who_is_at_work_is_told_by_conditions_and_those_that_fail_are_named() -> None:
    number = 'headers["x-number"]'
    given = [
        processor(0),
        processor(1, when=Condition("stream")),
        processor(2, when=Condition("!stream")),
        processor(3, when=Condition(f'{number} == "" || int({number}) > 1')),
    ]
    made = Stage(Side.RESPONSE, given, [(each.number, TITAN) for each in given])
    assert made.active({"stream": True, "headers": {}}) == Active((True, True, False, True))
    assert made.active({"stream": False, "headers": {"x-number": "2"}}) == Active((True, False, True, True))
    assert made.active({"stream": False, "headers": {"x-number": "many"}}) == Active(
        (True, False, True, False), (given[3],)
    )


def test_without_conditions_all_are_at_work_and_no_signal_is_asked_for() -> None:
    made = Stage(Side.RESPONSE, [processor(0), processor(1)], [(0, TITAN), (1, ORION)])
    assert made.active({}) is made.active({"model": "x"})
    assert made.active({}).on == (True, True)


def test_a_processor_is_rendered_without_its_key() -> None:
    assert "secret-key" not in repr(processor(0, key=b"secret-key"))
