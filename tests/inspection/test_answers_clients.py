"""The official client libraries see the same events and the same final objects as without the gateway."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from extproc.inspection.vault import Vault
from tests.apis.events.client import replaced
from tests.inspection.answering import answer, everything, run
from tests.inspection.libraries import REFUSED, Helper, Seen, helpers, lean
from tests.inspection.shapes import SHAPES

BOB = "bob@example.org"


def _read(helper: Helper, raws: Sequence[bytes] | bytes) -> Seen:
    """What a library makes of a stream."""
    httpx2: Any = pytest.importorskip("httpx2")
    head, data = {"content-type": "text/event-stream"}, b"".join(raws) if not isinstance(raws, bytes) else raws
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=head, content=data))
    with httpx2.Client(transport=transport) as http:
        return helper("http://x", http)


CASES = [(name, helper) for name, (dialect, _) in SHAPES.items() for helper in helpers(name, dialect)]
IDS = [f"{name}-{helper.__name__}" for name, helper in CASES]

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # content in parts is none of its types


@pytest.mark.parametrize(("name", "helper"), CASES, ids=IDS)
def test_a_client_sees_the_same_events_and_the_same_final_object(name: str, helper: Helper) -> None:
    dialect, make = SHAPES[name]
    without = _read(helper, make())
    assert bool(without[2]) is (name in REFUSED)
    assert _read(helper, run(answer(everything(), dialect, Vault()), make())) == without


PLANTED = ((b"San Diego", BOB.encode()), (b"San", b"bob@exam"), (b" Diego", b"ple.org"))


def _planted(raws: list[bytes]) -> list[bytes]:
    """The same events with a value in the place of the city, which is cut over two events in most shapes."""
    for before, after in PLANTED:
        raws = [raw.replace(before, after) for raw in raws]
    return raws


# The others bring no city, or the library gives up before it comes.
MASKED = [
    name for name in SHAPES if name not in {"think_tags", "half_emojis", "gemini_text", "tools_in_turn", "litellm"}
]


@pytest.mark.parametrize("name", MASKED)
def test_a_client_has_the_final_object_with_the_mask_and_no_more_errors(name: str) -> None:
    dialect, make = SHAPES[name]
    raws = _planted(make())
    for helper in helpers(name, dialect):
        without, got = _read(helper, raws), _read(helper, run(answer(everything(), dialect), raws))
        assert BOB in json.dumps(without)
        assert BOB not in json.dumps(got)
        assert got[2] == without[2]
        expected = replaced(without[1], BOB, "[EMAIL_1]")
        assert lean(got[1]) == lean(expected)
