"""The section `mcp` of a policy: what is wrong with it is said with its line and the fix."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from extproc.policy import PolicyError, UnusableError, drafted, loads
from extproc.policy.mcp import FALLBACK_MAX, PATTERN_MAX, PATTERNS_MAX, PINS_MAX, SERVERS_MAX, TENANTS_MAX, Mcp
from extproc.policy.secrets import read_secrets
from extproc.server.files import read_file
from extproc.transaction import Plan
from tests.gathered import gathered

BASE = """\
version: 1
backends:
  - {name: openai, url: "https://api.openai.com/v1", api: openai}
  - {name: files, url: "http://127.0.0.1:9001/mcp", api: mcp}
  - {name: spare, url: "http://127.0.0.2:9001/mcp", api: mcp}
"""
DIGEST = "a" * 64


def wrong(more: str) -> list[tuple[str, str, str]]:
    with pytest.raises(PolicyError) as caught:
        loads(BASE + more)
    return [(each.path, each.message, each.mend) for each in caught.value.problems]


def test_a_server_needs_a_name_and_a_backend_and_has_defaults() -> None:
    policy = loads(f"{BASE}mcp: {{servers: [{{name: files, backend: files}}]}}\n")
    assert policy.mcp is not None
    (server,) = policy.mcp.servers
    assert (server.path, server.fallback, server.tools, server.pins) == ("/mcp", (), None, None)


SERVER = "mcp.servers[0]"
KNOWN = "tenants: {from: {header: x-tenant-id}, known: {acme: {}}}"


@gathered(
    ("servers", "where", "said"),
    [
        ("", "mcp.servers", "needs a server"),
        ("{name: a, backend: none-such}", f"{SERVER}.backend", "no backend none-such"),
        ("{name: a, backend: openai}", f"{SERVER}.backend", "no MCP server"),
        ("{name: a, backend: files, fallback: [openai]}", f"{SERVER}.fallback[0]", "no MCP server"),
        ("{name: a, backend: files, path: mcp}", f"{SERVER}.path", "path of an MCP server"),
        ("{name: a, backend: files, path: /mcp/}", f"{SERVER}.path", "path of an MCP server"),
        ("{name: a, backend: files, path: /a/../b}", f"{SERVER}.path", "path of an MCP server"),
        ("{name: a, backend: files}, {name: a, path: /b, backend: files}", "mcp.servers[1].name", "already a server"),
        ("{name: a, backend: files}, {name: b, path: /MCP, backend: spare}", "mcp.servers[1]", "has every tool"),
        ("{name: a, backend: files, tools: [' x']}", f"{SERVER}.tools[0]", "no space at its ends"),
        ("{name: a, backend: files, pins: {tools: {x: abc}}}", f"{SERVER}.pins.tools.x", "64 lower-case"),
    ],
)
def test_what_is_wrong_with_a_server_is_said_where_it_is(servers: str, where: str, said: str) -> None:
    found = wrong(f"mcp: {{servers: [{servers}]}}\n")
    assert any(each[0] == where and said in each[1] and each[2] for each in found), found


@gathered(
    ("more", "where", "said"),
    [
        ("mcp: {tenants: [{name: t}], servers: [{name: a, backend: files}]}", "mcp.tenants", "who the tenant is"),
        (
            "mcp: {tenants: [{name: acne}], servers: [{name: a, backend: files}]}\n" + KNOWN,
            "mcp.tenants[0].name",
            "no tenant acne",
        ),
        ("models: [{name: m, targets: [{backend: files}]}]", "models[0].targets[0].backend", "serves no model"),
        (
            "models: [{name: m, targets: [{backend: openai}], fallback: [{backend: files}]}]",
            "models[0].fallback[0].backend",
            "serves no model",
        ),
        (
            "models: [{name: m, targets: [{backend: openai}], canary: {to: {backend: files}, share: 5%}}]",
            "models[0].canary.to.backend",
            "serves no model",
        ),
        ("default_backend: files", "default_backend", "cannot be the default"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(more: str, where: str, said: str) -> None:
    found = wrong(more + "\n")
    assert any(each[0] == where and said in each[1] and each[2] for each in found), found


def test_the_default_backend_may_not_be_a_way_around_the_lists() -> None:
    same = BASE.replace("https://api.openai.com/v1", "http://127.0.0.1:9001/v1")
    text = f"{same}default_backend: openai\nmcp: {{servers: [{{name: a, backend: files}}]}}\n"
    with pytest.raises(PolicyError) as caught:
        loads(text)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == ("default_backend", 6)
    assert "on the host of the MCP server files" in problem.message
    loads(text.replace("default_backend: openai\n", ""))
    loads(text.replace("127.0.0.1:9001/v1", "127.0.0.1:9002/v1"))


def test_a_path_of_an_api_is_no_path_of_a_server() -> None:
    for path in ("/v1/chat/completions", "/v1/models"):
        policy = loads(f"{BASE}mcp: {{servers: [{{name: a, path: {path}, backend: files}}]}}\n")
        with pytest.raises(UnusableError, match="the path of an API"):
            Plan.compile(policy, {})


@gathered(
    ("made", "most"),
    [
        (lambda n: {"servers": [{"name": "a", "backend": "b"}] * n}, SERVERS_MAX),
        (lambda n: {"servers": [{"name": "a", "backend": "b", "tools": ["x"] * n}]}, PATTERNS_MAX),
        (lambda n: {"servers": [{"name": "a", "backend": "b", "tools": ["x" * n]}]}, PATTERN_MAX),
        (lambda n: {"servers": [{"name": "a", "backend": "b", "fallback": ["b"] * n}]}, FALLBACK_MAX),
        (lambda n: {"servers": [{"name": "a", "backend": "b", "pins": {"tools": _pins(n)}}]}, PINS_MAX),
        (lambda n: {"servers": [], "tenants": [{"name": "t"}] * n}, TENANTS_MAX),
        (lambda n: {"servers": [], "tools": {"deny": ["x"] * n}}, PATTERNS_MAX),
    ],
    ids=["servers", "tools", "pattern", "fallback", "pins", "tenants", "deny"],
)
def test_sizes_are_bounded(made: Callable[[int], dict[str, Any]], most: int) -> None:
    Mcp.model_validate(made(most))
    with pytest.raises(ValidationError):
        Mcp.model_validate(made(most + 1))


def _pins(count: int) -> dict[str, str]:
    return {f"t{number}": DIGEST for number in range(count)}


def test_pins_are_read_from_a_file_beside_those_that_are_written(tmp_path: Path) -> None:
    text = f"{BASE}mcp: {{servers: [{{name: a, backend: files, pins: {{file: pins.json, tools: {{b: {DIGEST}}}}}}}]}}\n"
    (tmp_path / "pins.json").write_text(json.dumps({"a": "b" * 64, "b": "c" * 64}))
    policy = loads(text, folder=tmp_path)
    plan = Plan.compile(policy, read_secrets(policy, {}, read_file))
    assert plan.mcp is not None
    pins = plan.mcp.routes["/mcp"].servers[0].pins
    assert pins is not None
    assert pins.tools == {"a": "b" * 64, "b": DIGEST}
    for content in ("[]", '{"a": 1}', '{"a": "short"}', json.dumps({"": DIGEST}), "no json"):
        (tmp_path / "pins.json").write_text(content)
        with pytest.raises(UnusableError, match="holds no pins"):
            Plan.compile(policy, read_secrets(policy, {}, read_file))
    (tmp_path / "pins.json").unlink()
    with pytest.raises(UnusableError, match="cannot be read"):
        read_secrets(policy, {}, read_file)


def test_a_server_behind_no_path_is_noted() -> None:
    notes = drafted(BASE).loaded().notes
    assert [each.path for each in notes if "no request reaches" in each.message] == ["backends[1]", "backends[2]"]
