from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.policy import Policy
from tests.gateway.rig import Rig, a_policy, a_rig
from tests.gateway.scripted import passing, refusing, steering
from tests.gateway.upstream import Upstream

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with a_rig(tmp_path_factory.mktemp("rig")) as running:
        yield running


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("/v1/files?a=%2f&b", "/openai/v1/files?a=%2f&b"),
        ("/v1/", "/openai/v1/"),
        ("/v1", "/v1"),
        ("/v10/files", "/v10/files"),
        ("/health", "/health"),
    ],
)
def test_what_nobody_claims_goes_to_the_default_backend_below_its_prefix(rig: Rig, asked: str, sent: str) -> None:
    assert rig.asks("PUT", asked, content=b"as it is").status_code == 200
    request = rig.last(rig.north)
    assert (request.path, request.body) == (sent, b"as it is")


def test_the_default_backend_gets_its_own_host(rig: Rig) -> None:
    rig.asks("GET", "/v1/files", headers={"host": "gateway.example.com"})
    assert rig.last(rig.north).get("host") == f"127.0.0.1:{rig.north.port}"


def test_the_credential_of_a_client_goes_on_where_nobody_claims_the_path(rig: Rig) -> None:
    rig.asks("GET", "/v1/files", headers={"authorization": "Bearer mine"})
    assert rig.last(rig.north).get("authorization") == "Bearer mine"


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


def test_another_backend_may_be_the_default(tmp_path: Path) -> None:
    with a_rig(tmp_path, policy=lambda a, b: a_policy(a, b, default_backend="south")) as rig:
        rig.asks("GET", "/v1/files")
        assert rig.last(rig.south).path == "/v1/files"


def test_a_backend_without_a_prefix_gets_the_path_below_v1(tmp_path: Path) -> None:
    def bare(north: Upstream, _: Upstream) -> Policy:
        backend = {"name": "bare", "url": f"http://127.0.0.1:{north.port}", "api": "openai"}
        return Policy.model_validate({"version": 1, "backends": [backend]})

    with a_rig(tmp_path, policy=bare) as rig:
        rig.asks("GET", "/v1/files?x=1")
        assert rig.last(rig.north).path == "/files?x=1"


def test_without_a_default_backend_what_nobody_claims_is_404(tmp_path: Path) -> None:
    with a_rig(tmp_path, policy=lambda a, b: a_policy(a, b, default_backend="none")) as rig:
        answer = rig.asks("POST", "/v1/files", passing, content=b"{}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
        assert rig.asks("POST", "/v1/messages", passing, content=b"{}").json()["error"]["type"] == "not_found_error"
        assert rig.north.seen == rig.south.seen == []


def test_without_a_default_backend_the_processor_still_routes_and_refuses(tmp_path: Path) -> None:
    with a_rig(tmp_path, policy=lambda a, b: a_policy(a, b, default_backend="none")) as rig:
        assert rig.asks("POST", "/v1/messages", steering("south"), content=b"{}").status_code == 200
        refused = rig.asks("POST", "/v1/messages", refusing(404, body=b"{}"), content=b"{}")
        assert (refused.status_code, refused.content) == (404, b"{}")
        assert refused.headers["x-extproc-decision"] == "rejected"
