import yaml

from extproc.gateway.bootstrap import Json, bootstrap, render
from extproc.policy import Policy
from extproc.transaction import Needs
from tests.gateway.rig import ANYWHERE


def made() -> Json:
    backend = {"name": "b", "url": "https://api.example.com/v1", "api": "openai"}
    policy = Policy.model_validate({"version": 1, "backends": [backend]})
    return bootstrap(policy, needs=Needs(), endpoints=["unix:/run/p"], listen=ANYWHERE)


def test_what_is_rendered_reads_back_as_it_was() -> None:
    assert yaml.safe_load(render(made(), ["a comment", ""])) == made()


def test_nothing_is_rendered_by_reference() -> None:
    twice = {"one": ["x"], "two": ["x"]}
    twice["two"] = twice["one"]
    assert render(twice) == "one:\n- x\ntwo:\n- x\n"


def test_a_comment_cannot_end_its_line() -> None:
    assert render({"a": 1}, ["one\ninjected: true", ""]) == "# one injected: true\n#\na: 1\n"


def test_without_an_admin_address_there_is_no_admin_port() -> None:
    assert "admin" not in made()
