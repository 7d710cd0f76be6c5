"""The parts of a request by which its response may be judged: its output format, tools, system turns, documents.

They are read once, of the request as it goes on, and only where a processor for responses asks for them.
"""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from extproc.apis.roles import PassageRole, RoleOf

AskedPart: TypeAlias = Literal["format", "tools", "system", "documents"]
"""A part of a request: the form of the response that it asks for; its tools; the application's words; the words of
documents and of results of tools."""

SCHEMA_BYTES: Final = 256 * 1024
"""Bytes of one schema, in compact JSON. OpenAI takes schemas of 120,000 characters of names and values."""

TOOLS_MAX: Final = 1_024
"""Tools of a request. OpenAI takes 128; some servers of MCP bring hundreds."""

TOOLS_BYTES: Final = 1024 * 1024
"""Bytes of all schemas of tools together: 128 of 8 KiB."""

SYSTEM_MAX: Final = 256 * 1024
"""Code points of all system turns: the longest prompts that were published have some 60,000."""

DOCUMENTS_MAX: Final = 1024 * 1024
"""Code points of all documents and results of tools: more than a context of 200,000 tokens."""

DEPTH_MAX: Final = 128
"""Levels of a body in which texts are looked for: twice those of an event (see `events.leaves`)."""

_NO_PROSE: Final = frozenset(
    {"type", "id", "role", "tool_use_id", "tool_call_id", "call_id", "media_type", "mimeType", "mime_type", "status"}
)
"""Names of members that never hold words of anybody."""

_DOCUMENTS: Final[frozenset[PassageRole]] = frozenset({"file", "tool_result"})


class OutputFormat(Struct, frozen=True):
    """The form of the response that a request asks for: JSON, which fits `schema` if that is not None.

    `schema` is a JSON Schema as JSON. `strict`: the request says that the provider has to see to it.
    """

    schema: bytes | None = None
    strict: bool = False

    def __repr__(self) -> str:
        return f"OutputFormat({None if self.schema is None else len(self.schema)} bytes)"


class AskedTool(Struct, frozen=True):
    """A tool that a request offers. `parameters`: the JSON Schema of its arguments; None if it states none."""

    name: str
    parameters: bytes | None = None

    def __repr__(self) -> str:
        return f"AskedTool({None if self.parameters is None else len(self.parameters)} bytes)"


class Asked(Struct, frozen=True):
    """The parts of a request that were wanted; the others are empty.

    `forced`: the name of the tool that the response has to call. `served`: the request has tools that the provider
    runs, or that its servers bring, so that calls of other names than those of `tools` may be right. `cut`: parts that
    are beyond their bounds or could not be read, so that what is here is not all of them.
    """

    output: OutputFormat | None = None
    tools: tuple[AskedTool, ...] = ()
    forced: str | None = None
    served: bool = False
    system: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    cut: frozenset[AskedPart] = frozenset()

    @property
    def size(self) -> int:
        """About the bytes that it takes."""
        schemas = sum(len(each.parameters or b"") + len(each.name) for each in self.tools)
        own = 0 if self.output is None or self.output.schema is None else len(self.output.schema)
        return schemas + own + sum(map(len, self.system)) + sum(map(len, self.documents))

    def __repr__(self) -> str:
        return (
            f"Asked({self.output}, {len(self.tools)} tools, {len(self.system)} system, {len(self.documents)} documents)"
        )


NOTHING_ASKED: Final = Asked()
"""The value for a request that asks a model for nothing: one without a body, or of no API."""

ReadAsked: TypeAlias = Callable[[Mapping[str, Any]], Asked | None]
"""Reads `output`, `tools`, `forced` and `served` of a request's decoded JSON; `cut` names a part that it cannot read.
None if the body is no request of that API."""


def no_output(value: Mapping[str, Any]) -> Asked | None:  # noqa: ARG001
    """Return None: nothing is known of the requests of the API."""
    return None


class AskedReading(Struct):
    """Gathers what a reader finds, within the bounds."""

    output: OutputFormat | None = None
    tools: list[AskedTool] = []
    cut: set[AskedPart] = set()
    _room: int = TOOLS_BYTES

    def ask(self, schema: object, *, strict: bool = False) -> None:
        """Note that JSON is asked for; `schema` is None if any will do."""
        written = None if schema is None else written_schema(schema)
        if schema is not None and written is None:
            self.cut.add("format")
        self.output = OutputFormat(written, strict)

    def offer(self, name: object, parameters: object) -> None:
        """Note a tool."""
        if not isinstance(name, str) or len(self.tools) >= TOOLS_MAX:
            self.cut.add("tools")
            return
        written = None if parameters is None else written_schema(parameters)
        self._room -= len(name) + len(written or b"")
        if self._room < 0 or (parameters is not None and written is None):
            self.cut.add("tools")
            written = None
        self.tools.append(AskedTool(name, written))

    def done(self, forced: object = None, *, served: bool = False) -> Asked:
        """Return all that was noted."""
        named = forced if isinstance(forced, str) else None
        return Asked(self.output, tuple(self.tools), named, served, cut=frozenset(self.cut))


def written_schema(schema: object) -> bytes | None:
    """Return a schema as JSON; None if it is none, or too large."""
    if not isinstance(schema, dict | bool):
        return None
    try:
        written = msgspec.json.encode(schema)
    except (ValueError, TypeError, RecursionError):  # half a surrogate pair
        return None
    return written if len(written) <= SCHEMA_BYTES else None


def asked(value: object, parts: AbstractSet[AskedPart], read: ReadAsked, role_of: RoleOf) -> Asked:
    """Return these parts of a request that was decoded: nothing asked if it is none of the API's.

    Cost: with `system` or `documents` about a microsecond for each string.
    """
    found = read(value) if isinstance(value, dict) else None
    if found is None:
        return NOTHING_ASKED
    if parts & {"system", "documents"}:
        found = _with_texts(found, value, parts, role_of)
    if "format" not in parts:
        found = replace(found, output=None, cut=found.cut - {"format"})
    if "tools" not in parts:
        found = replace(found, tools=(), cut=found.cut - {"tools"})
    return found


def _with_texts(found: Asked, value: object, parts: AbstractSet[AskedPart], role_of: RoleOf) -> Asked:
    system, documents = _Texts(SYSTEM_MAX), _Texts(DOCUMENTS_MAX)
    if not all(_gather(value, parts, role_of, system, documents)):
        system.cut = documents.cut = True
    cut = set(found.cut)
    if system.cut and "system" in parts:
        cut.add("system")
    if documents.cut and "documents" in parts:
        cut.add("documents")
    return replace(found, system=tuple(system.texts), documents=tuple(documents.texts), cut=frozenset(cut))


class _Texts:
    """Texts, up to a number of code points."""

    def __init__(self, most: int) -> None:
        self.texts: list[str] = []
        self.cut = False
        self._room = most

    def take(self, text: str) -> None:
        kept = text[: self._room]
        self._room -= len(kept)
        self.cut |= len(kept) < len(text)
        if kept and not kept.isspace():
            self.texts.append(kept)


def _gather(
    value: object, parts: AbstractSet[AskedPart], role_of: RoleOf, system: _Texts, documents: _Texts
) -> Iterator[bool]:
    """Take the texts of a body in their order; yield False where it is too deep."""
    due: list[tuple[tuple[str | int, ...], object]] = [((), value)]
    while due:
        path, each = due.pop()
        if isinstance(each, str):
            role = role_of(path, value)
            if role == "system" and "system" in parts:
                system.take(each)
            elif role in _DOCUMENTS and "documents" in parts:
                documents.take(each)
        elif len(path) >= DEPTH_MAX:
            yield False
        elif isinstance(each, dict):
            due += [((*path, name), inner) for name, inner in reversed(each.items()) if name not in _NO_PROSE]
        elif isinstance(each, list):
            due += [((*path, at), each[at]) for at in range(len(each) - 1, -1, -1)]
