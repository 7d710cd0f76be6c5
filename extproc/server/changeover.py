"""A reload whose policy needs another configuration of Envoy: taken only if Envoy is known to have it.

An exchange under a policy that its Envoy was not configured for ends closed, whatever is decided here; this keeps a
reload from closing all of them.
"""

from collections.abc import Iterable, Mapping
from shlex import quote
from typing import Final

from extproc.server.policies import ActivePolicy

FRESH: Final = 3.0
"""Seconds for which an Envoy that was heard of is taken to be there. One that is configured by us asks for a worker's
health each second, and sends its fingerprint with that."""

NONE: Final = ""
"""Stands for an Envoy that sends no fingerprint."""


class Envoys:
    """The Envoys that workers have heard of: fingerprint -> seconds since an exchange last had it."""

    def __init__(self, heard: Iterable[Mapping[str, float]]) -> None:
        self.ages: dict[str, float] = {}
        for each in heard:
            for name, age in each.items():
                self.ages[name] = min(age, self.ages.get(name, age))

    @property
    def latest(self) -> str | None:
        """The fingerprint that came last: what Envoy is configured with now. None if none was heard of."""
        return min(self.ages, key=self.ages.__getitem__, default=None)

    def other(self, wanted: str) -> str | None:
        """A fingerprint that is not `wanted` and that an Envoy has, by all that is known."""
        fresh = [name for name, age in self.ages.items() if age <= FRESH and name not in {NONE, wanted}]
        latest = self.latest
        return fresh[0] if fresh else None if latest in {NONE, wanted} else latest


def refusal(now: ActivePolicy, new: ActivePolicy, envoys: Envoys, file: str) -> str | None:
    """Return why `new` cannot be taken: the sentence names what Envoy lacks and the command to run. None if it can."""
    other = envoys.other(new.fingerprint)
    if new.fingerprint == now.fingerprint or other is None:
        return None
    return (
        f"the new policy needs another Envoy configuration ({_changes(now, new)}): Envoy has {other}, the policy needs"
        f" {new.fingerprint}; write it with `extproc envoy -c {quote(file)}`, start Envoy with it, then reload"
    )


def warning(now: ActivePolicy, new: ActivePolicy, envoys: Envoys) -> str | None:
    """Return what to look after where `new` was taken without knowing whether Envoy is configured for it."""
    if new.fingerprint in {now.fingerprint, envoys.latest}:
        return None
    return (
        f"the new policy needs another Envoy configuration ({_changes(now, new)}), and no exchange has told which one"
        " Envoy has: compare with `extproc check --against`; exchanges that lack what they need are refused"
    )


def _changes(now: ActivePolicy, new: ActivePolicy) -> str:
    from extproc.transaction.steering.fingerprint import differences  # noqa: PLC0415  - a supervisor seldom needs it

    return ", ".join(differences(now.demands, new.demands))
