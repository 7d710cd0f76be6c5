"""Stateful turns: a request that carries what only one provider can read goes to that provider, or does without it.

Tags on the values say whose they are (see `apis.seals`). Nothing is remembered between requests.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from extproc.apis.api import Api
from extproc.apis.seals.requests import TaggedMember, dropped
from extproc.apis.seals.sealed import SealedApi
from extproc.apis.seals.tag import LETTERS, MARK, untagged
from extproc.apis.seals.tree import Edit
from extproc.pipe.sealing import ReplySealer
from extproc.policy import Policy
from extproc.protocol.errors import ClientError
from extproc.routing.candidates import Candidate, Choice, Destination
from extproc.routing.makers import Makers, makers_of
from extproc.routing.narrowing import NO_MAKER, UNAVAILABLE
from extproc.routing.table import Table

SealedOutcome: TypeAlias = Literal["pinned", "dropped", "refused"]
"""The fate of a request with sealed values: it went to their maker, it went on without some, it was refused."""

NAMES_MAX: Final = 8
"""Names of members in a message and in a record; a request has few different ones."""

_GOOGLE: Final = ".googleapis.com"
"""Hosts of Gemini's endpoint for chat completions, whose responses have signatures of thoughts."""

_KEPT: Final = re.compile(
    rb"/v1/(?P<kind>responses|conversations|files|containers|batches|vector_stores|messages/batches)"
    rb"/[A-Za-z0-9_-]+_(?P<tag>%s[a-z]{%d})(?:/[A-Za-z0-9_-]+)*/?(?:\?[^#]*)?" % (MARK.encode(), LETTERS)
)
"""Paths of what providers keep, whose identifier has a tag. No dots and no escapes: nothing else can be meant by it."""

_SEALED_KINDS: Final = frozenset({b"responses", b"conversations"})

_CARRIES: Final = "The request has {names}, which only the provider that made it can read"
_MIXED: Final = "The request has {names} of different providers, each of which can read its own only; leave some out."
_UNKNOWN: Final = _CARRIES + ", and nobody can tell which one did: send it as it came in a response, or leave it out."
_ELSEWHERE: Final = _CARRIES + "; that provider does not serve this model: ask for the model that made it."
_DOWN: Final = _CARRIES + ", and that provider is not available right now; try again shortly, or start anew without it."

_LOOSENED: Final = frozenset({NO_MAKER, UNAVAILABLE, "residency", "context_length_exceeded", "unsupported_feature"})
"""Codes of errors for which a request does without its sealed values, if it can: no backend that could read them may
or can serve it, or is up."""

Select: TypeAlias = Callable[[frozenset[str] | None], Choice | None]
"""Chooses among the candidates of some makers, or of all if None. Raises ClientError if there is none."""


class SealedError(ClientError):
    """Raised for a request that no provider may get as it is. Its message names members, never their values."""

    def __init__(self, status: int, code: str, message: str, members: Iterable[TaggedMember]) -> None:
        names = names_of(members)
        super().__init__(status, code, message.format(names=" and ".join(names)), names[0] if names else None)
        self.names = names


class SealedTurn(Struct, frozen=True):
    """The sealed values of one request, and where they let it go.

    `kept`: those that go on, without their tags. `left`: those that are left out. `maker`: the label of the provider
    that made what is kept; None if any may have the request. `bound`: something is kept that may not be left out.
    `passing`: values of nobody knows whom go on, too.
    """

    kept: tuple[TaggedMember, ...] = ()
    left: tuple[TaggedMember, ...] = ()
    maker: str | None = None
    bound: bool = False
    passing: bool = False

    @property
    def loose(self) -> bool:
        """True if the request has a provider's values, and can do without all of them."""
        return self.maker is not None and not self.bound and not self.passing

    @property
    def outcome(self) -> SealedOutcome | None:
        """See `SealedOutcome`; None if nothing of the request is sealed."""
        if self.left:
            return "dropped"
        return None if self.maker is None else "pinned"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the members that decided: those that were left out, or those that pin the request."""
        return names_of(self.left or self.kept)

    @property
    def fast(self) -> tuple[TaggedMember, ...]:
        """Those that go on and may not be left out."""
        return tuple(each for each in self.kept if each.member.removal is None)

    def without(self) -> "SealedTurn":
        """Return the same request without all that may be left out."""
        gone = tuple(each for each in self.kept if each.member.removal is not None)
        return SealedTurn(self.fast, (*self.left, *gone))

    def edits(self, body: bytes) -> list[Edit]:
        """Return what has to be done to the body: tags come off, and what is left out goes."""
        if not self.kept and not self.left:  # as of most requests: looking for nothing took 3 µs
            return []
        return [*(each.untagged(body) for each in self.kept if each.tag), *dropped(self.left)]

    def __repr__(self) -> str:
        return f"SealedTurn({self.outcome}, {len(self.kept)} kept, {len(self.left)} left out)"


FREE: Final = SealedTurn()
"""A request with nothing sealed in it."""


class SealedPath(Struct, frozen=True):
    """A request on a path of no API, for something that a provider keeps. `path` has no tag any more.

    `reads`: the response has sealed values.
    """

    path: bytes
    destination: Destination
    reads: bool

    def __repr__(self) -> str:
        return f"SealedPath({self.destination})"


class Sealing(Struct, frozen=True):
    """A policy on sealed content, compiled.

    `reads_chat`: every response of chat completions is read. `thinking`: backends whose chat completions sign thoughts.
    """

    makers: Makers
    unknown: Literal["reject", "drop", "pass"]
    reads_chat: bool = False
    thinking: frozenset[str] = frozenset()

    def seals_of(self, api: Api) -> SealedApi | None:
        """Return how the sealed values of an API are found; None if they need not be."""
        return api.sealed if api.family.name in self.makers.apis else None

    def turn(self, members: Sequence[TaggedMember], model: str, family: str) -> SealedTurn:
        """Find out whose each sealed value of a request is, and which of them can go on together.

        Raises:
            SealedError: nobody may have the request.
        """
        if not members:
            return FREE
        serving = self.makers.could_serve(model, family)
        only = next(iter(serving)) if len(serving) == 1 else None
        mine: list[tuple[str, TaggedMember]] = []
        unknown: list[TaggedMember] = []
        for each in members:
            maker = self.makers.labels.get(each.tag)
            if maker is None:
                if each.member.weak:
                    continue
                maker = only or (self.makers.homes.get(family) if each.member.stored else None)
            if maker is not None:
                mine.append((maker, each))
            else:
                unknown.append(each)
        left: list[TaggedMember] = []
        if unknown and self.unknown != "pass":
            fast = [each for each in unknown if self.unknown == "reject" or each.member.removal is None]
            if fast:
                raise SealedError(409, "sealed_content_unknown", _UNKNOWN, fast)
            left += unknown
        return _agreed(mine, left, passing=bool(unknown) and self.unknown == "pass")

    def choose(
        self, turn: SealedTurn, select: Select, down: Callable[[Candidate], bool], *, retried: bool
    ) -> tuple[Choice | None, SealedTurn]:
        """Choose among the candidates that may have the request, and return what of it goes on.

        A maker that is `down`, though it may be asked, is not asked if the request can do without it. `retried`: later
        attempts may go to others without its values, if all of these may be left out.

        Raises:
            SealedError: nobody may, 409 if nobody ever can and 503 if the maker is down.
            ClientError: nobody could in any case.
        """
        if turn.maker is None:
            return select(None), turn
        try:
            choice = select(frozenset((turn.maker,)))
        except ClientError as error:
            if error.code not in _LOOSENED:
                raise
            if not turn.bound:
                return select(None), turn.without()
            if error.code == NO_MAKER:
                raise SealedError(409, "sealed_content_elsewhere", _ELSEWHERE, turn.fast) from None
            if error.code == UNAVAILABLE:
                raise SealedError(503, "sealed_content_unavailable", _DOWN, turn.fast) from None
            raise
        if choice is not None and (turn.bound or not down(choice.candidate)):
            return (_onward(choice, turn.maker, select) if retried and turn.loose else choice), turn
        if not turn.bound:
            return select(None), turn.without()
        # Envoy's own routes decide: nobody knows whose they are.
        raise SealedError(409, "sealed_content_elsewhere", _ELSEWHERE, turn.fast)

    def by_path(self, path: bytes, down: Callable[[Destination], bool]) -> "SealedPath | None":
        """Return where a request goes that asks by its path for something that a provider keeps; None without a tag.

        Paths of other forms are not led elsewhere by a tag: a client that writes one reaches nothing but that.
        """
        found = _KEPT.fullmatch(path)
        maker = None if found is None else self.makers.labels.get(found["tag"].decode())
        if found is None or maker is None:
            return None
        backends = self.makers.backends[maker]
        destination = next((each for each in backends if not down(each)), backends[0])
        return SealedPath(untagged(path, found["tag"]), destination, found["kind"] in _SEALED_KINDS)

    def reads(self, api: Api, destination: Destination, body: bytes, *, sealed: bool) -> SealedApi | None:
        """Return how the response to a request is to be tagged; None if it has nothing sealed.

        `sealed`: the request has sealed values itself.
        """
        seals = self.seals_of(api)
        if seals is None or seals.reply is None:
            return None
        asked = sealed or self.reads_chat or destination.name in self.thinking or seals.asks(body)
        return seals if asked else None

    def passes_on(self, sealed: Sequence[TaggedMember], turn: SealedTurn) -> bool:
        """True if values go on of which nobody knows whose they are: they may be sent to one provider only."""
        return bool(sealed) and self.unknown == "pass" and turn.maker is None

    def reading(self, plan: Sequence[Candidate]) -> Destination:
        """Return the first backend of a plan whose response is read in any case; the first one if there is none."""
        found = (each.destination for each in plan if each.destination.name in self.thinking)
        return next(found, plan[0].destination)

    def sealer(self, sealed: SealedApi, destination: Destination) -> ReplySealer:
        """Return what tags a response of a backend."""
        return ReplySealer(sealed, self.makers.tags[destination.maker])

    def __repr__(self) -> str:
        return f"Sealing({self.makers})"


def names_of(members: Iterable[TaggedMember]) -> tuple[str, ...]:
    """Return the names of members, each once."""
    return tuple(dict.fromkeys(each.member.name for each in members))[:NAMES_MAX]


def _onward(choice: Choice, maker: str | None, select: Select) -> Choice:
    """Let the plan go on to the backends of other makers, in the order in which they would be asked without it."""
    others = select(None)  # it has more candidates than the choice that was made: nothing refuses it
    more = () if others is None else (each for each in others.plan if each.destination.maker != maker)
    return replace(choice, plan=(*choice.plan, *more))


def _agreed(mine: Sequence[tuple[str, TaggedMember]], left: Sequence[TaggedMember], *, passing: bool) -> SealedTurn:
    """Keep the values of one maker: of those that may not be left out, else of the last one."""
    bound = {maker for maker, each in mine if each.member.removal is None}
    if len(bound) > 1:
        fast = [each for _, each in mine if each.member.removal is None]
        raise SealedError(409, "sealed_content_mixed", _MIXED, fast)
    maker = next(iter(bound)) if bound else mine[-1][0] if mine else None
    others = [each for made, each in mine if made != maker]
    kept = tuple(each for made, each in mine if made == maker)
    return SealedTurn(kept, (*left, *others), maker, bool(bound), passing)


def sealing_of(policy: Policy, table: Table) -> Sealing | None:
    """Return what a policy says of sealed content; None if there is one maker, so that nothing has to be told apart."""
    makers = makers_of(table)
    if makers is None:
        return None
    google = (each.name for each in policy.backends if each.address.host.endswith(_GOOGLE))
    sealing = Sealing(makers, policy.sealed.unknown)
    return replace(sealing, reads_chat=policy.sealed.chat == "all", thinking=frozenset(google))
