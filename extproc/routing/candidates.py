"""Candidates for a request: backends as requests see them, the ways to serve a model, and the choice among these."""

from msgspec import Struct
from msgspec.structs import force_setattr

from extproc.protocol.headers import Field
from extproc.routing.health import HealthKey
from extproc.routing.quoted import Quoted
from extproc.routing.traits import Traits


class Destination(Struct, frozen=True):
    """A backend as a request sees it: what to set and what to take out. Has no rendering: it holds a credential.

    `removes`: fields that would carry a client's own credential; None where the client's own is meant for the backend.
    `quoted`: the credential, to be looked for in what the backend says. `region`: None if the backend is in none.
    `maker`: the label of whose keys seal what its responses hold. `hidden`: fields that the backend does not get, even
    if the client's own credential is meant for it. `stream_usage`: its streams may be asked for usage.
    """

    name: str
    api: str
    authority: bytes
    prefix: str
    credential: tuple[Field, ...]
    removes: tuple[str, ...] | None
    quoted: Quoted | None = None
    region: str | None = None
    maker: str = ""
    hidden: tuple[str, ...] = ()
    stream_usage: bool = True

    def __repr__(self) -> str:
        return f"Destination({self.name})"


class Candidate(Struct, frozen=True):
    """One way to serve a model: where, and under which name there (None: the name that was asked for).

    `known`: that name as far as the policy holds it, by which health is kept; empty for names that clients make up.
    `key` is the backend with that name, by which attempts are told apart and times and loads are kept; `whole` is the
    key of the backend. Both are worked out.
    """

    destination: Destination
    model: str | None
    weight: float
    traits: Traits = Traits()
    known: str = ""
    key: HealthKey = ("", "")
    whole: HealthKey = ("", "")

    def __post_init__(self) -> None:
        """Work the keys out: they are asked for at each choice, for each candidate."""
        force_setattr(self, "key", (self.destination.name, self.known))
        force_setattr(self, "whole", (self.destination.name, ""))


class Choice(Struct, frozen=True):
    """The choice made. `why` is the strategy's name, or `only`, `canary`, `fallback`, `listed`, `default`.

    `skipped` names the backends that would have been in the running but are known to be down. `rule`: the rule whose
    candidates these were; None where they are the model's own. `plan`: the attempts in their order, the chosen
    candidate first, without repeats; every hard limit admits each of them.
    """

    candidate: Candidate
    why: str
    skipped: tuple[str, ...] = ()
    rule: str | None = None
    plan: tuple[Candidate, ...] = ()

    @property
    def rerouted(self) -> bool:
        """True if a backend that is down changed the choice."""
        return bool(self.skipped)
