"""Numbers with exponents: whoever reads them gets digits, which may be someone's."""

import pytest

from extproc.payload.limits import MAX_EXACT, MAX_EXPONENT
from extproc.payload.numbers import SHORTEST, telling


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("4111111111111111", "4111111111111111"),
        ("4111111111111111.0", "4111111111111111.0"),
        ("4111111111111111e0", "4111111111111111"),
        ("4.111111111111111E+15", "4111111111111111"),
        ("-41111111111111110e-1", "-4111111111111111"),
        ("4.1111111111111115e015", "4111111111111111.5"),
        ("1e6", "1000000"),
        ("1234567e-3", "1234567e-3"),
        ("123456", ""),
        ("1e5", ""),
        ("1.5e-10", ""),
        ("0e9", ""),
        ("NaN", ""),
        ("-Infinity", ""),
        ("true", ""),
    ],
)
def test_a_number_says_the_digits_that_its_reader_gets(number: str, said: str) -> None:
    assert telling(number) == said


def test_the_shortest_number_that_says_anything_is_the_shortest() -> None:
    assert telling("1e6")
    assert len("1e6") == SHORTEST


def test_a_number_is_written_out_up_to_a_length() -> None:
    digits = "4" + "1" * (MAX_EXACT - len("4e0"))
    assert telling(f"{digits}e0") == digits
    assert telling(f"{digits}1e0") == f"{digits}1e0"


def test_a_number_is_written_out_up_to_an_exponent() -> None:
    assert telling(f"1e{MAX_EXPONENT}") == "1" + "0" * MAX_EXPONENT
    assert telling(f"1e{MAX_EXPONENT + 1}") == ""
    assert telling("1e999999999999") == ""
