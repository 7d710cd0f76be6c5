"""A dialect's reading of an event: the strings that are texts of the response, and those that are not."""

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, TypeAlias, TypeGuard

from msgspec import Struct
from msgspec.structs import replace

from extproc.apis.events.carriers import Carriers, carriers
from extproc.apis.events.event import Channel, Doubt, Form, Kind, Scope, Shadow
from extproc.apis.events.leaves import Leaf, Leaves, text
from extproc.apis.roles import at
from extproc.payload.limits import SHORT
from extproc.payload.names import SPELLED
from extproc.payload.numbers import telling
from extproc.payload.passage import Reason as Unread
from extproc.payload.probabilities import alternatives, chosen, in_bytes

Use: TypeAlias = Literal["fixed", "padding", "audio"]
"""The use of a string that is no text of the model: a word of the API or an identifier; random padding against traffic
analysis; sound in base64 under a name that does not tell. Other images, sounds and files are told as in whole bodies
(see `carriers`)."""

PathPattern: TypeAlias = tuple[str, ...]
"""A path with `*` for every place in an array."""

Uses: TypeAlias = Mapping[PathPattern, Use]

MAX_INDEX = 10**SHORT - 1
"""The largest index that an element of an array gives itself. OpenAI's are below 128; a longer number may be someone's,
and indices are told of in findings."""

MAX_FIXED = 256
"""Characters of an identifier. Item identifiers of the responses API have up to 60, ARNs of models 150."""

_SHAPES: Mapping[Use, re.Pattern[bytes]] = {
    "fixed": re.compile(rb"[!#-\[\]-~]{0,%d}" % MAX_FIXED),
    "padding": re.compile(rb"[A-Za-z0-9]*+"),
    "audio": re.compile(rb"[A-Za-z0-9+/=_-]++"),
}
"""The expected form of the strings of each use. A string in such a place that has another form is a text."""

_IDENTIFIER = ("id",)

_HALF = "\ufffd"
"""Bytes of a character that goes on in the next event."""


class Text(Struct, frozen=True, gc=False):
    """A text found in an event: its channel, the bytes it stands at, its path in the event."""

    channel: Channel
    path: Scope
    start: int
    end: int
    text: str
    form: Form = "string"
    repeats: bool = False
    shadows: tuple[Shadow, ...] = ()
    grows: bool = False


class EventReading(Struct, frozen=True):
    """An event as its dialect sees it; offsets are those of its data. See `StreamEvent`.

    `varying`: bytes of sequence numbers, token counts and padding, which differ in events that are else alike. `quiet`:
    words, identifiers and names of members: texts only if somebody has an interest in them.
    """

    kind: Kind
    texts: list[Text]
    ends: tuple[Scope, ...] = ()
    opens: tuple[Scope, ...] = ()
    keeps: bool = True
    number: tuple[int, int] | None = None
    unread: tuple[tuple[Scope, Unread], ...] = ()
    calls: tuple[tuple[Scope, int], ...] = ()
    varying: tuple[tuple[int, int], ...] = ()
    quiet: tuple[Text, ...] = ()
    doubt: Doubt = ""


class EventSource(Struct, frozen=True):
    """An event before a dialect looked at it. `value` is what `data` says as JSON."""

    data: bytes
    value: object
    leaves: Leaves


ChannelOf: TypeAlias = Callable[[Scope], tuple[Channel, bool]]
"""From a string's path in the event to its channel, and whether it repeats what was streamed."""


class Sorted(Struct):
    """The strings of an event by what they are."""

    texts: list[Text]
    quiet: list[Text]
    unread: list[tuple[Scope, Unread]]
    padding: list[tuple[int, int]]

    def varying(self, leaves: Leaves) -> tuple[tuple[int, int], ...]:
        """See `EventReading`."""
        return (*leaves.counts.values(), *self.padding)


def sort(source: EventSource, uses: Uses, place: ChannelOf) -> Sorted:
    """Sorts strings and long numbers of an event: what `uses` knows and what looks like it is no text, all else is."""
    sorted_ = Sorted([], [], [], [])
    media = carriers(source.data, source.leaves.strings)
    hidden = source.leaves.probabilities
    inside: dict[Scope, list[Leaf]] = {}
    for leaf in source.leaves.strings:
        if hidden and _gathered(leaf, hidden, inside):
            continue
        use = _use(source.data, leaf, uses)
        if use == "padding":
            sorted_.padding.append((leaf.start, leaf.end))
        elif use == "audio":
            sorted_.unread.append((place(leaf.path)[0].path, use))
        elif not (media is not None and _unread(sorted_, leaf, media, place)):
            _add(sorted_, source.data, leaf, use, place)
    beside = _beside(sorted_.texts, {path[:-1] for path in hidden})
    for path in hidden:
        _probabilities(sorted_, source, path, inside.get(path, ()), beside.get(path[:-1], ()), place)
    return sorted_


def _unread(sorted_: Sorted, leaf: Leaf, media: Carriers, place: ChannelOf) -> bool:
    """Names a string that is no text; True if it is not read at all."""
    reason = media.named.get(leaf.path)
    if reason is None or leaf.kind != "string":
        return False
    channel, _ = place(leaf.path)
    if channel.whole:
        sorted_.unread.append((channel.path, reason))
    return channel.whole and leaf.path in media.binary


def _gathered(leaf: Leaf, hidden: Container[Scope], inside: dict[Scope, list[Leaf]]) -> bool:
    """Puts a string of log probabilities to the others there; whether it is one."""
    within = [path for size in range(len(leaf.path) + 1) if (path := leaf.path[:size]) in hidden]
    for path in within:
        inside.setdefault(path, []).append(leaf)
    return bool(within)


def _beside(texts: Sequence[Text], places: AbstractSet[Scope]) -> dict[Scope, list[int]]:
    """The texts that log probabilities at these places may spell, by their numbers."""
    found: dict[Scope, list[int]] = {}
    for number, each in enumerate(texts):
        if places and each.path[-1:] and each.path[-1] in SPELLED:
            for size in range(len(each.path) + 1):
                if each.path[:size] in places:
                    found.setdefault(each.path[:size], []).append(number)
    return found


def pattern(path: Scope) -> PathPattern:
    """The path with `*` for places in arrays."""
    return tuple("*" if isinstance(step, int) else step for step in path)


def placed(value: object, path: Iterable[str | int]) -> Scope:
    """The path with the indices that the elements of arrays give themselves, instead of their places."""
    steps: list[str | int] = []
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
            steps.append(index(value, step))
        else:
            value = value.get(step) if isinstance(value, dict) else None
            steps.append(step)
    return tuple(steps)


def index(element: object, place: int, name: str = "index") -> int:
    """The index that an element of an array gives itself; its place, if it gives none."""
    given = element.get(name) if isinstance(element, dict) else None
    return given if is_index(given) else place


def is_index(given: object) -> TypeGuard[int]:
    """True if it can be the index of an element."""
    return isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= MAX_INDEX


def _use(data: bytes, leaf: Leaf, uses: Uses) -> Use | None:
    if leaf.kind == "name":
        return None
    use = uses.get(pattern(leaf.path))
    if leaf.kind == "number":
        # The identifier of an answer is the one that the client gave (JSON-RPC); it would not find its answer.
        return use if leaf.path == _IDENTIFIER and use == "fixed" else None
    if use is None or not _looks(data, leaf, _SHAPES[use]):
        return None
    return use


def _looks(data: bytes, leaf: Leaf, like: re.Pattern[bytes]) -> bool:
    """True if a string looks like that, however it is spelled."""
    if data.find(b"\\", leaf.start, leaf.end) < 0:
        return like.fullmatch(data, leaf.start + 1, leaf.end - 1) is not None
    return like.fullmatch(text(data[leaf.start : leaf.end]).encode()) is not None


def _add(sorted_: Sorted, data: bytes, leaf: Leaf, use: Use | None, place: ChannelOf) -> None:
    channel, repeats = place(leaf.path)
    form: Form = "string"
    if use == "fixed":
        channel = Channel(channel.path, whole=True)
    elif leaf.kind == "name":
        channel, repeats, form = Channel((*channel.path, "name"), whole=True), False, "name"
    elif leaf.kind == "number":
        channel, form = Channel(channel.path, whole=True), "number"
    said = _said(data, leaf, halves=not channel.whole)
    # An empty piece is a place where held-back text can go; an empty whole text is nothing.
    if said or not channel.whole:
        quiet = use == "fixed" or form == "name"
        texts = sorted_.quiet if quiet else sorted_.texts
        texts.append(Text(channel, leaf.path, leaf.start, leaf.end, said, form, repeats))


def _said(data: bytes, leaf: Leaf, *, halves: bool) -> str:
    token = data[leaf.start : leaf.end]
    return telling(token.decode("ascii")) if leaf.kind == "number" else text(token, halves=halves)


def _probabilities(
    sorted_: Sorted, source: EventSource, path: Scope, inside: Sequence[Leaf], beside: Sequence[int], place: ChannelOf
) -> None:
    """Log probabilities repeat a text, token by token and again in bytes: a text that changes takes them away.

    When they spell something else than the text beside them, they are a text of their own, too; and so are the
    alternatives to the tokens that were chosen.
    """
    span = source.leaves.probabilities[path]
    spelled, others = list[str](), list[str]()
    for leaf in inside:
        is_chosen = leaf.kind != "name" and chosen(leaf.path[len(path) :])
        (spelled if is_chosen else others).append(_said(source.data, leaf, halves=is_chosen))
    empty = b"[]" if source.data[span[0]] == b"["[0] else b"null"
    shadow: Shadow = (*span, empty)
    value = at(source.value, *path)
    written = in_bytes(value)
    others += alternatives(value)
    if not (inside or written or others):
        return
    texts = [sorted_.texts[number].text for number in beside]
    known = {"", "".join(texts), *texts}
    for number in beside:
        sorted_.texts[number] = _shadowed(sorted_.texts[number], shadow)
    own = place(path)[0].path
    if (tokens := "".join(spelled)) not in known:
        sorted_.texts.append(Text(Channel(own), path, *span, tokens, "tokens", shadows=(shadow,)))
    if written.strip(_HALF) and written not in {*known, tokens}:
        sorted_.texts.append(Text(Channel((*own, "spelled")), path, *span, written, "tokens", shadows=(shadow,)))
    if others:
        whole = Channel((*own, "alternatives"), whole=True)
        sorted_.texts.append(Text(whole, path, *span, "\n".join(others), "tokens", shadows=(shadow,)))


def _shadowed(each: Text, shadow: Shadow) -> Text:
    return replace(each, shadows=(*each.shadows, shadow))
