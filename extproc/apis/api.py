"""One API: how its requests are claimed and read, its events read and written, its errors and its usage."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, TypeAlias
from urllib.parse import quote

from msgspec import Struct

from extproc.apis.asked import ReadAsked, no_output
from extproc.apis.events.added import ErrorAtTheEnd, Scribe
from extproc.apis.events.event import StreamEvent
from extproc.apis.events.source import EventReading, EventSource
from extproc.apis.families import OPENAI, ApiFamily, ErrorEvent
from extproc.apis.paths import ROOT, query_of
from extproc.apis.reply import ReadReply
from extproc.apis.request import Request, read_request
from extproc.apis.roles import RoleOf, other
from extproc.apis.seals.sealed import SealedApi
from extproc.apis.seals.tree import Edit
from extproc.apis.usage import ReportedUsage
from extproc.protocol.errors import ClientError

MODEL: Final = "{model}"
"""The place of the model in a path template."""

SAFE: Final = "/-._~!$&'()*+,;=:@"
"""Characters that may stand in a path unescaped, besides letters and digits (RFC 3986, section 3.3)."""

ReadRequest: TypeAlias = Callable[[bytes, "ApiRequestPath"], Request]
"""Reads a body that came to a claimed path. Raises ClientError, 400, if it cannot be read or names no model."""


ReadUsage: TypeAlias = Callable[[Mapping[str, object]], ReportedUsage | None]
"""Returns the tokens that an event or a whole body reports; None if it reports none. It is given the decoded JSON."""


AskUsage: TypeAlias = Callable[[bytes, Request], Edit | None]
"""Returns the edit of a request's body that has its stream report usage; None if the client asked for it itself, or if
that cannot be told. The request is the reading of that body."""


def no_usage(value: Mapping[str, object]) -> ReportedUsage | None:  # noqa: ARG001
    """Return None: nothing of the API reports tokens."""
    return None


class ApiEvents(Struct, frozen=True, eq=False):
    """A description of one API's event streams: how its events are recognised and read.

    `known`: True if an event is shaped like this API's and no other's; an event that two APIs know is ambiguous, and
    uninspected. `read` reads such an event. Both are asked only about events that are JSON objects, and only about the
    first of those that differ in nothing but their texts. `lenient`: `read` takes any object, so that it also reads the
    events of unknown shape in a stream of this API (errors, counts, states).

    `standalone`: an event is a message of its own that says nothing of the stream around it; such APIs are asked after
    all others, and `read` may get an array of such messages. `named`: events have names (`event: ...`). `repeats`:
    later events repeat in whole what was streamed in pieces. `by_reason`: only a finish reason shows that a text ends.
    `over`: True for an event with which a stream may end, once no part of the answer is left open; a stream that ends
    without one was cut. None where nothing in a stream says that it is over. `alive`: what clients of the API skip,
    between two events; empty where some library does not.
    """

    known: Callable[[Mapping[str, object]], bool]
    read: Callable[[EventSource], EventReading]
    lenient: bool = False
    standalone: bool = False
    named: bool = True
    repeats: bool = False
    by_reason: bool = False
    over: Callable[[StreamEvent], bool] | None = None
    alive: bytes = b""


class Api(Struct, frozen=True, eq=False, kw_only=True):
    """One operation of one provider's API: a value to be registered (see `registry`). All functions are pure.

    `name` goes into logs and metrics: `openai.chat`, `gemini`. `operation`: OpenTelemetry's `gen_ai.operation.name`, or
    a word of our own where the conventions have none. `family` gives its errors and its list of models.

    `paths` are the paths that it claims, in the one spelling of `paths.normalise`; `{model}` in one of them stands for
    the model (one segment or more). An API without paths is known by its events alone. `root`: the beginning of these
    paths in whose place a backend's prefix stands. `read_request`: see `ReadRequest`. `missing_model`: what a client is
    told whose request names no model, in place of the family's words.

    `events`: None for an API that does not stream. `scribe` makes the writer of what is added to one stream.
    `own_error_event`: in place of the family's. `usage`: see `ReadUsage`; what has none of `usage_marks` among its
    bytes reports none, and need not be decoded. `said`: names of the members whose strings the model wrote, and
    `said_whole` those of a response that is no stream, if they are others; where usage is not reported, it is estimated
    by them. `ask_usage`: see `AskUsage`; None for an API whose streams report usage in any case. `role_of`: see
    `RoleOf` and `PassageRoles`. `asked`: see `ReadAsked`; without it no response of the API can be judged by what its
    request asks for. `reply`: see `ReadReply`; without it no judge of replies can read a response of the API. `sealed`:
    the values that only their provider can read; None if the API has none.
    """

    name: str
    operation: str = "chat"
    family: ApiFamily = OPENAI
    paths: tuple[str, ...] = ()
    root: str = ROOT
    read_request: ReadRequest = read_request
    missing_model: str = ""
    events: ApiEvents | None = None
    scribe: Callable[[ErrorEvent], Scribe] = ErrorAtTheEnd
    own_error_event: ErrorEvent | None = None
    usage: ReadUsage = no_usage
    usage_marks: tuple[bytes, ...] = ()
    said: tuple[bytes, ...] = ()
    said_whole: tuple[bytes, ...] = ()
    ask_usage: AskUsage | None = None
    role_of: RoleOf = other
    asked: ReadAsked = no_output
    reply: ReadReply | None = None
    sealed: SealedApi | None = None

    def claim(self, path: str) -> "ApiRequestPath | None":
        """Return the claim of a normalised path, or None. Case does not count: IIS and Azure ignore it."""
        for template in self.paths:
            found = _pattern(template).fullmatch(path)
            if found is not None:
                return ApiRequestPath(self, template, found["model"] if MODEL in template else None)
        return None

    def error(self, error: ClientError) -> bytes:
        """Return the JSON body that tells a client of this API about an error."""
        return self.family.error(error)

    def error_event(self, error: ClientError, sequence: int = 0) -> bytes:
        """Return the same as one event. `sequence`: its number in the stream, where the API numbers events."""
        return (self.own_error_event or self.family.error_event)(error, sequence)

    def may_report(self, raw: bytes) -> bool:
        """Return True if the bytes of an event or a body may report usage."""
        return any(mark in raw for mark in self.usage_marks)

    def __repr__(self) -> str:
        return f"Api({self.name})"


class ApiRequestPath(Struct, frozen=True):
    """A path that an API claims. `model`: the model's name, if it stands in the path."""

    api: Api
    template: str
    model: str | None = None

    @property
    def path(self) -> str:
        """The path in the API's own spelling, percent-encoded nowhere."""
        return self.template if self.model is None else self.template.replace(MODEL, self.model)

    def target(self, raw_path: bytes, prefix: str, model: str) -> bytes:
        """Return the request target for a backend: the path behind the backend's prefix, with the client's query.

        `/v1/chat/completions?x=1` for `/openai/v1` gives `/openai/v1/chat/completions?x=1`. The path is written anew
        from the claim, so that the backend can see no other path than the one that was judged. `model` is the one that
        goes there; a slash in its name is percent-encoded, as it does not divide the path.
        """
        root = self.api.root
        below = self.template.removeprefix(root) if self.template.startswith(root + "/") else self.template
        parts = (quote(part, SAFE) for part in below.split(MODEL))
        # The prefix is the operator's, and percent-encoded already where it has to be.
        path = prefix.rstrip("/") + quote(model, "").join(parts) or "/"
        return path.encode() + query_of(raw_path)

    def __repr__(self) -> str:
        return f"ApiRequestPath({self.api.name}, {self.template})"


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """The paths that a template stands for. Cached: templates are the program's and its plug-ins', so they are few."""
    parts = [re.escape(part) for part in template.split(MODEL)]
    return re.compile("(?P<model>.+)".join(parts), re.IGNORECASE | re.DOTALL)
