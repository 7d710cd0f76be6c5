import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from extproc.gateway.process import (
    EnvoyError,
    EnvoyMissing,
    EnvoyProcess,
    EnvoyRejected,
    find_envoy,
    validate,
)
from extproc.testing import eventually

pytestmark = pytest.mark.envoy

LISTENER: dict[str, Any] = {
    "name": "greeter",
    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
    "enable_reuse_port": False,
    "filter_chains": [
        {
            "filters": [
                {
                    "name": "http",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
                        ".HttpConnectionManager",
                        "stat_prefix": "greeter",
                        "route_config": {
                            "virtual_hosts": [
                                {
                                    "name": "all",
                                    "domains": ["*"],
                                    "routes": [
                                        {
                                            "match": {"prefix": "/"},
                                            "direct_response": {"status": 200, "body": {"inline_string": "hello"}},
                                        }
                                    ],
                                }
                            ]
                        },
                        "http_filters": [
                            {
                                "name": "router",
                                "typed_config": {
                                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                                },
                            }
                        ],
                    },
                }
            ]
        }
    ],
}
GREETER: dict[str, Any] = {"static_resources": {"listeners": [LISTENER]}}
BROKEN: dict[str, Any] = {"static_resources": {"listeners": [{**LISTENER, "colour": "red"}]}}


def get(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return bytes(answer.read())


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_started_envoy_serves_on_the_port_of_its_listener() -> None:
    with EnvoyProcess(GREETER) as envoy:
        assert envoy.alive
        assert get(envoy.port("greeter")) == b"hello"
    assert not envoy.alive


def test_stats_are_found_by_their_prefix() -> None:
    with EnvoyProcess(GREETER) as envoy:
        port = envoy.port("greeter")
        get(port)
        assert eventually(lambda: envoy.stats("http.greeter.")["http.greeter.downstream_rq_2xx"] == 1)
        assert all(name.startswith("http.greeter.") for name in envoy.stats("http.greeter."))
        assert envoy.stats("http.greete.") == {}


def test_an_unknown_listener_is_an_error_that_names_the_known_ones() -> None:
    with EnvoyProcess(GREETER) as envoy, pytest.raises(EnvoyError, match="no listener 'main'; there are: greeter"):
        envoy.port("main")


def test_two_envoys_run_side_by_side() -> None:
    with EnvoyProcess(GREETER) as one, EnvoyProcess(GREETER, concurrency=2) as other:
        assert one.admin != other.admin
        assert get(one.port("greeter")) == get(other.port("greeter")) == b"hello"


def test_an_envoy_leaves_no_file_behind() -> None:
    with EnvoyProcess(GREETER) as envoy:
        bootstrap = Path(Path(f"/proc/{envoy.pid}/cmdline").read_bytes().split(b"\0")[2].decode())
        mapped = Path(f"/proc/{envoy.pid}/maps").read_text()
        assert bootstrap.exists()
    assert not bootstrap.parent.exists()
    assert "/dev/shm" not in mapped, "hot restart's shared memory is never unlinked"


def test_the_log_goes_where_it_is_wanted(tmp_path: Path) -> None:
    with EnvoyProcess(GREETER, log=tmp_path / "envoy.log"):
        pass
    assert "starting main dispatch loop" in (tmp_path / "envoy.log").read_text()


def test_the_end_of_the_log_outlives_the_process() -> None:
    with EnvoyProcess(GREETER) as envoy:
        pass
    assert "exiting" in envoy.log_tail()


def test_stopping_twice_is_stopping_once() -> None:
    envoy = EnvoyProcess(GREETER).start()
    envoy.stop()
    envoy.stop()
    assert envoy.exit_code == 0


def test_an_envoy_starts_only_once() -> None:
    with EnvoyProcess(GREETER) as envoy, pytest.raises(EnvoyError, match="started before"):
        envoy.start()


def test_a_frozen_envoy_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extproc.gateway.process.STOP_WITHIN", 0.2)
    with EnvoyProcess(GREETER) as envoy:
        os.kill(envoy.pid, signal.SIGSTOP)
    assert envoy.exit_code == -signal.SIGKILL


def test_a_dead_envoy_answers_no_admin_request() -> None:
    with EnvoyProcess(GREETER) as envoy:
        os.kill(envoy.pid, signal.SIGKILL)
        assert eventually(lambda: not envoy.alive)
        with pytest.raises(EnvoyError, match="does not answer"):
            envoy.stats()


def test_an_admin_answer_that_is_no_success_is_an_error() -> None:
    with EnvoyProcess(GREETER) as envoy, pytest.raises(EnvoyError, match="404"):
        envoy.ask("/no-such-page")


def test_an_envoy_that_refuses_its_bootstrap_says_why_and_is_gone() -> None:
    envoy = EnvoyProcess(BROKEN)
    with pytest.raises(EnvoyError, match="colour"):
        envoy.start()
    assert not envoy.alive


def test_an_envoy_that_never_gets_ready_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extproc.gateway.process.READY_WITHIN", 0.0)
    monkeypatch.setattr(EnvoyProcess, "_is_ready", lambda _: False)
    envoy = EnvoyProcess(GREETER)
    with pytest.raises(EnvoyError, match="not ready"):
        envoy.start()
    assert not envoy.alive


def test_a_good_bootstrap_is_valid() -> None:
    validate(GREETER)


def test_a_bad_bootstrap_is_refused_in_envoys_words() -> None:
    with pytest.raises(EnvoyRejected, match=r"error initializing configuration 'the bootstrap'.*colour"):
        validate(BROKEN)


def test_a_missing_envoy_is_an_error_that_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvoyMissing, match=r"envoy-extproc\[up\]"):
        EnvoyProcess(GREETER).start()


def test_an_envoy_on_the_path_is_used_when_none_is_beside_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = find_envoy()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "envoy").symlink_to(real)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_envoy() == tmp_path / "bin" / "envoy"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_an_envoy_dies_with_the_program_that_started_it(tmp_path: Path) -> None:
    script = f"""
import sys
from extproc.gateway.process import EnvoyProcess
with EnvoyProcess({GREETER!r}) as envoy:
    print(envoy.pid, flush=True)
    sys.stdin.read()
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # what is killed cannot tidy up
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdin=pipe, stdout=pipe) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_running(pid)
        owner.kill()
    assert eventually(lambda: not is_running(pid))


def test_an_envoy_started_in_a_thread_outlives_the_thread() -> None:
    envoy = EnvoyProcess(GREETER)
    thread = threading.Thread(target=envoy.start)
    thread.start()
    thread.join(10)
    try:
        assert get(envoy.port("greeter")) == b"hello"
    finally:
        envoy.stop()


def test_a_bootstrap_with_an_admin_of_its_own_keeps_it() -> None:
    admin = {"address": {"socket_address": {"address": "127.0.0.2", "port_value": 0}}}
    with EnvoyProcess({**GREETER, "admin": admin}) as envoy:
        assert envoy.admin.startswith("127.0.0.2:")
