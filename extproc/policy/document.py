"""A YAML text as plain data that remembers where each part stood.

Only the plain part of YAML is read, the part that all its readers agree on: what they read differently (`010`, `1:30`,
tags, merge keys) is refused with its mend, so that a policy means the same to Envoy's tools, to Helm and to us.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from extproc.policy.base import Loc

TEXT_MAX: Final = 1 << 20
"""Bytes of a policy file: thousands of backends fit, and reading stays a matter of seconds."""
DEPTH_MAX: Final = 32
"""Lists and mappings within each other; a policy needs less than ten. Guards Python's stack."""
NODES_MAX: Final = 100_000
"""Values after every alias is written out; bounds what `*a` of `*b` of `*c` grows to."""

_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_FRACTION: Final = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{0,18}(?:[eE][-+]?[0-9]{1,2})?", re.ASCII)
_BOOLEANS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_OPENED: Final = {
    "while scanning a quoted scalar": ("this quote is not closed", "close it on the line where the text ends"),
    "while parsing a flow sequence": ("this bracket is not closed", "close it with ]"),
    "while parsing a flow mapping": ("this brace is not closed", "close it with }"),
}
"""PyYAML's words for what it was reading, and ours for it if it has no end."""
_UNCLOSED: Final = re.compile(r"end of stream|<stream end>|document separator|<block (?:end|mapping)")
_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Position:
    """The place of a part; lines and columns from 1. `key_*` is the place of its key. `written` is a scalar's text."""

    line: int
    column: int
    key_line: int
    key_column: int
    written: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the text that is wrong whatever a policy is."""

    loc: Loc
    line: int
    column: int
    message: str
    mend: str


class UnreadableError(Exception):
    """The text is no YAML, or too much of it: there is one fault and no data."""

    def __init__(self, line: int, column: int, message: str, mend: str) -> None:
        super().__init__(message)
        self.fault = Fault((), line, column, message, mend)


@dataclass(slots=True)
class PolicyDocument:
    """Plain data, the place of each part of it, and what was wrong on the way. Faulty parts are None in the data."""

    data: Any = None
    places: dict[Loc, Position] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def decode(raw: bytes) -> str:
    """The text of a file. Raises UnreadableError when it is too large or not UTF-8."""
    if len(raw) > TEXT_MAX:
        raise UnreadableError(1, 1, f"the file is larger than {TEXT_MAX >> 20} MiB", "is this the policy?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        line, column = _counted(before)
        raise UnreadableError(line, column, "the file is not UTF-8 text", "save it as UTF-8") from None


def read(text: str) -> PolicyDocument:
    """Compose a YAML text. Raises UnreadableError."""
    if len(text) > TEXT_MAX:
        raise UnreadableError(1, 1, f"the text is larger than {TEXT_MAX >> 20} MiB", "is this the policy?")
    root = _compose(text)
    if root is None:
        raise UnreadableError(1, 1, "there is nothing in the policy", "begin with `version: 1`")
    builder = _Builder()
    builder.document.data = builder.value(root, (), _place(root, root))
    return builder.document


class _Composer(yaml.SafeLoader):
    """SafeLoader up to the node graph, with its depth bounded; nothing is constructed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            assert parent is not None  # the root is at depth 1
            raise _too_deep(parent.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(text: str) -> Node | None:
    try:
        return _Composer(text).get_single_node()
    except ReaderError as error:
        line, column = _counted(text[: error.position])
        raise UnreadableError(line, column, "this character cannot stand in YAML", "delete it") from None
    except yaml.MarkedYAMLError as error:
        problem = error.problem or error.context or "this is not YAML"
        # What is never closed is reported where it was opened: the parser notices it at the end of the file or later.
        opened = _OPENED.get(error.context or "") if _UNCLOSED.search(problem) else None
        mark = error.context_mark if opened else error.problem_mark or error.context_mark
        if not opened and mark is not None and (quote := _late_quote(text, mark.line)) is not None:
            opened, mark = ("this quote is closed lines later", "close it on the line where the text ends"), quote
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message, mend = opened or _syntax(problem)
        raise UnreadableError(line, column, message, mend) from None


def _late_quote(text: str, line: int) -> Any:
    """The mark of a quote that was opened on an earlier line and closed on the one of a mistake, or None."""
    try:
        for token in yaml.scan(text, yaml.SafeLoader):
            begin, end = token.start_mark, token.end_mark
            if isinstance(token, yaml.ScalarToken) and not token.plain and begin.line < end.line == line:
                return begin
    except yaml.YAMLError:
        return None
    return None


def _syntax(problem: str) -> tuple[str, str]:
    if r"'\t'" in problem:
        return "YAML is not indented with tabs", "use spaces"
    if "unknown escape character" in problem:
        return "this backslash begins no escape that YAML knows", "use single quotes, or write the backslash twice"
    if "undefined alias" in problem:
        return "this alias has no anchor", "define it before with &name, or quote a value that begins with *"
    if "another document" in problem:
        return "there is a second document in the file", "delete the line `---` and what follows it"
    if "mapping values are not allowed" in problem:
        return "a colon stands where no key can be", "check the indentation, or quote a value that holds a colon"
    return f"this is not YAML: {problem}", "check quotes, brackets and indentation here and on the line above"


def _counted(before: str) -> tuple[int, int]:
    lines = before.split("\n")
    return len(lines), len(lines[-1]) + 1


def _too_deep(mark: Any) -> UnreadableError:
    message = f"more than {DEPTH_MAX} lists and mappings within each other"
    return UnreadableError(mark.line + 1, mark.column + 1, message, "a policy is not that deep; check the brackets")


def _place(node: Node, key: Node) -> Position:
    value, name = node.start_mark, key.start_mark
    written = node.value if isinstance(node, ScalarNode) else None
    return Position(value.line + 1, value.column + 1, name.line + 1, name.column + 1, written)


class _Builder:
    """Turns the node graph into data, aliases written out, within DEPTH_MAX and NODES_MAX."""

    def __init__(self) -> None:
        self.document = PolicyDocument()
        self.nodes = 0

    def value(self, node: Node, loc: Loc, place: Position) -> Any:
        self.nodes += 1
        if self.nodes > NODES_MAX:
            message = f"more than {NODES_MAX} values, aliases written out"
            raise UnreadableError(place.line, place.column, message, "write less, or use fewer aliases")
        if len(loc) > DEPTH_MAX:  # an alias within its own anchor has no end
            raise _too_deep(node.start_mark)
        self.document.places[loc] = place
        if isinstance(node, ScalarNode):
            return self._scalar(node, loc)
        if node.tag not in {_TAG + "map", _TAG + "seq"}:
            self._fault(node, loc, "a policy uses no YAML tags", "delete the word that begins with !")
            return None
        if isinstance(node, SequenceNode):
            return [self.value(item, (*loc, i), _place(item, item)) for i, item in enumerate(node.value)]
        return self._mapping(node, loc)

    def _mapping(self, node: Node, loc: Loc) -> dict[str, Any]:
        data: dict[str, Any] = {}
        assert isinstance(node, MappingNode)
        for key, item in node.value:
            name = self._key(key, loc)
            if name is None:
                continue
            if name in data:
                first = self.document.places[*loc, name].key_line
                self._fault(
                    key, (*loc, name), f"this key is already on line {first}", "delete one of them, or join the two"
                )
                continue
            data[name] = self.value(item, (*loc, name), _place(item, key))
        return data

    def _key(self, key: Node, loc: Loc) -> str | None:
        """A key's text, as it is written: `on` is "on" here, whatever YAML 1.1 makes of it."""
        if not isinstance(key, ScalarNode):
            self._fault(key, loc, "a list or a mapping cannot be a key", "write a word before the colon")
            return None
        if key.tag == _TAG + "merge":
            self._fault(key, loc, "merge keys are not read here", "write the fields out")
            return None
        return str(key.value)

    def _scalar(self, node: ScalarNode, loc: Loc) -> str | int | float | bool | None:
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "str" | "timestamp" | "merge" | "value":
                return text
            case "null" if text in {"", "~", "null", "Null", "NULL"}:
                return None
            case "bool" if text.lower() in _BOOLEANS:
                # yes, no, on and off as well: where text is wanted, the error says what they are read as.
                return _BOOLEANS[text.lower()]
            case "int" if _INTEGER.fullmatch(text):
                return int(text)
            case "float" if _FRACTION.fullmatch(text):
                return float(text)
            case "int" | "float":
                mend = "write a plain decimal number, or quote it if it is a name"
                self._fault(node, loc, "YAML readers differ in what this number is", mend)
                return None
            case _:
                self._fault(node, loc, "a policy uses no YAML tags", "delete the word that begins with !")
                return None

    def _fault(self, node: Node, loc: Loc, message: str, mend: str) -> None:
        mark = node.start_mark
        self.document.faults.append(Fault(loc, mark.line + 1, mark.column + 1, message, mend))
