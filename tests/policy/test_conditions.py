import pickle
import subprocess
import sys
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from extproc.policy import Condition, ConditionError
from extproc.policy.conditions import CONDITION_MAX
from extproc.policy.expressions import REGEX_STEPS, STEPS_MAX
from extproc.policy.signals import BUILT_IN
from extproc.policy.tokens import tokens
from tests.gathered import gathered

SIGNALS_NOW = {
    "model": "gpt-4o-mini",
    "path": "/v1/chat/completions",
    "route_name": "",
    "headers": {"x-team": "payments", "x-n": "7"},
    "findings": [
        {"kind": "email", "processor": "pii", "count": 3, "where": "request"},
        {"kind": "phone", "processor": "pii", "count": 1, "where": "request"},
    ],
    "stream": True,
    "tools": 2,
    "images": 0,
    "mcp": {"method": "tools/call", "tool": "search"},
}
"""Signals of a request; of the others, their trial values."""

SIGNALS_NOW = {each.name: each.trial for each in BUILT_IN} | SIGNALS_NOW

HOLD = [
    ("tools > 0", True, {"tools"}, set()),
    ("tools>2||images>0&&stream", False, {"tools", "images", "stream"}, set()),
    ("true", True, set(), set()),
    ("!stream", False, {"stream"}, set()),
    ('headers["x-team"] == "payments"', True, {"headers"}, {"x-team"}),
    ("headers['x-team'] == 'legal'", False, {"headers"}, {"x-team"}),
    ('headers.team == ""', True, {"headers"}, {"team"}),
    (r'headers["x\u002dteam"] == "payments"', True, {"headers"}, {"x-team"}),
    ('headers["x-a"] == headers[r"x-b"]', True, {"headers"}, {"x-a", "x-b"}),
    ('headers["x-n"] != "" && int(headers["x-n"]) > 5', True, {"headers"}, {"x-n"}),
    ('findings.exists(f, f.kind == "email" && f.count > 2)', True, {"findings"}, set()),
    ('findings.all(f, f.processor == "pii")', True, {"findings"}, set()),
    ('findings.exists_one(f, f.kind in ["email", "iban"])', True, {"findings"}, set()),
    ("findings.exists(f, f.count == 3) && ['a'].exists(f, f == 'a')", True, {"findings"}, set()),
    ("findings.size() > 1", True, {"findings"}, set()),
    ("findings.exists(f, [1, 2, 3].exists(n, f.count == n))", True, {"findings"}, set()),
    ("size(findings) > 0 && findings[0].kind == 'email'", True, {"findings"}, set()),
    ('["gpt", "o1"].exists(p, model.startsWith(p))', True, {"model"}, set()),
    ('model in ["gpt-4o-mini"] ? stream : false', True, {"model", "stream"}, set()),
    ('model.matches("^gpt-4[a-z]-")', True, {"model"}, set()),
    ('model.contains("4o") && path.endsWith("s") && route_name == ""', True, {"model", "path", "route_name"}, set()),
    ('mcp.method == "tools/call" && mcp.tool != ""', True, {"mcp"}, set()),
    ("tools > 1.5 // comments are CEL's", True, {"tools"}, set()),
    ("model == \"\"\"a\"\"\" || model == '''b'''", False, {"model"}, set()),
    (r'model == r"a\" || model == "\"]"', False, {"model"}, set()),
    ("model == 'é'", False, {"model"}, set()),
    ("tools > 0\n  && stream", True, {"tools", "stream"}, set()),
]


@gathered(("text", "result", "facts", "headers"), HOLD)
def test_a_condition_says_whether_it_holds_and_what_it_reads(
    text: str, result: bool, facts: set[str], headers: set[str]
) -> None:
    condition = Condition(text)
    assert condition.holds(SIGNALS_NOW) is result
    assert condition.signals == frozenset(facts)
    assert condition.headers == frozenset(headers)


WRONG = [
    # no CEL
    ("", "1 to 4096 characters", "tools > 0"),
    (" \n", "1 to 4096 characters", "tools > 0"),
    ("true || " + "true || " * 512 + "true", "1 to 4096", "tools > 0"),
    ("tools >", "ends too early, at character 8", "close what is open"),
    ("stream ?", "ends too early, at character 9", "close what is open"),
    ('headers["x-a"', "ends too early, at character 14", "close what is open"),
    ("tools > 0\n  && images >", "ends too early, at line 2, character 14", "close what is open"),
    ("tools = 1", "not CEL at character 7", "write == to compare"),
    ("tools > 0 & stream", "not CEL at character 11", "write &&"),
    ("tools > 0 | stream", "not CEL at character 11", "write ||"),
    ("tools > 0 and stream", "not CEL at character 11", "write && for and"),
    ("tools > 0 or stream", "not CEL at character 11", "write || for or"),
    ("not stream", "not CEL at character 5", "write ! for not"),
    ('model == "a', "not CEL at character 10", "close the quotes"),
    (r'model == "\q"', "not CEL at character 10", "backslash in them twice"),
    ("model..size() > 1", "not CEL at character 7", "check quotes"),
    ("é == 1", "not CEL at character 1", "check quotes"),
    ("(" * 400 + "true" + ")" * 400, "not CEL at character 97", "check quotes, brackets"),
    ('"\ud800" == model', "not an expression", "check quotes and brackets"),
    ("\ud800", "not an expression", "check quotes and brackets"),
    # facts
    ("modle == 'a'", "there is no signal modle", "did you mean model?"),
    ("xyz > 1", "there is no signal xyz", "known here: model"),
    ("tenant_attributes.region == 'a'", "there is no signal tenant_attributes", "write it like tenant.region"),
    ("tenant['region'] == 'a'", "an attribute of the tenant is asked for by its name", "write it like tenant.region"),
    ("tenant.region > 3", "this compares or adds", "compare numbers"),
    ("time == 3", "time is not a value itself", "time.hour or time.minute or time.weekday"),
    ("time.second == 3", "time has no field second", "known here: hour, minute, weekday"),
    ("intent > 0.5", "compares or adds what does not go together", "compare numbers with numbers"),
    (".model == 'a'", "begins with a dot", "delete the dot"),
    ("mcp.name == 'a'", "mcp has no field name", "known here: method, tool"),
    ("mcp == 1", "mcp is not a value", "write mcp.method"),
    ("mcp['method'] == ''", "mcp is not a value", "write mcp.method"),
    ("findings.exists(f, f.knd == 'a')", "a finding has no field knd", "did you mean kind?"),
    ("stream && findings.exists(f, f.knd == 'a')", "a finding has no field knd", "did you mean kind?"),
    # headers
    ("headers.x-team == 'a'", "there is no signal team", 'write headers["x-team"]'),
    ("headers['X-Team'] == 'a'", "not the name of a header in lower case", 'write headers["x-team"]'),
    ("headers['a b'] == 'a'", "not the name of a header in lower case", "check the name"),
    ("headers[':path'] == 'a'", "a pseudo header", "write path"),
    ("headers[b'x-a'] == 'a'", "bytes", "delete the b"),
    ("headers[model] == 'a'", "by its name in quotes", 'headers["x-team"]'),
    ("headers['x' + 'y'] == 'a'", "by its name in quotes", 'headers["x-team"]'),
    ("'x-a' in headers", "by its name in quotes", 'headers["x-team"]'),
    ("size(headers) > 3", "by its name in quotes", 'headers["x-team"]'),
    ("headers.size() > 3", "by its name in quotes", 'headers["x-team"]'),
    ("headers.exists(h, true)", "by its name in quotes", 'headers["x-team"]'),
    ("has(headers.team)", "every signal is there", 'mcp.tool != ""'),
    # results and types
    ("tools", "neither true nor false", "tools > 0"),
    ("stream ? 1 : 2", "neither true nor false", "tools > 0"),
    ("stream || 1", "does not go together", "numbers with numbers"),
    ("stream ? true : 1", "neither true nor false", "tools > 0"),
    ("tools > 'a'", "does not go together", "numbers with numbers"),
    ("stream || tools > 'a'", "does not go together", "numbers with numbers"),
    ("!stream && tools > 'a'", "does not go together", "numbers with numbers"),
    ("10 / tools > 1", "divide by zero", "check for 0"),
    ("findings[0].kind == 'a'", "for every request", "what is empty"),
    ("int(headers['x-n']) > 1", "for every request", "what is empty"),
    # what is left out
    ("{'a': 1} == {}", "makes no mappings", "one by one"),
    ("model.lowerAscii() == 'a'", "no function lowerAscii", "known here: contains"),
    ("timestamp('2024-01-01T00:00:00Z') == timestamp('2024-01-01T00:00:00Z')", "no function timestamp", "known here"),
    ("model.startswith('a')", "no function startswith", "did you mean startsWith?"),
    ("findings.map(f, f.kind) == []", "map is not there", "exists, all or exists_one"),
    ("findings.filter(f, true).size() > 1", "filter is not there", "exists, all or exists_one"),
    ("findings != []", "not compared as a whole", "size(findings) > 0"),
    ("size(findings + findings) > 1", "not compared as a whole", "findings.exists"),
    ("findings.exists(f, f in [f])", "asked by its fields", "f.kind"),
    (" + ".join(["tools"] * 10) + " > 1", "more than 8 of +", "one by one"),
    ("findings.exists(model, true)", "the name model has a meaning", "such as f"),
    ("findings.exists(tenant, true)", "the name tenant has a meaning", "such as f"),
    ("findings.exists(f, findings.exists(f, true))", "the name f has a meaning", "such as f"),
    ("([1] + [2]).exists(f, true)", "goes through findings or a list", "findings.exists(f, ...)"),
    ("mcp.tool.exists(f, true)", "goes through findings or a list", "findings.exists(f, ...)"),
    ("[[1]][0].exists(f, true)", "goes through findings or a list", "findings.exists(f, ...)"),
    ("[1].exists(a, [1].exists(b, [1].exists(c, true)))", "more than 2 of exists", "flatter"),
    ("findings.exists(f, findings.exists(g, g.kind == f.kind))", "too long with 100 findings", "write less within"),
    (f"findings.exists(f, [{'1, ' * 100}1].exists(a, a == f.count))", "too long with 100", "write less within"),
    (" || ".join(["model.matches('a')"] * (STEPS_MAX // REGEX_STEPS)), "too long with 100", "write less within"),
    ("model.matches(path)", "written in quotes", 'model.matches("^gpt-4")'),
    ("model.matches('a' + 'b')", "written in quotes", 'model.matches("^gpt-4")'),
    ("model.matches('(')", "wrong or too large", "RE2"),
    ("model.matches('(a{100}){100}')", "wrong or too large", "RE2"),
    (r"model.matches('\\w+')", r"\w and its like", "[0-9A-Za-z_]"),
    (r"model.matches(r'\pL')", r"\w and its like", "[0-9A-Za-z_]"),
    ("findings.exists(f, f.kind.matches('a'))", "too long for each of many", "startsWith"),
]


@gathered(("text", "message", "mend"), WRONG)
def test_a_wrong_condition_is_refused_with_its_mend(text: str, message: str, mend: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        Condition(text)
    context = caught.value.context or {}
    assert message in context["problem"]
    assert mend in context["mend"]


def test_the_bounds_themselves_are_allowed() -> None:
    assert Condition("true" + " " * (CONDITION_MAX - 4)).holds({})
    assert Condition(" || ".join(["model.matches('a')"] * (STEPS_MAX // REGEX_STEPS - 1))).signals == {"model"}
    assert Condition(" + ".join(["tools"] * 9) + " > 1").signals == {"tools"}
    assert Condition(f"[{'1, ' * 1000}1].all(a, a == 1)").holds({})
    many = ", ".join(f"'m{n}'" for n in range(400))
    assert Condition(f"model in [{many}]").signals == {"model"}
    assert Condition("[1].exists(a, [[1], [2, 3]].exists(b, size(b) > a))").holds({})


STEPS = [
    ("findings.all(f, {})", "f.count == 1", 4),
    ("findings.all(f, [1, 2, 3, 4].all(n, {}))", "f.count == n", 2),
]


@pytest.mark.measured
@pytest.mark.parametrize(("text", "part", "milliseconds"), STEPS)
def test_the_most_that_is_taken_is_evaluated_in_milliseconds(text: str, part: str, milliseconds: int) -> None:
    taken = None
    for parts in range(1, 300):
        try:
            taken = Condition(text.format(" || ".join([part] * parts)))
        except PydanticCustomError:
            break
    assert taken is not None
    findings = [{"kind": f"kind-{n}", "processor": "pii", "count": 7, "where": "request"} for n in range(100)]
    began = time.process_time()
    taken.holds({"findings": findings})
    assert time.process_time() - began < 10 * milliseconds / 1000  # with room for slow machines


def test_a_header_that_is_absent_reads_as_an_empty_text() -> None:
    assert Condition("headers['x-a'] == ''").holds({"headers": {}})


def test_only_the_facts_that_are_read_have_to_be_there() -> None:
    assert Condition("tools > 0").holds({"tools": 1})


def test_what_cannot_be_evaluated_says_so_and_nothing_of_the_facts() -> None:
    condition = Condition("headers['x-n'] != '' && int(headers['x-n']) > 1")
    with pytest.raises(ConditionError) as caught:
        condition.holds({"headers": {"x-n": "MARKER-4711"}})
    assert "MARKER" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_is_neither_true_nor_false_this_time_says_so() -> None:
    condition = Condition("tools == 7 ? 1 == 1 : stream")
    assert condition.holds({"tools": 7, "stream": False})
    with pytest.raises(ConditionError, match="neither true nor false"):
        condition.holds({"tools": 1, "stream": "yes"})


def test_conditions_of_the_same_text_are_the_same() -> None:
    condition = Condition("tools > 0")
    assert condition == Condition("tools > 0")
    assert condition != Condition("tools > 1")
    assert len({condition, Condition("tools > 0")}) == 1
    assert repr(condition) == "Condition('tools > 0')"
    copy = pickle.loads(pickle.dumps(condition))
    assert copy == condition
    assert copy.signals == {"tools"}
    assert copy.holds({"tools": 1})


def test_every_fact_can_be_asked() -> None:
    asked = {"headers": "headers.a == ''", "findings": "size(findings) == 0", "mcp": "mcp.tool == ''"}
    asked |= {"time": "time.hour == 0", "backend_state": 'backend_state["a"] == "up"', "fits": 'fits["a/b"]'}
    asked |= {"spent": 'spent["a"] > 0.8'}
    for fact in BUILT_IN.names:
        assert Condition(asked.get(fact, f"{fact} == {fact}")).signals == {fact}


ATTRIBUTE = Condition('tenant.startsWith("a") && tenant.region == "eu" || tenant .plan != ""')


@gathered(
    ("tenant", "attributes", "holds"),
    [
        ("acme", {"region": "eu"}, True),
        ("acme", {"region": "us"}, False),
        ("acme", {}, False),
        ("bolt", {"region": "eu"}, False),
        ("bolt", {"plan": "gold"}, True),
        ("", {}, False),
    ],
)
def test_the_tenant_is_a_text_and_has_attributes_which_are_empty_where_it_has_none(
    tenant: str, attributes: dict[str, str], holds: bool
) -> None:
    assert ATTRIBUTE.signals == {"tenant", "tenant_attributes"}
    assert ATTRIBUTE.attributes == {"region", "plan"}
    assert ATTRIBUTE.holds({"tenant": tenant, "tenant_attributes": attributes}) is holds
    copy = pickle.loads(pickle.dumps(ATTRIBUTE))
    assert copy.holds({"tenant": tenant, "tenant_attributes": attributes}) is holds


def test_an_attribute_does_not_reach_into_texts_and_places_of_errors() -> None:
    assert Condition('model == "tenant.region" && tenant.region == "eu"').holds(
        {"model": "tenant.region", "tenant_attributes": {"region": "eu"}}
    )
    with pytest.raises(PydanticCustomError, match="character 23"):
        Condition('tenant.region == "eu" = 3')


def test_conditions_need_nothing_of_the_librarys_terminal_program_and_the_library_only_when_there_is_one() -> None:
    program = (
        # None in the place of a module makes its import fail, as on a machine that does not have it.
        "import sys\nsys.modules.update(typer=None, rich=None, prompt_toolkit=None, pygments=None)\n"
        "from extproc.policy import Condition\nassert 'cel.cel' not in sys.modules\n"
        "assert Condition('tools > 0').holds({'tools': 1})\nassert 'cel.cel' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


WORDS = [*BUILT_IN.names, "f", "x", ".kind", ".exists(", ".matches(", ".size()", "size(", "int(", "has(", "(", ")"]
WORDS += ["[", "]", "{", "}", ",", "?", ":", "==", "!=", "&&", "||", "!", "in", "+", "-", "/", ".", "1", "0", "1.5"]
WORDS += ['"a"', "'x-a'", 'r"\\"', 'b"a"', "'''", '"', "true", "null", "//", "\n", "é", "\x00", "\ud800", "9" * 20]


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
@example("findings.exists(f)")
@example("findings . exists ( g , true )")
@example("[1].exists(in, true)")
@example("true ? true : true || false")
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        condition = Condition(text)
    except PydanticCustomError:
        return
    assert condition.signals <= set(BUILT_IN.names)
    assert isinstance(condition.holds({**SIGNALS_NOW, "findings": []}), bool)


@given(st.text(max_size=40))
def test_tokens_are_the_text_without_what_is_between_them(text: str) -> None:
    found = tokens(text)
    for token in found.every if found else []:
        assert text.startswith(token.written, token.at)
