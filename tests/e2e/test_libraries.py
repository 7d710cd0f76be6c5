"""Through the real Envoy: the official libraries' stream helpers see what they see without the gateway."""

import json
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Profile
from tests.apis.events.samples import STREAMS
from tests.e2e.canned import Canned, canned
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway
from tests.inspection.libraries import REFUSED, Helper, Seen, helpers, lean, order
from tests.inspection.shapes import PIECES, SHAPES

pytestmark = [
    # Not `importorskip`: every worker collects this, and the libraries take two seconds to import.
    pytest.mark.skipif(not all(map(find_spec, ("openai", "httpx2", "anthropic"))), reason="a library is missing"),
    pytest.mark.envoy,
    pytest.mark.parametrize("transport", ["h2"]),
    pytest.mark.parametrize("profile", ["full-duplex"]),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),  # content in parts is none of its types
]

POLICY: Final = """\
version: 1
backends:
  - {{name: own, url: "http://127.0.0.1:{port}/v1", api: openai}}
  - {{name: other, url: "http://127.0.0.1:{port}/v1", api: anthropic}}
models:
  - {{name: m, targets: [{{backend: own}}]}}
  - {{name: c, targets: [{{backend: other}}]}}
pipelines:
  - name: p
    match: {{path: /}}
    request: [{{use: pattern, name: names, regex: 'Project "Titan"', action: mask, restore: true}}]
    response: [{{use: pii, action: mask}}, {{use: secrets, action: mask}}]
"""
TITAN: Final = 'Project "Titan"'
ABOUT: Final = f"about {TITAN}"
BOB: Final = "bob@example.org"

RECORDED: Final = {
    **{name: (dialect, make()) for name, (dialect, make) in SHAPES.items()},
    **{
        f"sample_{name}": (STREAMS[name][0], STREAMS[name][1](PIECES)) for name in ("chat", "choices", "tools", "parts")
    },
}
CASES: Final = [(name, helper) for name, (dialect, _) in RECORDED.items() for helper in helpers(name, dialect)]
WITHOUT_CITY: Final = frozenset(
    {"think_tags", "half_emojis", "gemini_text", "tools_in_turn", "litellm", "sample_parts"}
)
"""Shapes that bring none, or that the library gives up before it comes."""


@pytest.fixture(scope="module")
def backend() -> Iterator[Canned]:
    with canned() as running:
        yield running


@pytest.fixture(scope="module")
def http() -> Iterator[Any]:
    import httpx2

    with httpx2.Client() as client:
        yield client


@pytest.fixture
def roots(backend: Canned, shared: Shared, profile: Profile) -> tuple[str, str]:
    """The ports of the backend, and of the gateway before it."""
    gateway: Gateway = shared(POLICY.format(port=backend.port), profile)
    return f"http://127.0.0.1:{backend.port}", f"http://127.0.0.1:{gateway.port}"


def planted(raws: Sequence[bytes], value: str) -> list[bytes]:
    """The events with a value in the place of the city, in two pieces where the city is."""
    half = len(value) // 2
    pairs = (("San Diego", value), ("San", value[:half]), (" Diego", value[half:]))
    made = list(raws)
    for before, after in pairs:
        made = [raw.replace(before.encode(), after.encode()) for raw in made]
    return made


def both(roots: tuple[str, str], http: Any, helper: Helper) -> tuple[Seen, Seen]:
    """The reading by a library of the backend's stream without the gateway, and through it."""
    straight, through = (helper(root, http, ABOUT) for root in roots)
    return straight, through


def test_with_nothing_to_mask_the_events_and_the_final_object_are_the_same(
    roots: tuple[str, str], backend: Canned, http: Any
) -> None:
    for name, helper in CASES:
        backend.pieces = RECORDED[name][1]
        straight, through = both(roots, http, helper)
        assert bool(straight[2]) is (name in REFUSED), (name, straight[2])
        assert through == straight, (name, helper.__name__)


def with_value(final: Any, value: str, wanted: str) -> Any:
    """A final object with another value, escaped where it stands in JSON."""
    if isinstance(final, str):
        return final.replace(value, json.dumps(wanted)[1:-1] if final.startswith("{") else wanted)
    if isinstance(final, dict):
        return {name: with_value(each, value, wanted) for name, each in final.items()}
    return [with_value(each, value, wanted) for each in final] if isinstance(final, list) else final


@pytest.mark.parametrize(("value", "wanted"), [(BOB, "[EMAIL_1]"), ("[NAMES_1]", TITAN)], ids=["masked", "restored"])
def test_what_is_masked_or_restored_is_in_its_place_and_read(
    roots: tuple[str, str], backend: Canned, http: Any, value: str, wanted: str
) -> None:
    for name, helper in CASES:
        backend.pieces = planted(RECORDED[name][1], value)
        straight, through = both(roots, http, helper)
        which = name, helper.__name__
        assert name in WITHOUT_CITY or value in json.dumps(straight), which
        assert value not in json.dumps(through), which
        assert lean(through[1]) == with_value(lean(straight[1]), value, wanted), which
        assert (through[2], order(through[0])) == (straight[2], order(straight[0])), which
