"""The view of a request that signals are computed from; whoever needs its body first reads it, once."""

from typing import Final

from extproc import payload as text
from extproc.apis import Request, outline
from extproc.apis.outline import Outline
from extproc.payload import TextLimitError, declares_json
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap

NO_BODY: Final = Outline((), 0, False)
"""The outline of a request that has no JSON."""


def content_type(fields: HeaderMap) -> str:
    """The content-type of a message. Of several, all of them: they are named as no content-type at all."""
    return b", ".join(fields.getall("content-type")).decode("latin-1")


class RequestView:
    """A request, as `compute` of a signal gets it.

    `headers` holds the fields that the policy and its signals name, and `path` is normalised. `route_name` is empty
    where Envoy tells none. `asked` is the request as its API read it: None where no API did. What is of the body is
    asked by signals of the cost `body` alone; `body` is without encodings, and None where it is not known.
    """

    __slots__ = ("_body", "_content_type", "_image_parts", "_outline", "asked", "headers", "path", "route_name")

    def __init__(
        self,
        headers: HeaderMap,
        path: str,
        route_name: str = "",
        asked: Request | None = None,
        body: bytes | None = None,
        content_type: str = "",
    ) -> None:
        self.headers = headers
        self.path = path
        self.route_name = route_name
        self.asked = asked
        self._body = body
        self._content_type = content_type
        self._outline: list[Outline | None] = []  # what was found out, once it was
        self._image_parts: list[int | None] = []

    @property
    def outline(self) -> Outline | None:
        """The members of the body that limits and signals ask about; None where they cannot be determined."""
        if not self._outline:
            self._outline.append(None if self._body is None else _outline(self._body, self._content_type))
        return self._outline[0]

    @property
    def image_parts(self) -> int | None:
        """Images that only a reading of all the text shows, such as form parts; None if they cannot be determined."""
        if not self._image_parts:
            self._image_parts.append(None if self._body is None else _images(self._body, self._content_type))
        return self._image_parts[0]

    def __repr__(self) -> str:
        return f"RequestView({0 if self._body is None else len(self._body)} bytes)"


def _outline(body: bytes, kind: str) -> Outline | None:
    found = outline.read(body)
    return NO_BODY if found is None and not (declares_json(kind) or outline.suspected(body)) else found


def _images(body: bytes, kind: str) -> int | None:
    if not body:
        return 0
    try:
        return sum(each.reason == "image" for each in text.read(body, kind).uninspected)
    except (TextLimitError, ClientError):
        return None
