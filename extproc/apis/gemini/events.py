"""Events of Gemini's `streamGenerateContent`, also as Cloud Code wraps them in `response`."""

from collections.abc import Mapping

from extproc.apis.events import growing
from extproc.apis.events.event import Channel, Scope, StreamEvent
from extproc.apis.events.source import EventReading, EventSource, PathPattern, Use, Uses, index

_WRAP = "response"


def _uses(*at: str) -> dict[PathPattern, Use]:
    """The uses in a response that stands there."""
    candidate = (*at, "candidates", "*")
    part = (*candidate, "content", "parts", "*")
    return {
        (*at, "modelVersion"): "fixed",
        (*at, "responseId"): "fixed",
        (*at, "createTime"): "fixed",
        (*at, "usageMetadata", "trafficType"): "fixed",
        (*at, "promptFeedback", "blockReason"): "fixed",
        (*candidate, "finishReason"): "fixed",
        (*candidate, "content", "role"): "fixed",
        (*part, "inlineData", "mimeType"): "fixed",
        (*part, "functionCall", "id"): "fixed",
    }


_USES: Uses = {**_uses(), **_uses(_WRAP)}

_WHOLE = frozenset(
    {
        "functionCall",
        "functionResponse",
        "executableCode",
        "codeExecutionResult",
        "fileData",
        "groundingMetadata",
        "citationMetadata",
        "urlContextMetadata",
        "safetyRatings",
        "logprobsResult",
        "promptFeedback",
        "usageMetadata",
        "finishMessage",
        "traceId",
    }
)
"""Members whose texts come whole."""

_RECURRING = _WHOLE - {"safetyRatings", "logprobsResult", "usageMetadata", "traceId"}
"""Those of them that bring words of the model, or of what it read. The others are the same in every event."""


def response(value: Mapping[str, object]) -> Mapping[str, object] | None:
    """The response in an event: the event, or what is wrapped in it; None if it has no candidates."""
    inner = value.get(_WRAP)
    for each in (value, inner):
        if isinstance(each, dict) and isinstance(each.get("candidates"), list):
            return each
    return None


def known(value: Mapping[str, object]) -> bool:
    """True for an event of this API."""
    return response(value) is not None


def is_over(event: StreamEvent) -> bool:
    """True for a candidate's finish reason, and for a prompt that was refused: it gets no candidates."""
    return any(len(each) == 2 for each in event.ends) or b'"blockReason"' in event.raw


def read(source: EventSource) -> EventReading:
    """An event of this API; `source.value` is an object with candidates.

    A client joins all text parts of a candidate, whatever their places, and its thoughts apart from them. Arguments of
    calls come whole, or in `partialArgs`, each for the place that its `jsonPath` names.
    """
    assert isinstance(source.value, dict)
    answer = response(source.value)
    assert answer is not None
    candidates = answer["candidates"]
    assert isinstance(candidates, list)
    start = 0 if answer is source.value else 1
    ended = tuple(end for at, each in enumerate(candidates) for end in _ends(each, at))
    return growing.read(
        source,
        _USES,
        lambda path: _channel(candidates, path[start:]),
        whole=_WHOLE,
        recurring=_RECURRING,
        ends=ended,
    )


def _ends(candidate: object, at: int) -> tuple[Scope, ...]:
    """The parts of the response that a candidate ends: thoughts end where the answer begins."""
    own = ("candidates", index(candidate, at))
    if isinstance(candidate, dict) and candidate.get("finishReason"):
        return (own,)
    parts = _parts(candidate)
    answers = any(isinstance(each, dict) and each.get("text") and not each.get("thought") for each in parts)
    return ((*own, "thought"),) if answers else ()


def _channel(candidates: list[object], path: Scope) -> Channel | None:
    if len(path) < 6 or path[0] != "candidates" or not isinstance(at := path[1], int):
        return None
    candidate = candidates[at]
    own = ("candidates", index(candidate, at))
    if path[2:4] != ("content", "parts"):
        return None
    place = path[4]
    part = _part(candidate, place)
    if path[5:] == ("text",):
        return Channel((*own, "thought" if part.get("thought") else "text"))
    if len(path) == 9 and path[5:7] == ("functionCall", "partialArgs") and path[8] == "stringValue":
        return Channel((*own, "call", place, _json_path(part, path[7])))
    return None


def _part(candidate: object, place: object) -> Mapping[str, object]:
    parts = _parts(candidate)
    part = parts[place] if isinstance(place, int) and place < len(parts) else None
    return part if isinstance(part, dict) else {}


def _parts(candidate: object) -> list[object]:
    content = candidate.get("content") if isinstance(candidate, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    return parts if isinstance(parts, list) else []


def _json_path(part: Mapping[str, object], at: object) -> str:
    call = part.get("functionCall")
    pieces = call.get("partialArgs") if isinstance(call, dict) else None
    piece = pieces[at] if isinstance(pieces, list) and isinstance(at, int) else None
    return str(piece.get("jsonPath")) if isinstance(piece, dict) else ""
