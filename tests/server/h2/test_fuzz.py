"""A bounded run of the fuzz target: the corpus, and neighbours of it, always the same ones."""

import random

import pytest
from hypothesis import settings

from extproc.server.h2.calls import Calls
from tests.gathered import gathered
from tests.server.h2 import fuzzing

EXAMPLES = 4 * settings().max_examples
"""Neighbours of each seed: a hundred, or as many as the deep profile wants."""
SEEDS = {path.name: path.read_bytes() for path in sorted(fuzzing.CORPUS.iterdir())}


@pytest.mark.parametrize("name", SEEDS)
def test_what_real_clients_sent_is_no_fault(name: str) -> None:
    calls = fuzzing.run(SEEDS[name])
    assert isinstance(calls, Calls)
    assert not calls.over


@gathered("name", SEEDS, parts=2)
@gathered("control", range(32))
def test_what_real_clients_sent_is_no_fault_however_it_is_read(name: str, control: int) -> None:
    calls = fuzzing.run(bytes((control,)) + SEEDS[name][1:])
    assert calls.terminated is None or calls.terminated.code == 0


@pytest.mark.parametrize("name", SEEDS)
def test_neighbours_of_what_real_clients_sent_break_nothing(name: str) -> None:
    chance = random.Random(name)
    others = list(SEEDS.values())
    for _ in range(EXAMPLES):
        fuzzing.run(fuzzing.mutated(SEEDS[name], chance, others))
