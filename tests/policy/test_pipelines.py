import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policy import (
    Pattern,
    Pii,
    Pipeline,
    PolicyError,
    Problem,
    Secrets,
    SizeLimit,
    Unusable,
    UnusableError,
    drafted,
    loads,
)
from extproc.policy.kinds import PII_KINDS, PII_USUAL
from extproc.policy.names import BACKEND_NAME_MAX, MEDIA_TYPE_MAX
from extproc.policy.pipelines import (
    HEADER_VALUE_MAX,
    HEADERS_MAX,
    MESSAGE_MAX,
    PIPELINES_MAX,
    PREFIX_MAX,
    PROCESSORS_MAX,
    ROUTE_NAME_MAX,
    TYPES_MAX,
)
from extproc.policy.processors import (
    ALLOWED_MAX,
    ALLOWED_PATTERNS_MAX,
    LITERAL_MAX,
    LITERALS_MAX,
    REGEX_MAX,
)
from extproc.policy.step import Step
from extproc.policy.units import MIB
from tests.policy.texts import pipeline, processor, root

EXAMPLE = """\
version: 1
backends: [{name: a, url: http://127.0.0.1:1, api: openai}]
pipelines:
  - name: team
    match: {path: /v1/, headers: {x-team: payments}, route_name: llm}
    request:
      - {use: secrets, gitleaks: rules.toml, allow: {values: [AKIA], patterns: ['x+']}}
      - {use: pii, kinds: [email, phone], action: mask, restore: true, when: 'tools > 0'}
      - {use: pattern, name: projects, regex: 'Project (Titan|Orion)', action: mask, format: hash, key: {env: KEY}}
      - {use: pattern, name: names, literals: [Titan, Orion], words: false, ignore_case: true, mode: shadow}
      - {use: size, max_bytes: 1MiB, max_messages: 200, max_images: 0, action: report}
    response:
      - {use: pii, action: mask, format: partial, timeout: 50ms, on_failure: secrets}
      - {use: secrets, on_failure: allow}
    body_limit: 4MiB
    on_oversize: allow
    on_uninspected: allow
    content_types: [text/plain]
    block: {status: 451, message: Not here.}
  - name: rest
"""


def only(text: str) -> Pipeline:
    (found,) = loads(text).pipelines
    return found


def first(written: str) -> Step:
    return only(processor(written)).request[0]


def test_a_pipeline_holds_what_is_written() -> None:
    found, rest = loads(EXAMPLE, folder=Path("/etc/extproc")).pipelines
    assert (found.name, found.match.path, found.match.route_name) == ("team", "/v1/", "llm")
    assert found.match.headers == {"x-team": "payments"}
    secrets, pii, regex, literals, size = found.request
    assert isinstance(secrets, Secrets)
    assert secrets.gitleaks == Path("/etc/extproc/rules.toml")
    assert (secrets.allow.values, secrets.allow.patterns) == (("AKIA",), ("x+",))
    assert isinstance(pii, Pii)
    assert (pii.wanted, pii.restore) == (("email", "phone"), True)
    assert pii.when is not None
    assert pii.when.text == "tools > 0"
    assert isinstance(regex, Pattern)
    assert regex.key is not None
    assert (regex.name, regex.key.env) == ("projects", "KEY")
    assert isinstance(literals, Pattern)
    assert literals.literals == ("Titan", "Orion")
    assert (literals.words, literals.ignore_case) == (False, True)
    assert isinstance(size, SizeLimit)
    assert (size.max_bytes, size.max_messages, size.max_images) == (MIB, 200, 0)
    assert [step.timeout for step in found.response] == [0.05, 1.0]
    assert (found.body_limit, found.on_oversize, found.content_types) == (4 * MIB, "allow", ("text/plain",))
    assert (found.block.status, found.block.message) == (451, "Not here.")
    assert rest.request == rest.response == ()


def test_without_pipelines_there_are_none() -> None:
    assert loads(root()).pipelines == ()
    assert loads(root("pipelines: []")).pipelines == ()


def test_a_pipeline_is_for_everything_unless_it_says_for_what() -> None:
    found = only(root("pipelines: [{name: a}]"))
    assert (found.match.path, found.match.headers, found.match.route_name) == ("/", {}, None)
    assert (found.body_limit, found.on_oversize, found.content_types) == (2 * MIB, None, ())
    assert (found.block.status, found.block.message) == (403, "The content was blocked by policy.")


def test_a_processor_blocks_and_is_called_by_its_use_unless_told() -> None:
    for use, more in (("pii", ""), ("secrets", ""), ("pattern", ", regex: a"), ("size", ", max_bytes: 1")):
        found = first(f"{{use: {use}{more}}}")
        assert (found.use, found.name, found.action, found.mode) == (use, use, "block", "enforce")
        assert (found.when, found.timeout, found.on_failure) == (None, 1.0, None)


def test_pii_without_kinds_is_all_kinds_but_those_on_request() -> None:
    found = first("{use: pii}")
    assert isinstance(found, Pii)
    assert found.wanted == PII_USUAL
    assert set(PII_KINDS) - set(PII_USUAL) == {"url", "age", "coordinates", "license_plate", "postal_address"}
    assert len(PII_KINDS) == len(set(PII_KINDS)) == 88


FAILURES = [
    ("action: block", True, None),
    ("action: mask", True, None),
    ("action: report", False, None),
    ("action: report, on_failure: block", True, None),
    ("action: block, on_failure: allow", False, None),
    ("action: block, mode: shadow", False, None),
    ("action: block, mode: shadow, on_failure: block", False, None),
    ("action: block, on_failure: secrets", False, "secrets"),
]


@pytest.mark.parametrize(("written", "blocks", "stand_in"), FAILURES)
def test_what_masks_or_blocks_also_blocks_when_it_fails(written: str, blocks: bool, stand_in: str | None) -> None:
    found = first(f"{{use: pii, {written}}}, {{use: secrets}}")
    assert (found.blocks_on_failure, found.stand_in) == (blocks, stand_in)


UNREAD = [
    ("request: []", False),
    ("request: [{use: pii, action: report}]", False),
    ("request: [{use: pii, mode: shadow}]", False),
    ("request: [{use: pii}]", True),
    ("response: [{use: pii, action: mask}]", True),
    ("{request: [{use: pii}], on_uninspected: allow}", False),
    ("{request: [], on_uninspected: block}", True),
]


@pytest.mark.parametrize(("written", "blocks"), UNREAD)
def test_what_cannot_be_read_is_blocked_where_something_is_enforced_unless_told(written: str, blocks: bool) -> None:
    fields = written.strip("{}") if written.startswith("{") else written
    assert only(root(f"pipelines: [{{name: a, {fields}}}]")).blocks_uninspected is blocks


def test_the_bounds_themselves_are_allowed() -> None:
    kinds = ", ".join(PII_KINDS)
    for written in (
        f"{{use: pii, name: {'a' * BACKEND_NAME_MAX}, timeout: 60s, kinds: [{kinds}]}}",
        ", ".join(f"{{use: pii, name: p-{n}}}" for n in range(PROCESSORS_MAX)),
        f"{{use: pattern, regex: {'a' * REGEX_MAX}}}",
        f"{{use: pattern, literals: [{'a' * LITERAL_MAX}]}}",
        f"{{use: pattern, literals: [{', '.join(f'a{n}' for n in range(LITERALS_MAX))}]}}",
        f"{{use: pii, allow: {{values: [{'a, ' * ALLOWED_MAX}]}}}}",
        f"{{use: pii, allow: {{patterns: [{'a, ' * ALLOWED_PATTERNS_MAX}]}}}}",
    ):
        loads(processor(written))
    for line in (
        f"match: {{path: /{'a' * (PREFIX_MAX - 1)}, route_name: {'r' * ROUTE_NAME_MAX}}}",
        f"match: {{headers: {{x-a: {'a' * HEADER_VALUE_MAX}}}}}",
        f"match: {{headers: {{{', '.join(f'x-{n}: a' for n in range(HEADERS_MAX))}}}}}",
        f"content_types: [a/{'b' * (MEDIA_TYPE_MAX - 2)}]",
        f"content_types: [{'text/plain, ' * TYPES_MAX}]",
        f"block: {{status: 599, message: {'m' * MESSAGE_MAX}}}",
        "body_limit: 32MiB",
    ):
        loads(pipeline(line))
    loads(root(f"pipelines: [{', '.join(f'{{name: p-{n}}}' for n in range(PIPELINES_MAX))}]"))


def test_the_same_name_may_stand_on_both_sides_and_in_two_pipelines() -> None:
    loads(root("pipelines:", "  - {name: a, request: [{use: pii}], response: [{use: pii}]}", "  - {name: b}"))


def test_the_usual_body_limit_is_no_error_where_requests_are_smaller() -> None:
    assert only(pipeline("request: []", "limits: {request_body: 1MiB}")).body_limit == 2 * MIB
    assert only(pipeline("body_limit: 64MiB", "limits: {request_body: 64MiB}")).body_limit == 64 * MIB


def test_a_policy_with_pipelines_survives_the_way_to_a_worker() -> None:
    policy = loads(EXAMPLE)
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert '"when":"tools > 0"' in policy.model_dump_json()


def problems(text: str) -> tuple[Problem, ...]:
    try:
        loads(text)
    except PolicyError as error:
        return error.problems
    return ()


@given(st.text(st.sampled_from("abc"), min_size=1, max_size=3), st.lists(st.sampled_from("abcd"), max_size=4))
def test_any_stand_ins_are_allowed_or_told(name: str, failures: list[str]) -> None:
    steps = [f"{{use: pii, name: {'abcd'[at]}, on_failure: {other}}}" for at, other in enumerate(failures)]
    text = processor(", ".join([*steps, f"{{use: secrets, name: z-{name}}}"]))
    told = problems(text)
    assert all(problem.path.endswith("on_failure") for problem in told)
    if told:
        return
    found = only(text)
    leads = {step.name: step.stand_in for step in found.request}
    for at in leads:
        seen: list[str | None] = [at]
        while seen[-1] is not None:
            seen.append(leads[seen[-1]])
            assert len(seen) <= len(leads) + 1


def notes(*lines: str) -> list[tuple[str, str]]:
    text = root("unknown_models: pass", "default_backend: none", "pipelines:", *(f"  - {line}" for line in lines))
    return [(note.path, note.message) for note in drafted(text).loaded().notes]


def test_a_pipeline_that_no_request_gets_to_is_noted() -> None:
    told = "no request gets here: pipeline a matches all of them before"
    assert notes("{name: a}", "{name: b}") == [("pipelines[1]", told)]
    assert notes("{name: a, match: {path: /v1}}", "{name: b, match: {path: /V1/chat}}") == [("pipelines[1]", told)]
    assert notes("{name: a, match: {headers: {x-a: b}}}", "{name: b, match: {headers: {x-a: b, x-c: d}}}") == [
        ("pipelines[1]", told)
    ]


def test_a_pipeline_that_some_request_gets_to_is_not_noted() -> None:
    assert notes("{name: a, match: {path: /v1/chat}}", "{name: b, match: {path: /v1}}", "{name: c}") == []
    assert notes("{name: a, match: {headers: {x-a: b}}}", "{name: b, match: {headers: {x-a: c}}}", "{name: c}") == []
    assert notes("{name: a, match: {route_name: x}}", "{name: b, match: {route_name: y}}", "{name: c}") == []


def test_a_stand_in_that_lets_through_what_the_first_would_not_is_noted() -> None:
    told = "when this fails, secrets only reports, and the content passes"
    place = "pipelines[0].request[0].on_failure"
    for weaker in ("mode: shadow", "action: report"):
        line = f"{{name: a, request: [{{use: pii, on_failure: secrets}}, {{use: secrets, {weaker}}}]}}"
        assert notes(line) == [(place, told)]
    assert notes("{name: a, request: [{use: pii, on_failure: secrets}, {use: secrets}]}") == []
    assert notes("{name: a, request: [{use: pii, mode: shadow, on_failure: s}, {use: secrets, name: s}]}") == []


WHERE = [
    (("pipelines", "rest"), "pipelines[1]", 20),
    (("pipelines", "team", "request", "projects", "regex"), "pipelines[0].request[2].regex", 9),
    (("pipelines", "team", "request", 3), "pipelines[0].request[3]", 10),
    (("pipelines", "team", "response", "pii", "kinds"), "pipelines[0].response[0].kinds", 13),
    (
        ("pipelines", "team", "request", "secrets", "allow", "patterns", 0),
        "pipelines[0].request[0].allow.patterns[0]",
        7,
    ),
    (("pipelines", "nobody", "request"), "pipelines", 4),
]


@pytest.mark.parametrize(("where", "path", "line"), WHERE)
def test_what_cannot_be_put_to_use_is_told_with_its_line(where: tuple[str | int, ...], path: str, line: int) -> None:
    error = UnusableError([Unusable(where, "a group is not closed", "close it")])
    (problem,) = drafted(EXAMPLE, "p.yaml").refusal(error.parts).problems
    assert (problem.file, problem.path, problem.line) == ("p.yaml", path, line)
    assert (problem.message, problem.mend) == ("a group is not closed", "close it")
    assert "a group is not closed (close it)" in str(error)
