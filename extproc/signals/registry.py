"""The registry of signals, and the signals of one exchange."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from extproc.policy.signals import Vocabulary, speak
from extproc.signals.built_in import SIGNALS
from extproc.signals.signal import Signal
from extproc.signals.view import RequestView


class SignalRegistry:
    """Every signal that there is. Immutable. Raises SignalError where two have one name.

    `vocabulary` is what the policy's checker needs of them: load a policy with it.
    """

    __slots__ = ("_signals", "vocabulary")

    def __init__(self, signals: Iterable[Signal] = SIGNALS) -> None:
        every = tuple(signals)
        self.vocabulary = Vocabulary(every)
        self._signals: Mapping[str, Signal] = {each.name: each for each in every}

    def adding(self, *more: Signal) -> "SignalRegistry":
        """Return a registry with more signals, such as those of plug-ins. Raises SignalError."""
        return SignalRegistry((*self._signals.values(), *more))

    def with_bound(self, signals: Iterable[Signal]) -> "SignalRegistry":
        """Return a registry in which these stand for those of their names, as a policy has them."""
        return SignalRegistry({**self._signals, **{each.name: each for each in signals}}.values())

    def __getitem__(self, name: str) -> Signal:
        return self._signals[name]

    def __contains__(self, name: object) -> bool:
        return name in self._signals

    def __repr__(self) -> str:
        return f"SignalRegistry({', '.join(self._signals)})"


REGISTRY: Final = SignalRegistry()
"""The built-in signals."""

_current = REGISTRY


def current() -> SignalRegistry:
    """Return the registry of this process. A compiled policy keeps the registry that it began with."""
    return _current


def register(signal: Signal) -> None:
    """Add a signal, for the policies that are loaded and compiled from now on.

    For plug-ins, which are loaded before the first policy, in each process. Nothing that a client sends leads here.

    Raises:
        SignalError: another signal has the name, or there are too many.
    """
    _set(_current.adding(signal))


@contextmanager
def registered(*signals: Signal) -> Iterator[SignalRegistry]:
    """Register signals for the length of a `with` block, as tests of a plug-in do."""
    before = _current
    try:
        for each in signals:
            register(each)
        yield _current
    finally:
        _set(before)


def _set(registry: SignalRegistry) -> None:
    global _current
    _current = registry
    speak(registry.vocabulary)


class Signals:
    """The signals of one exchange: each is computed when it is first read, and then remembered.

    Mutable, one per exchange. `whole`: all that will ever be known of the request is known. Until then a signal of the
    other costs than `headers` cannot be determined, and is not computed.
    """

    __slots__ = ("_registry", "_view", "_whole", "told")

    def __init__(self, registry: SignalRegistry, view: RequestView, *, whole: bool) -> None:
        self._registry = registry
        self._view: RequestView | None = view
        self._whole = whole
        self.told: dict[str, Any] = {}
        """Values that were read so far, by name; None for those that cannot be determined."""

    def read(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the values of these signals, by name; None for what cannot be determined."""
        return {name: self._read(name) for name in names}

    def _read(self, name: str) -> Any:
        if name in self.told:
            return self.told[name]
        signal, view = self._registry[name], self._view
        if view is None or (signal.cost != "headers" and not self._whole):
            return None
        value = self.told[name] = signal.value(view)
        return value

    def whole(self, view: RequestView) -> "Signals":
        """Return the signals of the same exchange once its body was read, or cannot be.

        They know what these know. These stay as they are: work in another thread may be given up.
        """
        signals = Signals(self._registry, view, whole=True)
        signals.told = dict(self.told)
        return signals

    def forget_body(self) -> None:
        """Keep what was read, and nothing of the request, so that its body need not stay in memory."""
        if self._whole:
            self._view = None

    def __repr__(self) -> str:
        return f"Signals({', '.join(self.told)})"
