"""Header fields as Envoy hands them over: lower-case names, raw bytes, order and repetition kept."""

from collections.abc import Iterable, Iterator

Field = tuple[str, bytes]


class HeaderMap:
    """An ordered multimap of header fields; lookups are by lower-case name. A list that is given becomes its own.

    Envoy lower-cases names before ext_proc sees them, so nothing is folded here, once a message. A map has no rendering
    of its values: they hold credentials.
    """

    __slots__ = ("_fields", "_first")

    def __init__(self, fields: Iterable[Field] = ()) -> None:
        self._fields = fields = fields if isinstance(fields, list) else list(fields)
        self._first = first = dict(fields)
        if len(first) != len(fields):
            # dict() keeps the last of a repeated name; read backwards, that is the first.
            self._first = dict(reversed(fields))

    def get(self, name: str) -> bytes | None:
        """The first value of `name`, or None."""
        return self._first.get(name)

    def text(self, name: str) -> str:
        """The first value of `name` as text (Latin-1, as HTTP has it), or an empty string."""
        value = self._first.get(name)
        return "" if value is None else value.decode("latin-1")

    def getall(self, name: str) -> list[bytes]:
        """Every value of `name`, in order."""
        return [value for key, value in self._fields if key == name]

    def joined(self, name: str) -> str:
        """All values of `name` as one text, with commas between them (RFC 9110 5.3), or an empty string."""
        if len(self._first) == len(self._fields):
            return self.text(name)
        return b",".join(self.getall(name)).decode("latin-1")

    def names(self) -> Iterable[str]:
        """The distinct names."""
        return self._first.keys()

    def __contains__(self, name: object) -> bool:
        return name in self._first

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeaderMap) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(tuple(self._fields))

    def __repr__(self) -> str:
        return f"HeaderMap({', '.join(name for name, _ in self._fields)})"
