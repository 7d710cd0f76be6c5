"""Pipelines made ready: whom they are for, what they need, and what is said of rules that cannot be used."""

import pytest

from extproc.inspection.pipeline import CompiledPipeline
from extproc.policy import UnusableError
from extproc.policy.secrets import key_of, rules_of
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Side
from tests.inspection.judging import heard, judged, pipeline, said


def matching(match: str) -> CompiledPipeline:
    return pipeline(f"  - {{name: p, match: {match}, request: [{{use: pii}}]}}\n")


# -- whom a pipeline is for


@pytest.mark.parametrize(
    ("prefix", "paths", "is_under"),
    [
        ("/", ["/anything"], True),
        ("/v1/", ["/v1/chat/completions"], True),
        ("/v1/", ["/V1/Chat"], True),
        ("/V1/", ["/v1/chat"], True),
        ("/v1/", ["/v1"], True),
        ("/mcp/", ["/mcp/"], True),
        ("/v1/", ["/v1x"], False),
        ("/v1/a%20b", ["/v1/a b/c"], True),
        ("/%76%31//x;v=1/", ["/v1/x"], True),
        ("/v1/", ["/v2/v1/"], False),
        ("/v1", ["/v10/x"], True),
        ("/v1/", ["/%76%31/chat", "/v1/chat"], True),
        ("/v1/", [], False),
    ],
)
def test_a_path_is_under_a_prefix_in_any_of_its_spellings(prefix: str, paths: list[str], is_under: bool) -> None:
    assert matching(f"{{path: {prefix}}}").under(paths) is is_under


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ((("x-team", b"red"),), True),
        ((("x-team", b"red"), ("x-other", b"1")), True),
        ((), False),
        ((("x-team", b"Red"),), False),
        ((("x-team", b"red "),), False),
        ((("x-team", b"red"), ("x-team", b"blue")), False),
        ((("x-team", b"red"), ("x-team", b"red")), False),
        ((("x-team", b"red,blue"),), False),
    ],
)
def test_a_header_has_to_say_exactly_this_and_nothing_else(fields: tuple[tuple[str, bytes], ...], meant: bool) -> None:
    assert matching("{headers: {x-team: red}}").meant(HeaderMap(fields), "") is meant


def test_all_headers_and_the_route_have_to_match() -> None:
    both = matching("{headers: {x-team: red, x-env: prod}, route_name: llm}")
    fields = HeaderMap((("x-team", b"red"), ("x-env", b"prod")))
    assert both.meant(fields, "llm")
    assert not both.meant(fields, "other")
    assert not both.meant(fields, "")
    assert not both.meant(HeaderMap((("x-team", b"red"),)), "llm")


def test_only_a_header_or_a_route_makes_it_conditional() -> None:
    assert not matching("{path: /v1/}").conditional
    assert matching("{headers: {x-team: red}}").conditional
    assert matching("{route_name: llm}").conditional


# -- what it needs


def test_the_fields_and_facts_that_are_looked_at_are_known() -> None:
    made = pipeline("""
  - name: p
    match: {headers: {x-team: red}}
    request: [{use: pii, when: 'headers["x-kind"] == "a" && stream'}]
    response: [{use: pii, when: 'model == "b"'}]
""")
    assert made.fields == {"x-team", "x-kind"}
    assert made.signals == {"headers", "stream", "model"}


def test_a_side_without_processors_has_no_stage() -> None:
    made = matching("{path: /}")
    assert made.response is None
    assert made.request is not None
    assert made.request.side is Side.REQUEST
    assert not made.restores


def test_a_pipeline_knows_whether_values_may_have_to_come_back() -> None:
    assert pipeline("  - {name: p, request: [{use: pii, action: mask, restore: true}]}\n").restores


@pytest.mark.parametrize(
    ("processors", "written", "blocks"),
    [
        ("{use: pii, action: mask}", "", True),
        ("{use: pii, action: report}", "", False),
        ("{use: pii, action: mask, mode: shadow}", "", False),
        ("{use: pii, action: mask}", "on_uninspected: allow, ", False),
        ("{use: pii, action: report}", "on_uninspected: block, ", True),
    ],
)
def test_what_cannot_be_read_is_blocked_where_something_is_enforced_unless_told(
    processors: str, written: str, blocks: bool
) -> None:
    assert pipeline(f"  - {{name: p, {written}request: [{processors}]}}\n").blocks_unread is blocks


def test_a_key_and_a_file_of_rules_are_taken_from_what_was_read() -> None:
    rules = b"[[rules]]\nid = \"house-key\"\nregex = '''HOUSE-[0-9]{6}'''\n"
    read = {key_of("p", "request", "secrets"): b"k" * 16, rules_of("p", "request", "secrets"): rules}
    made = pipeline(
        "  - {name: p, request: [{use: secrets, gitleaks: house.toml, action: mask, format: hash, key: {env: K}}]}\n",
        read,
    )
    (text,) = heard(judged(made.request, said("our HOUSE-123456 key")))
    assert text.startswith("our [HOUSE_KEY:")
    assert b"k" * 16 not in repr(made.request.processors if made.request else ()).encode()


# -- stand-ins


def test_a_processor_that_stands_in_judges_nothing_until_it_is_called() -> None:
    made = pipeline("""
  - name: p
    request: [{use: pii, action: mask, on_failure: guard}, {use: pattern, name: guard, regex: Titan}]
""")
    stage = made.request
    assert stage is not None
    assert [each.name for each in stage.processors] == ["pii"]
    assert stage.reserve is not None
    assert [each.name for each in stage.reserve.processors] == ["guard"]
    assert judged(stage, said("Titan")).blocked is None


def test_one_may_stand_in_for_several_wherever_it_stands_in_the_list() -> None:
    made = pipeline("""
  - name: p
    request:
      - {use: pattern, name: guard, regex: Titan}
      - {use: pii, on_failure: guard}
      - {use: secrets, on_failure: guard}
""")
    assert made.request is not None
    assert [each.name for each in made.request.processors] == ["pii", "secrets"]
    assert made.request.reserve is not None
    assert [each.name for each in made.request.reserve.processors] == ["guard"]


# -- rules that cannot be used

UNUSABLE = "{use: pattern, name: broken, regex: '(?=x)y'}"


@pytest.mark.parametrize("side", ["request", "response"])
def test_a_rule_that_cannot_be_used_is_told_with_its_pipeline_side_and_processor(side: str) -> None:
    text = f"  - {{name: default, {side}: [{{use: pii}}, {UNUSABLE}, {{use: pattern, regex: fine}}]}}\n"
    with pytest.raises(UnusableError) as raised:
        pipeline(text)
    (part,) = raised.value.parts
    assert part.where == ("pipelines", 0, side, 1, "regex")
    assert part.message.startswith("rule broken: look-around")


def test_every_rule_that_cannot_be_used_is_told_with_its_own_place() -> None:
    allow = "{use: pii, allow: {patterns: [fine, '(', '(?<!x)y']}}"
    text = f"  - {{name: default, request: [{UNUSABLE}, {allow}], response: [{{use: pattern, regex: '(a'}}]}}\n"
    with pytest.raises(UnusableError) as raised:
        pipeline(text)
    assert [each.where[2:] for each in raised.value.parts] == [
        ("request", 0, "regex"),
        ("request", 1, "allow", "patterns", 1),
        ("request", 1, "allow", "patterns", 2),
        ("response", 0, "regex"),
    ]


@pytest.mark.parametrize(
    ("rules", "why"),
    [(b"[[rules]]\nid = \"odd\"\nregex = '''(?<!x)y'''\n", "rule odd: look-around"), (b"[[rul", "not TOML")],
)
def test_a_file_of_rules_that_cannot_be_used_names_its_processor(rules: bytes, why: str) -> None:
    text = "  - {name: default, request: [{use: secrets, name: house, gitleaks: house.toml}]}\n"
    with pytest.raises(UnusableError) as raised:
        pipeline(text, {rules_of("default", "request", "house"): rules})
    (part,) = raised.value.parts
    assert part.where == ("pipelines", 0, "request", 0, "gitleaks")
    assert why in part.message


def test_a_pipeline_is_rendered_by_its_name() -> None:
    assert repr(matching("{path: /secret-prefix}")) == "CompiledPipeline(p)"
