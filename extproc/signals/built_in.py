"""The built-in signals of a request."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from extproc.apis.counts import counted
from extproc.apis.demand import output_limit
from extproc.apis.mcp import request as mcp
from extproc.apis.outline import Number, Outline, text_of
from extproc.detectors.language import languages
from extproc.policy import Policy
from extproc.policy import signals as declared
from extproc.signals import difficulty, intent, language
from extproc.signals.signal import Signal
from extproc.signals.view import RequestView


def _model(view: RequestView) -> str | None:
    if view.asked is not None:
        return view.asked.model
    return None if view.may_name("model") else _named_model(view.outline)


def _stream(view: RequestView) -> bool | None:
    if view.asked is not None:
        return view.asked.stream
    return None if view.may_name("stream") else _named_stream(view.outline)


def _path(view: RequestView) -> str:
    return view.path


def _route_name(view: RequestView) -> str:
    return view.route_name


def _headers(view: RequestView) -> dict[str, str]:
    return {name: view.headers.joined(name) for name in view.headers.names()}


def _findings(_: RequestView) -> list[dict[str, Any]]:
    """None yet: inspection adds what it finds."""
    return []


def _tools(view: RequestView) -> int | None:
    return None if view.outline is None else counted(view.outline).tools


def _images(view: RequestView) -> int | None:
    outline = view.outline
    if outline is None:
        return None
    seen = view.image_parts
    return None if seen is None else max(outline.images, seen)


def _named_model(body: Outline | None) -> str | None:
    """The model that a body of no dialect names; empty if it names none."""
    if body is None:
        return None
    named = _different(body.every("model"))
    if not named:
        return ""
    model = named[0]
    return text_of(model) if len(named) == 1 and isinstance(model, str) and not isinstance(model, Number) else None


def _named_stream(body: Outline | None) -> bool | None:
    """True if a body of no dialect asks for a stream; None if it says both."""
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


def _mcp(view: RequestView) -> object:
    """The call that a body makes; a tuple if it makes several, for conditions to be asked about each."""
    calls = mcp.calls(view.outline) if view.outline is not None else None
    if calls is None:
        return None
    told = tuple({"method": method, "tool": tool} for method, tool in calls)
    return told[0] if len(told) == 1 else told


def _mcp_method(view: RequestView) -> str | None:
    call = _only_call(view)
    return None if call is None else call[0]


def _mcp_tool(view: RequestView) -> str | None:
    call = _only_call(view)
    return None if call is None else call[1]


def _only_call(view: RequestView) -> mcp.MethodCall | None:
    """The call that a body makes; None if it makes several, or that cannot be determined."""
    calls = mcp.calls(view.outline) if view.outline is not None else None
    return calls[0] if calls is not None and len(calls) == 1 else None


def _audio(view: RequestView) -> bool | None:
    return None if view.outline is None else "audio" in view.demand.features


def _json_schema(view: RequestView) -> bool | None:
    return None if view.outline is None else "json_schema" in view.demand.features


def _input_tokens(view: RequestView) -> int | None:
    return view.demand.input_tokens


def _max_output_tokens(view: RequestView) -> int | None:
    if view.outline is None:
        return None
    return view.demand.max_output_tokens or output_limit(view.outline)


def _turns(view: RequestView) -> int | None:
    return view.demand.turns


def _tenant(view: RequestView) -> str:
    return view.circumstances.tenant


def _key(view: RequestView) -> str:
    return view.circumstances.key


def _tenant_attributes(view: RequestView) -> Mapping[str, str]:
    return view.circumstances.attributes


def _time(view: RequestView) -> dict[str, int] | None:
    moment = view.circumstances.moment
    if moment is None:
        return None
    return {"hour": moment.hour, "minute": moment.minute, "weekday": moment.isoweekday()}


def _of_backends(_: RequestView) -> None:
    """Nothing can be determined without the backends of a policy; see `transaction.backend_signals`."""


def _no_intent(_: RequestView) -> None:
    """Nothing can be determined without the classes of a policy."""


def _intent(policy: Policy) -> Callable[[RequestView], str | None]:
    """See `Signal.bind`."""
    of = intent.intent_of(policy.intents)
    return lambda view: None if view.said is None else of(view.said)


def _difficulty(view: RequestView) -> float | None:
    return None if view.said is None else difficulty.difficulty(view.said)


def _language(view: RequestView) -> str | None:
    return None if view.said is None else language.language(view.said)


def _loading(load: Callable[[], object], compute: Callable[[RequestView], Any]) -> Callable[[Policy], Any]:
    """Return a `bind` that loads a model, so that no request waits for that and forked workers share it."""

    def bind(_: Policy) -> Callable[[RequestView], Any]:
        load()
        return compute

    return bind


SIGNALS: Final = (
    Signal.of(declared.MODEL, _model),
    Signal.of(declared.PATH, _path),
    Signal.of(declared.ROUTE_NAME, _route_name),
    Signal.of(declared.HEADERS, _headers),
    Signal.of(declared.FINDINGS, _findings),
    Signal.of(declared.STREAM, _stream),
    Signal.of(declared.TOOLS, _tools),
    Signal.of(declared.IMAGES, _images),
    Signal.of(declared.MCP, _mcp),
    Signal.of(declared.MCP_METHOD, _mcp_method),
    Signal.of(declared.MCP_TOOL, _mcp_tool),
    Signal.of(declared.AUDIO, _audio),
    Signal.of(declared.JSON_SCHEMA, _json_schema),
    Signal.of(declared.INPUT_TOKENS, _input_tokens),
    Signal.of(declared.MAX_OUTPUT_TOKENS, _max_output_tokens),
    Signal.of(declared.TURNS, _turns),
    Signal.of(declared.TENANT, _tenant),
    Signal.of(declared.KEY, _key),
    Signal.of(declared.TENANT_ATTRIBUTES, _tenant_attributes),
    Signal.of(declared.TIME, _time),
    Signal.of(declared.INTENT, _no_intent, _intent),
    Signal.of(declared.DIFFICULTY, _difficulty, _loading(difficulty.model, _difficulty)),
    Signal.of(declared.LANGUAGE, _language, _loading(languages, _language)),
    Signal.of(declared.BACKEND_STATE, _of_backends),
    Signal.of(declared.FITS, _of_backends),
    Signal.of(declared.SPENT, _of_backends),
)
