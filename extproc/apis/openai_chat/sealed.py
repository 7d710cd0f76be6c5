"""Sealed values of chat completions: sounds, files, and what Gemini and gateways put beside a message."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from extproc.apis.seals.sealed import SealedApi, SealedMember, SealedPlace, named
from extproc.apis.seals.tree import JsonNode, Removal

_SIGNED: Final = frozenset({"thought_signature", "thought_signatures", "thoughtSignature"})
"""Members of a message or a call, in `extra_content.google` (Gemini's) or `provider_specific_fields` (LiteLLM's)."""

_BLOCKS: Final = ("thinking_blocks", "reasoning_details")
"""Members of a message that are lists of thinking: LiteLLM's, OpenRouter's. `signature` or `data` seals an item."""

_SEALING: Final = frozenset({"signature", "data"})
_FREE: Final = frozenset({"content", "function", "audio", *_BLOCKS})

_MARKS: Final = re.compile(
    rb'"(?:signature|thought_signatures?|thoughtSignature|audio|file_id|thinking_blocks|reasoning_details)"'
)


class _Speaker(Struct):
    role: str = ""


_SPEAKERS: Final = msgspec.json.Decoder(list[_Speaker])


def _request(body: bytes, top: Mapping[str, JsonNode]) -> Iterator[SealedMember]:
    messages = top.get("messages")
    if messages is None:
        return
    done = -1
    for number, message in enumerate(messages.items):
        if message.kind != "object":
            continue
        audio = message.get("audio")
        own = None if audio is None else audio.get("id")
        if own is not None and own.kind == "string":
            yield SealedMember("audio.id", own, "id")
        for part in () if (content := message.get("content")) is None else content.items:
            for each in named(part, {"file_id"}):
                yield SealedMember("file_id", each.node, "id", stored=True)
        for name, node, removal in _thoughts(message):
            done = _asked(body, messages) if done < 0 else done
            yield SealedMember(name, node, "base64", removal if number < done else None)


def _thoughts(message: JsonNode) -> Iterator[tuple[str, JsonNode, Removal]]:
    """Yield what seals the thinking of a message, with its name and with what may be left out of earlier turns."""
    for name, _, blocks in message.members:
        for index, block in enumerate(blocks.items if name in _BLOCKS else ()):
            for key, node in _seals(block):
                yield f"{name}.{key}", node, Removal(blocks, index)
    for each in named(message, _SIGNED, _FREE):
        yield each.name, each.node, each.removal
    for call in () if (calls := message.get("tool_calls")) is None else calls.items:
        for each in () if (function := call.get("function")) is None else named(function, _SIGNED, {"arguments"}):
            yield each.name, each.node, each.removal


def _seals(block: JsonNode) -> Iterator[tuple[str, JsonNode]]:
    for key, _, node in block.members:
        if key in _SEALING and node.kind == "string" and node.end - node.start > len('""'):
            yield key, node


def _asked(body: bytes, messages: JsonNode) -> int:
    """Return the number of the user's last message. Thinking is needed from there on: a loop of tools goes on."""
    try:
        speakers = _SPEAKERS.decode(body[messages.start : messages.end])
    except (msgspec.DecodeError, RecursionError):
        return 0
    return max((number for number, each in enumerate(speakers) if each.role == "user"), default=0)


def _reply(data: bytes, root: JsonNode) -> Iterator[SealedPlace]:  # noqa: ARG001  - the tree says enough
    for choice in () if (choices := root.get("choices")) is None else choices.items:
        for message in (choice.get("message"), choice.get("delta")):
            if message is None:
                continue
            audio = message.get("audio")
            own = None if audio is None else audio.get("id")
            if own is not None and own.kind == "string":
                yield SealedPlace(own, "id")
            for _, node, _ in _thoughts(message):
                yield SealedPlace(node, "base64")


def _asks(body: bytes) -> bool:
    """True if sound is asked for."""
    return b'"modalities"' in body


SEALED: Final = SealedApi(
    marks=_MARKS, members=("messages",), request=_request, reply_marks=_MARKS, reply=_reply, asks=_asks
)
