"""What `explain` says of requests to MCP servers."""

import json
from typing import Any

import msgspec

from extproc.explain.explanation import Explanation, explain
from extproc.explain.lines import read_line
from extproc.transaction import Shared
from tests.transaction.mcp_played import ONE, call, message, plan, result


def explained(body: Any, response: Any = None) -> Explanation:
    line: dict[str, Any] = {"path": "/mcp", "headers": {"content-type": "application/json"}, "body": body}
    if response is not None:
        line["response"] = {"status": 200, "headers": {"content-type": "application/json"}, "body": response}
    own = plan(f"tools: {{deny: [shell]}}, {ONE}")
    return explain(own, Shared(detailed=True), read_line(json.dumps(line).encode()))


def test_a_call_that_is_not_allowed_is_rejected_although_its_status_is_200() -> None:
    told = explained(call("shell", 5))
    assert (told.action, told.status, told.backend) == ("reject", 200, None)
    assert told.why[-1] == "answered with 200 by the processor: mcp_tool_denied"


def test_an_allowed_call_has_its_server_and_a_list_what_is_left_of_it() -> None:
    told = explained(message("tools/list"), result(1, tools=[{"name": "shell"}, {"name": "search"}]))
    assert (told.action, told.backend, [each.backend for each in told.plan]) == ("allow", "files", ["files"])
    assert "files is the first backend of its MCP server that is up" in told.why
    assert json.loads(msgspec.json.encode(told))["body"] == result(1, tools=[{"name": "search"}])
