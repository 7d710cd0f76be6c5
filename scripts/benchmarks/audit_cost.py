"""The cost of the audit record: CPU time that it adds to an exchange, in the loop of a worker and in its thread.

`python scripts/benchmarks/audit_cost.py` prints microseconds per exchange. `figures()` is for `scripts/bench operate`.

`deciding` and `handing_over`: what the loop of exchanges spends on a record, on its trail and on queueing it. `thread`:
what the writer's thread spends on it: encoding, hashing, signing and writing. All take CPU of the same process, as only
one of the two runs Python at a time.
"""

import tempfile
import time
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from extproc.policy import loads
from extproc.protocol.record import CountedFinding, Record
from extproc.protocol.trail import FoundSpan, PlannedBackend, Trail
from extproc.server.audit.writer import AuditWriter
from extproc.server.log import Log, Sink
from extproc.telemetry.audit.signing import new_key
from extproc.testing.playbook import Playbook, request_body, request_headers, response_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.auditing.settings import audit_settings

RECORDS: Final = 5_000
"""Records of a round: fewer than wait at most, so that none is refused."""
ROUNDS: Final = 15
EXCHANGES: Final = 2_000

POLICY: Final = """
version: 1
backends:
  - {{name: north, url: "http://127.0.0.1:9/v1", api: openai, region: eu}}
  - {{name: south, url: "http://127.0.0.1:9/v1", api: openai, region: eu}}
models:
  - {{name: chat, targets: [{{backend: north, model: large}}, {{backend: south, model: small}}]}}
default_backend: none
{audit}
"""
AUDIT: Final = "audit: {{file: {folder}/audit.jsonl, sign: {{file: key.pem}}}}"
BODY: Final = b'{"model":"chat","messages":[{"role":"user","content":"' + b"x" * 200 + b'"}]}'


def figures() -> dict[str, float]:
    """Return microseconds of CPU time per exchange: `deciding`, `handing_over`, `thread`, and the `whole` of them."""
    deciding = _deciding()
    with tempfile.TemporaryDirectory() as folder:
        handing_over, whole = min(_written(Path(folder), number) for number in range(ROUNDS))
    return {
        "deciding": deciding,
        "handing_over": handing_over,
        "thread": whole - handing_over,
        "whole": deciding + whole,
    }


def _deciding() -> float:
    """Return what an exchange takes more under a policy with the section than without, in alternating rounds."""
    sections = ("", AUDIT.format(folder="/nowhere"))
    plans = [Plan.compile(loads(POLICY.format(audit=each)), {"audit/sign": b""}) for each in sections]
    rounds = [[_played(plan, Shared()) for plan in plans] for _ in range(ROUNDS)]
    without: float = min(each[0] for each in rounds)
    return min(each[1] for each in rounds) - without


def _played(plan: Plan, shared: Shared) -> float:
    start = time.thread_time()
    for _ in range(EXCHANGES):
        with Playbook(plan, shared) as envoy:
            envoy.sends(request_headers("/v1/chat/completions"))
            envoy.sends(request_body(BODY))
            envoy.sends(response_headers(200))
            envoy.leaves()
    spent: float = time.thread_time() - start
    return spent / EXCHANGES * 1e6


def _written(folder: Path, number: int) -> tuple[float, float]:
    """Return what a record takes in the loop, and in the whole process."""
    audit = AUDIT.format(folder=folder)
    settings = audit_settings(loads(POLICY.format(audit=audit)), {"audit/sign": new_key()[0]})
    assert settings is not None
    log = Log(Sink("none"))
    writer = AuditWriter(settings, number, Shared(), log, RECORDS)
    writer.wait()
    record, trail = _record(), _trail()
    process, start = time.process_time(), time.thread_time()
    for at in range(RECORDS):
        writer.take(record, 1_764_600_000.0 + at * 1e-3, trail)
    loop = time.thread_time() - start
    writer.close(60.0)
    whole = time.process_time() - process
    log.close()
    assert writer.written == RECORDS, "all of them are in the file"
    return loop / RECORDS * 1e6, whole / RECORDS * 1e6


def _record() -> Record:
    found = CountedFinding("pii", "email", "mask", "request", False, 2)
    return replace(
        Record.lost("weighted"),
        request_id="7b0d3c1e-8d5f-4a4e-9b43-0c5a1f0e6a11",
        dialect="openai.chat",
        path="/v1/chat/completions",
        model="chat",
        decision="masked",
        backend="north",
        status=200,
        pipeline="default",
        masked=True,
        findings=(found,),
    )


def _trail() -> Trail:
    span = FoundSpan("pii", "email", "mask", "request", "/messages/0/content", 10, 20, 0.9)
    plan = (PlannedBackend("north", "large", "eu"), PlannedBackend("south", "small", "eu"))
    return Trail((span, span), 0, plan, region="eu")


def main() -> None:
    """Print the figures."""
    for name, microseconds in figures().items():
        print(f"{name:14}{microseconds:8.1f} us per exchange")


if __name__ == "__main__":
    main()
