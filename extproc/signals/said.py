"""The words that a request asks with: what its user said last, the same however the request is spelt.

These are the texts of the role `user` behind the last response of the model. What the user said before is answered, and
what others say (the application, tools, files) is not the question. Where the user said nothing since, as in the turns
of an agent, they are those before.
"""

from typing import Final

from extproc.apis.keywords import is_keyword
from extproc.apis.roles import PassageRoles, RoleOf
from extproc.payload import Document, Passage

SAID_MAX: Final = 4_000
"""Code points of the words that are looked at: a page and a half, of which the learned signals take 0.2 ms. Of more,
the first and the last half count: people ask before a long text, or behind it."""

PARTS_MAX: Final = 64
"""Texts of the user that are joined, the last ones. Parts of a message are a few."""

_NO_WORDS: Final = frozenset({"name", "url", "uri", "detail", "file_id", "filename", "mimeType", "format"})
"""Members of a user's message that hold no words of theirs."""


def said(document: Document, role_of: RoleOf) -> str:
    """Return the words of the user in a body, its parts on lines of their own; nothing if there are none."""
    roles = PassageRoles(role_of, document.body)
    found: list[str] = []
    for each in reversed(document.passages):
        if not _worded(each):
            continue
        role = roles.of(each)
        if role == "user":
            found.append(each.text)
            if len(found) == PARTS_MAX:
                break
        elif role == "assistant" and found:
            break
    return shortened("\n".join(reversed(found)))


def shortened(text: str) -> str:
    """Return the first and the last half of a text that is longer than `SAID_MAX`."""
    half = SAID_MAX // 2
    return text if len(text) <= SAID_MAX else f"{text[:half]}\n{text[-half:]}"


def _worded(passage: Passage) -> bool:
    """True if a passage may hold words."""
    text = passage.text
    if passage.kind != "text" or not text or text.isspace() or passage.key in _NO_WORDS:
        return False
    return not is_keyword(passage.key, text)
