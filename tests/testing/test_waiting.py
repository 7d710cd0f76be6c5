import time

from extproc.testing import eventually


def test_what_holds_already_is_not_waited_for() -> None:
    assert eventually(lambda: True, within=0.0)


def test_what_comes_to_hold_is_seen() -> None:
    started = time.monotonic()
    assert eventually(lambda: time.monotonic() > started + 0.05)


def test_what_never_holds_is_given_up() -> None:
    started = time.monotonic()
    assert not eventually(lambda: False, within=0.05)
    assert 0.05 <= time.monotonic() - started < 1.0
