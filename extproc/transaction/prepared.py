"""A policy file made ready in one go, so that every problem of it is reported together."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from extproc.inspection.ruleset import unusable
from extproc.policy import Draft, LoadedPolicy, Policy, UnusableError, read_parts, read_rule_files, stand_ins
from extproc.policy.secrets import LISTED_PRICES, ReadFile
from extproc.signals.registry import SignalRegistry
from extproc.transaction.plan import Plan


class PreparedPolicy(Struct, frozen=True):
    """A policy, its plan, and what was read for it from outside (no rendering shows that)."""

    loaded: LoadedPolicy
    plan: Plan
    secrets: dict[str, bytes]

    def __repr__(self) -> str:
        return f"PreparedPolicy({self.loaded.name})"


ReadList: TypeAlias = Callable[[Policy], bytes | None]
"""Return a public list's prices of the models of a policy, as JSON; None for none. The shell has one."""


def prepare(
    draft: Draft,
    environ: Mapping[str, str] | None,
    file: ReadFile,
    signals: SignalRegistry | None = None,
    prices: ReadList | None = None,
    generation: str = "",
) -> PreparedPolicy:
    """Read what the policy names, by `file`, and compile it. Without `environ` no credential and no key need be there.

    `prices` are those of a public list. `generation`: see `Plan.version`.

    Raises:
        PolicyError: with every problem: wrong fields, what cannot be read, and rules that cannot be used.
    """
    parts = draft.parts
    read, wrong = read_rule_files(parts, file) if environ is None else read_parts(parts, environ, file)
    if draft.policy is not None and not wrong:
        secrets = read if environ is not None else stand_ins(draft.policy) | read
        listed = None if prices is None else prices(draft.policy)
        if listed is not None:
            secrets[LISTED_PRICES] = listed
        try:
            return PreparedPolicy(draft.loaded(), Plan.compile(draft.policy, secrets, signals, generation), secrets)
        except UnusableError as error:
            wrong = list(error.parts)
    else:
        wrong += [each for step in parts.steps for each in unusable(step, read)]
    raise draft.refusal(wrong)
