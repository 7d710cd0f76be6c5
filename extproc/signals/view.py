"""The view of a request that signals are computed from; whoever needs its body first reads it, once."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

from msgspec import Struct

from extproc import payload as text
from extproc.apis import Request, outline
from extproc.apis.demand import UNDETERMINED, Demand, demanded
from extproc.apis.measures import Measures, measured
from extproc.apis.outline import Outline
from extproc.apis.roles import RoleOf, other
from extproc.classify.tokens import encoding_of
from extproc.payload import Document, TextLimitError, declares_json
from extproc.payload.forms import may_name
from extproc.policy.virtual_keys import VirtualKey
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.signals.said import said

NO_BODY: Final = Outline((), 0, False)
"""The outline of a request that has no JSON."""

NO_TEXTS: Final = Document(b"", (), (), ())
"""The texts of a request without a body."""


class Circumstances(Struct, frozen=True):
    """Facts of a request besides its text: who is calling, and when.

    `tenant` is empty without one; `at`: seconds since 1970, None where nobody says what time it is. `measures`: the
    policy reads the demand of requests, so that it is taken while the outline is read. `key`: the id of the virtual
    key that was shown, empty without one; `shown`: the key's line of the file.
    """

    tenant: str = ""
    attributes: Mapping[str, str] = {}
    at: float | None = None
    zone: tzinfo | None = None
    measures: bool = False
    key: str = ""
    shown: VirtualKey | None = None

    @property
    def moment(self) -> datetime | None:
        """The time in the zone of the policy, UTC if that names none."""
        return None if self.at is None else datetime.fromtimestamp(self.at, self.zone or UTC)

    def __repr__(self) -> str:
        return f"Circumstances({self.tenant!r})"


UNKNOWN_CALLER: Final = Circumstances()


def content_type(fields: HeaderMap) -> str:
    """The content-type of a message. Of several, all of them: they are named as no content-type at all."""
    return b", ".join(fields.getall("content-type")).decode("latin-1")


class RequestView:
    """A request, as `compute` of a signal gets it.

    `headers` holds the fields that the policy and its signals name, and `path` is normalised. `route_name` is empty
    where Envoy tells none. `asked` is the request as its API read it: None where no API did. What is of the body is
    not asked by signals of the cost `headers`; `body` is without encodings, and None where it is not known. `role_of`:
    whose words each text of it is.
    """

    __slots__ = (
        "_body",
        "_content_type",
        "_demand",
        "_document",
        "_measures",
        "_outline",
        "_role_of",
        "_said",
        "asked",
        "circumstances",
        "headers",
        "path",
        "route_name",
    )

    def __init__(
        self,
        headers: HeaderMap,
        path: str,
        route_name: str = "",
        asked: Request | None = None,
        body: bytes | None = None,
        content_type: str = "",
        circumstances: Circumstances = UNKNOWN_CALLER,
        role_of: RoleOf = other,
    ) -> None:
        self.headers = headers
        self.path = path
        self.route_name = route_name
        self.asked = asked
        self.circumstances = circumstances
        self._body = body
        self._content_type = content_type
        self._outline: list[Outline | None] = []  # what was found out, once it was
        self._measures: Measures | None = None
        self._demand: Demand | None = None
        self._document: list[Document | None] = []
        self._role_of = role_of
        self._said: list[str | None] = []

    @property
    def size(self) -> int:
        """Bytes of the body, as far as it is known."""
        return 0 if self._body is None else len(self._body)

    @property
    def outline(self) -> Outline | None:
        """The members of the body that limits and signals ask about; None where they cannot be determined."""
        if not self._outline:
            if self.circumstances.measures:
                self._measure()
            else:
                self._outline.append(None if self._body is None else _outline(self._body, self._content_type))
        return self._outline[0]

    @property
    def demand(self) -> Demand:
        """The demand of the request; all that it can have where it cannot be determined.

        One reading gives it and the outline, unless the outline was asked for before and the circumstances did not say
        that the demand would be.
        """
        if self._demand is None:
            self._demand = self._demanded(None)
        return self._demand

    def demand_within(self, room: int | None) -> Demand:
        """Return the same, without counting tokens that surely fit into `room`; see `demanded`."""
        return self._demanded(room) if self._demand is None and room is not None else self.demand

    def _demanded(self, room: int | None) -> Demand:
        outline, measures = self._measure()
        if outline is None:
            return UNDETERMINED
        return demanded(outline, measures, encoding_of("" if self.asked is None else self.asked.model), room)

    def _measure(self) -> tuple[Outline | None, Measures]:
        if self._measures is None:
            body = self._body
            found = None if body is None else measured(body)
            known = NO_BODY if body is not None and not _looks_like_json(body, self._content_type) else None
            outline, self._measures = (known, Measures()) if found is None else found
            self._outline = [outline]
        return self._outline[0], self._measures

    def may_name(self, field: str) -> bool:
        """True if the body is a form that may have a field of that name. Readers of forms differ, so none is read."""
        return bool(self._body) and may_name(self._body or b"", self._content_type, field)

    @property
    def image_parts(self) -> int | None:
        """Images that only a reading of all the text shows, such as form parts; None if they cannot be determined."""
        document = self._read()
        return None if document is None else sum(each.reason == "image" for each in document.uninspected)

    @property
    def said(self) -> str | None:
        """The words of the user, at most `said.SAID_MAX` code points and a line break; None if they cannot be read."""
        if not self._said:
            document = self._read()
            self._said.append(None if document is None else said(document, self._role_of))
        return self._said[0]

    def _read(self) -> Document | None:
        """The texts of the body, which are read once; None if they cannot be."""
        if not self._document:
            self._document.append(None if self._body is None else _document(self._body, self._content_type))
        return self._document[0]

    def __repr__(self) -> str:
        return f"RequestView({self.size} bytes)"


def _outline(body: bytes, kind: str) -> Outline | None:
    found = outline.read(body)
    return NO_BODY if found is None and not _looks_like_json(body, kind) else found


def _looks_like_json(body: bytes, kind: str) -> bool:
    """True if a body that cannot be read as JSON says that it is, or a lenient reader may take it for that.

    None at all is no JSON: all that is asked about it is known.
    """
    return bool(body) and (declares_json(kind) or outline.suspected(body))


def _document(body: bytes, kind: str) -> Document | None:
    try:
        return text.read(body, kind) if body else NO_TEXTS
    except (TextLimitError, ClientError):
        return None
