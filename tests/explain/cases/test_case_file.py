from typing import Final

import pytest

from extproc.explain.cases.case_file import CaseFileError, read_cases
from tests.gathered import gathered

GOOD: Final = "- {name: a, request: {model: chat, messages: []}, expect: {action: allow}}\n"


def test_a_case_s_request_is_a_line_of_explain_or_a_bare_body() -> None:
    bare, line = read_cases(
        (
            GOOD + "- request: {path: /v1/embeddings, headers: {x: y}, body: {model: e}}\n"
            "  response: {status: 200, body: {}}\n  time: 2026-11-30T09:00:00Z\n  expect: {status: 200}\n"
        ).encode(),
        "cases.yaml",
    )
    assert (bare.name, bare.line, bare.request.path) == ("a", 1, "/v1/chat/completions")
    assert (line.name, line.line, line.request.path) == ("case 2", 2, "/v1/embeddings")
    assert line.request.response is not None
    assert line.request.time is not None


def test_a_response_beside_a_bare_body_belongs_to_it() -> None:
    (case,) = read_cases(GOOD.replace(", expect", ", response: {body: {a: 1}}, expect").encode(), "c")
    assert (case.request.path, bytes(case.request.body)) == (
        "/v1/chat/completions",
        b'{"model": "chat", "messages": []}',
    )
    assert case.request.response is not None


@gathered(
    ("text", "said"),
    [
        ("", "c:1:1: there is nothing"),
        ("a: 1", "c:1:1: this is no list"),
        ("- 3", "c:1:3: [0]: this is no case"),
        ("- {request: {}}", "c:1:3: [0].expect: a case has `expect`"),
        ("- {request: {}, expect: {}}", "[0].request: a request line has a path"),
        (GOOD.replace("expect: {action", "expect: {acton"), "[0].expect.acton: acton is not known here (did you mean"),
        (GOOD.replace("name", "nam"), "[0].nam: nam is not known here (did you mean name?)"),
        (GOOD.replace("allow", "alow"), "[0].expect.action: invalid enum value 'alow'"),
        (GOOD.replace("{action: allow}", "{findings: [{kin: email}]}"), "[0].expect.findings: "),
        (GOOD.replace("{action: allow}", "{}"), "nothing is expected"),
        (GOOD + GOOD, "c:2:10: [1].name: the case on line 1 has this name, too"),
        (GOOD + "- [", "c:2:4: this is not YAML"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_line_and_a_fix(text: str, said: str) -> None:
    with pytest.raises(CaseFileError) as raised:
        read_cases(text.encode(), "c")
    assert any(said in str(problem) for problem in raised.value.problems), [*map(str, raised.value.problems)]
