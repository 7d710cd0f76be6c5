"""What a client makes of a stream, put together as the providers' own libraries do, by no code of ours."""

import json
import re
from typing import Any


def spoken(stream: bytes) -> list[bytes]:
    """The data of the events, by the standard's own steps."""
    events, data = [], list[bytes]()
    for line in re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf")):
        field, _, value = line.partition(b":")
        if not line and data:
            events.append(b"\n".join(data))
            data = []
        elif field == b"data":
            data.append(value.removeprefix(b" "))
    return events


def documents(stream: bytes) -> list[Any]:
    """The events' JSON, `[DONE]` as it is."""
    return [data.decode() if data == b"[DONE]" else json.loads(data) for data in spoken(stream)]


def seen(dialect: str, stream: bytes) -> dict[str, Any]:
    """The answer as a client has it at the end, and all that is not text, event by event."""
    events = documents(stream)
    match dialect:
        case "openai.chat" | "openai.completions":
            return chunks(events)
        case "openai.responses":
            return numbered(events)
        case "anthropic.messages":
            return blocks(events)
    return {"events": events}


def chunks(events: list[Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"usage": [], "errors": [], "done": events[-1:] == ["[DONE]"]}
    for event in events:
        if not isinstance(event, dict):
            continue
        answer["errors"] += [event["error"]] if "error" in event else []
        answer["usage"] += [event["usage"]] if event.get("usage") else []
        for choice in event.get("choices", []):
            grow(answer.setdefault(f"choice {choice['index']}", {}), {**choice, "index": None, "logprobs": None})
    return answer


def grow(into: dict[str, Any], more: dict[str, Any]) -> None:
    """Adds a delta as OpenAI's libraries do: strings to strings, elements of lists by their index."""
    for name, value in more.items():
        if isinstance(value, dict):
            grow(into.setdefault(name, {}), value)
        elif isinstance(value, list):
            for place, element in enumerate(value):
                known = into.setdefault(name, {}).setdefault(element.get("index", place), {})
                kept = {"index", "type", "format"}
                grow(known, {key: item for key, item in element.items() if key not in kept})
                known |= {key: item for key, item in element.items() if key in kept - {"index"}}
        elif isinstance(value, str):
            into[name] = (into.get(name) or "") + value


def numbered(events: list[Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"text": {}, "other": [], "numbers": [event["sequence_number"] for event in events]}
    for event in events:
        if event["type"].endswith(".delta"):
            where = tuple(event.get(name) for name in ("item_id", "output_index", "content_index", "summary_index"))
            key = str((event["type"], *where))
            answer["text"][key] = answer["text"].get(key, "") + event["delta"]
        else:
            answer["other"].append({name: value for name, value in event.items() if name != "sequence_number"})
    return answer


def blocks(events: list[Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"blocks": {}, "other": [], "stopped": []}
    for event in events:
        match event["type"]:
            case "content_block_start":
                answer["blocks"][event["index"]] = {**event["content_block"], "partial_json": ""}
            case "content_block_delta":
                block = answer["blocks"][event["index"]]
                for name, value in event["delta"].items():
                    block[name] = value if name == "type" else block.get(name, "") + value
            case "content_block_stop":
                answer["stopped"].append(event["index"])
            case _:
                answer["other"].append(event)
    return answer


def replaced(answer: Any, word: str, mask: str) -> Any:
    """The same with another word in every string."""
    match answer:
        case str():
            return answer.replace(word, mask)
        case list():
            return [replaced(each, word, mask) for each in answer]
        case dict():
            return {key: replaced(each, word, mask) for key, each in answer.items()}
    return answer
