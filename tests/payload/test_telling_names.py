"""Names that say what their value is, at the length up to which they do and past it."""

from extproc.payload.names import MOST_TELLING, carries, folded, says_base64


def test_a_name_says_base64_up_to_its_limit() -> None:
    longest = "base64".rjust(MOST_TELLING, "x")
    assert says_base64(longest)
    assert carries(longest)
    assert not says_base64("x" + longest)
    assert not carries("x" + longest)


def test_a_name_is_read_without_its_case_up_to_its_limit() -> None:
    assert folded("N" * MOST_TELLING) == "n" * MOST_TELLING
    assert folded("N" * (MOST_TELLING + 1)) == "N" * (MOST_TELLING + 1)
