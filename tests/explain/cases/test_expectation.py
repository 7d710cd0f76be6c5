"""Each key of `expect`: with what is so, and with what is not."""

import time
from typing import Any, Final
from xml.etree import ElementTree as ET

import msgspec

from extproc.explain.cases.case_file import Case, read_cases
from extproc.explain.cases.expectation import Expectation, differences
from extproc.explain.cases.verdicts import CaseVerdict, junit, lines_of, verdict
from extproc.explain.explanation import Explanation, explain
from extproc.explain.lines import SampleRequest, read_line
from extproc.policy import loads
from extproc.transaction import Plan, Shared
from tests.gathered import gathered

POLICY: Final = """\
version: 1
backends:
  - name: us
    url: https://us.example.com/v1
    api: openai
    models: [{name: m, input_usd_per_mtok: 1, output_usd_per_mtok: 1}]
  - {name: eu, url: https://eu.example.com/v1, api: openai, region: eu}
models: [{name: chat, targets: [{backend: us, model: m}], fallback: [{backend: eu, model: n}]}]
residency: [{name: in-eu, when: 'stream', regions: [eu]}]
pipelines: [{name: p, request: [{use: pii, kinds: [email], action: mask}, {use: secrets, action: block}]}]
"""
PLAN: Final = Plan.compile(loads(POLICY), {})
MASKED: Final = b'{"model": "chat", "messages": [{"role": "user", "content": "caf\\u00e9 jo@example.org"}]}'
REFUSED: Final = b'{"model": "other", "messages": []}'


def explained(request: SampleRequest) -> Explanation:
    return explain(PLAN, Shared(detailed=True), request)


@gathered(
    ("body", "wanted", "fits"),
    [
        (MASKED, {"action": "mask", "status": 200, "pipeline": "p", "rule": None, "backend": "us", "model": "m"}, True),
        (MASKED, {"action": "allow"}, False),
        (MASKED, {"backend": ["eu", "us"]}, True),
        (MASKED, {"backend": ["eu"]}, False),
        (MASKED, {"backend": None}, False),
        (REFUSED, {"backend": None, "status": 404, "action": "reject"}, True),
        (MASKED, {"plan": ["us", "eu/n"]}, True),
        (MASKED, {"plan": ["us"]}, False),
        (MASKED, {"findings": [{"kind": "email", "count": 1, "processor": "pii", "side": "request"}]}, True),
        (MASKED, {"findings": [{"kind": "email", "count": 2}]}, False),
        (MASKED, {"findings": [{"kind": "iban"}]}, False),
        (MASKED, {"findings": [{"kind": "iban", "count": 0}, {"action": "mask"}]}, True),
        (MASKED, {"findings": []}, False),
        (REFUSED, {"findings": [], "failed": [], "residency": []}, True),
        (MASKED, {"body_contains": ["[EMAIL_1]", "caf\u00e9"], "body_lacks": "jo@example.org"}, True),
        (MASKED, {"body_contains": "jo@example.org"}, False),
        (MASKED, {"body_lacks": ["nothing", "EMAIL"]}, False),
        (REFUSED, {"body_contains": "model_not_found"}, True),
        (MASKED, {"body": {"model": "m", "messages": [{"role": "user", "content": "caf\u00e9 [EMAIL_1]"}]}}, True),
        (MASKED, {"body": {}}, False),
        (MASKED, {"residency": ["in-eu"]}, False),
        (MASKED, {"cost_usd": None}, False),
        (MASKED, {"why_contains": "pipeline p"}, True),
        (MASKED, {"why_contains": "nobody says so"}, False),
        (MASKED, {"signals": {"stream": True}}, False),
        (MASKED, {"signals": {"stream": False}}, True),
        (MASKED, {"usage": {"input_tokens": 3}}, False),
    ],
)
def test_what_is_expected_is_compared(body: bytes, wanted: dict[str, Any], fits: bool) -> None:
    found = differences(msgspec.convert(wanted, Expectation), explained(read_line(body)))
    assert (found == []) == fits, found


def cases() -> list[Case]:
    text = (
        "- {name: fine, request: {model: chat, messages: []}, expect: {backend: us}}\n"
        '- {name: "a <b> & \\u0007", request: {model: chat, messages: []}, expect: {backend: eu, action: mask}}\n'
        '- {name: impossible, request: {path: /v1/x, method: GET, body: "x"}, expect: {action: allow}}\n'
    )
    return read_cases(text.encode(), "cases.yaml")


def test_results_are_lines_for_people_and_xml_for_build_servers() -> None:
    def played(case: Case) -> CaseVerdict:
        if case.name == "impossible":
            return verdict(case, _refused, time.perf_counter)
        return verdict(case, explained, time.perf_counter)

    verdicts = [played(each) for each in cases()]
    assert [each.passed for each in verdicts] == [True, False, False]
    lines = lines_of(verdicts[1])
    assert lines[:3] == ["  action:", '    - expected "mask"', '    + found    "allow"']
    assert any(line.startswith("  why: ") for line in lines)
    (suite,) = ET.fromstring(junit(verdicts, "cases.yaml", "0123"))
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    found = suite.findall("testcase")
    assert [each.get("line") for each in found] == ["1", "2", "3"]
    assert [[child.tag for child in each] for each in found] == [[], ["failure"], ["error"]]


def _refused(_: SampleRequest) -> Explanation:
    raise ValueError("not so")
