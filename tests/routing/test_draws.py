from extproc.routing.selection import Draws


def test_every_stretch_of_the_sequence_keeps_a_share() -> None:
    draws = Draws(0.37)
    values = [draws.next() for _ in range(2000)]
    assert all(0.0 <= value < 1.0 for value in values)
    for start in range(0, 1900, 37):
        below = sum(value < 0.8 for value in values[start : start + 100])
        assert 78 <= below <= 82


def test_workers_that_start_elsewhere_draw_elsewhere() -> None:
    assert Draws(0.1).next() != Draws(0.2).next()
    assert Draws(7.25).next() == Draws(0.25).next()
