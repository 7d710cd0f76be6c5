"""`extproc pins` prints what a policy reads as pins."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from extproc.cli import main
from extproc.cli.pins import ANSWER_MAX
from extproc.policy import loads, read_secrets
from extproc.server.files import read_file
from extproc.transaction import Plan
from tests.gathered import gathered
from tests.transaction.mcp_played import BACKENDS, dumped, listed, result

TOOLS: Final[list[dict[str, Any]]] = [
    {"name": "a", "description": "x"},
    {"name": "b", "inputSchema": {"type": "object"}},
]


def test_the_pins_of_a_list_are_those_that_the_gateway_compares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, pins = tmp_path / "answer.json", tmp_path / "pins.json"
    answer.write_bytes(dumped(result(1, tools=TOOLS)))
    assert main(["pins", str(answer)]) == 0
    pins.write_text(capsys.readouterr().out)
    assert sorted(json.loads(pins.read_text())) == ["a", "b"]
    text = f"{BACKENDS}mcp: {{servers: [{{name: files, backend: files, pins: {{file: pins.json}}}}]}}\n"
    policy = loads(text, folder=tmp_path)
    own = Plan.compile(policy, read_secrets(policy, {"FILES": "key"}, read_file))
    changed = [TOOLS[0], {**TOOLS[1], "title": "B"}]
    assert listed(own, dumped(result(1, tools=TOOLS))) == dumped(result(1, tools=TOOLS))
    assert listed(own, dumped(result(1, tools=changed))) == dumped(result(1, tools=TOOLS[:1]))
    # the pages of a long list, and a result without its message
    answer.write_bytes(dumped([result(1, tools=TOOLS[:1]), {"tools": TOOLS[1:]}]))
    assert main(["pins", str(answer)]) == 0
    assert capsys.readouterr().out == pins.read_text()


@gathered(
    ("content", "said"),
    [
        (b"no json", "cannot be read as a list"),
        (b"{}", "no list of tools"),
        (b'{"result":{"tools":[{"title":"x"}]}}', "A tool has a name"),
        (b'{"tools":[{"name":"a","inputSchema":{"x":1,"x":2}}]}', "a member twice"),
        (b'{"tools":[{"name":"a"},{"name":"a","title":"b"}]}', "two different tools"),
        (b" " * (ANSWER_MAX + 1), "larger than 16 MiB"),
    ],
)
def test_what_is_no_list_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str) -> None:
    answer = tmp_path / "answer.json"
    answer.write_bytes(content)
    assert main(["pins", str(answer)]) == 2
    assert said in capsys.readouterr().err
    assert main(["pins", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err
