"""Tables for the choice of a destination, compiled from a policy once."""

from textwrap import dedent

import pytest

from extproc.policy import loads
from extproc.routing.table import Table, client_credentials, compile_table

POLICY = """
    version: 1
    backends:
      - name: paid
        url: https://api.example/openai/v1
        api: openai
        models: [{name: listed}, {name: shared}]
        credential: {bearer: {env: PAID}}
      - {name: free, url: "http://127.0.0.1:9001/v1", api: openai, models: [{name: shared}]}
      - {name: claude, url: "http://127.0.0.1:9002/v1", api: anthropic, credential: client}
    models:
      - {name: sole, targets: [{backend: paid, model: renamed}]}
      - name: both
        targets: [{backend: paid, weight: 3}, {backend: free}, {backend: claude}]
        fallback: [{backend: free, model: spare}]
      - name: ruled
        rules: [{when: tools > 0 && stream, to: [{backend: paid}]}]
        targets: [{backend: free}]
    """
SECRET = {"paid": b"sk-secret-of-the-backend"}


def compiled(text: str = POLICY, **secrets: bytes) -> Table:
    return compile_table(loads(dedent(text), "table.yaml"), secrets or SECRET)


def test_a_model_with_one_target_has_its_choice_made() -> None:
    route = compiled().routes["sole", "openai"]
    (sole,) = route.choices
    assert (sole.candidate.destination.name, sole.candidate.model) == ("paid", "renamed")
    assert sole.why == "only"


def test_targets_are_those_of_the_api_that_the_client_speaks() -> None:
    routes = compiled().routes
    assert [each.destination.name for each in routes["both", "openai"].targets] == ["paid", "free"]
    assert [each.weight for each in routes["both", "openai"].targets] == [3.0, 1.0]
    assert [each.destination.name for each in routes["both", "anthropic"].targets] == ["claude"]
    assert ("sole", "anthropic") not in routes, "no backend of that API serves it"


def test_the_first_backend_that_lists_a_name_serves_it() -> None:
    listed = compiled().listed
    assert listed["listed", "openai"].fallback[0].destination.name == "paid"
    assert listed["shared", "openai"].fallback[0].destination.name == "paid"
    assert listed["shared", "openai"].fallback[0].model is None, "it keeps its name"


def test_the_table_knows_which_signals_the_rules_of_a_model_read() -> None:
    assert compiled().asks == {"ruled": frozenset({"tools", "stream"})}


def test_knowing_who_is_down_matters_only_where_there_is_a_choice() -> None:
    alone = """
        version: 1
        backends: [{name: a, url: "http://127.0.0.1:9001/v1", api: openai}]
        models: [{name: m, targets: [{backend: a, weight: 2}, {backend: a, model: other}]}]
        """
    assert compiled().chooses
    assert not compiled(alone).chooses


def test_a_destination_takes_its_own_credential_and_removes_all_others() -> None:
    (paid,) = {each.destination for each in compiled().routes["sole", "openai"].targets}
    assert paid.credential == (("authorization", b"Bearer sk-secret-of-the-backend"),)
    assert paid.removes is not None
    assert "x-api-key" in paid.removes
    assert "authorization" not in paid.removes, "it is overwritten"
    assert (paid.authority, paid.prefix) == (b"api.example", "/openai/v1")


def test_a_client_s_own_credential_is_left_where_it_is_meant_for_the_backend() -> None:
    table = compiled()
    (claude,) = {each.destination for each in table.routes["both", "anthropic"].targets}
    assert claude.removes is None
    assert table.removes is not None, "not for the other backends"


def test_a_credential_field_of_one_backend_is_removed_for_every_other() -> None:
    text = """
        version: 1
        backends:
          - {name: a, url: "http://127.0.0.1:9001/v1", api: openai, credential: {env: A, header: x-house-pass}}
          - {name: b, url: "http://127.0.0.1:9002/v1", api: openai}
        models: [{name: m, targets: [{backend: b}]}]
        """
    policy = loads(dedent(text), "table.yaml")
    assert "x-house-pass" in client_credentials(policy)
    (only,) = compile_table(policy, {"a": b"secret"}).routes["m", "openai"].targets
    assert only.destination.removes is not None
    assert "x-house-pass" in only.destination.removes


def test_a_backend_without_its_credential_is_an_error_and_not_a_request_without_one() -> None:
    with pytest.raises(ValueError, match="paid"):
        compile_table(loads(dedent(POLICY), "table.yaml"), {})


def test_a_destination_s_repr_does_not_show_the_credential() -> None:
    assert "sk-secret" not in repr(compiled())
