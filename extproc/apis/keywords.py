"""The words that APIs themselves put into bodies: names of models, roles and types, identifiers.

No model is told anything by them, and a provider refuses a body in which such a member holds prose. Guards from
elsewhere are not asked about them; rules look at them as at any text.
"""

import re
from typing import Final

KEYWORDS: Final = frozenset(
    {
        "call_id",
        "created_at",
        "done_reason",
        "encoding_format",
        "finish_reason",
        "format",
        "id",
        "item_id",
        "media_type",
        "mime_type",
        "mimeType",
        "model",
        "modelVersion",
        "native_finish_reason",
        "object",
        "previous_response_id",
        "prompt_cache_key",
        "reasoning_effort",
        "responseId",
        "response_id",
        "role",
        "safety_identifier",
        "service_tier",
        "stop_reason",
        "system_fingerprint",
        "tool_call_id",
        "tool_choice",
        "tool_use_id",
        "type",
        "user",
        "verbosity",
    }
)
"""Members in which such a word may stand."""

_WORD: Final = re.compile(r"[A-Za-z0-9._:/-]{1,128}", re.ASCII)
"""An identifier. Prose has blanks, and an address has an @: both are shown to guards wherever they stand."""


def is_keyword(member: object, text: str) -> bool:
    """True if a text is a word of the API, by the name of its member and by its form."""
    return member in KEYWORDS and _WORD.fullmatch(text) is not None
