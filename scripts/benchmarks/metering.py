"""The cost of counting an exchange: CPU time of `ExchangeCounts.count` for records of several kinds.

`python scripts/benchmarks/metering.py` prints microseconds per exchange: the least of several rounds, so that a busy
machine does not count. `passed` is of no API; `plain` has tokens and a duration; `full` has all that a record can have:
a tenant, a cost, cached and reasoning tokens, the time of its first token.
"""

import time
from typing import Any, Final

from msgspec.structs import replace

from extproc.policy import loads
from extproc.protocol.record import Record
from extproc.telemetry import Metrics
from extproc.telemetry.exchanges import ExchangeCounts
from extproc.telemetry.names import label_names

EXCHANGES: Final = 20_000
ROUNDS: Final = 7

POLICY: Final = """
version: 1
backends: [{name: openai, url: "https://api.openai.com/v1", api: openai}]
models: [{name: chat, targets: [{backend: openai, model: gpt-4o-mini}]}]
TENANTS
"""


def records() -> dict[str, tuple[str, Record]]:
    """Return the records, each with the part of the policy that it needs."""
    passed: dict[str, Any] = {"decision": "passed", "duration_ms": 120.0}
    plain = passed | {
        "decision": "allowed",
        "dialect": "openai.chat",
        "model": "chat",
        "stream": True,
        "backend": "openai",
        "upstream_model": "gpt-4o-mini",
        "status": 200,
        "input_tokens": 100,
        "output_tokens": 40,
        "usage_source": "provider",
        "cost_usd": 0.0004,
    }
    full = plain | {
        "tenant": "acme",
        "cached_input_tokens": 60,
        "reasoning_tokens": 12,
        "first_token_ms": 30.0,
    }
    lost = Record.lost("default")
    tenants = "tenants: {from: {header: x-tenant-id}}"
    return {
        "passed": ("", replace(lost, **passed)),
        "plain": ("", replace(lost, **plain)),
        "full": (tenants, replace(lost, **full)),
    }


def cost(tenants: str, record: Record) -> float:
    """Return the microseconds of CPU that counting a record takes."""
    counts = ExchangeCounts(Metrics(), label_names(loads(POLICY.replace("TENANTS", tenants))))
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(EXCHANGES):
            counts.count(record, 1e-4)
        best = min(best, time.process_time() - start)
    return best / EXCHANGES * 1e6


def main() -> None:
    """Prints a table."""
    for name, (tenants, record) in records().items():
        print(f"{name:8} {cost(tenants, record):6.2f} us")


if __name__ == "__main__":
    main()
