"""A request is matched by its pipeline under every path that leads to the same resource."""

import pytest

from extproc.policy import loads
from extproc.protocol.effects import Reject
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan
from tests.gathered import gathered

POLICY = """
version: 1
backends: [{{name: local, url: "http://127.0.0.1:9001{prefix}", api: openai}}]
default_backend: local
models: [{{name: chat, targets: [{{backend: local}}]}}]
pipelines:
  - {{name: p, match: {{path: {match}}}, request: [{{use: pii, action: block}}]}}
"""


def refused(prefix: str, match: str, path: str) -> bool:
    plan = Plan.compile(loads(POLICY.format(prefix=prefix, match=match), "policy.yaml"), {})
    with Playbook(plan) as envoy:
        envoy.sends(request_headers(path, ("content-type", b"application/json")))
        (effect,) = envoy.sends(request_body(b'{"model":"chat","input":"john.doe@example.com"}')).effects
        return isinstance(effect, Reject)


SPELT = [
    "/v1/files",
    "/%76%31/files",
    "//v1/./files/",
    "/V1/Files",
    "/v1;a=b/files",
    "/v1/x/../files?a=/b",
    "/v1%2ffiles",
]


@gathered("path", SPELT)
@gathered(("prefix", "match"), [("/openai/v1", "/v1/files/"), ("/v1", "/v1/"), ("", "/v1/files")])
def test_every_spelling_of_a_path_is_matched(prefix: str, match: str, path: str) -> None:
    assert refused(prefix, match, path)


@pytest.mark.parametrize(
    "path", ["/openai/v1/files", "/OpenAI/v1//files/", "/%6fpenai%2fv1/files", "/openai/v1/chat/completions"]
)
def test_a_path_under_the_backends_prefix_is_the_one_under_v1(path: str) -> None:
    assert refused("/openai/v1", "/v1/", path)
    assert refused("/open%61i/v1", "/v1/", path)


@pytest.mark.parametrize("path", ["/v1/files", "/v1/chat/completions"])
def test_a_pipeline_for_the_backends_own_path_is_for_the_one_under_v1(path: str) -> None:
    assert refused("/openai/v1", "/openai/", path)


def test_a_backend_without_a_prefix_serves_its_paths_under_v1_too() -> None:
    assert refused("", "/v1/files", "/files")
    assert refused("", "/files", "/v1/files")
    assert not refused("/v1", "/v1/files", "/files")


def test_another_path_is_not_matched() -> None:
    assert not refused("/openai/v1", "/v1/", "/openai/files")
    assert not refused("/openai/v1", "/v1/files/", "/v1/filesystem")
