"""Whole bodies under pipelines as policies write them."""

import json
from collections.abc import Mapping
from typing import Any, Final

from extproc.inspection.judge import Job
from extproc.inspection.judgement import Judgement
from extproc.inspection.pipeline import CompiledPipeline
from extproc.inspection.stage import Stage
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Verdict
from extproc.policy import loads

BASE: Final = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local}]}]
pipelines:
"""


def pipeline(text: str, read: Mapping[str, bytes] | None = None) -> CompiledPipeline:
    """The first pipeline of a policy; `text` is the list. `read`: keys and rules, by `key_of` and `rules_of`."""
    return CompiledPipeline(loads(BASE + text, "policy.yaml").pipelines[0], read or {})


def stage(*processors: str, read: Mapping[str, bytes] | None = None) -> Stage:
    """The request's side of a pipeline `p` with these processors, each as a policy writes it in braces."""
    made = pipeline("  - {name: p, request: [" + ", ".join(f"{{{each}}}" for each in processors) + "]}\n", read)
    assert made.request is not None
    return made.request


def job(of: Stage | None, body: bytes, vault: Vault | None = None, **more: Any) -> Job:
    """A job of pipeline `p` that blocks nothing that it cannot read, unless `more` says so."""
    given: dict[str, Any] = {
        "content_type": "application/json",
        "signals": {},
        "blocks_unread": False,
        "listed": 1024,
        "name": "p",
        **more,
    }
    return Job(stage=of, body=body, vault=vault if vault is not None else Vault(), **given)


def judged(of: Stage | None, body: bytes, vault: Vault | None = None, **more: Any) -> Verdict:
    """What a body comes to."""
    return decided(job(of, body, vault, **more).run())


def decided(result: Verdict | Judgement) -> Verdict:
    """The verdict of rules, which wait for nobody."""
    assert isinstance(result, Verdict)
    return result


def said(*texts: str) -> bytes:
    """A body that says these texts."""
    return json.dumps(list(texts), ensure_ascii=False).encode()


def heard(verdict: Verdict) -> list[str]:
    """The texts of such a body once it was judged."""
    found: list[str] = json.loads(verdict.body)
    return found
