"""Texts of a response that come again: the same, or with more behind it, or as something else in their place."""

from collections.abc import Iterable
from typing import Final

from extproc.apis.events import Delta
from extproc.apis.events.event import Scope

MAX_PLACES: Final = 128
"""Texts that are remembered, so that what repeats them is not counted again. Responses have some ten."""

MAX_SNAPSHOTS: Final = 256
"""Texts that come whole, event after event, of which it is known how they began: 128 choices have two each."""


class RepeatedTexts:
    """Remembers the texts that came, by hashes of their places and of themselves."""

    __slots__ = ("_known", "_snapshots")

    def __init__(self) -> None:
        self._known: list[int] = []  # hashes of places, and of places with the text there
        self._snapshots: dict[Scope, tuple[int, int]] = {}  # the length and the hash of the text that was there last

    def begin(self, path: Scope) -> None:
        """A text begins to grow there."""
        self._remember(hash(path))

    def repeats(self, delta: Delta) -> bool:
        """True for a text that repeats one that grew there."""
        return delta.repeats and hash(delta.channel.path) in self._known

    def told(self, delta: Delta) -> bool:
        """True if this very text was there before: streamed, or whole in an event that has most of an answer in it."""
        exact = hash((delta.channel.path, delta.text))
        told = exact in self._known or self.repeats(delta)
        self._remember(exact)
        return told

    def strays(self, delta: Delta, beside: Iterable[Delta]) -> bool:
        """True for a text that is said to repeat what came, and does not: it goes on with it, or is another.

        `beside`: the texts of its event. A client may take it for the next piece, or for all of the text.
        """
        if delta.form != "string" or not delta.text or not (delta.grows or (delta.repeats and delta.channel.recurs)):
            return False
        path, text = delta.channel.path, delta.text.rstrip("\ufffd")  # half a character, of some servers
        alone = not (delta.grows or self.repeats(delta))  # and so joined to the one before, if there is one
        before = self._snapshots.get(path)
        if before is None and len(self._snapshots) >= MAX_SNAPSHOTS:
            return not alone
        self._snapshots[path] = len(text), hash(text)
        if before is None:
            # In place of a piece, after pieces.
            return delta.grows and self.repeats(delta) and not any(_goes_on(each, path) for each in beside)
        if alone:
            return False
        size, said = before
        return len(text) < size or hash(text[:size]) != said

    def _remember(self, key: int) -> None:
        if len(self._known) < MAX_PLACES and key not in self._known:
            self._known.append(key)


def _goes_on(delta: Delta, path: Scope) -> bool:
    return not delta.channel.whole and delta.channel.path[:2] == path[:2]
