"""Sealed values of Anthropic's messages: signatures of thinking, encrypted results of tools, files, containers."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from extproc.apis.seals.sealed import SealedApi, SealedMember, SealedPlace, named
from extproc.apis.seals.tag import SealedForm
from extproc.apis.seals.tree import JsonNode, Removal, string

_THINKING: Final[Mapping[str | None, str]] = {"thinking": "signature", "redacted_thinking": "data"}
"""Types of blocks that are thinking, with the member that seals each."""

_FORMS: Final[Mapping[str, SealedForm]] = {
    "encrypted_content": "base64",
    "encrypted_index": "base64",
    "encrypted_stdout": "base64",
    "file_id": "id",
}
_FREE: Final = frozenset({"input", "text", "cache_control"})
"""Members that are the model's own, or the client's."""

_MARKS: Final = re.compile(rb'"(?:signature"|redacted_thinking"|encrypted_|file_id"|container")')


class _BlockType(Struct):
    type: str = ""


class _TurnRole(Struct):
    role: str
    content: str | list[_BlockType]


_TURNS: Final = msgspec.json.Decoder(list[_TurnRole])


def _request(body: bytes, top: Mapping[str, JsonNode]) -> Iterator[SealedMember]:
    container = top.get("container")
    if container is not None:
        own = container.get("id") if container.kind == "object" else container
        if own is not None and own.kind == "string":
            yield SealedMember("container", own, "id", stored=True)
    messages = top.get("messages")
    if messages is None:
        return
    done = -1
    for number, message in enumerate(messages.items):
        content = message.get("content")
        for index, block in enumerate(() if content is None else content.items):
            kind = string(body, block.get("type"))
            sealed = _THINKING.get(kind)
            if content is not None and kind is not None and sealed is not None:
                done = _asked(body, messages) if done < 0 else done
                removal = Removal(content, index, Removal(messages, number)) if number < done else None
                for node in block.every(sealed):
                    if node.kind == "string":
                        yield SealedMember(f"{kind}.{sealed}", node, "base64", removal)
                continue
            for each in named(block, _FORMS, _FREE):
                yield SealedMember(each.name, each.node, _FORMS[each.name], stored=each.name == "file_id")


def _asked(body: bytes, messages: JsonNode) -> int:
    """Return the number of the last turn in which the user says something, which is more than results of tools; else 0.

    The API refuses a running loop of tools without its thinking; of the turns before it ignores what is left out.
    """
    try:
        turns = _TURNS.decode(body[messages.start : messages.end])
    except (msgspec.DecodeError, RecursionError):
        return 0
    for number in range(len(turns) - 1, -1, -1):
        content = turns[number].content
        if turns[number].role == "user" and (
            isinstance(content, str) or any(part.type != "tool_result" for part in content)
        ):
            return number
    return 0


def _reply(data: bytes, root: JsonNode) -> Iterator[SealedPlace]:
    """Yield those of a message, or of an event: its message, a block that begins, what is added to one."""
    number = root.get("index")
    block = data[number.start : number.end] if number is not None else b""
    for holder in (root, root.get("message"), root.get("delta")):
        if holder is None:
            continue
        own = holder.get("container")
        if own is not None and (name := own.get("id")) is not None and name.kind == "string":
            yield SealedPlace(name, "id")
        for part in () if (content := holder.get("content")) is None else content.items:
            yield from _block(data, part, None)
    for holder in (root.get("content_block"), root.get("delta")):
        if holder is not None:
            yield from _block(data, holder, block)


def _block(data: bytes, block: JsonNode, number: bytes | None) -> Iterator[SealedPlace]:
    kind = string(data, block.get("type"))
    sealed = "signature" if kind == "signature_delta" else _THINKING.get(kind)
    if sealed is not None:
        for node in block.every(sealed):
            if node.kind == "string":
                yield SealedPlace(node, "base64", number)
        return
    for each in named(block, _FORMS, _FREE):
        yield SealedPlace(each.node, _FORMS[each.name])


SEALED: Final = SealedApi(
    marks=_MARKS,
    members=("container", "messages"),
    request=_request,
    reply_marks=_MARKS,
    reply=_reply,
)

COUNTED: Final = SealedApi(marks=_MARKS, members=("container", "messages"), request=_request)
"""The same of a request whose tokens are counted: its response has none."""
