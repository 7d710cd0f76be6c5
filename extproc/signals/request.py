"""The facts of a request that conditions in the policy may be about."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Final

from msgspec.structs import replace

from extproc import payload as text
from extproc.apis import Request, outline
from extproc.apis.counts import NOTHING, UNTOLD, counted
from extproc.apis.mcp import request as mcp
from extproc.apis.outline import Number, Outline, text_of
from extproc.payload import TextLimitError, declares_json
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap

IN_BODIES: Final = frozenset({"model", "stream", "tools", "images", "mcp"})
"""Facts that a request's body holds."""

NO_BODY: Final = Outline((), 0, False)
"""The outline of a request that has no JSON."""


def content_type(fields: HeaderMap) -> str:
    """The content-type of a message. Of several, all of them: they are named as no content-type at all."""
    return b", ".join(fields.getall("content-type")).decode("latin-1")


def read_outline(body: bytes, kind: str, *, images: bool) -> Outline | None:
    """The outline of a body of that content-type; None if what it says cannot be told.

    `images`: count those, too, that only a look at all of the text brings to light, such as parts of a form.
    """
    found = outline.read(body)
    if found is None and not declares_json(kind):
        found = NO_BODY
    if found is None or not images:
        return found
    try:
        seen = sum(each.reason == "image" for each in text.read(body, kind).uninspected)
    except (TextLimitError, ClientError):
        return None
    return replace(found, images=max(found.images, seen))


def context(
    wanted: AbstractSet[str],
    fields: HeaderMap,
    *,
    path: str,
    route_name: str,
    asked: Request | None = None,
    body: Outline | None = NO_BODY,
) -> dict[str, Any]:
    """The facts among `wanted`, by name; None for a fact that cannot be told, so that conditions about it fail.

    `asked`: the request as a dialect reads it. `body`: its outline, or None if that is not known.
    """
    facts: dict[str, Any] = {}
    if not wanted:
        return facts
    counts = UNTOLD if body is None else counted(body) if wanted & {"tools", "images"} else NOTHING
    for name in wanted:
        match name:
            case "model":
                facts[name] = asked.model if asked is not None else _model(body)
            case "stream":
                facts[name] = asked.stream if asked is not None else _stream(body)
            case "path":
                facts[name] = path
            case "route_name":
                facts[name] = route_name
            case "headers":
                facts[name] = {header: fields.text(header) for header in fields.names()}
            case "tools":
                facts[name] = counts.tools
            case "images":
                facts[name] = counts.images
            case "mcp":
                facts[name] = _mcp(body)
            case "findings":
                facts[name] = []
            case _:
                # The policy knows the names; one that is new there and not here would be a mistake of ours.
                raise AssertionError(name)
    return facts


def _model(body: Outline | None) -> str | None:
    """The model that a body of no dialect names; empty if it names none."""
    if body is None:
        return None
    named = _different(body.every("model"))
    if not named:
        return ""
    model = named[0]
    return text_of(model) if len(named) == 1 and isinstance(model, str) and not isinstance(model, Number) else None


def _stream(body: Outline | None) -> bool | None:
    if body is None:
        return None
    wanted = _different(body.every("stream"))
    if not wanted:
        return False
    return wanted[0] if len(wanted) == 1 and isinstance(wanted[0], bool) else None


def _different(values: Iterable[Any]) -> list[Any]:
    """The different values that are not null, at most two of them."""
    different: list[Any] = []
    for value in values:
        if value is not None and value not in different:
            different.append(value)
            if len(different) == 2:
                break
    return different


def _mcp(body: Outline | None) -> object:
    """The call that a body makes; a tuple if it makes several, for conditions to be asked about each."""
    calls = mcp.calls(body) if body is not None else None
    if calls is None:
        return None
    told = tuple({"method": method, "tool": tool} for method, tool in calls)
    return told[0] if len(told) == 1 else told
