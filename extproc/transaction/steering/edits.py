"""The edits that steer a request, and the key under which those of one choice are remembered."""

from typing import TypeAlias

from msgspec import Struct

from extproc.protocol.effects import HeaderMutation, Metadata, Proceed
from extproc.protocol.headers import Field
from extproc.routing.mirrors import MirrorRoute
from extproc.transaction.upstream.attempts import PlannedAttempts

Tried: TypeAlias = tuple[str, tuple[tuple[str, str | None], ...], str | None]
"""The model that is asked for, and the attempts in their order, by which the steering of retries is known."""

SteeringKey: TypeAlias = tuple[str, str | None, str, str, bytes, bool, Tried | None, MirrorRoute | None]
"""The key of a steering: the destination's name, the rule that chose it, the model there (fit for a header's value),
the decision, the path as it came, whether Envoy is known to be configured for the plan, the attempts, if it is told
of several, and where a copy goes."""


class SteeringEdits(Struct, frozen=True):
    """The headers and metadata that a choice of destination gives every request on one path: built once, used for each.

    `unchanged` is the whole answer to a buffered body that stays as it came; `response` are the contract's headers.
    `planned`: what Envoy is told of later attempts.
    """

    headers: HeaderMutation
    metadata: Metadata
    unchanged: Proceed
    response: tuple[Field, ...]
    planned: PlannedAttempts | None = None
