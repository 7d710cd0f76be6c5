"""Rules of residency, as an operator writes them: what is wrong with them, and what is only odd."""

import pytest

from extproc.policy import PolicyError, drafted, loads
from extproc.policy.residency import RESIDENCY_MAX, RESIDENCY_STEPS_MAX, named_limits
from tests.gathered import gathered

HEAD = """\
version: 1
backends:
  - {name: a, url: "http://127.0.0.1:1/v1", api: openai, region: eu}
  - {name: b, url: "http://127.0.0.1:2/v1", api: openai, region: us}
  - {name: c, url: "http://127.0.0.1:3/v1", api: openai}
default_backend: none
models:
  - name: auto
    rules: [{name: tools, when: tools > 0, to: [{backend: b}]}]
    targets: [{backend: a}, {backend: b}]
residency:
"""
FIRST = 12
"""The line of the first rule."""


def policy(*rules: str, more: str = "") -> str:
    return HEAD + "".join(f"  - {rule}\n" for rule in rules) + more


def test_a_rule_has_the_name_of_its_place_unless_it_has_one_of_its_own() -> None:
    found = loads(policy("{when: stream, regions: [eu]}", "{name: us-data, when: tools > 0, regions: [us, eu]}"))
    assert [name for name, _ in named_limits(found.residency)] == ["residency-1", "us-data"]
    assert [each.regions for each in found.residency] == [("eu",), ("us", "eu")]


FINDINGS = 'findings.exists(f, f.kind == "email")'
WRONG = [
    ("{regions: [eu]}", "when", "when is missing", "add `when:"),
    ("{when: stream}", "regions", "regions is missing", "add `regions: [eu]`"),
    ("{when: stream, regions: []}", "regions", "needs a region", "such as [eu]"),
    ("{when: stream, regions: [eu, ux]}", "regions[1]", "no backend is in the region ux", "known here: eu, us"),
    ("{when: stream, regions: eu}", "regions", "a list belongs here", "after a dash"),
    ("{when: streem, regions: [eu]}", "when", "there is no signal streem", "did you mean stream?"),
    ("{when: 'findings.exists(f, f.where == \"x\")', regions: [eu]}", "when", "where a finding is", "ask for its kind"),
]


@gathered(("rule", "path", "message", "mend"), WRONG)
def test_a_wrong_rule_is_told_with_place_and_mend(rule: str, path: str, message: str, mend: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(policy(rule), "p.yaml")
    found = [each for each in caught.value.problems if each.path == f"residency[0].{path}"]
    assert [each.line for each in found] == [FIRST], caught.value.render()
    assert (message in found[0].message, mend in found[0].mend) == (True, True), found


def test_names_do_not_repeat() -> None:
    with pytest.raises(PolicyError, match="1 problem") as caught:
        loads(policy("{when: stream, regions: [eu]}", "{name: residency-1, when: stream, regions: [eu]}"))
    assert caught.value.problems[0].path == "residency[1].name"


def test_their_number_and_their_time_together_are_bounded() -> None:
    loads(policy(*["{when: stream, regions: [eu]}"] * RESIDENCY_MAX))
    with pytest.raises(PolicyError) as caught:
        loads(policy(*["{when: stream, regions: [eu]}"] * (RESIDENCY_MAX + 1)))
    assert [each.path for each in caught.value.problems] == ["residency"]
    dear = f"{{when: '{' || '.join([FINDINGS] * 5)}', regions: [eu]}}"
    each = loads(policy(dear)).residency[0].when.steps
    most = RESIDENCY_STEPS_MAX // each
    assert 1 < most < RESIDENCY_MAX, "a condition on findings is dear enough to try the bound"
    loads(policy(*[dear] * most))
    with pytest.raises(PolicyError, match="1 problem"):
        loads(policy(*[dear] * (most + 1)))


def notes(text: str) -> list[tuple[str, str]]:
    return [(note.path, note.message) for note in drafted(text).loaded().notes]


def test_what_a_rule_leaves_without_a_backend_is_noted() -> None:
    eu = policy("{name: eu-data, when: stream, regions: [eu]}")
    assert notes(eu) == [
        ("residency[0].regions", "while eu-data applies, no backend of rule tools of auto is in eu: 503 residency")
    ]
    both = policy("{name: eu-data, when: stream, regions: [us]}", "{when: 'tools > 1', regions: [eu]}")
    assert [path for path, message in notes(both) if "no region is left" in message] == ["residency[1].regions"]
    own = policy("{when: stream, regions: [us, eu]}").replace("default_backend: none", "default_backend: route")
    assert ["Envoy's own routes" in message for _, message in notes(own)] == [True]


def test_a_rule_about_findings_that_there_never_are_is_noted() -> None:
    rule = f"{{when: '{FINDINGS}', regions: [us, eu]}}"
    looking = "pipelines: [{name: p, request: [{use: pii, action: report%s}]}]\n"
    said = {
        text: [message for path, message in notes(policy(rule, more=text)) if path == "residency[0].when"]
        for text in ("", looking % "", looking % ", mode: shadow", looking.replace("request", "response") % "")
    }
    inspects, looks, shadows, answers = said.values()
    assert inspects == answers
    assert ["no pipeline inspects requests" in each for each in inspects] == [True]
    assert ["are in shadow" in each for each in shadows] == [True]
    assert looks == []


def test_a_pipeline_that_cannot_be_eager_any_more_is_noted() -> None:
    eager = "pipelines: [{name: p, forward: eager, request: [{use: injection, action: block}]}]\n"
    found = notes(policy(f"{{when: '{FINDINGS}', regions: [us, eu]}}", more=eager))
    assert [path for path, message in found if "wait for all processors" in message] == ["pipelines[0].forward"]
    found = notes(policy("{when: stream, regions: [us, eu]}", more=eager))
    assert [path for path, message in found if "wait for all processors" in message] == []
