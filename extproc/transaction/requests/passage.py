"""The treatment of a request that goes on by its path alone, because no API claims it."""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from extproc import apis
from extproc.protocol.effects import HeaderMutation, Metadata, Phase, Proceed
from extproc.protocol.headers import Field, HeaderMap
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode, ModeOverride
from extproc.routing.table import Destination
from extproc.transaction.steering.writer import SteeringWriter

PROTOCOLS: Final = "sec-websocket-protocol"
KEY_PROTOCOL: Final = "openai-insecure-api-key."
"""The prefix of the protocol name by which a browser passes a key with a WebSocket (OpenAI's realtime API)."""


class Forwarding(Struct, frozen=True):
    """The headers that change, and where the request goes; `destination` is None where Envoy's own routes decide.

    `metadata` says so where the policy steers by metadata. `answers` are the whole answers to the headers, as `answer`
    gives them; empty where this passage is for one path.
    """

    headers: HeaderMutation
    destination: Destination | None
    answers: tuple[Proceed, ...] = ()
    metadata: Metadata | None = None

    def answer(
        self,
        more: HeaderMutation | None = None,
        response: BodyMode | None = None,
        *,
        rematch: bool = False,
        metadata: Metadata | None = None,
    ) -> Proceed:
        """The answer to the request's headers, with `more` changes.

        With `response`, the response's mode, Envoy is told to send the body on as it comes, and not to us. `rematch`:
        Envoy has to choose the route again, as a client had set a header that routes read. `metadata`: in place of the
        passage's own.
        """
        if more is None and self.answers:
            return self.answers[0 if response is None else 1 + response]
        passage = self if metadata is None else replace(self, metadata=metadata)
        return _answer(passage, self.changed(more), response, lasting=False, rematch=rematch)

    def changed(self, more: HeaderMutation | None) -> HeaderMutation:
        """All changes together."""
        ours = self.headers
        return (
            ours if more is None else HeaderMutation(ours.set, (*ours.remove, *more.remove), (*ours.more, *more.more))
        )


def unsteered(removes: tuple[str, ...]) -> Forwarding:
    """The passage of what Envoy's own routes decide about."""
    return _lasting(Forwarding(HeaderMutation(remove=removes), None))


def steered(destination: Destination, writer: SteeringWriter, *, known: bool) -> Forwarding:
    """The passage to a backend of what keeps its path. `known`: Envoy is known to be configured for the plan."""
    return _lasting(_steered(destination, writer, (), known=known))


def steered_to(path: bytes, destination: Destination, writer: SteeringWriter, *, known: bool) -> Forwarding:
    """The passage to a backend of one path, which is another there."""
    return _steered(destination, writer, ((":path", path),), known=known)


def path_at(destination: Destination, raw_path: bytes) -> bytes:
    """The path at a backend: below its prefix what is below /v1, every other byte as it came."""
    path = raw_path if destination.removes is None else apis.without_keys(raw_path)
    if destination.prefix != apis.ROOT and path.startswith(b"/v1/"):
        return destination.prefix.encode() + path[len(apis.ROOT) :]
    return path


def without_key_protocols(destination: Destination | None, fields: HeaderMap) -> tuple[Field, ...]:
    """The field of an upgrade's protocols without a key of the client's, if one is there that may not go on."""
    given = fields.getall(PROTOCOLS)
    if not given or (destination is not None and destination.removes is None):
        return ()
    offered = [each.strip() for each in b",".join(given).decode("latin-1").split(",")]
    kept = [each for each in offered if not each.lower().startswith(KEY_PROTOCOL)]
    return () if len(kept) == len(offered) else ((PROTOCOLS, ", ".join(kept).encode("latin-1")),)


def _steered(destination: Destination, writer: SteeringWriter, path: tuple[Field, ...], *, known: bool) -> Forwarding:
    credential = keyed(destination.credential) if known else destination.credential
    fields = (*writer.fields(destination, None), (":authority", destination.authority), *credential, *path)
    headers = HeaderMutation(fields, removed(destination, known=known))
    return Forwarding(headers, destination, metadata=writer.metadata(destination, None))


def _lasting(passage: Forwarding) -> Forwarding:
    modes: tuple[BodyMode | None, ...] = (None, *BodyMode)
    return replace(passage, answers=tuple(_answer(passage, passage.headers, mode, lasting=True) for mode in modes))


def _answer(
    passage: Forwarding, headers: HeaderMutation, response: BodyMode | None, *, lasting: bool, rematch: bool = False
) -> Proceed:
    return Proceed(
        Side.REQUEST,
        Phase.HEADERS,
        headers if headers.sets or headers.remove else None,
        clear_route=rematch or passage.destination is not None,
        modes=None if response is None else ModeOverride(BodyMode.NONE, response),
        metadata=passage.metadata,
        lasting=lasting,
    )


KEY_PREFIX = "x-extproc-key-"
"""Before a credential's header field, where Envoy is known to be configured by us: its steered route alone makes
`authorization` of `x-extproc-key-authorization`, so that a request that is not steered takes no key anywhere."""


def keyed(credential: tuple[Field, ...]) -> tuple[Field, ...]:
    """The credential under the names that the steered route knows."""
    return tuple((KEY_PREFIX + name, value) for name, value in credential)


def removed(destination: Destination, *, known: bool) -> tuple[str, ...]:
    """The fields that are removed. A field that the route sets later is not there until then: the client's goes.

    `known`: Envoy is known to be configured for the plan.
    """
    removes = destination.hidden if destination.removes is None else destination.removes
    return (*removes, *(name for name, _ in destination.credential)) if known else removes
