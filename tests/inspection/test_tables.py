"""Secrets in the columns of a table: every line of a request's text, up to the limit."""

import pytest

from extproc.inspection.tables import MOST_ROWS, below
from scripts.benchmarks.unseen import judge
from tests.inspection.texts import scanner


def found(text: str) -> list[str]:
    """What is found below the first line of values."""
    return [text[each.start : each.end] for each in below(scanner(), text, scanner().scan(text))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_column_of_passwords_is_read_to_its_end(delimiter: str) -> None:
    rows = (
        ("id", "password", "role"),
        ("1", "hunter22x", "admin"),
        ("2", '"s3cr3t!Pa55"', "user"),
        ("3", "x9Tr0ub4", "user"),
    )
    text = "My users:\n" + "\n".join(delimiter.join(row) for row in rows) + "\n\nthanks"
    assert found(text) == ["s3cr3t!Pa55", "x9Tr0ub4"]
    masked = judge(text).masked
    assert not any(each in masked for each in ("hunter22x", "s3cr3t!Pa55", "x9Tr0ub4"))
    assert "admin" in masked


def test_other_columns_placeholders_and_what_follows_the_table_stay() -> None:
    text = "id,api_key,commit\n1,f1d2d2f924e986ac86fdf7b36c94bcdf,a9f1\n2,${KEY2},b3c5\nsee hunter22x, it, works1x\n"
    assert found(text) == []


def test_a_mark_within_quotes_ends_no_cell_and_letters_beyond_ascii_shift_nothing() -> None:
    text = 'Größe:\nname,password,id\n"Ünn",hunter22x,1\n"Smith, Änn","s3cr3t,Pa55",2\nÖmer,x9Tr0ub4,3\n'
    assert found(text) == ["s3cr3t,Pa55", "x9Tr0ub4"]


def test_a_table_is_read_up_to_its_limit() -> None:
    line = "{0},s3cr3t{0}Pa55\n"
    text = "id,password\n" + "".join(map(line.format, range(MOST_ROWS + 2)))
    assert len(found(text)) == MOST_ROWS


def test_a_column_without_neighbours_is_not_gone_through() -> None:
    assert found("password\nhunter22x\ns3cr3tPa55\n") == []
