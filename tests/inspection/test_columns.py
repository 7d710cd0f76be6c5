"""The header of a column says what its values are."""

import pytest

from extproc.inspection.columns import (
    COLUMNS_MAX,
    HEADER_MAX,
    NAME_WORDS_MAX,
    Column,
    ColumnCell,
    column_spans,
    header,
)
from extproc.inspection.tables import tabled
from extproc.protocol.meter import Meter, SpentError
from tests.inspection.test_scores import masked
from tests.inspection.texts import scanner

ROWS = [f"{number};22/12/19{number + 40};open" for number in range(40)]


def found(text: str) -> list[tuple[str, str]]:
    """Kind and text of what the headers of a text's tables tell."""
    return [(each.kind, text[each.start : each.end]) for each in tabled([], text, scanner())]


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


def test_blanks_around_names_and_values_are_none_of_theirs() -> None:
    lines = [["Name", "Phone number"], ["---", "---"], ["Ünn", "12345678"]]
    text = "\n".join(f"| {name.ljust(30)} | {phone.ljust(30)} |" for name, phone in lines)
    assert found(text) == [("phone", "12345678")]


def test_a_line_of_long_parts_is_prose() -> None:
    row = "1,2,0285601815\n"
    assert found(f"{'six words are a long part,' * 2}phone\n{row}") == []
    assert found(f"{'five words are a name,' * 2}phone\n{row}") == [("phone", "0285601815")]


def test_a_line_that_ends_as_a_sentence_is_prose() -> None:
    row = "1,0285601815\n"
    assert found(f"id, my home phone no.\n{row}") == []
    assert found(f"id,my phone no.\n{row}") == [("phone", "0285601815")]


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
        "id,phone\n\n1,0285601815\n",
        "call(12, phone)\n(0285601815)\n",
    ],
)
def test_a_line_that_is_no_header_tells_nothing(text: str) -> None:
    assert found(text) == []


def test_lists_in_programs_are_no_columns_of_secrets() -> None:
    assert found("    passphrase,\n    friendlyname,\n") == []
    assert found('"note", "password",\n"x", "friendlyname",\n') == []
    assert found("note,password\nx,friendlyname\n") == [("password", "friendlyname")]


def test_a_sentence_above_the_header_is_none() -> None:
    assert found("My phone, or yours\nid,phone\n1,0285601815\n") == [("phone", "0285601815")]


def test_the_name_of_the_column_wins_over_words_that_stand_further_away() -> None:
    # The number has the check digit of a PESEL, and the word stands near enough.
    out = masked("kinds: [phone, pl_pesel]", "pesel,phone\n44051401458,44051401458\n")
    assert out.splitlines()[1] == "[PL_PESEL_1],[PHONE_1]"


def test_a_header_has_so_many_cells_and_characters_at_most_and_a_name_so_many_words() -> None:
    for width, number in ((COLUMNS_MAX, 1), (COLUMNS_MAX + 1, 0)):
        names, row = ["x"] * (width - 1) + ["phone"], ["1"] * (width - 1) + ["0285601815"]
        assert len(found(f"{','.join(names)}\n{','.join(row)}\n")) == number
    for size, number in ((HEADER_MAX, 1), (HEADER_MAX + 1, 0)):
        assert len(found(f"{'x' * (size - 6)},phone\n1,0285601815\n")) == number
    for words, number in ((NAME_WORDS_MAX, 1), (NAME_WORDS_MAX + 1, 0)):
        assert len(found(f"id,{'my ' * (words - 1)}phone\n1,0285601815\n")) == number


def test_tables_are_counted_on_the_meter() -> None:
    text = "id,phone\n" + "1,2\n" * 1000
    meter = Meter()
    before = meter.left
    tabled([], text, scanner(), meter)
    assert before - meter.left >= 2000
    with pytest.raises(SpentError):
        tabled([], text, scanner(), Meter(100))
    with pytest.raises(SpentError):
        tabled([], "no, names\nof, such\n" * 1000, scanner(), Meter(5000))


def test_nothing_that_is_read_has_a_rendering() -> None:
    column = Column("phone", "")
    cell = ColumnCell(3, "0285601815", column)
    assert "0285601815" not in repr(cell)
    read = header("id,phone", scanner())
    assert read is not None
    assert repr(read) == "TableHeader(2 columns, 1 telling)"
    assert [each.kind for each in column_spans([], [cell], scanner())] == ["phone"]
