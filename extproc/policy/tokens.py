"""The words of a CEL expression, and which bracket belongs to which. For texts that the library has read already."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_QUOTED: Final = (
    r"[rRbB]{0,2}(?:"
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|'
    r"'''(?:[^'\\]|\\.|'(?!''))*'''|"
    r'"(?:[^"\\\n]|\\.)*"|'
    r"'(?:[^'\\\n]|\\.)*')"
)
_RAW: Final = (
    r"[bB]?[rR][bB]?(?:"
    r'"""(?:[^"]|"(?!""))*"""|'
    r"'''(?:[^']|'(?!''))*'''|"
    r'"[^"\n]*"|'
    r"'[^'\n]*')"
)
_TOKEN: Final = re.compile(
    rf"(?P<skip>[ \t\r\n\f]+|//[^\n]*)|(?P<text>{_RAW}|{_QUOTED})"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?[uU]?|0[xX][0-9a-fA-F]+[uU]?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}])",
    re.DOTALL | re.ASCII,
)
_CLOSING: Final = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: `text`, `number`, `name` or `mark`. `at` is its place in the text, from 0."""

    kind: str
    written: str
    at: int


@dataclass(slots=True)
class ExpressionTokens:
    """The tokens, then an empty one. `closes`: from a closing bracket to its opening one, by index."""

    every: list[Token] = field(default_factory=list)
    closes: dict[int, int] = field(default_factory=dict)

    def is_at(self, index: int, written: str) -> bool:
        """True if this mark or name stands at an index, which may lie beyond the ends."""
        token = self[index]
        return token.kind in {"mark", "name"} and token.written == written

    def __getitem__(self, index: int) -> Token:
        return self.every[index] if 0 <= index < len(self.every) else Token("", "", -1)

    def __len__(self) -> int:
        return len(self.every)

    def is_operand(self, index: int) -> bool:
        """True if a value ends at an index, so that a dot or a bracket after it takes something of it."""
        token = self[index]
        if token.kind == "mark":
            return token.written in _CLOSING
        return token.kind in {"text", "number"} or (token.kind == "name" and token.written != "in")

    def calls(self, index: int) -> bool:
        """True if the name at an index is called."""
        return self[index].kind == "name" and self.is_at(index + 1, "(") and self[index].written != "in"

    def entries(self, closing: int) -> int:
        """Things between commas in the brackets that end at an index."""
        opening = self.closes[closing]
        if opening + 1 == closing:
            return 0
        inner = {at for end, begin in self.closes.items() if opening < begin for at in range(begin, end)}
        commas = (at for at in range(opening, closing) if at not in inner and self.is_at(at, ","))
        return 1 + sum(1 for _ in commas)

    def operands(self) -> Iterator[tuple[int, int]]:
        """Return where each outermost operand of && and || begins and ends in the text; of none, the whole."""
        depth, begin = 0, 0
        for token in self.every:
            depth += (token.written in "([{") - (token.written in ")]}") if token.kind == "mark" else 0
            if depth == 0 and token.kind == "mark" and token.written in {"&&", "||", "?"}:
                if token.written == "?":
                    return
                yield begin, token.at
                begin = token.at + 2
        yield begin, -1


def tokens(text: str) -> ExpressionTokens | None:
    """The tokens of a text; None where it holds something that is not read here."""
    found = ExpressionTokens()
    opened: list[int] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        kind = str(match.lastgroup)
        if kind != "skip":
            token = Token(kind, match[0], at)
            if kind == "mark" and token.written in "([{":
                opened.append(len(found))
            elif kind == "mark" and token.written in _CLOSING and opened:
                found.closes[len(found)] = opened.pop()
            found.every.append(token)
        at = match.end()
    return found
