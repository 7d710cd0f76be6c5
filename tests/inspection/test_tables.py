"""Tables in texts that come whole or in pieces, secrets in their columns among them."""

import random
from collections.abc import Iterator

import pytest

from extproc.detectors import pii
from extproc.inspection.answers.tabled import Tabled
from extproc.inspection.answers.watch import watch
from extproc.inspection.tables import CELL_MAX, FIRST_LOOK, SECRET_ROWS_MAX, TableReader, tabled
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span
from extproc.matching.window import Window
from scripts.benchmarks.unseen import judge
from tests.conftest import PROFILE
from tests.gathered import gathered
from tests.inspection.answering import EMAIL, every_rule
from tests.inspection.test_streamed_as_whole import alike
from tests.inspection.texts import scanner
from tests.inspection.twins import TWINS

NAMES = ("id", "phone", "date_of_birth", "password", "api_key", "name", "größe", "notes, x", '"token"', "bsn", "x" * 99)
VALUES = (
    *("1", "0285601815", "22/12/1940", "hunter22x", "s3cr3t!Pa55", "f1d2d2f924e986ac86fdf7b36c94bcdf", "", "Ünn"),
    *('"Smith, Ann"', "111222333", "+44 20 7946 0958", "bob@example.com", "4111 1111 1111 1111", "x" * 400, "phone"),
    *('"0285601815"', "44051401458", "0285\u200b601815", "\\n0285601815", "\x1b[31m0285601815"),
)
PROSE = ("Hello there, this is a text.", "call me, 0285601815, or write", "", "| --- | --- |", "phone, email", "12, 13")


def drawn(seed: int) -> str:
    """A text of tables and prose."""
    random_ = random.Random(seed)
    lines: list[str] = []
    for _ in range(random_.randint(1, 3)):
        lines += random_.choices(PROSE, k=random_.randint(0, 1))
        mark, width = random_.choice([",", ";", "\t", "|", " | "]), random_.randint(2, 5)
        lines.append(mark.join(random_.choices(NAMES, k=width)))
        lines += [mark.join(["---"] * width)] * random_.randint(0, 1)
        for _ in range(random_.randint(0, 4)):
            lines.append(mark.join(random_.choices(VALUES, k=width if random_.random() < 0.9 else 3)))
    return random_.choice(["\n", "\r\n"]).join(lines) + random_.choice(["", "\n"])


def cut(text: str, seed: int) -> Iterator[str]:
    """The text in pieces."""
    random_, at = random.Random(seed), 0
    most = random_.choice([1, 7, 40])
    while at < len(text):
        size = random_.randint(1, most)
        yield text[at : at + size]
        at += size


def whole(text: str) -> list[Span]:
    """What is found in a text that comes whole."""
    return tabled(scanner().scan(text), text, scanner())


@gathered("seed", range(30 if PROFILE == "fast" else 60), parts=3)
def test_a_text_in_pieces_has_the_findings_of_the_whole(seed: int) -> None:
    text = drawn(seed)
    for holds in (True, False):
        looking = watch(scanner(), holds=holds)
        released = [looking.feed(piece) for piece in cut(text, seed)]
        released.append(looking.finish())
        assert "".join(each.text for each in released if each is not None) == text
        hits = [hit for each in released if each is not None for hit in each.hits]
        assert [hit.span for hit in hits] == whole(text)
        assert all(hit.value == text[hit.span.start : hit.span.end] for hit in hits)


@pytest.mark.parametrize("name", ["content", "tool_calls", "function_arguments", "input"])
def test_a_response_with_a_table_leaves_without_its_values(name: str) -> None:
    text = (
        "Here you are:\n\nid,phone,password\n" + "1,0285601815,hunter22x\n" * 9 + "\nThat is all, 0285601815, my friend"
    )
    for said in ([text], list(text), list(cut(text, 7))):
        out, _, unread, blocked = alike(TWINS[name], every_rule(), said)
        assert (unread, blocked, out.count("0285601815"), out.count("hunter22x")) == (set(), None, 1, 0)


@pytest.mark.parametrize("name", ["refusal", "completions"])
def test_a_table_that_pauses_anywhere_is_judged_alike(name: str) -> None:
    alike(TWINS[name], every_rule(), list("no,phone\n1,0285601815\n2,3715260189"))


def test_only_the_cell_in_progress_of_a_telling_column_waits() -> None:
    phones = Scanner.compile(pii.rules(("phone",)))
    looking = Tabled(Window(phones), phones, None)
    looking.feed("id,phone,note\n1,no words ")
    assert looking.unjudged[1] == "no words "
    assert looking.held == len("no words ")
    looking.feed("at all, here ")
    assert looking.unjudged[1] in {"", "here "}
    looking.feed("\n2," + "x " * (CELL_MAX // 2))
    assert len(looking.unjudged[1]) == CELL_MAX
    looking.feed("and more of it ")
    assert len(looking.unjudged[1]) <= len("and more of it ")


def test_where_no_rule_reads_names_no_table_is_looked_for() -> None:
    assert isinstance(watch(Scanner.compile(EMAIL), holds=True), Window)
    text = "id,phone\n1,0285601815\n"
    assert tabled([], text, Scanner.compile(EMAIL)) == []


def test_a_name_is_asked_for_among_the_words_of_all_rules() -> None:
    assert scanner().tells("home phone")
    assert not scanner().tells("telescope")
    assert not Scanner.compile(EMAIL).tells("phone")


def test_a_cell_is_read_up_to_its_limit() -> None:
    for size, number in ((CELL_MAX, 1), (CELL_MAX + 1, 0)):
        assert len(tabled([], f"id,phone\n1,{'0285601815'.rjust(size)}\n", scanner())) == number


def test_nothing_is_kept_of_a_line_that_is_no_header() -> None:
    reader = TableReader(scanner())
    reader.feed("What is this? " + "words, " * FIRST_LOOK)
    assert reader.line is None
    reader.feed("\nid,name\n1,ann\n")
    assert not reader.line
    assert reader.table is None


def test_another_scanner_takes_over_what_is_held_back() -> None:
    for before in ("id,phone\n1,no ", "id,phone\n1,no words\n2 and "):
        looking = Tabled(Window(scanner()), scanner(), None)
        passed = looking.feed(before)
        assert passed is not None
        other = looking.handed(scanner())
        assert other.unjudged == looking.unjudged
        released = [passed, other.feed("more\nno,bsn\n7,111222333\n"), other.finish()]
        assert "".join(each.text for each in released if each) == f"{before}more\nno,bsn\n7,111222333\n"
        assert [hit.value for each in released if each for hit in each.hits] == ["111222333"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_column_of_passwords_is_read_to_its_end(delimiter: str) -> None:
    rows = (
        ("id", "password", "role"),
        ("1", "hunter22x", "admin"),
        ("2", '"s3cr3t!Pa55"', "user"),
        ("3", "x9Tr0ub4", "user"),
    )
    text = "My users:\n" + "\n".join(delimiter.join(row) for row in rows) + "\n\nthanks"
    masked = judge(text).masked
    assert not any(each in masked for each in ("hunter22x", "s3cr3t!Pa55", "x9Tr0ub4"))
    assert "admin" in masked


def secrets(text: str) -> list[str]:
    """What is found of secrets by the columns alone."""
    return list(dict.fromkeys(text[each.start : each.end] for each in tabled([], text, scanner())))


def test_other_columns_placeholders_and_what_follows_the_table_stay() -> None:
    text = "id,api_key,commit\n1,f1d2d2f924e986ac86fdf7b36c94bcdf,a9f1\n2,${KEY2},b3c5\nsee hunter22x, it, works1x\n"
    assert secrets(text) == ["f1d2d2f924e986ac86fdf7b36c94bcdf"]


def test_a_mark_within_quotes_ends_no_cell_and_letters_beyond_ascii_shift_nothing() -> None:
    text = 'Größe:\nname,password,id\n"Ünn",hunter22x,1\n"Smith, Änn","s3cr3t,Pa55",2\nÖmer,x9Tr0ub4,3\n'
    assert secrets(text) == ["hunter22x", "s3cr3t,Pa55", "x9Tr0ub4"]


def test_secrets_are_read_up_to_a_limit_of_rows() -> None:
    line = "{0},s3cr3t{0}Pa55\n"
    text = "id,password\n" + "".join(map(line.format, range(SECRET_ROWS_MAX + 2)))
    assert len(secrets(text)) == SECRET_ROWS_MAX


def test_a_column_without_neighbours_is_not_gone_through() -> None:
    assert secrets("password\nhunter22x\ns3cr3tPa55\n") == []
