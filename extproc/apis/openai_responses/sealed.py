"""Sealed values of OpenAI's responses: identifiers of what the provider keeps, and encrypted items."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from extproc.apis.seals.sealed import SealedApi, SealedMember, SealedPlace, named
from extproc.apis.seals.tag import SealedForm
from extproc.apis.seals.tree import JsonNode, Removal, string

_FORMS: Final[Mapping[str, SealedForm]] = {
    "file_id": "id",
    "file_ids": "id",
    "vector_store_ids": "id",
    "container": "id",
    "container_id": "id",
    "approval_request_id": "id",
    "encrypted_content": "base64",
}
_STORED: Final = _FORMS.keys() - {"approval_request_id", "encrypted_content"}
_FREE: Final = frozenset({
    "id", "annotations", "arguments", "attributes", "metadata", "parameters", "schema", "text", "variables",
})  # fmt: skip
"""Members that are the model's own or the client's, or that are read by themselves."""

_OWN_TOOLS: Final = frozenset({"function", "custom", "mcp"})
"""Types of tools that name nothing of the provider's."""

_PLAIN: Final = frozenset({
    None, "message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output",
})  # fmt: skip
"""Types of items that say all that they mean, so that their identifier may be left out."""

_REPLIED: Final[Mapping[str, SealedForm]] = {"file_id": "id", "container_id": "id", "encrypted_content": "base64"}
_FIRST_AND_LAST: Final = ("first_id", "last_id")
_CITED: Final = ("file_id", "container_id")


def _request(body: bytes, top: Mapping[str, JsonNode]) -> Iterator[SealedMember]:
    earlier = top.get("previous_response_id")
    if earlier is not None and earlier.kind == "string":
        yield SealedMember("previous_response_id", earlier, "id")
    for name in ("conversation", "prompt"):
        holder = top.get(name)
        own = holder.get("id") if holder is not None and holder.kind == "object" else holder
        if own is not None and own.kind == "string":
            yield SealedMember(name, own, "id", stored=True)
    given = top.get("input")
    for index, item in enumerate(() if given is None else given.items):
        if given is not None and item.kind == "object":
            yield from _item(body, item, Removal(given, index))
    for tool in () if (tools := top.get("tools")) is None else tools.items:
        if string(body, tool.get("type")) not in _OWN_TOOLS:
            yield from _members(tool)


def _item(body: bytes, item: JsonNode, whole: Removal) -> Iterator[SealedMember]:
    """Yield those of an item of the input.

    Encrypted reasoning may be left out, and calls of functions stay beside their outputs. What a conversation was
    compacted to may not: nothing else says it.
    """
    kind = string(body, item.get("type"))
    reasons = kind == "reasoning"
    for index, (name, _, node) in enumerate(item.members):
        if name == "id" and node.kind == "string":
            plain = kind in _PLAIN
            removal = whole if reasons else Removal(item, index) if plain else None
            yield SealedMember(f"{kind or 'message'}.id", node, "id", removal, weak=plain)
    for each in _members(item):
        yield SealedMember(
            f"{kind}.{each.name}" if kind and each.form == "base64" else each.name,
            each.node,
            each.form,
            whole if reasons else None,
            each.stored,
        )
    for part in () if (content := item.get("content")) is None else content.items:
        notes = part.get("annotations")
        for index, note in enumerate(() if notes is None else notes.items):
            if notes is not None:
                for cited in named(note, _CITED):
                    yield SealedMember(cited.name, cited.node, "id", Removal(notes, index), weak=True)


def _members(holder: JsonNode) -> Iterator[SealedMember]:
    for each in named(holder, _FORMS, _FREE):
        yield SealedMember(each.name, each.node, _FORMS[each.name], stored=each.name in _STORED)


def _reply(data: bytes, root: JsonNode) -> Iterator[SealedPlace]:
    """Yield those of a response, a list of items, what says that one is gone, or an event."""
    kind = string(data, root.get("type"))
    if kind is not None and root.get("object") is None:
        yield from _event(root)
        return
    said = string(data, root.get("object")) or ""
    if said.startswith(("response", "conversation")):
        yield from _response(root)
    elif said == "list":
        for name in _FIRST_AND_LAST:
            yield from _strings(root, name)
        for item in () if (listed := root.get("data")) is None else listed.items:
            yield from _output(item)


def _event(root: JsonNode) -> Iterator[SealedPlace]:
    for name in ("item_id", "response_id"):
        yield from _strings(root, name)
    if (response := root.get("response")) is not None:
        yield from _response(response)
    if (item := root.get("item")) is not None:
        yield from _output(item)
    for name in ("annotation", "part"):
        if (holder := root.get(name)) is not None:
            yield from _cited(holder)


def _response(response: JsonNode) -> Iterator[SealedPlace]:
    for name in ("id", "previous_response_id", "conversation"):
        yield from _strings(response, name)
    if (conversation := response.get("conversation")) is not None:
        yield from _strings(conversation, "id")
    for item in () if (output := response.get("output")) is None else output.items:
        yield from _output(item)


def _output(item: JsonNode) -> Iterator[SealedPlace]:
    yield from _strings(item, "id")
    for each in named(item, _REPLIED, _FREE):
        yield SealedPlace(each.node, _REPLIED[each.name])
    for part in () if (content := item.get("content")) is None else content.items:
        yield from _cited(part)


def _cited(part: JsonNode) -> Iterator[SealedPlace]:
    """Yield the files that a part of a text cites, or one citation does."""
    for each in named(part, _CITED):
        yield SealedPlace(each.node, "id")


def _strings(holder: JsonNode, name: str) -> Iterator[SealedPlace]:
    return (SealedPlace(node, "id") for node in holder.every(name) if node.kind == "string")


SEALED: Final = SealedApi(
    marks=re.compile(rb'"(?:[a-z_]*_ids?|id|encrypted_content|conversation|container)"'),
    members=("previous_response_id", "conversation", "prompt", "input", "tools"),
    request=_request,
    reply_marks=re.compile(rb'"(?:id|encrypted_content|file_id|container_id|(?:previous_)?response_id|conversation)"'),
    reply=_reply,
    quick=(b"item_id",),
)
