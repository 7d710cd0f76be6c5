"""Health of backends and of the models there, learned from what their responses said.

Passive on purpose: a processor often cannot reach a provider by itself (egress is Envoy's), but it sees each response's
status. Time is an argument: seconds on a clock that all workers of a host share.
"""

from collections.abc import Collection, Iterable
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from extproc.policy import Health

FAILURE_STATUS: Final = frozenset({500, 502, 503, 504, 529})
"""Statuses by which a backend says that it cannot serve. 429 is not among them: see `Ailment`."""

PROBE_WITHIN: Final = 10.0
"""Seconds that a probe keeps others away. A model may think for longer: another request may then try, too."""

HealthKey: TypeAlias = tuple[str, str]
"""A backend and a model at that backend; the model "" is the backend as a whole."""

Ailment: TypeAlias = Literal["unreachable", "failing", "retried", "limited", "quota", "slow", "cut"]
"""The reason of an outage: no connection; errors, or no response, in a row; responses in a row that Envoy retried, of
which it does not say if they were errors or rate limits; a rate limit; a quota that is used up; responses that begin
late in a row; responses in a row that ended in the middle."""

SOFT: Final[frozenset[Ailment]] = frozenset({"retried", "limited", "quota", "slow", "cut"})
"""Reasons for which a request rather goes elsewhere, but goes if there is nowhere else. The backend is up: it says by
itself what it does not serve. A client that leaves looks like a response that is cut, so that this alone must not make
a model unavailable to others."""

BackendState: TypeAlias = Literal["up", "avoided", "down"]

_ENDED: Final[tuple[Ailment, ...]] = ("failing", "retried")
"""The rows that end with a response that is no failure."""


class Outage(Struct, frozen=True):
    """A key that is out until `until`; after it, one probe at a time finds out whether it is back.

    `probing`: a probe is out, and keeps others away until then. `proven`: probes in a row that were served.
    """

    why: Ailment
    until: float
    probing: float = 0.0
    proven: int = 0

    @property
    def soft(self) -> bool:
        """True if a request may go there all the same, where there is no other place."""
        return self.why in SOFT

    def keeps_away(self, now: float) -> bool:
        """True if a request is rather not sent there at `now`."""
        return now < self.until or now < self.probing


class HealthChange(Struct, frozen=True):
    """The new state of a key, as of `at`, for the other workers; None where it is back."""

    backend: str
    model: str
    at: float
    outage: Outage | None


class Ailing(Struct, frozen=True):
    """One key that is out, for people: for how many seconds more, and whether probes are next."""

    backend: str
    model: str
    why: Ailment
    seconds: float

    @property
    def word(self) -> str:
        """The state in a word: `down`, `avoided` (soft), or `probing`."""
        if self.seconds <= 0:
            return "probing"
        return "avoided" if self.why in SOFT else "down"


class BackendHealth:
    """Keeps what is out, takes keys out and brings them back.

    Enough failures in a row take a key out for a cooldown. After it the key is half-open: one probe at a time is let
    through, in each worker at most one; enough served probes in a row bring it back, and a failed one begins the next
    cooldown. The keys are those that callers name: they must be of the policy, so that they are bounded.
    """

    __slots__ = ("_changed", "_news", "_out", "_streaks")

    def __init__(self) -> None:
        self._out: dict[HealthKey, Outage] = {}
        self._streaks: dict[tuple[HealthKey, Ailment], int] = {}
        self._changed: dict[HealthKey, float] = {}
        self._news: dict[HealthKey, HealthChange] = {}

    # -- for the choice

    @property
    def idle(self) -> bool:
        """True if nothing is out, so that nobody need be asked for."""
        return not self._out

    def down(self, backend: str, model: str, now: float, *, hard: bool = False) -> bool:
        """True if requests for `model` are not to go to `backend` at `now`. `hard`: not even if nobody else can."""
        return bool(self._out) and (self._away((backend, ""), now, hard) or self._away((backend, model), now, hard))

    def away(self, now: float, *, hard: bool = False) -> frozenset[HealthKey]:
        """Return the keys that requests are not to go to at `now`; see `down`."""
        return frozenset([key for key in self._out if self._away(key, now, hard)])

    def state(self, backend: str, model: str, now: float) -> BackendState:
        """Return the state of a model at a backend, with that of the backend as a whole; of that alone without a model.

        `avoided`: requests rather go elsewhere, but do go if there is nowhere else.
        """
        if not self.down(backend, model, now):
            return "up"
        return "down" if self.down(backend, model, now, hard=True) else "avoided"

    def sent(self, backend: str, model: str, now: float) -> None:
        """A request goes to `backend`: if it is half-open, this is the probe."""
        if not self._out:
            return
        for key in ((backend, ""), (backend, model)):
            outage = self._out.get(key)
            if outage is not None and not outage.keeps_away(now):
                self._set(key, replace(outage, probing=now + PROBE_WITHIN), now)

    # -- what responses say

    def served(self, backend: str, model: str, now: float, settings: Health) -> None:
        """A response was no failure: streaks end, and a probe was served."""
        if self._streaks:
            for why in _ENDED:
                self._streaks.pop(((backend, model), why), None)
        if self._out:
            self._proven((backend, ""), now, settings)
            if model:
                self._proven((backend, model), now, settings)

    def whole(self, backend: str, model: str) -> None:
        """A response came to its end."""
        if self._streaks:
            self._streaks.pop(((backend, model), "cut"), None)

    def punctual(self, backend: str, model: str) -> None:
        """A response began in time."""
        if self._streaks:
            self._streaks.pop(((backend, model), "slow"), None)

    def failed(self, backend: str, model: str, now: float, settings: Health, why: Ailment = "failing") -> None:
        """One more failure: enough of a kind in a row take the model at the backend out."""
        key = backend, model
        if self._out:
            self._proven((backend, ""), now, settings)  # it could be reached
            outage = self._out.get(key)
            if outage is not None and now >= outage.until:  # it was a probe's turn
                self._set(key, Outage(outage.why, now + settings.cooldown), now)
        streak = self._streaks.get((key, why), 0) + 1
        if streak < settings.failures:
            self._streaks[key, why] = streak
            return
        self._streaks.pop((key, why), None)
        self._lengthen(key, Outage(why, now + settings.cooldown), now)

    def unreachable(self, backend: str, now: float, settings: Health) -> None:
        """Envoy could not connect to the backend at all: no streak is needed to know."""
        self._set((backend, ""), Outage("unreachable", now + settings.cooldown), now)

    def limited(self, backend: str, model: str, now: float, seconds: float, why: Ailment = "limited") -> None:
        """The backend said that it serves no more of this for so long."""
        self._lengthen((backend, model), Outage(why, now + seconds), now)

    # -- among workers, and over reloads

    def news(self, most: int) -> tuple[HealthChange, ...]:
        """Return what changed here since the last call, `most` changes at a time; the rest is for the next one."""
        if not self._news:
            return ()
        keys = list(self._news)[:most]
        return tuple(self._news.pop(key) for key in keys)

    def take(self, changes: Iterable[HealthChange]) -> None:
        """Take over what others saw, unless something newer is known here."""
        for change in changes:
            key = change.backend, change.model
            if change.at <= self._changed.get(key, -1.0):
                continue
            self._changed[key] = change.at
            self._news.pop(key, None)
            if change.outage is None:
                self._out.pop(key, None)
            else:
                self._out[key] = change.outage

    def keep(self, backends: Collection[str]) -> None:
        """Forget all other backends: a reload took them away, or gave them another address."""
        self._out = {key: each for key, each in self._out.items() if key[0] in backends}
        self._changed = {key: at for key, at in self._changed.items() if key[0] in backends}
        self._news = {key: each for key, each in self._news.items() if key[0] in backends}
        self._streaks = {key: each for key, each in self._streaks.items() if key[0][0] in backends}

    def changes(self) -> tuple[HealthChange, ...]:
        """All that is known, for a worker that has just begun."""
        return tuple(HealthChange(*key, at, self._out.get(key)) for key, at in self._changed.items())

    def report(self, now: float) -> tuple[Ailing, ...]:
        """Return the keys that are out or on probation."""
        return tuple(Ailing(*key, each.why, max(0.0, each.until - now)) for key, each in self._out.items())

    # -- within

    def _away(self, key: HealthKey, now: float, hard: bool) -> bool:
        outage = self._out.get(key)
        return outage is not None and outage.keeps_away(now) and not (hard and outage.soft)

    def _proven(self, key: HealthKey, now: float, settings: Health) -> None:
        outage = self._out.get(key)
        if outage is None or now < outage.until:
            return  # a response to a request that was sent before
        proven = outage.proven + 1
        back = proven >= settings.probes
        self._set(key, None if back else replace(outage, probing=0.0, proven=proven), now)

    def _lengthen(self, key: HealthKey, outage: Outage, now: float) -> None:
        """Take a key out, unless it is out for longer already."""
        known = self._out.get(key)
        if known is None or known.until < outage.until:
            self._set(key, outage, now)

    def _set(self, key: HealthKey, outage: Outage | None, now: float) -> None:
        if outage is None:
            self._out.pop(key, None)
        else:
            self._out[key] = outage
        self._changed[key] = now
        self._news[key] = HealthChange(*key, now, outage)
