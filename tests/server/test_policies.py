from pathlib import Path

import pytest

from extproc.policy import PolicyError
from extproc.server.compiling import compiled
from extproc.server.files import text
from extproc.server.policies import ActivePolicy
from tests.server.support import MARKER, POLICY


def _written(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text)
    return path


def read(path: Path, environ: dict[str, str], now: float) -> ActivePolicy:
    return compiled(text(path), path, environ, now)[0]


def test_a_policy_arrives_at_a_worker_as_it_was_read(tmp_path: Path) -> None:
    loaded = read(_written(tmp_path, POLICY + "limits: {open_exchanges: 7, request_timeout: 90s}\n"), {}, 5.0)
    plan = loaded.sealed.open()
    assert (plan.limits.open_exchanges, plan.limits.request_timeout) == (7, 90.0)
    assert plan.table.names == ("chat",)
    assert loaded.at == 5.0


def test_a_digest_tells_what_a_policy_says_and_not_how_it_is_written(tmp_path: Path) -> None:
    digest = read(_written(tmp_path, POLICY), {}, 0.0).digest
    assert read(_written(tmp_path, "# a comment\n" + POLICY), {}, 1.0).digest == digest
    assert read(_written(tmp_path, POLICY.replace("llama", "other")), {}, 0.0).digest != digest


def test_a_credential_is_read_with_its_policy_and_never_shown(tmp_path: Path) -> None:
    path = _written(tmp_path, POLICY.replace("api: openai", "api: openai, credential: {bearer: {env: KEY}}"))
    loaded = read(path, {"KEY": MARKER}, 0.0)
    assert loaded.sealed.secrets == {"local": MARKER.encode()}
    assert MARKER not in repr(loaded)
    with pytest.raises(PolicyError) as raised:
        read(path, {}, 0.0)
    assert "backends[0].credential: the variable KEY is not set" in raised.value.render()
