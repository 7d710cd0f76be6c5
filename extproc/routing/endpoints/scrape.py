"""vLLM's page of metrics: the four numbers of it by which endpoints are scored."""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Final

from extproc.routing.endpoints.book import MetricsSample

PAGE_MAX: Final = 4 * 1024 * 1024
"""Bytes of a page. vLLM's has about 100 KB for one model; each adapter and engine adds some."""

WAITING: Final = "num_requests_waiting"
RUNNING: Final = "num_requests_running"
CACHE: Final = "kv_cache_usage_perc"
OLD_CACHE: Final = "gpu_cache_usage_perc"
"""The name of the same before vLLM 0.10."""

_NAMES: Final = tuple((name, f"vllm:{name}".encode()) for name in (WAITING, RUNNING, CACHE, OLD_CACHE))

_VALUE: Final = re.compile(rb"(?:\{[^\n]{0,2048}?\})?[ \t]+([0-9.eE+-]{1,40})(?:[ \t]+-?[0-9]{1,20})?[ \t\r]*(?:\n|\Z)")


def read_metrics(page: bytes, now: float) -> MetricsSample | None:
    """Return the metrics on a page; None if it has not the requests that wait and run.

    None as well if these are beyond counting. Of several engines behind one endpoint, requests are added, and the
    fullest cache counts.
    """
    sums: dict[str, float] = {}
    for name, written in _NAMES:
        values = list(_values(page, written))
        if values:
            sums[name] = max(values) if name in {CACHE, OLD_CACHE} else sum(values)
    if WAITING not in sums or RUNNING not in sums:
        return None
    if not isfinite(sums[WAITING] + sums[RUNNING]):
        return None  # sums of sums: scores of all endpoints would be no numbers
    cache = sums.get(CACHE, sums.get(OLD_CACHE))
    return MetricsSample(sums[WAITING], sums[RUNNING], None if cache is None else min(cache, 1.0), now)


def _values(page: bytes, name: bytes) -> Iterator[float]:
    """The values of a family's lines. They are a few of thousands, so that they are searched for, not all read."""
    at = page.find(name)
    while at >= 0:
        end = at + len(name)
        line = _VALUE.match(page, end) if at == 0 or page[at - 1 : at] == b"\n" else None
        value = None if line is None else _number(line[1])
        if value is not None:
            yield value
        at = page.find(name, end)


def _number(text: bytes) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) and value >= 0 else None
