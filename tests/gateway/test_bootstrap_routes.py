from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.rig import Rig, a_policy, a_rig
from tests.gateway.scripted import passing, refusing, steering

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with a_rig(tmp_path_factory.mktemp("rig"), default=False) as running:
        yield running


@pytest.mark.parametrize("path", ["/v1/files", "/", "/v1/messages"])
def test_nothing_reaches_a_backend_that_the_processor_has_not_named(rig: Rig, path: str) -> None:
    before = len(rig.north.seen) + len(rig.south.seen)
    fields = {"authorization": "Bearer mine", "x-extproc-cluster": "north"}
    answer = rig.asks("PUT", path, passing, headers=fields, content=b"x")
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == ("not_found_error" if "messages" in path else "invalid_request_error")
    assert len(rig.north.seen) + len(rig.south.seen) == before


@pytest.mark.parametrize("http2", [False, True])
def test_the_processor_names_the_backend(rig: Rig, http2: bool) -> None:
    before = len(rig.north.seen)
    assert rig.asks("POST", "/v1/messages", steering("south"), http2=http2, content=b"{}").status_code == 200
    assert rig.last(rig.south).path == "/v1/messages"
    assert len(rig.north.seen) == before


def test_steering_headers_do_not_reach_a_backend(rig: Rig) -> None:
    rig.asks("POST", "/v1/messages", steering("south", fields={"x-extproc-model": "m"}), content=b"{}")
    assert not [name for name, _ in rig.last(rig.south).headers if name.startswith("x-extproc-")]


def test_steering_headers_may_have_any_name(tmp_path: Path) -> None:
    names = {"cluster_header": "x-ai-eg-cluster", "model_header": "x-ai-eg-model"}
    with a_rig(tmp_path, policy=lambda a, b: a_policy(a, b, steering=names)) as rig:
        script = steering("nowhere", fields={"x-ai-eg-cluster": "south", "x-ai-eg-model": "m"})
        assert rig.asks("POST", "/v1/messages", script, content=b"{}").status_code == 200
        sent = rig.last(rig.south)
        assert (sent.get("x-ai-eg-cluster"), sent.get("x-ai-eg-model")) == (None, None)


def test_without_a_default_backend_the_processor_still_routes_and_refuses(tmp_path: Path) -> None:
    with a_rig(tmp_path, policy=a_policy, default=False) as rig:
        assert rig.asks("POST", "/v1/messages", steering("south"), content=b"{}").status_code == 200
        refused = rig.asks("POST", "/v1/messages", refusing(404, body=b"{}"), content=b"{}")
        assert (refused.status_code, refused.content) == (404, b"{}")
        assert refused.headers["x-extproc-decision"] == "rejected"
