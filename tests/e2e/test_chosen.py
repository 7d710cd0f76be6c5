"""The combinations that the default run takes: any two choices meet."""

from itertools import combinations, product

import pytest

from tests.e2e.conftest import _repeats
from tests.e2e.gateway import PROFILES, VERSIONS

CHOICES = {"transport": ("h2", "grpcio"), "profile": PROFILES, "version": VERSIONS}


def taken(name: str, *which: str) -> list[tuple[str, ...]]:
    """The combinations of these choices that a file's tests run with by default."""
    return [
        each
        for each in product(*(CHOICES[one] for one in which))
        if not _repeats(dict(zip(which, each, strict=True)), name)
    ]


def test_any_two_of_transport_profile_and_version_meet() -> None:
    four = taken("test_bodies.py", *CHOICES)
    assert len(four) == 4
    for one, other in combinations(range(3), 2):
        assert len({(each[one], each[other]) for each in four}) == 4


def test_a_file_about_what_no_transport_changes_meets_each_profile_and_version() -> None:
    assert taken("test_upstreams.py", *CHOICES) == [("h2", "buffered", "http1"), ("h2", "full-duplex", "http2")]


@pytest.mark.parametrize("which", [("transport", "profile"), ("profile", "version")])
def test_where_there_are_two_choices_all_are_taken(which: tuple[str, str]) -> None:
    assert len(taken("test_bodies.py", *which)) == 4
