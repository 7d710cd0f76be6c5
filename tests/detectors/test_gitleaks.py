import pytest

from extproc.detectors.secrets import gitleaks
from extproc.matching.compiled import RuleError
from extproc.matching.scanner import Scanner

FILE = r"""
title = "rules"
[allowlist]
paths = ['''node_modules''']
regexes = ['''(?i)^true|false|null$''', '''^\$\{[A-Z_]+\}$''']
stopwords = ["abcdefghijklmnopqrstuvwxyz"]

[[rules]]
id = "acme-token"
description = "A token of Acme"
regex = '''\b(acme_(?i)[a-z0-9]{20})(?:[\x60'"\s;]|\\[nr]|$)'''
entropy = 3
keywords = ["acme_"]
[[rules.allowlists]]
regexes = ['''.+EXAMPLE$''']

[[rules]]
id = "acme-named"
regex = '''(?i)[\w.-]{0,50}?(?:(?-i:[Aa]cme|ACME))[ \t\w.-]{0,20}(?:=|:{1,3}=|:)[\x60'\"\s]{0,5}([a-z0-9]{32})\b'''
keywords = ["acme"]

[[rules]]
id = "edged"
regex = '''(?:^|[\\'"\x60\s>=:(,)])([a-z0-9_~.]{3}\dQ~[a-z0-9_~.-]{31,34})(?:$|[\\'"\x60\s<),])'''
keywords = ["q~"]

[[rules]]
id = "either"
regex = '''\bsend\b(?:.*?|.*?(?:[\r\n]{1,2}.*?){1,5})[ \t\n\r](?:-H|--header)[ =](?:"([a-z]{8,})"|'([a-z]{8,})')'''

[[rules]]
id = "second-group"
regex = '''(pin)-([0-9]{6,})'''
secretGroup = 2

[[rules]]
id = "about-files"
path = '''\.p12$'''

[[rules]]
id = "in-yaml"
regex = '''kind'''
path = '''\.yaml$'''
"""


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner.compile(gitleaks.load(FILE).rules)


def _found(scanner: Scanner, text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in scanner.scan(text)]


def test_a_token_is_found_and_the_find_is_the_group_without_its_delimiter(scanner: Scanner) -> None:
    assert _found(scanner, "use acme_k8Jq2LmX9vB4nR7tYw3Z; now") == [("acme-token", "acme_k8Jq2LmX9vB4nR7tYw3Z")]


def test_a_find_of_little_entropy_is_none(scanner: Scanner) -> None:
    assert _found(scanner, "use acme_aaaaaaaaaaaaaaaaaaaa; now") == []


def test_a_rules_own_allow_list_holds(scanner: Scanner) -> None:
    assert _found(scanner, "acme_k8Jq2LmX9vB4nEXAMPLE") == []


def test_the_files_allow_list_holds_for_every_rule(scanner: Scanner) -> None:
    assert _found(scanner, "acme_abcdefghijklmnopqrstuvwxyz"[:30]) == []
    assert _found(scanner, "ACME_KEY='abcdefghijklmnopqrstuvwxyz012345'") == []


def test_a_named_value_is_found_with_flags_switched_inside(scanner: Scanner) -> None:
    value = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    assert ("acme-named", value) in _found(scanner, f"ACME_SECRET := '{value}'")
    assert _found(scanner, f"aCmE_SECRET := '{value}'") == []


def test_the_start_and_the_end_of_a_text_count_as_delimiters(scanner: Scanner) -> None:
    secret = "bp88Q~rcbcyjzzohg1hnn76wm3jggakziz.8vmgr"
    assert _found(scanner, secret) == [("edged", secret)]
    assert _found(scanner, f"x={secret}\n") == [("edged", secret)]
    assert _found(scanner, f"x{secret}x") == []


def test_without_a_secret_group_the_find_is_the_first_group_that_took_part(scanner: Scanner) -> None:
    assert _found(scanner, "send this\n -H 'abcdefghij' to") == [("either", "abcdefghij")]
    assert _found(scanner, 'send -H "klmnopqrst" to') == [("either", "klmnopqrst")]


def test_the_secret_group_is_the_find(scanner: Scanner) -> None:
    assert _found(scanner, "pin-123456") == [("second-group", "123456")]


def test_rules_about_files_are_named_and_left_out() -> None:
    loaded = gitleaks.load(FILE)
    assert loaded.skipped == ("about-files", "in-yaml")
    assert len(loaded.rules) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rules", "not TOML"),
        ("title = 'x'", "needs 1 to 1000"),
        ("[extend]\nuseDefault = true", "extend"),
        ("[[rules]]\nregex = 'a'", "id is missing"),
        ("[[rules]]\nid = 'a'\nregex = 'b'\nentropy = 'high'", "rule a: entropy"),
        ("[[rules]]\nid = 'a'\nregex = 'b'\nkeywords = 'b'", "rule a: keywords is a list"),
        (
            "[[rules]]\nid = 'a'\nregex = 'b'\n[[rules.allowlists]]\nregexes = ['(?=x)']",
            "rule a: allow-list: look-around",
        ),
        ("[[rules]]\nid = 'a'\nregex = 'b'\n[[rules.allowlists]]\nregexTarget = 'file'", "rule a: regexTarget"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_the_rule(text: str, message: str) -> None:
    with pytest.raises(RuleError, match=message.replace("(", r"\(")):
        gitleaks.load(text)


@pytest.mark.parametrize("pattern", [r"(?<=a)b", r"(a)\1", r"\p{Greek}", "a**?(", "[b-a]", "(a", "a{9,3}"])
def test_what_cannot_run_in_linear_time_or_be_read_is_refused_with_the_rule(pattern: str) -> None:
    loaded = gitleaks.load(f"[[rules]]\nid = 'mine'\nregex = '''{pattern}'''")
    with pytest.raises(RuleError, match="rule mine: "):
        Scanner.compile(loaded.rules)


def test_a_list_that_asks_for_a_path_as_well_never_holds() -> None:
    both = "[[rules.allowlists]]\ncondition = 'AND'\npaths = ['x']\nregexes = ['abc']"
    scanner = Scanner.compile(gitleaks.load(f"[[rules]]\nid = 'mine'\nregex = 'abc[0-9]'\n{both}").rules)
    assert _found(scanner, "abc1") == [("mine", "abc1")]
