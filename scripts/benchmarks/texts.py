"""Texts to inspect: prose that was never seen before, values in it, and such as are made to be slow.

Prose is made of words as often as English technical documentation has them (that of Python, which every interpreter
brings along), because a matcher that sees the same text again is faster than it will be on traffic.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import accumulate
from pydoc_data import topics
from random import Random
from typing import Final

KIB: Final = 1024
LONGEST_WORD: Final = 13

VALUES: Final = (
    "ann.lee@example.com",
    "+44 20 7946 0958",
    "4111 1111 1111 1111",
    "10.20.30.40",
    "GB82 WEST 1234 5698 7654 32",
    "AKIAZ7XQ4HNRTW2LPYKM",
    "PRJ-204816",
)
"""Values that the default rules and the policy's own pattern find."""

_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def chance(seed: int) -> Random:
    """The same numbers for the same seed, on every machine."""
    return Random(seed)  # noqa: S311  - nobody is to be kept from guessing them


@cache
def _words() -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Words, and how often they and all before them come."""
    counted = Counter(word.lower() for text in topics.topics.values() for word in re.findall(r"[A-Za-z]+", text))
    kept = {word: number for word, number in counted.items() if len(word) <= LONGEST_WORD}
    return tuple(kept), tuple(accumulate(kept.values()))


def prose(size: int, seed: int) -> str:
    """`size` characters of sentences, a number in every eighth; another seed, other sentences."""
    source, (words, often) = chance(seed), _words()
    sentences: list[str] = []
    made = 0
    while made <= size:
        chosen = source.choices(words, cum_weights=often, k=source.randint(5, 22))
        if source.random() < 1 / 8:
            chosen[source.randrange(len(chosen))] = str(source.randint(1, 3000))
        sentences.append(" ".join(chosen).capitalize() + source.choice(".....?!:"))
        made += len(sentences[-1]) + 1
    return " ".join(sentences)[:size]


def new_words(size: int, seed: int) -> str:
    """The same in a language that nobody has ever heard: each word is seen for the first time."""
    source = chance(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    weights = range(len(letters), 0, -1)
    return re.sub(
        r"[A-Za-z]+", lambda word: "".join(source.choices(letters, weights, k=len(word[0]))), prose(size, seed)
    )


def with_values(size: int, every: int, seed: int) -> str:
    """Prose of about `size` characters with a value in each stretch of `every`."""
    text = prose(size, seed)
    stretches = [text[at : at + every] for at in range(0, size, every)]
    return "".join(_with(stretch, VALUES[(seed + at) % len(VALUES)]) for at, stretch in enumerate(stretches))


def _with(stretch: str, value: str) -> str:
    """The stretch, its end replaced by a value behind a whole word."""
    kept = stretch[: max(0, len(stretch) - len(value) - 2)]
    return f"{kept[: kept.rfind(' ') + 1]}{value} "


HOSTILE: Final[dict[str, Callable[[int], str]]] = {
    "base64": lambda size: "".join(chance(1).choices(_BASE64, k=size)),
    "digits": lambda size: "".join(chance(2).choices("0123456789", k=size)),
    "letter a": lambda size: "a" * size,
    "brackets": lambda size: _repeated("[{(", size),
    "emoji": lambda size: "😀" * (size // 4),
    "endless word": lambda size: _repeated("abcdefghij", size),
    "spaces": lambda size: " " * size,
    "ats": lambda size: _repeated("a@", size),
    "sk-": lambda size: _repeated("sk-", size),
    "opened keys": lambda size: _repeated("-----BEGIN PRIVATE KEY-----", size),
}
"""Texts of that many bytes of UTF-8, in which hardly anything is found."""

CANDIDATES: Final[dict[str, Callable[[int], str]]] = {
    "groups of digits": lambda size: _repeated("4111 ", size),
    "assignments": lambda size: _repeated("api_key=", size),
    "accounts": lambda size: _repeated("AccountKey=abc", size),
    "logins": lambda size: _repeated("https://joe:s3cret@example.com/", size),
}
"""Texts that are full of what has to be looked at closely, or found: what it costs is no matter of prose."""


def _repeated(part: str, size: int) -> str:
    return (part * (size // len(part) + 1))[:size]


def prompt(text: str) -> bytes:
    """A chat body in which a user says `text`."""
    return json.dumps(
        {"model": "chat", "messages": [{"role": "user", "content": text}]}, ensure_ascii=False, separators=(",", ":")
    ).encode()


def tokens(text: str) -> list[str]:
    """The text in pieces as models say it: a word with the space before it, or a part of a longer one."""
    return re.findall(r"\s?\S{1,7}|\s", text)


def pieces(text: str, size: int) -> list[str]:
    """The text in pieces of that many characters."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def events(parts: list[str]) -> list[bytes]:
    """The chunks of a chat completion in which a model says the parts, 240 bytes and more each."""
    head = {"id": "chatcmpl-AbC123", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-4o-mini"}
    return [
        b"data: %s\n\n"
        % json.dumps(
            {
                **head,
                "system_fingerprint": "fp_1",
                "choices": [{"index": 0, "delta": {"content": part}, "logprobs": None, "finish_reason": None}],
            },
            ensure_ascii=False,
        ).encode()
        for part in parts
    ]
