"""Open exchanges, counted by backend and model."""

from extproc.routing.health import HealthKey


class OpenExchanges:
    """Exchanges that are open, by candidate. One per worker; the keys are those of the policy's candidates."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[HealthKey, int] = {}

    def opened(self, key: HealthKey) -> None:
        """Count one more."""
        self._open[key] = self._open.get(key, 0) + 1

    def closed(self, key: HealthKey) -> None:
        """Count one less; each `opened` has one `closed`."""
        left = self._open[key] - 1
        if left:
            self._open[key] = left
        else:
            del self._open[key]  # so that a policy that is gone leaves nothing

    def of(self, key: HealthKey) -> int:
        """Return how many are open."""
        return self._open.get(key, 0)

    def __repr__(self) -> str:
        return f"OpenExchanges({self._open})"
