"""A policy file made into what is handed to workers, and into the plan that they run."""

import time
from collections.abc import Mapping, MutableMapping
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from typing import Final

from extproc.policy import Draft, drafted
from extproc.policy.document import TEXT_MAX
from extproc.policy.secrets import ReadFile
from extproc.server import plugins
from extproc.server.collectors import unusable_collector
from extproc.server.files import read_file
from extproc.server.guards.certificates import unusable_certificates
from extproc.server.policies import ActivePolicy, Sealed, copied
from extproc.server.price_list import listed_prices
from extproc.server.reloads.seen import RecordedReading, seen_as
from extproc.server.state.keeper import unusable_state
from extproc.transaction import Plan
from extproc.transaction.prepared import PreparedPolicy, prepare

GENERATION_BYTES: Final = 4
"""Bytes that tell readings of the same policy apart: of the few that are in use at a time."""

QUIET: Final = {
    # numpy's OpenBLAS starts a thread for each further core, and onnxruntime one that sends what it does to its makers.
    # A template is forked, and a fork has no other thread: whoever waits for one waits for ever.
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Variables that libraries of the extra `models` read when they are imported, whatever an operator has set: with other
values a worker could hang, or data leave the machine."""


def compiled(
    raw: bytes, path: Path, environ: Mapping[str, str], now: float, read: RecordedReading | None = None
) -> tuple[ActivePolicy, Plan]:
    """Return the policy that the file at `path` holds as `raw`, and its plan; reads all that it names, by `read`.

    Raises:
        PolicyError: with every problem; if plug-ins cannot be used, with theirs alone.
    """
    found = tuple(map(str, plugins.loaded()))
    draft = drafted(raw, str(path), path.parent)
    read, generation = read or RecordedReading(), token_hex(GENERATION_BYTES)
    prepared = prepared_policy(draft, environ, read, generation)
    policy, plan = prepared.loaded.policy, prepared.plan
    sealed = Sealed(copied(policy, str(path)), prepared.secrets, generation)
    # Workers look after the file of virtual keys themselves: a change of it is no reason to compile all rules again.
    keys = None if policy.tenants is None else policy.tenants.source.keys
    files = (seen_as(str(path), TEXT_MAX + 1, raw), *(each for each in read.seen if each.path != str(keys)))
    return ActivePolicy(policy, sealed, plan.digest, now, plan.demands, plan.fingerprint.decode(), found, files), plan


def prepared_policy(
    draft: Draft, environ: Mapping[str, str] | None, read: ReadFile = read_file, generation: str = ""
) -> PreparedPolicy:
    """Read what the policy names and compile it; without `environ`, no credential and no certificate need be there.

    Raises:
        PolicyError: with every problem.
    """
    prepared = prepare(
        draft, environ, read, prices=lambda policy: listed_prices(policy, time.time()), generation=generation
    )
    policy = prepared.loaded.policy
    wrong = list(unusable_certificates(policy, prepared.secrets))
    if policy.audit is not None:
        # Only who keeps a record needs to know of its keys.
        wrong += import_module("extproc.server.audit.keys").unusable_keys(policy, prepared.secrets)
    wrong += unusable_collector(policy, prepared.secrets)
    wrong += unusable_state(policy)
    if wrong:
        raise draft.refusal(wrong)
    return prepared


def quieten(environ: MutableMapping[str, str]) -> None:
    """Keep libraries from starting threads and from sending anything. Before any of them is imported."""
    environ.update(QUIET)
