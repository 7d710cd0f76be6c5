"""`extproc.ext`: all that a plug-in imports, one registration for every kind, and no cost where there is no plug-in."""

import ast
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

from extproc import apis, detectors, ext
from extproc.ext import Contribution, ContributionError, registered
from extproc.policy.signals import vocabulary
from extproc.policy.stages import declared
from extproc.signals import registry as signals
from tests.seams.acme.tier import TIER
from tests.seams.toys import EVERY

ACME = Path(__file__).parent / "acme"

POLICY = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
pipelines: [{name: p, request: [{use: pii, kinds: [email], when: 'tools > 0'}]}]
"""


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    froms = {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return froms | {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}


@pytest.mark.parametrize("path", sorted(ACME.glob("*.py")), ids=lambda path: path.stem)
def test_a_plug_in_needs_nothing_of_the_program_but_ext(path: Path) -> None:
    ours = {name for name in imported(path) if name.partition(".")[0] in {"extproc", "tests", ""}}
    assert ours <= {"extproc.ext"}
    others = {name.partition(".")[0] for name in imported(path) - ours}
    assert others <= sys.stdlib_module_names | {"pydantic"}


def test_every_public_name_is_there_once() -> None:
    assert len(set(ext.__all__)) == len(ext.__all__)
    assert all(hasattr(ext, name) for name in ext.__all__)
    assert [name for name in ext.__all__ if name.startswith("_")] == []


def test_every_public_class_and_function_has_a_docstring() -> None:
    things = {name: getattr(ext, name) for name in ext.__all__}
    described = {name: each.__doc__ for name, each in things.items() if isinstance(each, type | FunctionType)}
    assert {name for name, text in described.items() if not text} == set()


@pytest.mark.parametrize("contribution", EVERY, ids=lambda each: type(each).__name__)
def test_each_kind_is_added_by_one_registration_and_is_gone_after_the_test(contribution: Contribution) -> None:
    with registered():
        before = (detectors.current(), apis.current(), signals.current(), vocabulary().names, declared())
    if type(contribution) is ext.DetectorKind:
        with detectors.registered(), pytest.raises(ContributionError, match="same word"), registered(contribution):
            pass  # the fixture has registered the detectors already
    else:
        with registered(contribution):
            assert (detectors.current(), apis.current(), signals.current(), vocabulary().names, declared()) != before
    assert (detectors.current(), apis.current(), signals.current(), vocabulary().names, declared()) == before


def test_nothing_stays_of_a_registration_that_fails_in_the_middle() -> None:
    before = (signals.current(), vocabulary().names)
    with pytest.raises(ContributionError, match="two signals"), registered(TIER, TIER):
        pass
    assert (signals.current(), vocabulary().names) == before


def test_where_there_is_no_plug_in_their_contracts_are_not_imported(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    program = (
        "import sys\nfrom extproc.cli import main\nfrom extproc.server import plugins, template_process\n"
        "import extproc.server.h2.listener, extproc.server.worker\n"
        f"assert main(['check', '-c', {str(policy)!r}]) == 0\n"
        "assert plugins.loaded() == ()\n"
        "sys.exit('extproc.ext' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, done.stderr)
