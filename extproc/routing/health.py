"""Which backends are known to be down, from what their answers said.

Passive on purpose: a processor often cannot reach a provider by itself (egress is Envoy's), but it sees each answer's
status. Time is an argument.
"""

from dataclasses import dataclass

# 429 is not among them: a provider that limits one key's rate is up, and failing over on it is a policy of its own.
FAILURE_STATUS = frozenset({500, 502, 503, 504, 529})


@dataclass(slots=True)
class _Streak:
    failures: int = 0
    until: float = 0.0


class BackendHealth:
    """Counts a backend's failures in a row; enough of them take it out for a while, and one success brings it back.

    After the cooldown the backend is offered again at once (one probe is one request); if that fails too, the next
    cooldown begins. `failures` and `cooldown` (seconds) come with each call, since a reload may change them.
    """

    __slots__ = ("_streaks",)

    def __init__(self) -> None:
        self._streaks: dict[str, _Streak] = {}

    def served(self, backend: str) -> None:
        """`backend` gave an answer that is no failure."""
        if self._streaks:
            self._streaks.pop(backend, None)

    def failed(self, backend: str, *, now: float, failures: int, cooldown: float) -> None:
        """`backend` failed once more."""
        streak = self._streaks.setdefault(backend, _Streak())
        streak.failures += 1
        if streak.failures >= failures:
            streak.until = now + cooldown

    def down(self, backend: str, now: float) -> bool:
        """True if `backend` is out at `now`."""
        streak = self._streaks.get(backend)
        return streak is not None and now < streak.until

    def unreachable(self, backend: str, *, now: float, cooldown: float) -> None:
        """Notes that Envoy could not connect to `backend` at all: no streak is needed to know."""
        self._streaks.setdefault(backend, _Streak()).until = now + cooldown

    def report(self, now: float) -> dict[str, bool]:
        """Backend -> is it down, for those that failed lately."""
        return {name: now < streak.until for name, streak in self._streaks.items()}
