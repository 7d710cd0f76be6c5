"""A real Envoy in a test: its log beside a failure, and the proof that ext_proc was spoken without a fault."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from extproc.gateway.process import Bootstrap, EnvoyProcess

FAULTS: Final = "spurious_msgs_received"
"""Envoy's counter of answers that it had not asked for or could not use."""


@contextmanager
def real_envoy(
    bootstrap: Bootstrap, *, concurrency: int = 1, log_level: str = "info", arguments: Sequence[str] = ()
) -> Iterator[EnvoyProcess]:
    """A running Envoy; an error that passes through (a failed assertion, too) gets the end of Envoy's log as a note."""
    with EnvoyProcess(bootstrap, concurrency=concurrency, log_level=log_level, arguments=arguments) as envoy:
        try:
            yield envoy
        except BaseException as error:
            state = "runs" if envoy.alive else f"ended with code {envoy.exit_code}"
            error.add_note(f"Envoy {state}; its log ends:\n{envoy.log_tail()}")
            raise


def ext_proc_stats(envoy: EnvoyProcess) -> Counter[str]:
    """The counters of every ext_proc filter by their last word (`streams_started`), summed over the filters."""
    sums: Counter[str] = Counter()
    for scope in ("http.", "cluster."):  # a filter of the listener's chain, and one of an upstream's
        for name, value in envoy.stats(scope).items():
            if ".ext_proc." in name:
                sums[name.rpartition(".")[2]] += value
    return sums


def assert_clean(envoy: EnvoyProcess) -> None:
    """Envoy lives, has an ext_proc filter, and never got an answer from it that broke the protocol.

    Raises:
        AssertionError: with every ext_proc counter that is not zero.
    """
    assert envoy.alive, f"Envoy ended with code {envoy.exit_code}"
    stats = ext_proc_stats(envoy)
    assert FAULTS in stats, "this Envoy has no ext_proc filter, so nothing was proved"
    assert stats[FAULTS] == 0, f"Envoy got answers out of turn: { {name: n for name, n in stats.items() if n} }"
