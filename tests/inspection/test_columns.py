"""The header of a column says what its values are, in whole texts of requests."""

import json

import pytest

from extproc.inspection.columns import COLUMNS_MAX, NAME_WORDS_MAX, named_spans, tables
from extproc.protocol.meter import Meter, SpentError
from tests.inspection.test_scores import masked
from tests.inspection.texts import scanner

ROWS = [f"{number};22/12/19{number + 40};open" for number in range(40)]


def found(text: str) -> list[tuple[str, str]]:
    """Kind and text of what the headers of a text's tables tell."""
    told = tables(text, scanner())
    return (
        [] if told is None else [(each.kind, text[each.start : each.end]) for each in named_spans([], told, scanner())]
    )


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", " | "])
def test_every_value_of_a_column_is_what_its_header_says(mark: str) -> None:
    rows = ["id;date_of_birth;status", *ROWS]
    text = "Please sort these:\n\n" + "\n".join(row.replace(";", mark) for row in rows) + "\n\nThank you!"
    assert found(text) == [("date_of_birth", f"22/12/19{number + 40}") for number in range(40)]


def test_a_request_with_a_long_table_leaves_without_its_values() -> None:
    out = masked("kinds: [date_of_birth]", "\n".join(["id;dateOfBirth;status", *ROWS]))
    assert "22/12/" not in out
    assert out.count("DATE_OF_BIRTH") == 40


def test_quoted_cells_line_ends_of_windows_and_rulers_of_markdown_are_read() -> None:
    assert found('name,phone\r\n"Smith, Ann","0285601815"\r\nÜnal,"3715260189"\r\n') == [
        ("phone", "0285601815"),
        ("phone", "3715260189"),
    ]
    assert found("| Name | Phone number |\n|---|---|\n| Ünn | 12345678 |\n") == [("phone", "12345678")]


def test_a_table_ends_where_a_line_has_other_cells_and_another_begins_behind_it() -> None:
    text = "id,phone\n1,0285601815\n2,1,0285601815\nno,bsn\n7,111222333\n"
    assert found(text) == [("phone", "0285601815"), ("nl_bsn", "111222333")]


@pytest.mark.parametrize(
    "text",
    [
        "one line, phone",
        "id,size\n1,0285601815\n",
        "Hello, this is my very own phone\n12,0285601815\n",
        "id,phone\n0285601815,1\n",
        "phone\n0285601815x\n",
        "phone, status\nno digits, here\n",
    ],
)
def test_a_line_that_is_no_header_tells_nothing(text: str) -> None:
    assert found(text) == []


def test_the_name_of_the_column_wins_over_words_that_stand_further_away() -> None:
    # The number has the check digit of a PESEL, and the word stands near enough.
    out = masked("kinds: [phone, pl_pesel]", "pesel,phone\n44051401458,44051401458\n")
    assert out.splitlines()[1] == "[PL_PESEL_1],[PHONE_1]"


def test_a_header_has_so_many_cells_at_most_and_a_name_so_many_words() -> None:
    for width, number in ((COLUMNS_MAX, 1), (COLUMNS_MAX + 1, 0)):
        header, row = ["x"] * (width - 1) + ["phone"], ["1"] * (width - 1) + ["0285601815"]
        assert len(found(f"{','.join(header)}\n{','.join(row)}\n")) == number
    for words, number in ((NAME_WORDS_MAX, 1), (NAME_WORDS_MAX + 1, 0)):
        assert len(found(f"id,{'my ' * (words - 1)}phone\n1,0285601815\n")) == number


def test_tables_are_counted_on_the_meter() -> None:
    text = "id,phone\n" + "1,2\n" * 1000
    meter = Meter()
    before = meter.left
    tables(text, scanner(), meter)
    assert before - meter.left >= 2000
    with pytest.raises(SpentError):
        tables(text, scanner(), Meter(100))


def test_headers_within_headers_are_read_once() -> None:
    text = "id,phone,x\n1,2,3\n" * 2000
    told = tables(text, scanner())
    assert told is not None
    assert len(told.columns) == 1
    assert "bytes" in repr(told)
    assert json.dumps(text) not in repr(told)
