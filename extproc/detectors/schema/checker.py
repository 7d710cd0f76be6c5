"""The early check of a JSON text: piece by piece, it ends at the first character that no right document has there.

It knows the grammar of JSON (RFC 8259), and of a schema what `nodes` has. Names that an object has twice are a fault:
their readers differ in which value counts.
"""

from extproc.detectors.schema.nodes import ANY, STRING, SchemaNode
from extproc.detectors.schema.tokens import (
    CHARS,
    COMMA,
    CONTENT,
    CUT,
    ESCAPE,
    ESCAPES,
    HEX,
    SCALAR,
    SPACE,
    TOKENS,
    plain,
)
from extproc.detectors.schema.values import (
    DIGITS,
    LETTERS,
    LEVELS_MAX,
    NAME_MAX,
    OPENING,
    FaultAt,
    JsonFault,
    Step,
    begun_name,
    begun_scalar,
    begun_string,
    fits,
    joined,
    may_open,
    scalar_type,
    unknown_name,
    whole_scalar,
    whole_string,
)

_VALUE, _VALUE_OR_END, _NAME_OR_END, _NAME, _COLON, _AFTER, _IN_STRING, _IN_NAME, _IN_SCALAR, _DONE = range(10)

_BEFORE_NAME, _BEFORE_VALUE = (_NAME, _NAME_OR_END), (_VALUE, _VALUE_OR_END)


class JsonChecker:
    """Checks one document. `end` is the code point behind it once it is whole, else None.

    White space before the document is skipped; what stands behind it is not looked at.
    """

    __slots__ = (
        "_child", "_count", "_escape", "_from", "_node", "_plain", "_seen", "_stack", "_state", "_text", "_token",
        "end",
    )  # fmt: skip

    def __init__(self, node: SchemaNode = ANY, at: int = 0) -> None:
        self._node = ANY  # of the container that we are in
        self._child = node  # of the value that comes next, or that we are in
        self._seen: set[str] | None = None  # names of the object that we are in; None in an array
        self._count = 0  # values of the array that we are in
        self._stack: list[tuple[SchemaNode, set[str] | None, int]] = []
        self._state = _VALUE
        self._token = ""  # of a string, as far as it matters, or of a scalar
        self._escape = ""  # an escape that is not whole
        self._from = 0  # the code point at which the string or scalar begins
        self._plain = True  # nothing in the string was escaped
        self._text = at  # code points before this piece
        self.end: int | None = None

    @property
    def loose(self) -> bool:
        """True in the middle of a string of which any will do: nothing is wrong before it ends, or is escaped."""
        return self._state == _IN_STRING and not self._escape and bool(self._child.free & STRING)

    def feed(self, piece: str) -> JsonFault | None:
        """Take the next piece; return the fault in it, if there is one. Nothing may follow a fault."""
        at, size = 0, len(piece)
        if self._state == _IN_STRING and not self._escape and self._child.free & STRING:
            # The middle of a long string, as most of a long answer is.
            at = plain(piece)
            if at == size:
                self._text += size
                return None
        fault: FaultAt | None = None
        while at < size and fault is None:
            state = self._state
            if state in {_IN_STRING, _IN_NAME}:
                at, fault = self._string(piece, at, size)
            elif state == _IN_SCALAR:
                at, fault = self._scalar(piece, at)
            elif state == _DONE:
                break
            else:
                at = self._whole_tokens(piece, at)
                if at < size and self._state != _DONE:
                    if self._cut(piece, at):
                        break
                    at, fault = self._token_at(piece, at)
        if fault is not None:
            return JsonFault(fault[0], self._text + fault[1], fault[2])
        if self._state == _DONE and self.end is None:
            self.end = self._text + at
        self._text += size
        return None

    def close(self) -> JsonFault | None:
        """The text is over: return the fault of a document that is not whole."""
        if self._state == _IN_SCALAR and not self._stack:
            fault = self._scalar_over(0)
            if fault is not None:
                return JsonFault(fault[0], self._text + fault[1], fault[2])
            self.end = self._text
        return None if self._state == _DONE else JsonFault("cut", self._text)

    # -- whole tokens, as nearly all are

    def _whole_tokens(self, piece: str, at: int) -> int:
        """Take whole tokens that are right for sure; return where another one begins, or one that may be a fault."""
        while (found := TOKENS(piece, at)) is not None:
            name, said, scalar, opens, bare, alone, mark, comma = found.groups()
            if name is not None:
                child, seen = self._member(name), self._seen
                if (
                    child is None
                    or seen is None
                    or not (may_open(child, opens, comma) if opens else fits(child, said, scalar))
                ):
                    break
                if opens is None:
                    seen.add(name)
                elif len(self._stack) < LEVELS_MAX:
                    seen.add(name)
                    self._child, mark = child, opens
                else:
                    break
            elif not (self._valued(bare, alone) if mark is None else self._marks(mark, comma)):
                break
            at = found.end()
            if mark in OPENING:
                self._open(mark)
            elif mark != ":" and not self._goes_on(comma if mark != "," else mark):
                return at if comma is None else found.start(COMMA)
        return at

    def _member(self, name: str) -> SchemaNode | None:
        """Return the rules for the value of a member; None if something about its name is to be looked at."""
        node, seen = self._node, self._seen
        if self._state not in _BEFORE_NAME or seen is None or name in seen or len(name) > NAME_MAX:
            return None
        return node.members.get(name) or (None if node.closed or not name.isascii() else node.rest)

    def _valued(self, said: str | None, scalar: str | None) -> bool:
        """True if a value may stand here, and this one is right for sure."""
        return self._state in _BEFORE_VALUE and fits(self._child, said, scalar)

    def _marks(self, mark: str, comma: str | None) -> bool:
        """Take a bracket, a colon or a comma, if it is right for sure; `comma`: one stands behind it."""
        state = self._state
        if mark in OPENING:
            return state in _BEFORE_VALUE and len(self._stack) < LEVELS_MAX and may_open(self._child, mark, comma)
        if mark == ",":
            return state == _AFTER and comma is None and self._node.most_items is None
        if mark == ":":
            if state != _COLON or comma is not None:
                return False
            self._state = _VALUE
            return True
        return self._closes(mark) and self._close(0) is None

    def _closes(self, mark: str) -> bool:
        """True if a bracket may close the container that we are in."""
        if self._seen is None:
            return mark == "]" and bool(self._stack) and self._state in {_AFTER, _VALUE_OR_END}
        return mark == "}" and self._state in {_AFTER, _NAME_OR_END}

    def _goes_on(self, comma: str | None) -> bool:
        """A value is over, and perhaps a comma behind it; False if that is to be looked at, or the document is over."""
        if not self._stack:
            self._state = _DONE
            return False
        self._state = _AFTER
        if comma is None:
            return True
        if self._seen is not None:
            self._state = _NAME
            return True
        if self._node.most_items is not None:
            return False
        self._state = _VALUE
        self._next_item(0)
        return True

    def _cut(self, piece: str, at: int) -> bool:
        """Take all that is left of a piece, if it ends in the middle of a token that is right so far."""
        found = CUT(piece, at)
        if found is None:
            return False
        name, colon, said, scalar, begun, alone = found.groups()
        if name is None:
            if begun is None and alone is None:
                return True
            if self._state in _BEFORE_NAME:
                return begun is not None and self._cut_name(begun, found.start(5))
            if self._state not in _BEFORE_VALUE:
                return False
            child, said, scalar, group = self._child, begun, alone, 5
        else:
            member = self._member(name)
            if member is None:
                return False
            child, group = member, 3
        if said is not None:
            if not child.types & STRING or not (
                child.free & STRING or not said or begun_string(child, said, 0) is None
            ):
                return False
            state, token, start = _IN_STRING, "" if child.free & STRING else said, found.start(group)
        elif scalar is not None:
            if begun_scalar(scalar) < len(scalar) or not child.types & scalar_type(scalar):
                return False
            state, token, start = _IN_SCALAR, scalar, found.start(group + 1)
        else:
            state, token, start = _COLON if colon is None else _VALUE, "", 0
        if name is not None:
            assert self._seen is not None, "members stand in objects"
            self._seen.add(name)
        self._child, self._state, self._token, self._plain, self._from = child, state, token, True, self._text + start
        return True

    def _cut_name(self, begun: str, start: int) -> bool:
        if begun and begun_name(self._node, begun, 0) is not None:
            return False
        self._state, self._token, self._plain, self._from = _IN_NAME, begun, True, self._text + start
        return True

    # -- other tokens

    def _token_at(self, piece: str, at: int) -> Step:
        """Take what begins at a character, or white space."""
        state, char = self._state, piece[at]
        if char in " \t\n\r":
            return SPACE(piece, at).end(), None
        if self._closes(char):
            return at + 1, self._close(at)
        if state in _BEFORE_VALUE:
            return self._begin(char, at)
        if state == _AFTER and char == ",":
            self._state = _VALUE if self._seen is None else _NAME
            return at + 1, self._next_item(at) if self._seen is None else None
        if state == _COLON and char == ":":
            self._state = _VALUE
            return at + 1, None
        if state in _BEFORE_NAME and char == '"':
            self._state = _IN_NAME
            self._token, self._plain, self._from = "", True, self._text + at + 1
            return at + 1, None
        return at, ("not_json", at, "")

    def _begin(self, char: str, at: int) -> Step:
        """Begin a value."""
        child = self._child
        kind = STRING if char == '"' else OPENING.get(char, 0)
        if not kind and (char in DIGITS or char in LETTERS):
            kind = scalar_type(char)
        if not kind:
            return at, ("not_json", at, "")
        if not child.types & kind:
            return at, ("type", at, child.where + child.by)
        if kind == STRING:
            self._state, self._token, self._plain, self._from = _IN_STRING, "", True, self._text + at + 1
            return at + 1, None
        if char in OPENING:
            if len(self._stack) >= LEVELS_MAX:
                return at, ("depth", at, "")
            self._open(char)
            return at + 1, None
        self._state, self._token, self._from = _IN_SCALAR, "", self._text + at
        return at, None

    def _open(self, bracket: str) -> None:
        """Enter the container that is the next value."""
        self._stack.append((self._node, self._seen, self._count))
        self._node, self._count = self._child, 0
        if bracket == "{":
            self._seen, self._state = set(), _NAME_OR_END
        else:
            self._seen, self._state, self._child = None, _VALUE_OR_END, self._item(0)

    def _close(self, at: int) -> FaultAt | None:
        """Leave the container that we are in."""
        node, seen = self._node, self._seen
        if seen is None:
            count = self._count + (self._state == _AFTER)
            if count < node.least_items:
                return ("range", at, node.where + "/minItems")
        elif not node.required <= seen:
            return ("required", at, node.where + "/required")
        self._node, self._seen, self._count = self._stack.pop()
        self._over()
        return None

    def _item(self, place: int) -> SchemaNode:
        node = self._node
        return node.first[place] if place < len(node.first) else node.items

    def _next_item(self, at: int) -> FaultAt | None:
        self._count += 1
        node = self._node
        if node.most_items is not None and self._count >= node.most_items:
            return ("range", at, node.where + "/maxItems")
        self._child = self._item(self._count)
        return None

    def _over(self) -> None:
        """The value is whole."""
        self._state = _AFTER if self._stack else _DONE

    # -- names, strings and scalars that are cut, escaped or wrong

    def _string(self, piece: str, at: int, size: int) -> Step:
        """Take what comes of a string or a name."""
        if self._escape:
            return self._escaped(piece, at)
        is_name = self._state == _IN_NAME
        matters = is_name or not self._child.free & STRING
        end = (CHARS if matters else CONTENT)(piece, at).end()
        if matters:
            self._token += piece[at:end]
            if is_name and len(self._token) > NAME_MAX:
                return end, ("depth", end, "")
            if not is_name and self._child.fits_any(len(self._token)):
                self._child = ANY
        if end == size or piece[end] != '"':
            fault = self._begun(is_name=is_name) if matters and self._plain and self._token else None
            if fault is not None or end == size:
                return end, fault
        if piece[end] == "\\":
            self._escape, self._plain = "\\", False
            return end + 1, None
        if piece[end] != '"':
            return end, ("not_json", end, "")
        start = self._from - self._text
        if is_name:
            self._state = _COLON
            return end + 1, self._named(self._token, start, end)
        self._over()
        return end + 1, whole_string(self._child, self._token, start, end, plain=self._plain) if matters else None

    def _begun(self, *, is_name: bool) -> FaultAt | None:
        start = self._from - self._text
        return begun_name(self._node, self._token, start) if is_name else begun_string(self._child, self._token, start)

    def _escaped(self, piece: str, at: int) -> Step:
        """Take what comes of an escape."""
        escape = self._escape + piece[at]
        if len(escape) == 2 and escape[1] != "u":
            if escape[1] not in ESCAPES:
                return at, ("not_json", at, "")
            self._token += ESCAPES[escape[1]]
            escape = ""
        elif len(escape) > 2 and escape[-1] not in HEX:
            return at, ("not_json", at, "")
        elif len(escape) == ESCAPE:
            self._token += chr(int(escape.removeprefix("\\u"), 16))
            escape = ""
        self._escape = escape
        return at + 1, None

    def _named(self, name: str, start: int, end: int) -> FaultAt | None:
        """Take the name of a member."""
        node, seen = self._node, self._seen
        assert seen is not None, "names stand in objects"
        name = joined(name)
        child = node.members.get(name)
        if child is None:
            if node.closed:
                fault = unknown_name(node, name, start)
                return fault if self._plain else (fault[0], end, fault[2])
            child = node.rest
        if name in seen:
            return ("repeated_member", end, "")
        seen.add(name)
        self._child = child
        return None

    def _scalar(self, piece: str, at: int) -> Step:
        """Take what comes of a number or a word."""
        end = SCALAR(piece, at).end()
        token = self._token = self._token + piece[at:end]
        begun = begun_scalar(token)
        if begun < len(token):
            return end, ("not_json", self._from - self._text + begun, "")
        return end, self._scalar_over(end) if end < len(piece) else None

    def _scalar_over(self, end: int) -> FaultAt | None:
        self._over()
        return whole_scalar(self._child, self._token, self._from - self._text, end)
