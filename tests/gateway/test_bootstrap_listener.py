import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.gateway.bootstrap.listener import STREAM_WINDOW
from extproc.gateway.bootstrap.values import REQUEST_SLACK
from extproc.server.transport import MESSAGE_SLACK
from extproc.testing.clients import ClientRequest
from extproc.testing.clients.http2 import http2
from extproc.transaction import Needs
from tests.gateway.rig import Rig, a_policy, a_rig
from tests.gateway.scripted import Scripted, kind, passing, steering

pytestmark = pytest.mark.envoy

STEERING = {"cluster_header": "x-ai-eg-cluster", "model_header": "x-ai-eg-model"}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with a_rig(tmp_path_factory.mktemp("rig")) as running:
        yield running


def fields(processor: Scripted) -> dict[str, str]:
    """The request headers that the processor saw last."""
    last = next(message for message in reversed(processor.seen) if kind(message) == "request_headers")
    return {pair.key: pair.raw_value.decode() for pair in last.request_headers.headers.headers}


SPOOFED = {"X-ExtProc-Cluster": "south", "x-extproc-decision": "allowed", "x-extproc-whatever": "1"}


@pytest.mark.parametrize("http2", [False, True])
def test_control_headers_of_a_client_reach_neither_the_processor_nor_a_backend(rig: Rig, http2: bool) -> None:
    rig.asks("POST", "/v1/files", http2=http2, content=b"x", headers=SPOOFED)
    assert not [name for name in fields(rig.processor) if name.startswith("x-extproc-")]
    assert not [name for name, _ in rig.last(rig.north).headers if name.startswith("x-extproc-")]


@pytest.mark.parametrize("http2", [False, True])
def test_a_client_cannot_choose_its_cluster(rig: Rig, http2: bool) -> None:
    before = len(rig.south.seen)
    assert rig.asks("GET", "/v1/files", http2=http2, headers=SPOOFED).status_code == 200
    assert len(rig.south.seen) == before


def test_steering_headers_of_another_name_are_taken_from_clients_too(tmp_path: Path) -> None:
    spoofed = {"X-AI-EG-Cluster": "south", "x-ai-eg-model": "m", "x-extproc-decision": "allowed"}
    with a_rig(tmp_path, policy=lambda a, b: a_policy(a, b, steering=STEERING)) as rig:
        rig.asks("GET", "/v1/files", headers=spoofed)
        assert not set(fields(rig.processor)) & {"x-ai-eg-cluster", "x-ai-eg-model", "x-extproc-decision"}
        assert rig.south.seen == []


def test_the_processor_sees_the_path_as_a_backend_would_read_it(rig: Rig) -> None:
    rig.sends(b"GET /v1//chat/./x/../completions?q=a//b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert fields(rig.processor)[":path"] == "/v1/chat/completions?q=a//b"


@pytest.mark.parametrize("path", ["/v1%2Fchat/completions", "/v1/chat%5ccompletions"])
def test_a_path_with_an_escaped_slash_is_refused(rig: Rig, path: str) -> None:
    answer = rig.asks("GET", path)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


def test_headers_with_underscores_are_dropped(rig: Rig) -> None:
    rig.asks("GET", "/v1/files", headers={"x_api_key": "k", "x-kept": "1"})
    seen = [name for name, _ in rig.last(rig.north).headers]
    assert "x-kept" in seen
    assert "x_api_key" not in seen


def test_the_client_address_is_not_told_to_the_provider(rig: Rig) -> None:
    rig.asks("GET", "/v1/files", headers={"x-forwarded-for": "203.0.113.9"})
    sent = {name for name, _ in rig.last(rig.north).headers}
    assert "x-forwarded-for" not in sent
    assert not [name for name in sent if name.startswith("x-envoy-")]


def test_a_client_cannot_choose_its_request_id(rig: Rig) -> None:
    answer = rig.asks("GET", "/v1/files", headers={"x-request-id": "mine"})
    assert answer.headers["x-extproc-request-id"] == rig.last(rig.north).get("x-request-id") != "mine"


def test_an_upgrade_is_refused(rig: Rig) -> None:
    raw = b"GET /v1/realtime HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    assert rig.sends(raw)[0] == 403


def test_a_request_that_does_not_arrive_in_time_is_ended(tmp_path: Path) -> None:
    with a_rig(tmp_path, policy=lambda a, b: a_policy(a, b, limits={"request_timeout": "300ms"})) as rig:
        status, _, body = rig.sends(b"POST /v1/x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab")
        assert (status, json.loads(body)["error"]["code"]) == (408, "request_timeout")
        assert rig.north.seen == []


@pytest.mark.parametrize("over", [False, True])
def test_a_body_is_buffered_up_to_the_limit_and_its_slack(tmp_path: Path, over: bool) -> None:
    limit, slack = 100 * 1024, 64 * 1024
    with a_rig(tmp_path, policy=lambda a, b: a_policy(a, b, limits={"request_body": limit})) as rig:
        answer = rig.asks("POST", "/v1/files", content=b"x" * (limit + slack + over))
        assert answer.status_code == (413 if over else 200)
        assert [len(request.body) for request in rig.north.seen] == ([] if over else [limit + slack])


def test_an_http_2_body_of_unknown_length_overshoots_the_limit_by_a_window_at_the_most(tmp_path: Path) -> None:
    """With Envoy's default window it took up to 16 MiB more than its buffer's limit, and sent it all on."""
    limit = 2 * 1024 * 1024
    with a_rig(tmp_path, policy=lambda a, b: a_policy(a, b, limits={"request_body": limit})) as rig:
        for over in (STREAM_WINDOW, 2 * STREAM_WINDOW, 8 * STREAM_WINDOW):
            pieces = [b"x" * 1024] * ((limit + over) // 1024)
            answer = http2(rig.port, ClientRequest(target="/v1/files", body=pieces, length=False))
            assert (answer.status, answer.json()["error"]["code"]) == (413, "request_too_large")
        assert rig.north.seen == []
    assert REQUEST_SLACK + STREAM_WINDOW < MESSAGE_SLACK


def test_a_body_far_above_the_connection_buffer_is_read_whole(rig: Rig) -> None:
    body = b"0123456789abcdef" * (6 * 1024 * 1024 // 16)
    assert rig.asks("POST", "/v1/files", content=body).status_code == 200
    assert rig.last(rig.north).body == body


def test_the_access_log_has_the_decision_and_nothing_that_a_user_wrote(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with a_rig(tmp_path, access_log=str(log), needs=Needs(response_headers=True)) as rig:
        secret = {"authorization": "Bearer hunter2", "cookie": "hunter2", "user-agent": "hunter2"}
        rig.asks("POST", "/v1/chat/completions?key=hunter2", steering("south"), content=b"hunter2", headers=secret)
        rig.envoy.stop()
    line = json.loads(log.read_text())
    assert "hunter2" not in log.read_text()
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/chat/completions", 200)
    assert (line["cluster"], line["bytes_received"], line["details"]) == ("south", 7, "via_upstream")
    assert line["ext_proc"].startswith("rh:")
    assert line["decision"] == "allowed"


def test_without_a_path_no_access_log_is_written(rig: Rig) -> None:
    rig.asks("GET", "/v1/files", passing)
    assert '"method"' not in rig.envoy.log_tail()
